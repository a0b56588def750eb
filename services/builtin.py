"""The service types that come with provision-py. Each is imported when a server first asks for it."""

from __future__ import annotations

from provision_py.services.plugins import LazyType, hookimpl

_HERE = "provision_py.services"

TYPES = (
    LazyType("db", "mysql", f"{_HERE}.db_mysql:DbMysql"),
    LazyType("http", "apache", f"{_HERE}.http_apache:HttpApache"),
    LazyType("http", "apache_ssl", f"{_HERE}.http_apache_ssl:HttpApacheSsl"),
    LazyType("http", "nginx", f"{_HERE}.http_nginx:HttpNginx"),
    LazyType("http", "nginx_ssl", f"{_HERE}.http_nginx_ssl:HttpNginxSsl"),
    LazyType("http", "cluster", f"{_HERE}.http_cluster:HttpCluster"),
    LazyType("http", "pack", f"{_HERE}.http_pack:HttpPack"),
)


@hookimpl
def provision_service_types() -> tuple[LazyType, ...]:
    return TYPES
