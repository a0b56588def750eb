"""Databases for replays, and the steps of one."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pymysql.cursors import DictCursor

from provision_py.hostmaster.connection import DatabaseSettings
from provision_py.sandbox.mariadb import DatabaseServer, quoted
from replay import compare, rewind
from replay.recording import Recording, Row, Value, load_recording
from replay.rewind import State

Runner: TypeAlias = Callable[[DatabaseSettings, int], object]

DUMP = "hostmaster-used.sql.gz"


@dataclass
class History:
    """All recordings by label, and the rows of the dump that was made after the last of them.

    ``database`` has the dump's tables; one replay after the other fills them with its rows.
    """

    recordings: dict[str, Recording]
    state: State
    database: str

    @classmethod
    def load(cls, reference: Path, server: DatabaseServer, database: str) -> History:
        """Read the recordings below ``reference`` and load the dump into the empty ``database``."""
        files = [*reference.glob("taskdiffs/*.diff"), *reference.glob("uidiffs/*.diff")]
        recordings = {path.stem: load_recording(path) for path in files if path.stat().st_size}
        server.load(database, reference / DUMP)
        return cls(recordings, read_state(server, database), database)


@dataclass
class Replay:
    """One recorded run, ready to be run again in ``settings.database``."""

    server: DatabaseServer
    settings: DatabaseSettings
    recording: Recording
    before: State
    after: State
    tolerance: int = field(default=2)

    @property
    def task_nid(self) -> int:
        return self.recording.task.number("nid")

    def run(self, run_task: Runner, ignored: Mapping[str, Set[str]] | None = None) -> list[str]:
        """Run the task and say what changed differently from the recording; see the package's docstring."""
        begun = int(time.time())
        run_task(self.settings, self.task_nid)
        ours = compare.Window(begun, int(time.time()) + self.tolerance)
        started = self.recording.started
        theirs = compare.Window(started, started + self.recording.seconds + self.tolerance)
        return compare.differences(
            self.before,
            compare.Changes(self.recording.removed, self.recording.added),
            compare.changes(self.before, read_state(self.server, self.settings.database)),
            (theirs, ours),
            ignored,
        )


def prepare(
    server: DatabaseServer,
    history: History,
    label: str,
    moved: Mapping[str, str] | None = None,
    changed: Callable[[Row], Row] | None = None,
) -> Replay:
    """Make the database of ``history`` what it was before the recorded run; former replays in it are over then.

    ``moved`` gives folders of the recordings their place on this machine: whatever begins with one of them, in the
    database and in the recording, begins with the other instead. ``changed`` changes other values in the same way.
    """
    recording = history.recordings[label]
    before = rewind.before(history.state, history.recordings.values(), recording)
    if moved:
        recording, before = rewind.move(recording, before, moved)
    if changed:
        recording, before = rewind.change(recording, before, changed)
    write_state(server, history.database, before)
    settings = DatabaseSettings(
        host=server.host,
        port=server.port,
        socket=str(server.socket) if server.socket else None,
        user=server.user,
        password=server.password,
        database=history.database,
    )
    return Replay(server, settings, recording, before, rewind.after(before, recording))


def read_state(server: DatabaseServer, database: str) -> State:
    """All rows of a database but those of big logs."""
    state = State(_keys(server, database))
    with closing(server.connect(database)) as connection, connection.cursor(DictCursor) as cursor:
        for table in _tables(server, database):
            if is_transient(table):
                continue
            cursor.execute(f"SELECT * FROM {quoted(table)}")
            state.rows[table] = [
                Row(table, tuple((name, _plain(value)) for name, value in row.items())) for row in cursor.fetchall()
            ]
    return state


def write_state(server: DatabaseServer, database: str, state: State) -> None:
    """Give the tables of a database these rows and no others; tables that have them already are left alone."""
    present = read_state(server, database)
    with closing(server.connect(database, autocommit=False)) as connection, connection.cursor() as cursor:
        cursor.execute("SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,STRICT_ALL_TABLES', foreign_key_checks = 0")
        for table in _tables(server, database):
            rows = state.table(table)
            if not is_transient(table) and set(rows) == set(present.table(table)):
                continue
            cursor.execute(f"DELETE FROM {quoted(table)}")
            if rows:
                columns = ", ".join(quoted(name) for name, _ in rows[0].items)
                marks = ", ".join(["%s"] * len(rows[0].items))
                values = [[_stored(value) for _, value in row.items] for row in rows]
                cursor.executemany(f"INSERT INTO {quoted(table)} ({columns}) VALUES ({marks})", values)
        connection.commit()


def is_transient(table: str) -> bool:
    """Tables that start empty in every replay."""
    return table == "hosting_task_log" or table.startswith("cache")


def _tables(server: DatabaseServer, database: str) -> list[str]:
    return [str(name) for (name,) in server.query("SHOW TABLES", database=database)]


def _keys(server: DatabaseServer, database: str) -> dict[str, list[str]]:
    keys: dict[str, list[str]] = {}
    for table, column in server.query(
        "SELECT table_name, column_name FROM information_schema.key_column_usage"
        " WHERE table_schema = %s AND constraint_name = 'PRIMARY' ORDER BY table_name, ordinal_position",
        (database,),
    ):
        keys.setdefault(str(table), []).append(str(column))
    return keys


def _plain(value: object) -> Value:
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    if value is None or isinstance(value, (int, float, str)):
        return value
    raise TypeError(f"a column of type {type(value).__name__}")


def _stored(value: Value) -> Value | bytes:
    if isinstance(value, str) and not value.isascii():
        return value.encode("utf-8", "surrogateescape")
    return value
