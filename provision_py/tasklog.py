"""The log of a task: typed entries, streamed to any number of sinks as they happen.

Types are those that the front end knows (``error`` fails a task, ``warning`` marks it; ``success``, ``info`` and
``ok`` are shown by default, ``notice`` and ``debug`` are not; frontend: hosting_task_logs_types_display).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from provision_py.errors import ProvisionError

FAILING = frozenset({"error", "failed"})


@dataclass(frozen=True)
class LogEntry:
    """One line of a task's log. ``time`` is in unix seconds; ``error`` a stable code or empty."""

    type: str
    message: str
    error: str = ""
    host: str = ""
    time: float = field(default_factory=time.time)

    @property
    def text(self) -> str:
        """The message, with the host where it is not this machine."""
        return f"{self.host}: {self.message}" if self.host and self.host != "localhost" else self.message


class Sink(Protocol):
    """Where entries go: the front end's table, a terminal, a JSON stream."""

    def write(self, entry: LogEntry) -> None: ...


class TaskLog:
    """Hands each entry to all sinks, in order, from any thread, and remembers the error codes seen."""

    def __init__(self, sinks: Iterable[Sink] = ()) -> None:
        self._sinks = list(sinks)
        self._lock = threading.Lock()
        self.error_codes: list[str] = []
        self.warned = False

    @property
    def failed(self) -> bool:
        return bool(self.error_codes)

    def add_sink(self, sink: Sink) -> None:
        with self._lock:
            self._sinks.append(sink)

    def remove_sink(self, sink: Sink) -> None:
        with self._lock:
            self._sinks.remove(sink)

    def entry(self, entry: LogEntry) -> None:
        with self._lock:
            if entry.type in FAILING:
                self.error_codes.append(entry.error or "PROVISION_ERROR")
            elif entry.type == "warning":
                self.warned = True
            for sink in self._sinks:
                sink.write(entry)

    def success(self, message: str, *, host: str = "") -> None:
        self.entry(LogEntry("success", message, host=host))

    def info(self, message: str, *, host: str = "") -> None:
        self.entry(LogEntry("info", message, host=host))

    def notice(self, message: str, *, host: str = "") -> None:
        self.entry(LogEntry("notice", message, host=host))

    def warning(self, message: str, *, host: str = "", code: str = "") -> None:
        self.entry(LogEntry("warning", message, error=code, host=host))

    def error(self, error: ProvisionError | str, *, host: str = "", code: str = "PROVISION_ERROR") -> None:
        if isinstance(error, ProvisionError):
            self.entry(LogEntry("error", str(error), error=error.code, host=host))
        else:
            self.entry(LogEntry("error", error, error=code, host=host))


class MemorySink:
    """Keeps entries in a list, for tests and for callers that want to look at them afterwards."""

    def __init__(self) -> None:
        self.entries: list[LogEntry] = []

    def write(self, entry: LogEntry) -> None:
        self.entries.append(entry)
