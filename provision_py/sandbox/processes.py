"""Starting daemons that outlive their starter, and stopping exactly those."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import HostError
from provision_py.system.process import marked


@dataclass(frozen=True)
class ProcessRecord:
    """A process that is not mistaken for a later one of the same number: ``started`` is in clock ticks since boot."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> ProcessRecord | None:
        """The record of a running process; None when there is none (a zombie counts as gone)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        except OSError:
            return None
        # The name in brackets may hold spaces and brackets itself; what follows the last one is fixed.
        fields = stat.rpartition(")")[2].split()
        if fields[0] in ("Z", "X"):
            return None
        return cls(pid, int(fields[19]))

    def is_running(self) -> bool:
        return ProcessRecord.of(self.pid) == self

    def children(self) -> list[ProcessRecord]:
        """The processes that this one has started and that still run."""
        try:
            numbers = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:
            return []
        records = (ProcessRecord.of(int(number)) for number in numbers)
        return [record for record in records if record is not None]

    def family(self) -> list[ProcessRecord]:
        """This process and what has come from it and still runs."""
        return [self, *(one for child in self.children() for one in child.family())]

    def survivors(self) -> list[ProcessRecord]:
        """Processes of the session that this one led, when it died without them. The kernel gives its number to
        nobody else as long as they live."""
        if ProcessRecord.of(self.pid) is not None:
            return []
        found = (ProcessRecord.of(int(folder.name)) for folder in Path("/proc").glob("[0-9]*"))
        return [record for record in found if record is not None and _session_of(record.pid) == self.pid]

    def title(self) -> str:
        """The command line as ``ps`` shows it; empty when the process is gone."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None


def launch(argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None) -> ProcessRecord:
    """Start a program in a session of its own, its output appended to ``log``, with a minimal environment.

    Raises HostError when it cannot be started at all.
    """
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    environment = {"PATH": path, "LANG": "C.UTF-8", "HOME": "/"}
    environment.update(env or {})
    with log.open("ab") as output:
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, output.fileno(), 1),
            (os.POSIX_SPAWN_DUP2, output.fileno(), 2),
        ]
        try:
            # Not subprocess: its objects complain when their process outlives them, which is the point here.
            pid = os.posix_spawn(argv[0], list(argv), environment, file_actions=actions, setsid=True)
        except OSError as error:
            raise HostError(f"{argv[0]} cannot be started: {error.strerror}", where=argv[0]) from error
    return ProcessRecord.of(pid) or ProcessRecord(pid, -1)


def terminate(records: Iterable[ProcessRecord], *, patience: float = 10.0) -> None:
    """Stop processes and wait until they are gone; what has not gone after ``patience`` seconds is killed.

    Each is the leader of a session. Where it died before, what is left of its session is stopped.
    """
    waiting: list[ProcessRecord] = []
    for record in records:
        waiting += [record] if record.is_running() else record.survivors()
    for record in waiting:
        _signal(record, signal.SIGTERM)
    deadline = time.monotonic() + patience
    while waiting and time.monotonic() < deadline:
        waiting = [record for record in waiting if not _gone(record)]
        time.sleep(0.01)
    for record in waiting:
        _signal(record, signal.SIGKILL)
    for record in waiting:
        while not _gone(record):
            time.sleep(0.01)
        for survivor in record.survivors():
            _signal(survivor, signal.SIGKILL)


def terminate_marked(name: str, value: str, *, patience: float = 1.0) -> None:
    """Stop every process whose environment holds ``name=value``, and those that it has started with another one."""
    while True:
        records = (ProcessRecord.of(pid) for pid in marked(name, value) if pid != os.getpid())
        found = {one for record in records if record is not None for one in record.family()}
        if not found:
            return
        terminate(found, patience=patience)


def _signal(record: ProcessRecord, sig: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        if record.is_running():
            os.kill(record.pid, sig)


def _gone(record: ProcessRecord) -> bool:
    # Our own child stays a zombie until it is waited for.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(record.pid, os.WNOHANG)
    return not record.is_running()
