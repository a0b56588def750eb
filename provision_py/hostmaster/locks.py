"""Locks in the front end's table ``semaphore``, and the sign of life of a running task.

A lock is a row with a name, a value that only its holder knows and a time when it lapses (Drupal's
includes/lock.inc), so locks of the PHP code and ours exclude each other. The clock is the database's.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final

from provision_py.errors import HostmasterError, LockedError, TaskError
from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database, DeadlockError, DuplicateError
from provision_py.hostmaster.tasks import PROCESSING, TaskRecord, load_task

#: Name of the row that says that a run of ours lives, before the task's nid.
RUN_PREFIX: Final = "provision_py_run_"
RUN_LIFETIME: Final = 30.0  # seconds that a run may be silent
RUN_INTERVAL: Final = 8.0  # seconds between two signs of life

_ACCEPTED: Final = ":accepted"
_POLL: Final = 0.1  # seconds


def unique_value() -> str:
    """A value for a lock that says whose it is: host, process, and a random part after the mark of the machine."""
    return f"{socket.gethostname()}:{os.getpid()}:{_machine()}-{secrets.token_hex(8)}"


def _machine() -> str:
    """Where our process ids mean something: this boot of this machine, this container. Host names may be shared."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()[:8]
        return f"{boot}-{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return "unknown"


