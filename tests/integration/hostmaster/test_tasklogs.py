"""Log rows: their text, their order, and none lost when the server goes away."""

from __future__ import annotations

import threading

import pytest
from small_front_end import Wire

from provision_py.errors import HostmasterError
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.tasklogs import TaskLogWriter
from provision_py.sandbox.mariadb import DatabaseServer

VID, NID = 500, 77


def rows(db: Database) -> list[dict[str, object]]:
    return db.rows("SELECT vid, nid, type, message, error, timestamp FROM {hosting_task_log} ORDER BY lid")


def messages(db: Database) -> list[object]:
    return [row["message"] for row in rows(db)]


def test_row_is_there_at_once(db: Database) -> None:
    with db.sibling() as own:
        TaskLogWriter(own, VID, NID).write("error", "No <such> file & folder", "PROVISION_X", 1795352545.5)
        assert rows(db) == [
            {
                "vid": VID,
                "nid": NID,
                "type": "error",
                "message": "No &lt;such&gt; file &amp; folder",
                "error": "PROVISION_X",
                "timestamp": 1795352546,
            }
        ]


def test_awkward_text_is_stored(db: Database) -> None:
    with db.sibling() as own:
        log = TaskLogWriter(own, VID, NID)
        text = "bytes \udcff\udc80, null \x00, bell \x07, tab \t, %s {node} 'q' \\ ü € 😀"
        log.write("a-type-that-is-too-long", text)
        log.write("notice", "")
        log.write("notice", "x" * 500_000)
    stored = rows(db)
    assert stored[0]["type"] == "a-type-that-is-t"
    assert stored[0]["message"] == "bytes \ufffd\ufffd, null , bell , tab \t, %s {node} 'q' \\ ü € 😀"
    assert stored[1]["message"] == ""
    assert "400000 characters left out" in str(stored[2]["message"])


@pytest.mark.parametrize(
    ("charset", "stored"), [("utf8mb3", "ü € &#128512; &lt;"), ("latin1", "&#252; &#8364; &#128512; &lt;")]
)
def test_text_fits_older_tables(
    mariadb: DatabaseServer, settings: DatabaseSettings, db: Database, charset: str, stored: str
) -> None:
    db.execute(f"ALTER TABLE {{hosting_task_log}} CONVERT TO CHARACTER SET {charset}")
    try:
        with db.sibling() as own:
            TaskLogWriter(own, VID, NID).write("info", "ü € 😀 <", error="😀")
        assert messages(db) == [stored]
    finally:
        db.execute("ALTER TABLE {hosting_task_log} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")


def test_threads_write_whole_rows(db: Database) -> None:
    with db.sibling() as own:
        log = TaskLogWriter(own, VID, NID)
        threads = [
            threading.Thread(target=lambda who=who: [log.write("info", f"{who} {n}") for n in range(20)])
            for who in "abc"
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for who in "abc":
        assert [m for m in messages(db) if str(m)[0] == who] == [f"{who} {n}" for n in range(20)]


def test_killed_connection_loses_and_doubles_nothing(db: Database, mariadb: DatabaseServer) -> None:
    with db.sibling() as own:
        log = TaskLogWriter(own, VID, NID)
        for number in range(6):
            log.write("info", f"line {number}", timestamp=1)
            mariadb.query(f"KILL {own.connection_id()}")
        log.flush(final=True)
    assert messages(db) == [f"line {number}" for number in range(6)]


def test_equal_lines_are_all_kept(db: Database, mariadb: DatabaseServer) -> None:
    with db.sibling() as own:
        log = TaskLogWriter(own, VID, NID)
        for _number in range(4):
            log.write("info", "again", timestamp=1)
            mariadb.query(f"KILL {own.connection_id()}")
        log.flush(final=True)
    assert messages(db) == ["again"] * 4


def test_rows_wait_for_a_server_that_is_away(
    db: Database, settings: DatabaseSettings, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision_py.hostmaster.connection.RECONNECT_DELAYS", (0.0, 0.05))
    with Database(wire.settings(settings)) as own:
        log = TaskLogWriter(own, VID, NID)
        log.write("info", "before")
        wire.cut()
        log.write("info", "during 1")
        log.write("info", "during 2")
        assert log.pending == 2
        assert messages(db) == ["before"]
        with pytest.raises(HostmasterError):
            log.flush(final=True)
        assert log.pending == 2
        wire.mend()
        log.flush(final=True)
        log.write("info", "after")
        assert log.pending == 0
    assert messages(db) == ["before", "during 1", "during 2", "after"]


def test_row_whose_answer_was_lost_is_not_written_twice(
    db: Database, settings: DatabaseSettings, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server stores the row, but the line breaks before its answer comes."""
    monkeypatch.setattr("provision_py.hostmaster.connection.RECONNECT_DELAYS", (0.0,))
    with Database(wire.settings(settings)) as own:
        log = TaskLogWriter(own, VID, NID)
        log.write("info", "first", timestamp=1)
        wire.swallow_answers()
        log.write("info", "second", timestamp=2)
        wire.mend()
        log.flush(final=True)
        log.write("info", "third", timestamp=3)
    assert messages(db) == ["first", "second", "third"]
