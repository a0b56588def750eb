"""A small catalogue of service types, shaped like the real ones, and an installation with a master."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from provision_py.contexts.properties import Property
from provision_py.contexts.store import ContextStore
from provision_py.services.base import Service
from provision_py.services.catalog import Catalog

SSL_SITE = (Property("ssl_enabled", lambda draft: 0), Property("ssl_key"), Property("ip_addresses", lambda draft: {}))


class Mysql(Service):
    service = "db"
    type = "mysql"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (
            Property("db_port", lambda draft: 3306),
            Property("master_db"),
            Property("db_grant_all_hosts", lambda draft: False),
            Property("db_grant_hosts", lambda draft: {}, kind="list", optional=True),
        )


class Apache(Service):
    service = "http"
    type = "apache"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (
            Property("http_port", lambda draft: 80),
            Property("http_app_path", lambda draft: f"{draft.config_path}/apache", derived=True),
            Property("web_disable_url", lambda draft: f"{(draft.master_url or '').rstrip('/')}/off", derived=True),
        )


class ApacheSsl(Apache):
    type = "apache_ssl"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (*super().server_properties(), Property("http_ssl_port", lambda draft: 443))

    @classmethod
    def site_properties(cls) -> Sequence[Property]:
        return SSL_SITE


class Cluster(Service):
    service = "http"
    type = "cluster"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (Property("cluster_web_servers", lambda draft: {}, kind="members"),)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog([Mysql, Apache, ApacheSsl, Cluster])


@pytest.fixture
def empty_store(tmp_path: Path, catalog: Catalog) -> ContextStore:
    return ContextStore(tmp_path / ".drush", catalog, home="/var/aegir", user="aegir")


@pytest.fixture
def store(empty_store: ContextStore) -> ContextStore:
    """A master with Apache, a database server, a platform and a site."""
    empty_store.save(
        "@server_master",
        {
            "context_type": "server",
            "remote_host": "aegir.example.test",
            "master_url": "http://aegir.example.test/",
            "http_service_type": "apache",
            "http_port": "80",
        },
    )
    empty_store.save(
        "@server_db",
        {
            "context_type": "server",
            "remote_host": "localhost",
            "db_service_type": "mysql",
            "master_db": "mysql://root:p%40ss@localhost",
        },
    )
    empty_store.save("@platform_d7", {"context_type": "platform", "root": "/var/aegir/platforms/d7"})
    empty_store.save(
        "@www.example.test",
        {
            "context_type": "site",
            "platform": "@platform_d7",
            "db_server": "@server_db",
            "uri": "www.example.test",
            "aliases": "a.example.test,b.example.test",
        },
    )
    return empty_store
