"""The recorded Aegir on this machine: its rows, alias files and sites, with the servers of a sandbox.

The recorded system had its files in ``/var/aegir``, web servers on four machines and its database on ``localhost``.
Here every recorded machine is this one, all Apaches are one Apache, and what names machines (ports, restart commands,
credentials, the name of the database server) is replaced in the rows and in the recording alike.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provision_py.commands.insidedrupal import ask_drupal
from provision_py.commands.invoke import run_command
from provision_py.commands.session import Session, new_session
from provision_py.commands.sitefiles import SiteFiles
from provision_py.commands.sitestate import credential_options, drushrc_path
from provision_py.contexts.model import Site
from provision_py.drupal import bridge
from provision_py.drupal.codebase import detect
from provision_py.drupal.model import Credentials
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.context_options import context_options
from provision_py.php.files import render_site_drushrc
from provision_py.php.literals import export
from provision_py.php.values import PhpArray
from provision_py.sandbox.base import Accounts, remove_tree
from provision_py.sandbox.mariadb import DatabaseServer, quoted
from provision_py.sandbox.webserver import WebServer
from provision_py.services.plugins import Plugins
from provision_py.system import addresses
from provision_py.system.host import Secret
from provision_py.tasklog import MemorySink
from replay.codebase import let_profile_enable, write_stand_in
from replay.outcomes import packages_of
from replay.recording import Row
from replay.rewind import State

RECORDED_ROOT = "/var/aegir"
HOME = f"home{RECORDED_ROOT}"

#: The recorded machines besides the hub.
MACHINES = frozenset(
    {"web1.example.test", "web2.example.test", "nginx1.example.test", "db2.example.test", "cluster1", "pack1"}
)
_DELETED = -2


@contextmanager
def one_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A name service that knows the recorded machines, all of them as this one, and no other ``example.test``."""
    ask = socket.getaddrinfo

    def answer(host: Any, *given: Any, **options: Any) -> Any:
        if host in MACHINES:
            return ask("127.0.0.1", *given, **options)
        if isinstance(host, str) and host.endswith("example.test"):
            raise socket.gaierror(socket.EAI_NONAME, "no such name in the recordings")
        return ask(host, *given, **options)

    addresses.is_local.cache_clear()
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", answer)
        yield
    addresses.is_local.cache_clear()


