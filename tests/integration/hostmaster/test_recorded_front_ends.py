"""The recorded databases of the PHP system, unchanged: what is read from them, and what is written as it wrote."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from small_front_end import SCHEMA, connection_settings

from provision_py.errors import HostmasterError
from provision_py.hostmaster import queue, tasks
from provision_py.hostmaster.access import grants_of
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.context_options import command_line, context_options
from provision_py.hostmaster.features import load_features
from provision_py.hostmaster.locks import stale_runs
from provision_py.hostmaster.nodes import find_node
from provision_py.hostmaster.tasklogs import TaskLogWriter
from provision_py.hostmaster.variables import get_variable
from provision_py.php.files import read_aliases
from provision_py.php.values import as_strings
from provision_py.sandbox.mariadb import DatabaseServer


def nids(db: Database, kind: str) -> list[int]:
    return [int(row["nid"]) for row in db.rows("SELECT nid FROM {node} WHERE type = %s ORDER BY nid", (kind,))]


# Reading


def test_every_variable_is_read(recorded: Database) -> None:
    names = [str(row["name"]) for row in recorded.rows("SELECT name FROM {variable}")]
    values = {name: get_variable(recorded, name) for name in names}
    assert len(values) > 50
    assert values["aegir_hostmaster_site_nid"] == "10"
    assert values["hosting_dispatch_enabled"] is True


def test_version_and_modules_are_recognised(recorded: Database) -> None:
    features = load_features(recorded)
    assert features.upstream_2024
    assert not features.fork
    assert features.has_feature("client")
    assert features.has_feature("hosting")
    assert features.has_feature("queued") is (features.has_table("hosting_ssl_site"))


def test_every_task_is_read_and_its_status_follows_from_its_log(recorded: Database) -> None:
    abandoned = []
    for nid in nids(recorded, "task"):
        task = tasks.load_task(recorded, nid)
        if task.status == tasks.PROCESSING:
            abandoned.append(nid)
        elif task.status != tasks.QUEUED:
            assert tasks.final_status(recorded, task.vid) == task.status
    assert abandoned in ([], [231])
    assert stale_runs(recorded) == []


def test_every_task_title_is_the_one_we_would_give(recorded: Database) -> None:
    """Tasks from before a site was renamed or redirected keep the title of their time."""
    features = load_features(recorded)
    different = set()
    for nid in nids(recorded, "task"):
        task = tasks.load_task(recorded, nid)
        target = find_node(recorded, task.rid)
        if target and tasks.task_title(recorded, target, task.task_type, features) != task.title:
            different.add(target.title)
    assert different <= {"d7site.example.test", "renamed.example.test", "sub1.d7site.example.test"}


def test_access_rows_are_the_recorded_ones(recorded: Database) -> None:
    """Objects saved before the second client came have no row for it yet; nothing else differs."""
    features = load_features(recorded)
    for row in recorded.rows("SELECT nid FROM {node}"):
        nid = int(row["nid"])
        stored = recorded.rows("SELECT realm, gid, grant_update FROM {node_access} WHERE nid = %s", (nid,))
        have = {(each["realm"], each["gid"], bool(each["grant_update"])) for each in stored}
        want = {(grant.realm, grant.gid, grant.update) for grant in grants_of(recorded, nid, features)}
        assert have <= want
        assert {gid for _realm, gid, _update in want - have} <= {124}


def test_every_object_has_context_options(recorded: Database) -> None:
    for row in recorded.rows("SELECT nid, name FROM {hosting_context}"):
        try:
            name, options = context_options(recorded, int(row["nid"]))
        except HostmasterError as error:
            assert row["name"] == "dbdown.example.test"
            assert error.code == "PROVISION_MISSING_CONTEXT"
            continue
        assert name == row["name"]
        assert options["master_url"] == "http://aegir.example.test/"


def test_every_task_has_a_command(recorded: Database) -> None:
    """But for tasks whose target has been deleted since."""
    refused = []
    for nid in nids(recorded, "task"):
        task = tasks.load_task(recorded, nid)
        try:
            assert command_line(recorded, task).command == f"provision-{task.task_type}"
        except HostmasterError:
            refused.append(task.task_type)
    assert set(refused) <= {"migrate", "clone"}


def test_queue_is_read(recorded: Database) -> None:
    waiting = queue.next_tasks(recorded, 50)
    assert [task.rid for task in waiting] == list(dict.fromkeys(task.rid for task in waiting))
    assert 0 < len(waiting) <= queue.queued_count(recorded)
    assert waiting == sorted(waiting, key=lambda task: (task.changed, task.nid))


def test_options_are_what_the_php_backend_stored(used: Database, reference: Path) -> None:
    """Alias files of the same moment hold the values that the front end had sent down."""
    folder = reference / "home" / "var" / "aegir" / ".drush"
    compared = 0
    for row in used.rows("SELECT nid, name FROM {hosting_context}"):
        name, file = str(row["name"]), folder / f"{row['name']}.alias.drushrc.php"
        if not file.exists() or name == "dbdown.example.test":
            continue
        stored = read_aliases(file)[name]
        for key, value in context_options(used, int(row["nid"]))[1].items():
            if value in (None, "null", "NONE", {}) or key not in stored or key == "ip_addresses":
                continue
            assert as_strings(stored[key]) == as_strings(value), f"{name}: {key}"
            compared += 1
    assert compared > 100


def test_own_schema_equals_the_recorded_one(used: Database) -> None:
    """Names, types, defaults and order of columns."""
    columns = {}
    for line in re.findall(r"CREATE TABLE `?(\w+)", SCHEMA.read_text()):
        columns[line] = used.rows(f"SHOW COLUMNS FROM {{{line}}}")
        assert columns[line]
    with used.sibling() as own:
        scratch = used.settings.database + "_own"
        own.execute(f"CREATE DATABASE {scratch}")
        try:
            own.execute(f"USE {scratch}")
            for statement in re.findall(r"(?ms)^CREATE TABLE .*?;$", SCHEMA.read_text()):
                own.execute(statement)
            for name, wanted in columns.items():
                found = own.rows(f"SHOW COLUMNS FROM `{name}`")
                plain = ("Field", "Type", "Null", "Default", "Extra")
                assert [[c[key] for key in plain] for c in found] == [[c[key] for key in plain] for c in wanted]
                assert [c["Field"] for c in found if c["Key"] == "PRI"] == [
                    c["Field"] for c in wanted if c["Key"] == "PRI"
                ]
        finally:
            own.execute(f"DROP DATABASE {scratch}")


# Writing as it was recorded

_ROW = re.compile(r"^> INSERT INTO `(\w+)` \(([^)]*)\) VALUES \((.*)\);$", re.MULTILINE)
_TABLES = ("hosting_task", "node", "node_revision", "node_access")


def recorded_rows(file: Path, nid: int) -> dict[str, list[dict[str, str]]]:
    """Rows of one node that a recording added, as text."""
    found: dict[str, list[dict[str, str]]] = {name: [] for name in _TABLES}
    for table, columns, values in _ROW.findall(file.read_text()):
        names = re.findall(r"`(\w+)`", columns)
        parts = [value.strip("'") for value in re.findall(r"'[^']*'|[^,]+", values)]
        row = dict(zip(names, parts, strict=True)) if len(parts) == len(names) else {}
        if table in found and row.get("nid") == str(nid):
            found[table].append(row)
    return found


def written_rows(db: Database, nid: int, vid: int, names: dict[str, str]) -> dict[str, list[dict[str, str]]]:
    """The same of what we wrote for the current revision; ``names`` maps our ids to the recorded ones."""
    found = {}
    for table in _TABLES:
        key, value = ("nid", nid) if table in ("node", "node_access") else ("vid", vid)
        rows = db.rows(f"SELECT * FROM {{{table}}} WHERE {key} = %s", (value,))
        if table == "node_access":
            rows.sort(key=lambda row: int(row["gid"]))
        found[table] = [
            {
                column: names.get(f"{column}:{each}", "NULL" if each is None else str(each))
                for column, each in row.items()
            }
            for row in rows
        ]
    return found


@pytest.mark.parametrize(
    ("recording", "rid", "task_type", "nid", "vid"),
    [
        ("ui-site-add", 129, "install", 130, 143),
        ("ui-site-edit-ssl", 131, "verify", 293, 433),
        ("ui-server-edit-apache_ssl", 2, "verify", 288, 427),
    ],
)
def test_created_task_has_the_recorded_rows(
    used: Database, reference: Path, recording: str, rid: int, task_type: str, nid: int, vid: int
) -> None:
    wanted = recorded_rows(reference / "uidiffs" / f"{recording}.diff", nid)
    used.execute("UPDATE {hosting_site_alias} SET redirection = '0' WHERE nid = 129")
    created = int(wanted["node"][0]["created"])
    ours = tasks.create_task(used, rid, task_type, now=created)
    task = tasks.load_task(used, ours)
    names = {f"nid:{ours}": str(nid), f"vid:{task.vid}": str(vid)}
    assert written_rows(used, ours, task.vid, names) == wanted


def test_run_leaves_the_recorded_rows(used: Database, reference: Path) -> None:
    wanted = recorded_rows(reference / "taskdiffs" / "site-verify.diff", 133)
    used.execute("UPDATE {hosting_site_alias} SET redirection = '0' WHERE nid = 129")
    nid = tasks.create_task(used, 129, "verify", now=1795352410)
    task = tasks.claim_task(used, nid, now=1795352411)
    with used.sibling() as own:
        TaskLogWriter(own, task.vid, task.nid).write("success", "done")
    tasks.end_run(used, task, 1.5167191028595)
    assert tasks.finish(used, task) == tasks.SUCCESS
    names = {f"nid:{nid}": "133", f"vid:{task.vid}": "149"}
    written = written_rows(used, nid, task.vid, names)
    access = written.pop("node_access")
    assert wanted.pop("node_access") == []  # rewritten with the same rows
    assert written == wanted
    assert [(row["gid"], row["realm"], row["grant_update"]) for row in access] == [
        ("1", "hosting task", "0"),
        ("124", "hosting task", "0"),
    ]


@pytest.mark.parametrize("name", ["fresh", "fresh-allfeatures"])
def test_recorded_front_end_with_a_table_prefix(
    mariadb: DatabaseServer, load_dump: Callable[[str, str], None], database: str, name: str
) -> None:
    load_dump(name, database)
    tables = [row[0] for row in mariadb.query("SHOW TABLES", database=database)]
    mariadb.query("RENAME TABLE " + ", ".join(f"`{t}` TO `aegir_{t}`" for t in tables), database=database)
    with Database(connection_settings(mariadb, database, "aegir_")) as db:
        assert load_features(db).has_table("hosting_task")
        first = queue.next_tasks(db, 1)[0]
        task = tasks.claim_task(db, first.nid, now=1795352000)
        assert context_options(db, task.rid)[0] in ("hostmaster", "platform_hostmaster")
        tasks.end_run(db, task, 1)
        assert tasks.finish(db, task) == tasks.SUCCESS
