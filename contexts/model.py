"""Servers, platforms and sites as immutable values.

Rules and defaults follow Provision's ``Provision/Context/*.php``. Property names are those of the alias files.
Properties that this version does not know stay in ``extra`` and go back to disk unchanged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provision_py.php.values import PhpValue


@dataclass(frozen=True)
class Server:
    """A machine, or a group of machines, that offers services.

    ``service_types`` maps a service (``http``, ``db``) to its type (``apache``, ``mysql``); a service that the
    server does not offer is absent. ``properties`` holds the properties of those services as stored in the
    alias file, defaults filled in (``http_port``, ``db_port``, ``master_db`` …). ``members`` holds the servers
    that the server's services refer to (of a cluster or pack), by context name.
    """

    name: str
    remote_host: str
    aegir_root: str
    script_user: str
    ip_addresses: tuple[str, ...] = ()
    master_url: str | None = None
    admin_email: str = ""
    service_types: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, PhpValue] = field(default_factory=dict)
    members: Mapping[str, Server] = field(default_factory=dict)
    extra: Mapping[str, PhpValue] = field(default_factory=dict)

    @property
    def is_master(self) -> bool:
        return self.name == "server_master"

    @property
    def backup_path(self) -> str:
        return f"{self.aegir_root}/backups"

    @property
    def config_path(self) -> str:
        return f"{self.aegir_root}/config/{self.name}"

    @property
    def include_path(self) -> str:
        return f"{self.aegir_root}/config/includes"

    @property
    def clients_path(self) -> str:
        return f"{self.aegir_root}/clients"


@dataclass(frozen=True)
class Platform:
    """A Drupal code base on a web server. ``root`` is as stored; the docroot may be a folder below it."""

    name: str
    root: str
    web_server: Server
    master: Server
    makefile: str = ""
    make_working_copy: bool = False
    extra: Mapping[str, PhpValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Site:
    """A Drupal site on a platform.

    ``root`` is the platform's docroot as it was when the site was last saved. ``redirection`` is the host name
    that all other names are redirected to, or None. ``properties`` holds properties that service types add to
    a site (``ssl_enabled`` …).
    """

    name: str
    uri: str
    root: str
    platform: Platform
    db_server: Server
    master: Server
    enabled: bool = True
    language: str = "en"
    client_name: str | None = None
    aliases: tuple[str, ...] = ()
    redirection: str | None = None
    cron_key: str = ""
    drush_aliases: tuple[str, ...] = ()
    profile: str = "standard"
    install_method: str = "profile"
    properties: Mapping[str, PhpValue] = field(default_factory=dict)
    extra: Mapping[str, PhpValue] = field(default_factory=dict)

    @property
    def site_path(self) -> str:
        return f"{self.root}/sites/{self.uri}"

    @property
    def web_server(self) -> Server:
        return self.platform.web_server


Context = Server | Platform | Site
