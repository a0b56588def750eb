"""The parts of a replay that need neither recordings nor servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.hostmaster.version_code import version_code
from replay import rewind
from replay.compare import Changes, Window, changes, differences
from replay.outcomes import outcome_of, platform_packages
from replay.recording import Recording, Row, load_recording, parse_insert
from replay.rewind import State

KEYS = {"node": ["nid"], "node_revision": ["vid"], "hosting_task": ["vid"], "hosting_package_instance": ["iid"]}


def row(table: str, **values: int | str | None) -> Row:
    return Row(table, tuple(values.items()))


def node(nid: int, vid: int, changed: int, title: str = "T", kind: str = "site") -> Row:
    return row("node", nid=nid, vid=vid, type=kind, title=title, created=10, changed=changed)


def revision(nid: int, vid: int, timestamp: int) -> Row:
    return row("node_revision", nid=nid, vid=vid, timestamp=timestamp)


def task(vid: int, nid: int, status: int, executed: int | None, delta: int | None) -> Row:
    run = {"task_status": status, "executed": executed, "delta": delta}
    return row("hosting_task", vid=vid, nid=nid, task_type="verify", rid=1, **run)


def state(*rows: Row) -> State:
    made = State(KEYS, {"node": [], "node_revision": [], "hosting_task": [], "node_access": []})
    made.replace([], rows)
    return made


def test_values_of_all_kinds_are_read() -> None:
    text = r"it\'s \"x\", (a);\n\\ ''é"
    parsed = parse_insert(f"INSERT INTO `t` (`a`, `b`, `c`, `d`) VALUES (-3,NULL,'{text}',1.5);")
    assert parsed.values == {"a": -3, "b": None, "c": "it's \"x\", (a);\n\\ 'é", "d": 1.5}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE t SET a = 1;",
        "INSERT INTO `t` (`a`) VALUES (1,2);",
        "INSERT INTO `t` (`a`) VALUES (NOW());",
        "INSERT INTO `t` (`a`, `b`) VALUES (1 2);",
    ],
)
def test_what_is_no_row_is_an_error(statement: str) -> None:
    with pytest.raises(ValueError, match=r"not an|not a value|no comma|zip"):
        parse_insert(statement)


def test_a_row_that_only_moved_is_no_change(tmp_path: Path) -> None:
    path = tmp_path / "label.diff"
    path.write_text(
        "1d0\n< INSERT INTO `t` (`a`) VALUES (1);\n2c2\n< INSERT INTO `t` (`a`) VALUES (2);\n---\n"
        "> INSERT INTO `t` (`a`) VALUES (3);\n4a5\n> INSERT INTO `t` (`a`) VALUES (1);\n"
    )
    recording = load_recording(path)
    assert (recording.removed, recording.added) == ((row("t", a=2),), (row("t", a=3),))


#: A site is verified at 100 (revision 5 of task 2), again at 200 (unrecorded revision 6) and once more at 300.
FIRST = Recording(
    "first",
    (node(1, 1, 50), node(2, 4, 90, "Verify", "task")),
    (node(1, 1, 100), node(2, 5, 100, "Verify", "task"), revision(2, 5, 100), task(5, 2, 1, 100, 3)),
)
LAST = Recording(
    "last",
    (node(1, 1, 200), node(3, 7, 290, "Verify", "task")),
    (node(1, 1, 300), node(3, 8, 300, "Verify", "task"), revision(3, 8, 300), task(8, 3, 1, 300, 2)),
)
END = state(
    *(node(1, 1, 300), node(2, 6, 200, "Verify", "task"), node(3, 8, 300, "Verify", "task")),
    *(revision(1, 1, 300), revision(2, 4, 90), revision(2, 5, 100), revision(2, 6, 200)),
    *(revision(3, 7, 290), revision(3, 8, 300)),
    *(task(4, 2, 0, None, None), task(5, 2, 1, 100, 3), task(6, 2, 1, 200, 1)),
    *(task(7, 3, 0, None, None), task(8, 3, 1, 300, 2)),
)


@pytest.fixture
def end() -> State:
    made = END.copy()
    for table in ("hosting_package_instance", "hosting_package_languages", "url_alias", "hosting_site_backups"):
        made.rows[table] = []
    made.rows["node_access"] = [row("node_access", nid=2, gid=1, realm="hosting task", grant_update=0)]
    return made


def test_what_came_later_is_taken_back_recorded_or_not(end: State) -> None:
    before = rewind.before(end, [FIRST, LAST], FIRST)
    assert before.table("node") == [node(1, 1, 50), node(2, 4, 90, "Verify", "task")]
    assert sorted(before.numbers("node_revision", "vid")) == [1, 4]
    assert before.table("hosting_task") == [task(4, 2, 0, None, None)]
    assert before.find("node_revision", vid=1)[0].number("timestamp") <= 100
    assert rewind.after(before, FIRST).find("hosting_task", vid=5) == [task(5, 2, 1, 100, 3)]


def test_a_queued_task_that_was_cleaned_away_is_put_back(end: State) -> None:
    end.drop("hosting_task", "nid", {2})
    end.drop("node_revision", "nid", {2})
    end.rows["node_access"] = [row("node_access", nid=1, gid=9, realm="hosting site", grant_update=1)]
    before = rewind.before(end, [FIRST, LAST], FIRST)
    assert before.find("hosting_task", nid=2) == [task(4, 2, 0, None, None)]
    assert [each.number("vid") for each in before.find("node_revision", nid=2)] == [4]
    grant = row("node_access", nid=2, gid=9, realm="hosting task", grant_update=0)
    assert before.find("node_access", nid=2) == [grant]


WINDOWS = (Window(100, 103), Window(5000, 5003))
RECORDED = Changes(FIRST.removed, FIRST.added)


def ours(*, vid: int = 77, now: int = 5001, status: int = 1) -> Changes:
    return Changes(
        FIRST.removed,
        (
            *(node(1, 1, now), node(2, vid, now, "Verify", "task")),
            *(revision(2, vid, now), task(vid, 2, status, now, 1)),
        ),
    )


def test_numbers_times_and_durations_of_a_run_do_not_count(end: State) -> None:
    before = rewind.before(end, [FIRST, LAST], FIRST)
    assert differences(before, RECORDED, ours(), WINDOWS) == []


def test_another_value_is_named_on_both_sides(end: State) -> None:
    before = rewind.before(end, [FIRST, LAST], FIRST)
    lines = differences(before, RECORDED, ours(status=2), WINDOWS)
    assert [line.split("(")[0] for line in lines] == [
        "only the recording added hosting_task",
        "only we added hosting_task",
    ]
    assert "task_status=2" in lines[1]
    assert differences(before, RECORDED, ours(status=2), WINDOWS, {"hosting_task": {"task_status"}}) == []


def test_a_time_outside_the_run_counts(end: State) -> None:
    before = rewind.before(end, [FIRST, LAST], FIRST)
    assert differences(before, RECORDED, ours(now=4000), WINDOWS) != []


def test_a_missing_row_and_a_row_too_many_are_named(end: State) -> None:
    before = rewind.before(end, [FIRST, LAST], FIRST)
    extra = Changes((), (node(9, 99, 5001, "New", "task"),))
    both = Changes(ours().removed, ours().added + extra.added)
    assert [line[:18] for line in differences(before, RECORDED, both, WINDOWS)] == ["only we added node"]
    assert all(line.startswith("only the rec") for line in differences(before, RECORDED, Changes((), ()), WINDOWS))


def test_changes_leave_logs_and_caches_out() -> None:
    before, after = state(node(1, 1, 1)), state(node(1, 1, 2))
    for table in ("hosting_task_log", "cache", "cache_bootstrap", "semaphore"):
        after.rows[table] = [row(table, x=1)]
    assert changes(before, after) == Changes((node(1, 1, 1),), (node(1, 1, 2),))


def instance(iid: int, rid: int, package_id: int, version: str = "7.1") -> Row:
    return row(
        "hosting_package_instance",
        iid=iid,
        rid=rid,
        package_id=package_id,
        filename=f"/p/{package_id}",
        schema_version=0,
        version=version,
        version_code=version_code(version),
        status=0,
        platform=rid,
    )


def package(nid: int, kind: str, name: str) -> Row:
    return row(
        "hosting_package", nid=nid, vid=nid, package_type=kind, short_name=name, old_short_name="", description="D"
    )


def test_an_outcome_is_made_from_rows() -> None:
    rows = state(
        node(1, 1, 10, "P", "platform"),
        *(node(20, 20, 10, "Views", "package"), node(21, 21, 10, "Minimal", "package")),
        *(package(20, "module", "views"), package(21, "profile", "minimal")),
        *(instance(50, 1, 20, "Unknown"), instance(51, 1, 21), instance(52, 51, 20), instance(53, 51, 21)),
        row("hosting_package_languages", iid=51, language="en"),
    )
    packages = platform_packages(rows, 1)
    assert [(each.kind, each.short_name, each.name, each.version) for each in packages.base] == [
        ("modules", "views", "Views", None),
        ("profiles", "minimal", "Minimal", "7.1"),
    ]
    assert packages.base[1].languages == ("en",)
    assert [each.short_name for each in packages.profiles["minimal"]] == ["views", "minimal"]
    assert outcome_of(FIRST, rows).platform_packages == packages
