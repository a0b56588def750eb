"""What a small front end consists of, and a line to its database that can be cut."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from provision_py import sandbox
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.features import load_features
from provision_py.hostmaster.nodes import register_context
from provision_py.php.serialization import serialize
from provision_py.php.values import PhpValue
from provision_py.sandbox.mariadb import DatabaseServer

SCHEMA = Path(sandbox.__file__).with_name("hostmaster_schema.sql")

BORN = 1_700_000_000

#: Node ids of the small front end.
ADMIN, MASTER, DB_SERVER, HM_PLATFORM, HM_SITE = 1, 2, 3, 4, 5
CLIENT, PLATFORM, SITE, MINIMAL, STANDARD = 6, 7, 8, 9, 10

MODULES = (
    "hosting",
    "hosting_alias",
    "hosting_client",
    "hosting_clone",
    "hosting_db_server",
    "hosting_migrate",
    "hosting_package",
    "hosting_platform",
    "hosting_server",
    "hosting_site",
    "hosting_task",
    "hosting_web_server",
)


def connection_settings(server: DatabaseServer, database: str, prefix: str = "") -> DatabaseSettings:
    return DatabaseSettings(
        host=server.host,
        port=server.port,
        socket=str(server.socket) if server.socket else None,
        user=server.user,
        password=server.password,
        database=database,
        prefix=prefix,
    )


def prefixed_schema(prefix: str) -> bytes:
    sql = SCHEMA.read_text()
    return re.sub(r"CREATE TABLE `?(\w+)`?", rf"CREATE TABLE `{prefix}\1`", sql).encode()


def clear(db: Database) -> None:
    """Remove all rows, and all tables that the schema does not have."""
    known = set(re.findall(r"CREATE TABLE `?(\w+)", SCHEMA.read_text()))
    for name in load_features(db).tables:
        db.execute(f"DELETE FROM {{{name}}}" if name in known else f"DROP TABLE {{{name}}}")


@dataclass
class Builder:
    """Puts rows into an empty front end, as its forms would."""

    db: Database

    def node(self, nid: int, kind: str, title: str, *, uid: int = 1, promote: int = 0) -> int:
        """A node whose current revision is 100 + nid."""
        vid = 100 + nid
        self.db.insert(
            "INSERT INTO {node} (nid, vid, type, language, title, uid, created, changed, promote)"
            " VALUES (%s, %s, %s, 'und', %s, %s, %s, %s, %s)",
            (nid, vid, kind, title, uid, BORN, BORN, promote),
        )
        self.db.insert(
            "INSERT INTO {node_revision} (nid, vid, uid, title, log, timestamp, promote)"
            " VALUES (%s, %s, %s, %s, '', %s, %s)",
            (nid, vid, uid, title, BORN, promote),
        )
        return vid

    def variable(self, name: str, value: PhpValue) -> None:
        self.db.insert("INSERT INTO {variable} (name, value) VALUES (%s, %s)", (name, serialize(value)))

    def module(self, name: str, schema: int = 0) -> None:
        self.db.insert(
            "INSERT INTO {system} (filename, name, type, status, schema_version) VALUES (%s, %s, 'module', 1, %s)",
            (f"modules/{name}/{name}.module", name, schema),
        )

    def client(self, nid: int, title: str, uname: str) -> None:
        vid = self.node(nid, "client", title)
        self.db.insert("INSERT INTO {hosting_client} (vid, nid, uname) VALUES (%s, %s, %s)", (vid, nid, uname))

    def server(self, nid: int, title: str, context: str, service: str, kind: str, port: int = 80) -> None:
        vid = self.node(nid, "server", title)
        self.db.insert(
            "INSERT INTO {hosting_server} (vid, nid, human_name, verified, status) VALUES (%s, %s, '', 0, 1)",
            (vid, nid),
        )
        self.db.insert(
            "INSERT INTO {hosting_service} (vid, nid, service, type, restart_cmd, port, available)"
            " VALUES (%s, %s, %s, %s, 'sudo /usr/sbin/apache2ctl graceful', %s, 1)",
            (vid, nid, service, kind, port),
        )
        register_context(self.db, nid, context)

    def package(self, nid: int, kind: str, name: str, old_name: str = "") -> None:
        vid = self.node(nid, "package", name)
        self.db.insert(
            "INSERT INTO {hosting_package} (vid, nid, package_type, short_name, old_short_name, description)"
            " VALUES (%s, %s, %s, %s, %s, '')",
            (vid, nid, kind, name, old_name),
        )

    def instance(self, rid: int, package: int) -> None:
        self.db.insert(
            "INSERT INTO {hosting_package_instance} (rid, package_id, filename) VALUES (%s, %s, '')", (rid, package)
        )

    def platform(self, nid: int, title: str, context: str, root: str, web_server: int) -> None:
        vid = self.node(nid, "platform", title)
        self.db.insert(
            "INSERT INTO {hosting_platform} (vid, nid, publish_path, makefile, web_server, verified, status)"
            " VALUES (%s, %s, %s, '', %s, 0, 1)",
            (vid, nid, root, web_server),
        )
        register_context(self.db, nid, context)

    def site(
        self,
        nid: int,
        title: str,
        context: str,
        *,
        client: int,
        platform: int,
        profile: int,
        db_server: int = DB_SERVER,
    ) -> None:
        vid = self.node(nid, "site", title, promote=1)
        self.db.insert(
            "INSERT INTO {hosting_site} (vid, nid, client, db_server, platform, profile, status)"
            " VALUES (%s, %s, %s, %s, %s, %s, 1)",
            (vid, nid, client, DB_SERVER, platform, profile),
        )
        register_context(self.db, nid, context)

    def alias(self, nid: int, alias: str, redirection: str = "0") -> None:
        self.db.insert(
            "INSERT INTO {hosting_site_alias} (vid, nid, alias, automatic, redirection) VALUES (%s, %s, %s, 0, %s)",
            (100 + nid, nid, alias, redirection),
        )

    def standard(self) -> None:
        """The objects of a small installation."""
        for name in MODULES:
            self.module(name, 7304 if name == "hosting" else 0)
        self.db.insert("INSERT INTO {users} (uid, name, mail, status) VALUES (0, '', '', 0)")
        self.db.insert("INSERT INTO {users} (uid, name, mail, status) VALUES (1, 'admin', 'admin@example.test', 1)")
        self.db.insert("INSERT INTO {users} (uid, name, mail, status) VALUES (7, 'owner', 'owner@example.test', 1)")
        self.client(ADMIN, "admin", "admin")
        self.server(MASTER, "web.example.test", "server_master", "http", "apache")
        self.server(DB_SERVER, "db.example.test", "server_dbexampletest", "db", "mysql", 3306)
        self.db.insert(
            "INSERT INTO {hosting_db_server} (vid, nid, db_user, db_passwd) VALUES (%s, %s, %s, %s)",
            (100 + DB_SERVER, DB_SERVER, "root user", "p@ss:w/o~rd"),
        )
        self.platform(HM_PLATFORM, "hostmaster", "platform_hostmaster", "/var/aegir/hostmaster", MASTER)
        self.package(MINIMAL, "profile", "minimal")
        self.package(STANDARD, "profile", "standard", "default")
        self.site(HM_SITE, "aegir.example.test", "hostmaster", client=ADMIN, platform=HM_PLATFORM, profile=MINIMAL)
        self.client(CLIENT, "Client One", "clientone")
        self.platform(PLATFORM, "Drupal 7", "platform_Drupal7", " /srv/d7 ", MASTER)
        self.instance(PLATFORM, MINIMAL)
        self.site(SITE, "one.example.test", "one.example.test", client=CLIENT, platform=PLATFORM, profile=MINIMAL)
        self.alias(SITE, "www.one.example.test")
        self.variable("aegir_hostmaster_site_nid", str(HM_SITE))
        self.variable("hosting_admin_client", str(ADMIN))
        self.variable("path_alias_whitelist", {"node": True})


class Wire:
    """A line to the database server that can be cut and mended, as networks and restarts do."""

    def __init__(self, server: DatabaseServer) -> None:
        self._target = (server.host, server.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._up = True
        self._answers = True
        self._lines: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> None:
        """Break all connections and refuse new ones."""
        self._up = False
        for line in self._lines:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def mend(self) -> None:
        self._up = True
        self._answers = True

    def swallow_answers(self) -> None:
        """Let the next statement reach the server, and break the line instead of handing back the answer."""
        self._answers = False
        self._up = False

    def settings(self, settings: DatabaseSettings) -> DatabaseSettings:
        """The same database at the other end of this line."""
        return replace(settings, host="127.0.0.1", port=self.port, socket=None)

    def close(self) -> None:
        self.cut()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)
        for line in self._lines:
            line.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _address = self._listener.accept()
            except OSError:
                return
            if not self._up:
                near.close()
                continue
            far = socket.create_connection(self._target)
            self._lines += [near, far]
            for source, target, answers in ((near, far, False), (far, near, True)):
                thread = threading.Thread(target=self._pump, args=(source, target, answers), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _pump(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and not self._answers:
                    break
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
