"""A whole installation of the hosting system without its pages: database, alias files, the hostmaster site's files.

What there is corresponds to a fresh installation of the front end with the basic features; nothing of it is
queued, so that what a caller queues is all that runs.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from provision_py.contexts.aliasfiles import AliasFolder
from provision_py.contexts.store import ContextStore
from provision_py.hostmaster.connection import DatabaseSettings
from provision_py.hostmaster.variables import set_variable
from provision_py.php.files import render_site_drushrc
from provision_py.php.values import PhpArray, PhpValue
from provision_py.sandbox import frontend_rows as sql
from provision_py.sandbox.base import Accounts
from provision_py.sandbox.frontend import CORE_MODULES, FrontEnd, ServiceForm
from provision_py.sandbox.mariadb import DatabaseServer, quoted
from provision_py.sandbox.phpfpm import PhpFpm
from provision_py.sandbox.platforms import make_platform
from provision_py.services.catalog import Catalog
from provision_py.services.plugins import Plugins
from provision_py.system.host import Secret

SCHEMA = Path(__file__).with_name("hostmaster_schema.sql")
PLATFORM_VERSION = "7.105"


class FirstWebServer(Protocol):
    """What an installation has to know of its own web server; ``application`` is ``apache`` or ``nginx``."""

    @property
    def application(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def restart_command(self) -> str: ...

    @property
    def php_fpm(self) -> PhpFpm | None: ...


@dataclass(frozen=True)
class Installation:
    """Where everything is. ``home`` is the aegir root and the home directory of the Aegir account."""

    home: Path
    uri: str
    front_end: FrontEnd
    settings: DatabaseSettings

    @property
    def drush_dir(self) -> Path:
        return self.home / ".drush"

    @property
    def environment(self) -> dict[str, str]:
        """What a command of the backend needs to find this installation instead of the caller's."""
        return {"HOME": str(self.home)}


@dataclass(frozen=True)
class Layout:
    """What an installation is to look like.

    ``modules``: modules of the front end beyond the basic ones, with schema versions. ``accounts``: whose it is.
    """

    home: Path
    uri: str = "aegir.localhost"
    database: str = "hostmaster"
    modules: Mapping[str, int] = field(default_factory=dict)
    accounts: Accounts = field(default_factory=Accounts.of_caller)


def install(layout: Layout, database: DatabaseServer, web: FirstWebServer) -> Installation:
    """Make an installation whose first web server is ``web`` and whose database server is ``database``."""
    home = layout.home
    for folder in (home / ".drush", home / "platforms", home / "config"):
        folder.mkdir(mode=0o711, exist_ok=True)
    settings = _create_database(layout, database)
    front_end = FrontEnd(settings)
    with front_end.db.transaction():
        _fill(front_end, layout, database, web)
    # The verify of a server queues verifies of its platforms, so this one has to look like a platform too.
    make_platform(hostmaster_root(home), 7, version=PLATFORM_VERSION, profiles=("hostmaster",))
    installation = Installation(home, layout.uri, front_end, settings)
    _write_aliases(installation, layout.accounts, database, web)
    _write_site(installation)
    return installation


def _create_database(layout: Layout, server: DatabaseServer) -> DatabaseSettings:
    """A database with the front end's tables, and an account for it alone."""
    name = server.create_database(layout.database)
    password = Secret(secrets.token_urlsafe(18))
    for host in ("localhost", "127.0.0.1") if server.socket else ("%",):
        server.query("CREATE USER IF NOT EXISTS %s@%s IDENTIFIED BY %s", (name, host, password.reveal()))
        server.query(f"GRANT ALL ON {quoted(name)}.* TO %s@%s", (name, host))
    server.load(name, SCHEMA)
    return DatabaseSettings(
        host=server.host, port=server.port, socket=None, user=name, password=password, database=name
    )


