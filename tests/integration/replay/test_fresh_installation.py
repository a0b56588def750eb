"""Verifies of a fresh installation's own server, database server, platform and site, by the real runner.

PHP has verified all of them before the dump was made, so little but times may change. The site is the front end
itself: the stand-in for Drupal starts on the very tables that the task is written to.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision_py.contexts.model import Site
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.tasks import create_task
from replay.codebase import write_stand_in
from replay.compare import Changes, changes
from replay.harness import read_state, write_state
from replay.recording import Recording, Row
from replay.relocation import Machine, platform_root
from replay.rewind import State, change, move
from replay.runner import Run

DUMP = "hostmaster-fresh-allfeatures.sql.gz"
#: As recorded in hosting_site.
DATABASE = "aegirexampletest"
WEB_SERVER, DB_SERVER, PLATFORM, SITE = 2, 4, 7, 10

#: What a save of the verified object changes in its node.
NODE = {"node": {"changed"}, "node_revision": {"timestamp"}}


@dataclass(frozen=True)
class Fresh:
    """The front end of a fresh installation, moved to this machine."""

    machine: Machine
    settings: DatabaseSettings

    def verify(self, nid: int) -> tuple[Run, Changes]:
        """Queue a verify and run it; what changed in the front end's rows, the task's own left out."""
        with Database(self.settings) as db:
            task = create_task(db, nid, "verify", now=int(time.time()) - 1)
        before = self.rows()
        run = Run(self.machine)
        run(self.settings, task)
        found = changes(before, self.rows())

        def of_others(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(row for row in rows if row.values.get("nid") != task)

        return run, Changes(of_others(found.removed), of_others(found.added))

    def in_drupal(self, filename: str) -> tuple[int, int]:
        """Status and schema version of a module (its absolute path) in Drupal's own list."""
        root = platform_root(self.rows(), PLATFORM)
        sql = "SELECT status, schema_version FROM `system` WHERE filename = %s"
        ((status, schema),) = self.machine.database.query(
            sql, (str(Path(filename).relative_to(root)),), database=DATABASE
        )
        return status, schema

    def rows(self) -> State:
        state = read_state(self.machine.database, DATABASE)
        tables = ("hosting_", "node", "url_alias")
        return State(state.keys, {name: rows for name, rows in state.rows.items() if name.startswith(tables)})


@pytest.fixture
def fresh(machine: Machine, reference: Path) -> Iterator[Fresh]:
    server = machine.database
    server.load(server.create_database(DATABASE), reference / DUMP)
    recording, state = move(Recording(DUMP, (), ()), read_state(server, DATABASE), machine.moved)
    state = change(recording, state, machine.row)[1]
    root = platform_root(state, PLATFORM)
    write_stand_in(state, PLATFORM, root)
    # Views has a module without an .info file: a package of the platform, but for Drupal there is none.
    (root / "profiles/hostmaster/modules/contrib/views/views_export/views_export.info").unlink()
    # Hidden modules are in no list of packages, and so not in this code base.
    there = [row for row in state.table("system") if (root / row.text("filename")).exists()]
    assert len(there) > 90
    state.rows["system"] = there
    write_state(server, DATABASE, state)
    credentials = machine.create_account(DATABASE)
    site = machine.session().store.load("hostmaster")
    assert isinstance(site, Site)
    machine.write_drushrc(site, credentials, reference)
    settings = DatabaseSettings(server.host, server.port, None, credentials.user, credentials.password, DATABASE)
    with Database(settings) as db:
        machine.write_contexts(db, state, without=0)
    yield Fresh(machine, settings)


def changed_columns(found: Changes) -> dict[str, set[str]]:
    """The columns with other values, by table; no row may be new or gone."""
    columns: dict[str, set[str]] = {}
    added = {number(row): row for row in found.added}
    assert {number(row) for row in found.removed} == set(added)
    for row in found.removed:
        after = added[number(row)].values
        columns.setdefault(row.table, set()).update(name for name, value in row.items if after[name] != value)
    return columns


def without(found: Changes, *rows: Row) -> Changes:
    """The other changes."""
    removed, added = (tuple(row for row in side if row not in rows) for side in (found.removed, found.added))
    return Changes(removed, added)


def number(row: Row) -> tuple[object, ...]:
    """What tells a row from others of its table: an instance, or a node and its revision."""
    return (row.table, *(row.values.get(name) for name in ("iid", "nid", "vid")))


def test_the_database_server(fresh: Fresh) -> None:
    run, found = fresh.verify(DB_SERVER)
    assert run.status == 1, run.said
    assert changed_columns(found) == {"hosting_server": {"verified"}, **NODE}


def test_the_web_server_queues_a_verify_of_its_platform(fresh: Fresh) -> None:
    run, found = fresh.verify(WEB_SERVER)
    assert run.status == 1, run.said
    tasks = [row for row in found.added if row.table == "hosting_task"]
    assert [(row.values["rid"], row.values["task_type"], row.values["task_status"]) for row in tasks] == [
        (PLATFORM, "verify", 0)
    ]
    queued = tasks[0].values["nid"]
    rest = without(found, *(row for row in found.added if row.values.get("nid") == queued))
    assert changed_columns(rest) == {"hosting_server": {"verified"}, **NODE}


def test_the_platform_and_the_site(fresh: Fresh) -> None:
    with Database(fresh.settings) as db:
        fresh.machine.verify_web_servers(db, WEB_SERVER)
    versions = {row.values["package_id"]: row for row in fresh.rows().find("hosting_package_instance", rid=SITE)}
    run, found = fresh.verify(PLATFORM)
    assert run.status == 1, run.said
    # A module without an .info file is none: nobody can enable it.
    (gone,) = (row for row in found.removed if number(row) not in {number(row) for row in found.added})
    assert gone.text("filename").endswith("/views_export.module")
    assert changed_columns(without(found, gone)) == {
        "hosting_platform": {"verified"},
        # The original says that every module of a platform has Drupal's own version; its lists of sites are right.
        "hosting_package_instance": {"version", "version_code"},
        **NODE,
    }
    for row in found.added:
        if row.table == "hosting_package_instance":
            own = versions[row.values["package_id"]]
            assert (row.values["version"], row.values["version_code"]) == (
                own.values["version"],
                own.values["version_code"],
            )
    run, found = fresh.verify(SITE)
    assert run.status == 1, run.said
    # The feature for https was turned on after the site's last save, which is what makes this row.
    (https,) = (row for row in found.added if row.table == "hosting_ssl_site")
    assert https.values == {"vid": SITE, "nid": SITE, "ssl_enabled": 0, "ssl_key": 0}
    # So were modules, by then enabled in Drupal alone.
    assert changed_columns(without(found, https)) == {
        "hosting_site": {"verified", "cron_key"},
        "hosting_package_instance": {"status", "schema_version"},
        **NODE,
    }
    for row in found.added:
        if row.table == "hosting_package_instance":
            assert (row.values["status"], row.values["schema_version"]) == fresh.in_drupal(row.text("filename"))
