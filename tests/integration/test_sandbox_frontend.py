"""The stand-in for the front end writes what the forms of a real one were recorded to write."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from provision_py.contexts.store import ContextStore
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.discovery import find_settings
from provision_py.hostmaster.variables import HOSTMASTER_SITE, nid_variable
from provision_py.sandbox.frontend import FrontEnd, ServiceForm
from provision_py.sandbox.installation import Installation, Layout, install
from provision_py.sandbox.mariadb import DatabaseServer, quoted
from provision_py.sandbox.nginx import Nginx
from provision_py.services.catalog import Catalog
from provision_py.services.plugins import Plugins
from provision_py.system.host import Secret

Row = tuple[str, tuple[tuple[str, object], ...]]

#: Columns that hold node ids, and those that hold times.
NODE_IDS = {"nid", "rid", "gid", "web_server", "platform", "client", "db_server", "profile"}
TIMES = {"created", "changed", "timestamp"}

INSERT = re.compile(r"^> INSERT INTO `(\w+)` \(([^)]*)\) VALUES \((.*)\);$")
VALUE = re.compile(r"'((?:[^'\\]|\\.)*)'|(NULL)|(-?\d+)")


@pytest.fixture
def installation(mariadb: DatabaseServer, nginx: Nginx, aegir_root: Path) -> Iterator[Installation]:
    layout = Layout(
        aegir_root, database=f"hm_{aegir_root.name[-8:]}", modules={"hosting_alias": 7300, "hosting_ssl": 7300}
    )
    made = install(layout, mariadb, nginx)
    yield made
    made.front_end.close()
    mariadb.drop_database(layout.database)


def recorded(file: Path, names: dict[int, str]) -> set[Row]:
    """The rows that a recorded form added; what the login of the person at the form changed is left out."""
    rows = set()
    for line in file.read_text().splitlines():
        found = INSERT.match(line)
        if found is None or found[1] == "users":
            continue
        columns = re.findall(r"`(\w+)`", found[2])
        values: list[Any] = []
        for text, null, number in VALUE.findall(found[3]):
            values.append(None if null else int(number) if number else text)
        rows.add(_row(found[1], dict(zip(columns, values, strict=True)), names))
    return rows


def added(server: DatabaseServer, front_end: FrontEnd, form: Callable[[], object], names: dict[int, str]) -> set[Row]:
    """The rows that a form of the stand-in adds."""
    before = _all_rows(server, front_end)
    form()
    after = _all_rows(server, front_end)
    assert not before - after, "a form changed or removed rows"
    ids = {nid: names.get(nid, f"new {number}") for number, nid in enumerate(_new_nids(after - before))}
    return {_row(table, dict(row), {**names, **ids}) for table, row in after - before}


def _all_rows(server: DatabaseServer, front_end: FrontEnd) -> set[Row]:
    rows: set[Row] = set()
    with closing(server.connect(front_end.db.settings.database)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT * FROM {quoted(table)}")
            columns = [str(column[0]) for column in cursor.description]
            rows.update((table, tuple(zip(columns, values, strict=True))) for values in cursor.fetchall())
    return rows


def _new_nids(rows: set[Row]) -> list[int]:
    return sorted(int(str(dict(row)["nid"])) for table, row in rows if table == "node")


def _row(table: str, row: dict[str, object], names: dict[int, str]) -> Row:
    """A row with names for node ids, and without what differs at each run."""
    known = {}
    for column, value in row.items():
        if column in TIMES or column in ("vid", "pid"):
            value = "some"
        elif column in NODE_IDS and isinstance(value, int):
            value = names.get(value, value)
        elif column == "source":
            value = names.get(int(str(value).removeprefix("node/")), value)
        known[column] = value
    return table, tuple(sorted(known.items()))


def test_a_server_form(installation: Installation, mariadb: DatabaseServer, reference: Path) -> None:
    front_end = installation.front_end
    service = ServiceForm("http", "nginx", 80, "sudo /usr/sbin/nginx -s reload")
    rows = added(
        mariadb,
        front_end,
        lambda: front_end.add_server("nginx1.example.test", [service]),
        {front_end.client: "admin"},
    )
    names = {1: "admin", 169: "new 0", 170: "new 1"}
    assert rows == recorded(reference / "uidiffs" / "ui-server-nginx1-add.diff", names)


def test_a_database_server_form(installation: Installation, mariadb: DatabaseServer, reference: Path) -> None:
    front_end = installation.front_end
    service = ServiceForm("db", "mysql", 3399, user="root2", password=Secret("x"))
    rows = added(
        mariadb,
        front_end,
        lambda: front_end.add_server("db2.example.test", [service]),
        {front_end.client: "admin"},
    )
    names = {1: "admin", 202: "new 0", 203: "new 1"}
    assert rows == recorded(reference / "uidiffs" / "ui-server-db2-add.diff", names)


def test_a_platform_form(installation: Installation, mariadb: DatabaseServer, reference: Path) -> None:
    front_end = installation.front_end
    rows = added(
        mariadb,
        front_end,
        lambda: front_end.add_platform("Drupal 7", "/var/aegir/platforms/d7", front_end.web_server),
        {front_end.client: "admin", front_end.web_server: "web"},
    )
    names = {1: "admin", 2: "web", 120: "new 0", 121: "new 1"}
    assert rows == recorded(reference / "uidiffs" / "ui-platform-add.diff", names)


def test_a_site_form(installation: Installation, mariadb: DatabaseServer, reference: Path) -> None:
    front_end = installation.front_end
    client = front_end.add_client("Client One")
    platform = front_end.add_platform("Drupal 7", "/var/aegir/platforms/d7", front_end.web_server)
    profile = front_end.package("profile", "standard")
    rows = added(
        mariadb,
        front_end,
        lambda: front_end.add_site(
            "d7site.example.test",
            platform,
            front_end.db_server,
            client=client,
            aliases=["www.d7site.example.test"],
        ),
        {
            front_end.client: "admin",
            client: "client",
            platform: "platform",
            front_end.db_server: "db",
            profile: "profile",
        },
    )
    names = {
        1: "admin",
        124: "client",
        120: "platform",
        4: "db",
        127: "profile",
        129: "new 0",
        130: "new 1",
    }
    assert rows == recorded(reference / "uidiffs" / "ui-site-add.diff", names)


def test_the_backend_finds_the_database_by_the_alias(installation: Installation) -> None:
    settings = find_settings(installation.drush_dir)
    assert (settings.database, settings.user) == (installation.settings.database, installation.settings.user)
    with Database(settings) as db:
        assert nid_variable(db, HOSTMASTER_SITE) == installation.front_end.site


def test_the_contexts_of_the_installation_load(installation: Installation, nginx: Nginx) -> None:
    store = ContextStore(installation.drush_dir, Catalog.from_plugins(Plugins.load()), home=str(installation.home))
    site = store.site("hostmaster")
    assert site.uri == installation.uri
    assert site.web_server.name == "server_master"
    assert site.web_server.service_types == {"http": "nginx"}
    assert site.web_server.properties["http_restart_cmd"] == nginx.restart_command
    assert nginx.php_fpm is not None
    assert store.record("server_master")["phpfpm_socket"] == str(nginx.php_fpm.socket)


def test_files_with_passwords_are_the_owners_alone(installation: Installation) -> None:
    secret = installation.settings.password.reveal()
    holders = [path for path in installation.home.rglob("*") if path.is_file() and secret in path.read_text()]
    assert holders
    assert not [path for path in holders if stat.S_IMODE(path.stat().st_mode) & 0o007]
