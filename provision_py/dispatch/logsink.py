"""Sends a task's log to the front end's table, row by row, as it happens."""

from __future__ import annotations

from types import TracebackType

from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.tasklogs import TaskLogWriter
from provision_py.hostmaster.tasks import TaskRecord
from provision_py.tasklog import LogEntry


class HostmasterSink:
    """Writes each entry to the run's revision at once, so that a page can poll it.

    ``db`` is a connection for this alone (``Database.sibling``); it is closed with the sink.
    Entries of type ``debug`` only with ``debug``: front ends of today show every type.
    """

    def __init__(self, db: Database, task: TaskRecord, *, debug: bool = False) -> None:
        self._debug = debug
        self._db = db
        self._writer = TaskLogWriter(self._db, task.vid, task.nid)

    def write(self, entry: LogEntry) -> None:
        if entry.type == "debug" and not self._debug:
            return
        self._writer.write(entry.type, entry.text, entry.error, entry.time)

    def flush(self) -> None:
        """Store what still waits for the server. Raises HostmasterError while that cannot be reached."""
        self._writer.flush(final=True)

    def __enter__(self) -> HostmasterSink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.flush(final=error is None)
        finally:
            self._db.close()
