"""Aegir roots made from what the service types render, and served by a running web server."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provision_py.contexts.model import Platform, Server, Site
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.php.values import PhpValue
from provision_py.sandbox.base import remove_tree
from provision_py.sandbox.webserver import WebServer
from provision_py.services.base import HttpService
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.system.configfile import ConfigFile
from provision_py.system.host import Secret
from provision_py.system.local import LocalHost
from web.tree import make_site

SERVICES: dict[str, type[HttpService]] = {
    "apache": HttpApache,
    "apache_ssl": HttpApacheSsl,
    "nginx": HttpNginx,
    "nginx_ssl": HttpNginxSsl,
}

#: All that can trip a quoting rule up; the settings file must see it unchanged.
AWKWARD_PASSWORD = r"""a"b'c\d$e${PATH}%f+g %41 {h};#<i>\n$host&?*"""


@dataclass
class Hosting:
    """An Aegir root that a running web server serves."""

    web: WebServer
    root: Path
    kind: str
    properties: Mapping[str, PhpValue] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.host = LocalHost()
        self.server = self._server()
        self.service = SERVICES[self.kind](self.server)
        self._sites: dict[str, Site] = {}

    def _server(self) -> Server:
        found: dict[str, PhpValue] = {
            "http_port": self.web.port,
            "http_restart_cmd": self.web.restart_command,
            "web_disable_url": "http://front.test/hosting/disabled",
            **self.properties,
        }
        if self.web.php_fpm is not None and self.kind.startswith("nginx"):
            found |= {"phpfpm_mode": "socket", "phpfpm_socket": str(self.web.php_fpm.socket)}
        return Server(
            name="server_master",
            remote_host="localhost",
            aegir_root=str(self.root),
            script_user="aegir",
            service_types={"http": self.kind},
            properties=found,
        )

    def set_up(self) -> None:
        for directory in self.service.server_directories():
            self.host.mkdir(directory.path, mode=directory.mode)
        self.write(*self.service.server_files())
        for link in self.service.server_links():
            self.host.symlink(link.target, link.path)

    def write(self, *files: ConfigFile) -> None:
        for file in files:
            if file.content is None:
                self.host.remove(file.path)
            elif not (file.only_if_missing and self.host.stat(file.path)):
                self.host.mkdir(str(Path(file.path).parent), mode=0o700 if ".d/" in file.path else 0o711)
                self.host.write(file.path, file.content.encode(), mode=file.mode)

    def platform(self, name: str, root: Path, docroot: Path, major: int) -> Platform:
        platform = Platform(name, str(root), self.server, self.server)
        code = CodeBase(str(root), str(docroot), f"{major}.1", major)
        self.write(*self.service.platform_files(platform, code))
        return platform

    def site(self, platform: Platform, docroot: Path, uri: str, *, extra_config: str = "", **fields: Any) -> Site:
        make_site(docroot, uri)
        site = Site(uri, uri, str(docroot), platform, self.server, self.server)
        site = replace(site, **fields)
        self.write(*self.service.site_files(site, credentials(uri), extra_config=extra_config))
        self._sites[uri] = site
        return site

    def site_named(self, uri: str) -> Site:
        return self._sites[uri]


def credentials(uri: str) -> Credentials:
    name = uri.replace(".", "")
    return Credentials("db.test", 3307, name, f"{name}@cloud", Secret(AWKWARD_PASSWORD))


@contextmanager
def new_hosting(web: WebServer, kind: str = "", **properties: PhpValue) -> Iterator[Hosting]:
    """An Aegir root that goes away at the end; nginx can serve but one at a time."""
    root = Path(tempfile.mkdtemp(prefix="aegir-web-"))
    root.chmod(0o711)
    hosting = Hosting(web, root, kind or web.application, properties)
    hosting.set_up()
    try:
        yield hosting
    finally:
        if root in web.served:
            web.forget(root)
        remove_tree(root)
