"""The public service types of http, and a server and a site for them, as contexts alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from provision_py.contexts.model import Platform, Server, Site
from provision_py.drupal.model import Credentials
from provision_py.php.values import PhpValue
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_common import PublicHttp
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.system.host import Secret

TYPES: list[type[PublicHttp]] = [HttpApache, HttpNginx, HttpApacheSsl, HttpNginxSsl]
CREDENTIALS = Credentials("localhost", 3306, "name", "user", Secret("Pa55"))


def server(kind: str = "apache", **properties: PhpValue) -> Server:
    return Server(
        name="server_web1",
        remote_host="web1.test",
        aegir_root="/var/aegir",
        script_user="aegir",
        service_types={"http": kind},
        properties={"http_port": "80", "web_disable_url": "http://front.test/hosting/disabled", **properties},
    )


def site(**fields: Any) -> Site:
    web = server()
    platform = Platform("platform_d7", "/var/aegir/platforms/d7", web, web)
    made = Site("a.test", "a.test", "/var/aegir/platforms/d7", platform, web, web)
    return replace(made, **fields)