def _fill(front_end: FrontEnd, layout: Layout, database: DatabaseServer, web: FirstWebServer) -> None:
    now = int(time.time())
    for uid, name, mail in ((0, "", ""), (1, "admin", f"admin@{layout.uri}")):
        user = {"uid": uid, "name": name, "mail": mail, "now": now, "status": uid}
        front_end.db.insert(sql.INSERT_USER, user)
    front_end.enable_modules({**CORE_MODULES, **layout.modules})
    client = front_end.client = front_end.add_client("admin")
    for name in ("hosting_admin_client", "hosting_default_client"):
        set_variable(front_end.db, name, str(client))
    http = ServiceForm("http", web.application, web.port, web.restart_command)
    front_end.web_server = front_end.add_server(layout.uri, [http], name="server_master", verify=False)
    db = ServiceForm("db", "mysql", database.port, user=database.user, password=database.password)
    front_end.db_server = front_end.add_server(database.host, [db], name=f"server_{database.host}", verify=False)
    root = str(hostmaster_root(layout.home))
    front_end.platform = front_end.add_platform("hostmaster", root, front_end.web_server, verify=False)
    _add_platform_package(front_end)
    front_end.site = front_end.add_site(
        layout.uri,
        front_end.platform,
        front_end.db_server,
        profile="hostmaster",
        name="hostmaster",
        install=False,
    )
    for name, nid in (
        ("hosting_default_web_server", front_end.web_server),
        ("hosting_own_web_server", front_end.web_server),
        ("hosting_default_db_server", front_end.db_server),
        ("hosting_own_db_server", front_end.db_server),
        ("hosting_own_platform", front_end.platform),
        ("aegir_hostmaster_site_nid", front_end.site),
    ):
        set_variable(front_end.db, name, str(nid))
    set_variable(front_end.db, "hosting_dispatch_enabled", True)
    set_variable(front_end.db, "path_alias_whitelist", {"node": True})


def _add_platform_package(front_end: FrontEnd) -> None:
    package = front_end.package("platform", "drupal")
    fields = {"rid": front_end.platform, "package": package, "platform": front_end.platform}
    front_end.db.insert(sql.INSERT_INSTANCE, {**fields, "version": PLATFORM_VERSION})


def hostmaster_root(home: Path) -> Path:
    return home / "hostmaster-7.x-3.x"


def _write_aliases(
    installation: Installation, accounts: Accounts, database: DatabaseServer, web: FirstWebServer
) -> None:
    """The alias files that the installer of a real system leaves."""
    files = AliasFolder(installation.drush_dir)
    master: PhpArray = {"context_type": "server", "remote_host": installation.uri, "web_group": accounts.web_group}
    if web.php_fpm is not None:
        # Not a property of the original; kept like any key that somebody adds to an alias.
        master["phpfpm_socket"] = str(web.php_fpm.socket)
    files.write("server_master", master)
    store = ContextStore(
        installation.drush_dir,
        Catalog.from_plugins(Plugins.load()),
        home=str(installation.home),
        user=accounts.script_user,
    )
    store.save("server_master", _master_options(installation, accounts, web))
    store.save(f"server_{database.host}", _db_options(database))
    root = hostmaster_root(installation.home)
    docroot: dict[str, PhpValue] = {"root": str(root)}
    store.save("platform_hostmaster", {"context_type": "platform", **docroot, "web_server": "@server_master"})
    site: dict[str, PhpValue] = {
        "context_type": "site",
        "uri": installation.uri,
        "platform": "@platform_hostmaster",
        "db_server": f"@server_{database.host}",
        "client_name": "admin",
        "profile": "hostmaster",
        "drush_aliases": "hm",
    }
    store.save("hostmaster", site)


def _master_options(installation: Installation, accounts: Accounts, web: FirstWebServer) -> dict[str, PhpValue]:
    return {
        "context_type": "server",
        "remote_host": installation.uri,
        "aegir_root": str(installation.home),
        "script_user": accounts.script_user,
        "master_url": f"http://{installation.uri}:{web.port}/",
        "http_service_type": web.application,
        "http_port": str(web.port),
        "http_restart_cmd": web.restart_command,
        "web_group": accounts.web_group,
    }


def _db_options(database: DatabaseServer) -> dict[str, PhpValue]:
    return {
        "context_type": "server",
        "remote_host": database.host,
        "db_service_type": "mysql",
        "db_port": str(database.port),
        "master_db": f"mysql://{database.user}:{database.password.reveal()}@{database.host}",
    }


def _write_site(installation: Installation) -> None:
    """The folder of the hostmaster site, as far as a backend looks at it."""
    settings = installation.settings
    site = hostmaster_root(installation.home) / "sites" / installation.uri
    site.mkdir(parents=True, exist_ok=True)
    options: PhpArray = {
        "db_type": "mysql",
        "db_port": str(settings.port),
        "db_host": settings.host,
        "db_user": settings.user,
        "db_passwd": settings.password.reveal(),
        "db_name": settings.database,
        "profile": "hostmaster",
        "installed": True,
    }
    drushrc = site / "drushrc.php"
    drushrc.touch(mode=0o600)
    drushrc.write_text(render_site_drushrc(options, str(site)))
    drushrc.chmod(0o440)