@dataclass(frozen=True)
class Machine:
    """This machine. ``closed_port`` is a port that nobody listens on: the recorded server ``db2`` was down."""

    root: Path
    database: DatabaseServer
    apache: WebServer
    nginx: WebServer
    https_port: int
    closed_port: int

    @property
    def moved(self) -> dict[str, str]:
        """Folders of the recordings and their places here, for ``prepare``."""
        return {RECORDED_ROOT: str(self.root)}

    def row(self, row: Row) -> Row:
        """A row of the front end with values of this machine, for ``prepare``."""
        match row.table:
            case "node" | "node_revision":
                return row.changed(title=self._title(row.text("title")))
            case "hosting_service":
                return self._service(row)
            case "hosting_db_server" if row.values["db_user"] == "aegir_root":
                return row.changed(db_user=self.database.user, db_passwd=self.database.password.reveal())
            case "hosting_ssl_server":
                return row.changed(ssl_port=self.https_port)
        return row

    def _title(self, title: str) -> str:
        # PHP takes a socket for "localhost", whatever port is given
        host = self.database.host
        return {"localhost": host, "Verify Server: localhost": f"Verify Server: {host}"}.get(title, title)

    def _service(self, row: Row) -> Row:
        kind = row.text("type").removesuffix("_ssl")
        if kind == "mysql":
            # nobody but db2 is a server that only does databases and was made in the front end
            return row.changed(port=self.database.port if row.number("nid") < 10 else self.closed_port)
        web = {"apache": self.apache, "nginx": self.nginx}.get(kind)
        return row if web is None else row.changed(port=web.port, restart_cmd=web.restart_command)

    # Files.

    def write_home(self, reference: Path) -> None:
        """The recorded alias files and ``drushrc.php`` of the home directory."""
        folder = self.root / ".drush"
        folder.mkdir(mode=0o711)
        for recorded in sorted((reference / HOME / ".drush").iterdir()):
            (folder / recorded.name).write_text(self.text(recorded.read_text()))
            (folder / recorded.name).chmod(0o440)

    def text(self, text: str) -> str:
        """The text of a recorded file with the places and accounts of this machine."""
        accounts = Accounts.of_caller()
        assert self.nginx.php_fpm is not None
        socket_lines = f"'phpfpm_mode' => 'socket',\n  'phpfpm_socket' => '{self.nginx.php_fpm.socket}',"
        for old, new in (
            (f"'{RECORDED_ROOT}/", f"'{self.root}/"),
            (f"'{RECORDED_ROOT}'", f"'{self.root}'"),
            ("'script_user' => 'aegir'", f"'script_user' => '{accounts.script_user}'"),
            ("'web_group' => 'www-data'", f"'web_group' => '{accounts.web_group}'"),
            ("'remote_host' => 'localhost'", f"'remote_host' => '{self.database.host}'"),
            ("'phpfpm_mode' => 'port',", socket_lines),
        ):
            text = text.replace(old, new)
        return text

    @contextmanager
    def nothing_left(self) -> Iterator[None]:
        """Removes afterwards what a replay has left: the root's content, databases and accounts."""
        databases, accounts = set(self.database.databases()), self.accounts()
        try:
            yield
        finally:
            for name in set(self.database.databases()) - databases:
                self.database.drop_database(name)
            for user, host in self.accounts() - accounts:
                self.database.query("DROP USER %s@%s", (user, host))
            for path in self.root.iterdir():
                if path.is_symlink() or path.is_file():
                    path.unlink()
                else:
                    remove_tree(path)

    def accounts(self) -> set[tuple[str, str]]:
        return {(str(row[0]), str(row[1])) for row in self.database.query("SELECT User, Host FROM mysql.user")}

    # What stood there before the recorded run.

    def session(self) -> Session:
        return new_session(self.root / ".drush", Plugins.load(), sinks=[MemorySink()])

    def write_contexts(self, db: Database, state: State, *, without: int) -> None:
        """Save the contexts of servers and platforms as the front end has them, as tasks before the run did.

        ``without`` is the node that the run itself saves.
        """
        store = self.session().store
        for kind in ("server", "platform"):
            for node in sorted(state.find("node", type=kind), key=lambda node: node.number("nid")):
                (row,) = state.find(f"hosting_{kind}", vid=node.values["vid"])
                if node.values["nid"] != without and row.values["status"] != _DELETED:
                    store.save(*context_options(db, node.number("nid")))

    def verify_web_servers(self, db: Database, nid: int) -> None:
        """Verify a web server (nid), or the members of a group, as it was done before the run."""
        session = self.session()
        web_server = session.store.server(context_options(db, nid)[0])
        for server in session.http(web_server).config_servers():
            with session.journaled("provision-verify", server.name):
                run_command(session, "provision-verify", session.store.load(server.name))

    def verify_platform(self, db: Database, nid: int) -> None:
        """Verify a platform, as it was done before the run: without that no web server may show its code."""
        session = self.session()
        platform = session.store.load(context_options(db, nid)[0])
        with session.journaled("provision-verify", platform.name):
            run_command(session, "provision-verify", platform)

    def write_vhost_without_folders(self, uri: str) -> None:
        """A vhost on the hub as Provision writes it before there are sites in folders below it."""
        vhost = f"<VirtualHost *:{self.apache.port}>\n  ServerName {uri}\n  Redirect 404 /\n</VirtualHost>\n"
        (self.root / "config/server_master/apache/vhost.d" / uri).write_text(vhost)

    def verify_site(self, db: Database, state: State, nid: int, reference: Path) -> None:
        """Write a site and verify it, as it was done before the run."""
        self.write_site(db, state, nid, reference)
        session = self.session()
        site = session.store.load(context_options(db, nid)[0])
        with session.journaled("provision-verify", site.name):
            run_command(session, "provision-verify", site)

    def write_site(self, db: Database, state: State, nid: int, reference: Path) -> None:
        """A working site (nid) with the recorded packages, database name and cron key, and its recorded drushrc.php.

        Its platform's code base is that of :func:`write_platform`.
        """
        session = self.session()
        site = session.store.save(*context_options(db, nid))
        assert isinstance(site, Site)
        (node,) = state.find("node", nid=nid)
        (row,) = state.find("hosting_site", vid=node.values["vid"])
        credentials = self.create_account(self.database.create_database(row.text("db_name")))
        code = detect(site.platform.root)
        operations = (
            bridge.install(profile=site.profile, site_name=site.uri, site_mail="site@example.test"),
            bridge.flush_caches(),
        )
        with session.journaled("provision-install", site.name):
            SiteFiles(session, site, code, credentials).write_settings()
            ask_drupal(session, site, code, credentials, operations)
        key = row.text("cron_key")
        sql = "UPDATE variable SET value = %s WHERE name = 'cron_key'"
        self.database.query(sql, (f's:{len(key)}:"{key}";',), database=credentials.name)
        self.write_drushrc(site, credentials, reference)

    def write_drushrc(self, site: Site, credentials: Credentials, reference: Path) -> None:
        """The recorded file where there is one, with the credentials of this machine."""
        path = Path(drushrc_path(site))
        recorded = reference / HOME / path.relative_to(self.root)
        values = credential_options(credentials)
        if recorded.exists():
            text = with_options(self.text(recorded.read_text()), values)
        else:
            text = render_site_drushrc(values | {"installed": True}, site.site_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(path.parent.stat().st_mode | 0o200)  # which the installer has taken away
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        path.write_text(text)
        path.chmod(0o440)

    def create_account(self, database: str) -> Credentials:
        """An account for a database, with its name."""
        password = Secret(secrets.token_hex(8))
        for host in ("localhost", "127.0.0.1") if self.database.socket else ("%",):
            self.database.query("CREATE USER %s@%s IDENTIFIED BY %s", (database, host, password.reveal()))
            self.database.query(f"GRANT ALL ON {quoted(database)}.* TO %s@%s", (database, host))
        return Credentials(self.database.host, self.database.port, database, database, password, "mysql")


def with_options(text: str, values: PhpArray) -> str:
    """The text of a drushrc.php with other values of options that it has, one line each."""
    for key, value in values.items():
        lines = [line for line in text.splitlines() if line.startswith(f"$options['{key}'] = ")]
        (line,) = lines
        text = text.replace(line, f"$options['{key}'] = {export(value)};")
    return text


def write_platform(state: State, site: int) -> None:
    """The code base of a site's platform; its profile enables what is enabled on the site."""
    (node,) = state.find("node", nid=site)
    (row,) = state.find("hosting_site", vid=node.values["vid"])
    root = platform_root(state, row.number("platform"))
    write_stand_in(state, row.number("platform"), root)
    packages = packages_of(state, site)
    if packages:
        let_profile_enable(packages, root)


def platform_root(state: State, platform: int) -> Path:
    (node,) = state.find("node", nid=platform)
    (row,) = state.find("hosting_platform", vid=node.values["vid"])
    return Path(row.text("publish_path"))