class DrupalLock:
    """One named lock. As a context manager it raises LockedError when somebody else holds it.

    ``timeout`` is how long the lock lives without :meth:`renew`, in seconds; ``patience`` how long the context
    manager waits for it.
    """

    def __init__(self, db: Database, name: str, timeout: float = 30.0, patience: float = 0.0) -> None:
        self.db = db
        self.name = name
        self.timeout = timeout
        self.patience = patience
        self.value = unique_value()

    def acquire(self) -> bool:
        """Take the lock if it is free or lapsed; renew it if it is ours. True when it is ours now."""
        if self.renew():
            return True
        return _take(self.db, self.name, self.value, self.timeout)

    def wait(self, seconds: float) -> bool:
        """Try for so long to take the lock. True when it is ours now."""
        deadline = time.monotonic() + seconds
        while not self.acquire():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def renew(self) -> bool:
        """Let the lock live ``timeout`` seconds from now. False when it is not ours (any more)."""
        values = {"name": self.name, "value": self.value, "seconds": self.timeout}
        return self.db.execute(queries.RENEW_LOCK, values) == 1

    def release(self) -> None:
        """Give the lock back; no harm when it is not ours."""
        self.db.execute(queries.RELEASE_LOCK, {"name": self.name, "value": self.value})

    def holder(self) -> str | None:
        """The value of whoever holds the lock; None when nobody does."""
        value = self.db.value(queries.LOCK_HOLDER, {"name": self.name})
        return None if value is None else str(value)

    def __enter__(self) -> DrupalLock:
        if not self.wait(self.patience):
            raise LockedError(
                f"The lock {self.name} of the front end is held by {self.holder() or 'somebody else'}",
                where=self.db.settings.where,
                hint=f"It is given back when its holder is done, or lapses by itself {self.timeout:.0f} s after that",
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Heartbeat:
    """Shows, while it is open, that the run of a task is alive; a thread renews the row on a connection of its own,
    which is opened when that is due for the first time: most runs are over by then.

    Open it *before* the task is claimed and close it after its final status is stored: then a run that dies at any
    moment in between is found by :func:`stale_runs`. Raises TaskError (HOSTING_TASK_RUNNING) when another living
    runner of ours has the task. The row goes at the end; a row that lapsed is taken over. ``accepted``: it is known
    already that the results are stored.
    """

    def __init__(
        self,
        db: Database,
        nid: int,
        *,
        accepted: bool = False,
        lifetime: float = RUN_LIFETIME,
        interval: float = RUN_INTERVAL,
    ) -> None:
        self.nid = nid
        self.name = f"{RUN_PREFIX}{nid}"
        self.value = unique_value()
        self.lifetime = lifetime
        self.interval = interval
        self._db = db
        self._accepted = accepted
        self._own = db.sibling()
        self._lost = threading.Event()
        self._abandoned = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{nid}", daemon=True)

    @property
    def lost(self) -> bool:
        """True when somebody took the run away because it seemed dead; stop it, its results do not count."""
        return self._lost.is_set()

    def mark_accepted(self, db: Database) -> None:
        """Put on record, in the open transaction of ``db``, that the results of this run are stored with it.

        Should the run die later, :func:`was_accepted` tells its recovery not to undo anything. Raises HostmasterError
        (PROVISION_RUN_LOST) when the run was taken away meanwhile, so that the transaction is given up.
        """
        if db.execute(queries.ACCEPT_RUN, self._values()) != 1:
            self._lost.set()
            raise HostmasterError(
                f"The run of task {self.nid} was given up by a recovery, because it had shown no sign of life",
                where=db.settings.where,
                hint="See that the machine is not overloaded and its connection to the database is stable",
                code="PROVISION_RUN_LOST",
            )

    @contextmanager
    def abandoned_on_failure(self) -> Iterator[None]:
        """Should what is done within fail, the task is left to :func:`stale_runs`: at the end the row does not go,
        but lapses at once. To be used as soon as the task is *processing*."""
        try:
            yield
        except BaseException:
            self._abandoned = True
            raise

    def __enter__(self) -> Heartbeat:
        value = self.value + (_ACCEPTED if self._accepted else "")
        if not _take(self._db, self.name, value, self.lifetime):
            raise TaskError(
                f"Task {self.nid} is being run already",
                hint="Its runner is alive; wait until it is done",
                code="HOSTING_TASK_RUNNING",
            )
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        try:
            if self._abandoned:
                for value in (self.value, self.value + _ACCEPTED):
                    self._db.execute(queries.EXPIRE_RUN, {"name": self.name, "value": value})
            else:
                self._db.execute(queries.RELEASE_RUN, self._values())
        except HostmasterError:
            # The row lapses by itself.
            if error is None:
                raise

    def _beat(self) -> None:
        with self._own:
            self._renew()

    def _renew(self) -> None:
        while not self._stop.wait(self.interval):
            try:
                if self._own.execute(queries.RENEW_RUN, {**self._values(), "seconds": self.lifetime}) == 0:
                    self._lost.set()
                    return
            except HostmasterError:
                # The server is away. The row is there when it comes back, and lapses if that takes too long.
                continue

    def _values(self) -> dict[str, object]:
        return {"name": self.name, "value": self.value, "accepted": self.value + _ACCEPTED}


def was_accepted(db: Database, nid: int, run: str) -> bool:
    """Whether the results of a dead run (``run``: its Heartbeat's value) had been stored before it died."""
    value = db.value(queries.LOCK_HOLDER, {"name": f"{RUN_PREFIX}{nid}"})
    return value is not None and str(value) == run + _ACCEPTED


def accepted_run(db: Database, nid: int) -> bool:
    """Whether the results of the last run of a task, whichever it was, had been stored."""
    value = db.value(queries.LOCK_HOLDER, {"name": f"{RUN_PREFIX}{nid}"})
    return value is not None and str(value).endswith(_ACCEPTED)


def expire_dead_runs(db: Database) -> int:
    """Let the rows of this machine's runs lapse now whose process is gone; how many.

    Runs of other machines and containers, and from before a restart of this one, lapse by themselves.
    """
    machine = _machine()
    count = 0
    for row in db.rows(queries.RUNS, {"start": RUN_PREFIX}):
        value = str(row["value"])
        _host, _colon, rest = value.partition(":")
        pid, _colon, mark = rest.partition(":")
        if machine != "unknown" and mark.startswith(f"{machine}-") and not _is_alive(pid):
            count += db.execute(queries.EXPIRE_RUN, {"name": row["name"], "value": value})
    return count


def _is_alive(pid: str) -> bool:
    """Whether a process of this number runs; one that has ended and is not waited for yet does not."""
    try:
        state = Path(f"/proc/{int(pid)}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return False
    return state not in "ZX"


def stale_runs(db: Database) -> list[TaskRecord]:
    """Tasks that are *processing* on their current revision and whose runner, one of ours, has died.

    Runs of the PHP code have no sign of life and are never among them. Whoever recovers a task opens its Heartbeat:
    only one can.
    """
    found = []
    for nid in _expired_nids(db):
        try:
            task = load_task(db, nid)
        except TaskError:
            continue
        if task.status == PROCESSING:
            found.append(task)
    return found


def sweep_runs(db: Database) -> int:
    """Remove lapsed rows of runs that left nothing to recover (killed before the claim, task deleted); how many."""
    stale = {task.nid for task in stale_runs(db)}
    names = [f"{RUN_PREFIX}{nid}" for nid in _expired_nids(db) if nid not in stale]
    return sum(db.execute(queries.DROP_EXPIRED_LOCK, {"name": name}) for name in names)


def _expired_nids(db: Database) -> list[int]:
    names = (str(row["name"]) for row in db.rows(queries.EXPIRED_RUNS, {"start": RUN_PREFIX}))
    numbers = (name.removeprefix(RUN_PREFIX) for name in names)
    return sorted(int(number) for number in numbers if number.isascii() and number.isdigit())


def _take(db: Database, name: str, value: str, seconds: float) -> bool:
    """Make the row of a lock ours: a lapsed one, or a new one. The primary key lets one of many succeed.

    There is no moment without the row of a run that is taken over: who dies then would leave a task that says
    *processing* and is nobody's.
    """
    values = {"name": name, "value": value, "seconds": seconds}
    for _attempt in range(3):
        try:
            if db.execute(queries.TAKE_EXPIRED_LOCK, values) == 1:
                return True
            db.insert(queries.TAKE_LOCK, values)
        except DuplicateError:
            return False
        except DeadlockError:
            continue
        return True
    return False
