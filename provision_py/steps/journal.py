"""The journal of one command: a private folder that says which steps have begun.

Layout of ``<state>/journal/<id>/`` (mode 0700): ``journal.jsonl`` (one JSON object a line: ``open``, then ``begin``
and ``note`` per step, ``undone`` or ``failed`` per step whose undoing was tried, at last ``commit``), ``vault/``
(former contents of files) and ``lock`` (held by the process that runs the command; the kernel releases it when that
dies).
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from provision_py.errors import HostError
from provision_py.steps.step import Record
from provision_py.system.locks import FileLock
from provision_py.system.presence import names_in, text_of

_FILE = "journal.jsonl"


@dataclass
class Begun:
    """A step that has begun: its kind, its description and its record, notes merged in.

    ``module`` is that of the step's class: importing it registers how the step is undone.
    """

    kind: str
    description: str
    record: Record
    module: str = ""


@dataclass(frozen=True)
class UndoFailure:
    """Why the step that began last could not be undone; ``time`` in unix seconds."""

    what: str
    where: str = ""
    code: str = ""
    time: float = 0.0


@dataclass(frozen=True)
class JournalState:
    """What a journal says: whose it is, which steps have begun, and whether the command was committed.

    ``id`` is the name of its folder, ``failure`` why undoing it failed when that was last tried.
    """

    command: str
    context: str
    task: int | None
    begun: tuple[Begun, ...]
    committed: bool
    started: float
    run: str = ""
    id: str = ""
    failure: UndoFailure | None = None


@dataclass
class Journal:
    """An open journal. Make one with :func:`open_journal`."""

    path: Path
    begun: list[Begun] = field(default_factory=list)
    committed: bool = False

    @property
    def vault(self) -> Path:
        return self.path / "vault"

    def begin(self, kind: str, description: str, record: Record, module: str = "") -> int:
        """Put a step on record before it acts. Returns its number."""
        entry = {"event": "begin", "kind": kind, "description": description, "record": record, "module": module}
        self._append(entry)
        self.begun.append(Begun(kind, description, dict(record), module))
        return len(self.begun) - 1

    def note(self, number: int, facts: Mapping[str, Any]) -> None:
        """Add facts to the record of a step that acts."""
        self._append({"event": "note", "step": number, "facts": dict(facts)})
        self.begun[number].record.update(facts)

    def undone(self) -> None:
        """Forget the step that began last: it has been undone."""
        self._append({"event": "undone"})
        self.begun.pop()

    def failed(self, failure: UndoFailure) -> None:
        """Keep why the step that began last could not be undone, for people."""
        self._append({"event": "failed"} | asdict(failure))

    def commit(self) -> None:
        """Past this point nothing is undone."""
        self._append({"event": "commit"})
        self.committed = True

    def _append(self, entry: Mapping[str, Any]) -> None:
        line = json.dumps(entry) + "\n"
        try:
            with open(self.path / _FILE, "a", encoding="utf-8", opener=_private) as file:
                file.write(line)
        except OSError as error:
            raise HostError(
                f"Could not write the journal: {error.strerror}",
                where=str(self.path),
                hint="Nothing was begun without it; free some space or correct the folder's owner and try again",
            ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@contextmanager
def open_journal(
    root: Path, *, command: str, context: str, task: int | None = None, run: str = ""
) -> Iterator[Journal]:
    """A new journal below ``root``, locked while it is open.

    The folder is removed when the journal was committed or holds no step any more; otherwise (an undo failed) it
    stays for :mod:`provision_py.steps.recovery`. ``run`` identifies the run of a task to the dispatcher.
    """
    name = f"{time.time_ns()}-{secrets.token_hex(4)}"
    fresh = root / f".{name}"  # recovery does not look at it until its lock is held
    try:
        fresh.mkdir(mode=0o700, parents=True)
        (fresh / "vault").mkdir(mode=0o700)
        lock = FileLock(fresh / "lock", timeout=0)
        lock.acquire()
    except (OSError, HostError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise HostError(
            f"Could not make the journal: {getattr(error, 'strerror', None) or error}",
            where=str(fresh),
            hint="Nothing was begun without it; free some space or correct the folder's owner and try again",
        ) from error
    with lock:
        journal = Journal(fresh.rename(root / name))
        header = {"event": "open", "command": command, "context": context, "task": task, "run": run}
        try:
            journal._append(header | {"time": time.time()})
            yield journal
        finally:
            if not journal.begun or journal.committed:
                shutil.rmtree(journal.path, ignore_errors=True)


def read_journal(path: Path) -> JournalState:
    """What the journal in folder ``path`` says. A last line cut short by a kill never took effect and is ignored."""
    header: dict[str, Any] = {}
    begun: list[Begun] = []
    committed = False
    failure: UndoFailure | None = None
    for line in (text_of(path / _FILE) or "").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            break
        match entry["event"]:
            case "open":
                header = entry
            case "begin":
                begun.append(Begun(entry["kind"], entry["description"], entry["record"], entry.get("module", "")))
            case "note":
                begun[entry["step"]].record.update(entry["facts"])
            case "undone":
                begun.pop()
                failure = None
            case "failed":
                failure = UndoFailure(entry["what"], entry["where"], entry["code"], entry["time"])
            case "commit":
                committed = True
    return JournalState(
        command=header.get("command", ""),
        context=header.get("context", ""),
        task=header.get("task"),
        begun=tuple(begun),
        committed=committed,
        started=header.get("time", 0.0),
        run=header.get("run", ""),
        id=path.name,
        failure=failure,
    )


def open_journals(root: Path) -> list[JournalState]:
    """What all journals below ``root`` say, whoever writes them."""
    return [read_journal(path) for path in _folders(root)]


def _folders(root: Path) -> list[Path]:
    """Journals in the order in which they were begun."""
    return [root / name for name in names_in(root) if not name.startswith(".")]


@contextmanager
def abandoned_journals(
    root: Path, concerned: Callable[[JournalState], bool] = lambda state: True, wait: float = 0.0
) -> Iterator[list[tuple[Journal, JournalState]]]:
    """The journals below ``root`` whose process has died, locked so that nobody else takes them up too.

    Only those that are ``concerned``; for these ``wait`` seconds while somebody else has them locked.
    """
    found: list[tuple[Journal, JournalState]] = []
    locks: list[FileLock] = []
    try:
        for path in _folders(root):
            if not concerned(read_journal(path)):
                continue
            lock = FileLock(path / "lock", timeout=wait)
            try:
                lock.acquire()
            except HostError:
                continue
            locks.append(lock)
            state = read_journal(path)
            found.append((Journal(path, list(state.begun)), state))
        yield found
    finally:
        for lock in locks:
            lock.release()
