"""Runs the front end's queue: several tasks side by side, oldest first, one per object."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from provision_py.commands.invoke import prepare, supports
from provision_py.commands.session import Session
from provision_py.dispatch import recovery
from provision_py.dispatch.taskrun import run_task
from provision_py.dispatch.workers import Workers
from provision_py.errors import LockedError, ProvisionError
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.locks import DrupalLock
from provision_py.hostmaster.nodes import context_name
from provision_py.hostmaster.queue import (
    DISPATCH_LOCK,
    QUEUE_LOCK_TIMEOUT,
    dispatch_enabled,
    next_tasks,
    note_dispatch,
    note_queue_run,
    queue_settings,
    running_count,
)
from provision_py.hostmaster.tasks import ERROR, TaskRecord
from provision_py.system.stopping import Stopped
from provision_py.tasklog import TaskLog

#: Exit status of a worker whose task was taken by somebody else before it got there.
TAKEN = 3


@dataclass
class QueueRun:
    """What a run of the queue did: tasks by exit status of their workers (0: did not fail)."""

    results: dict[int, int] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(status not in (0, TAKEN) for status in self.results.values())


@dataclass
class QueueRunner:
    """Runs queued tasks in worker processes. ``new_session`` makes a session in the worker, for one task."""

    settings: DatabaseSettings
    new_session: Callable[[], Session]
    log: TaskLog
    parallel: int = 5
    _left: set[tuple[str, str]] = field(default_factory=set)

    @functools.cached_property
    def _session(self) -> Session:
        return self.new_session()

    def run(self, limit: int) -> QueueRun:
        """Run up to ``limit`` tasks and wait for them; first take up what dead runners left.

        A task is looked for whenever a place is free, so that a second task of an object runs after the first.
        """
        self.recover()
        workers = Workers(min(self.parallel, limit), self._work, self._worker_died)
        started: set[int] = set()
        try:
            with Database(self.settings) as db:
                while len(started) < limit:
                    task = self._next(db, started)
                    if task is None:
                        if not workers.running:
                            break
                        workers.wait_for_one()
                        continue
                    started.add(task.nid)
                    command = f"provision-{task.task_type}"
                    prepare(self._session, command, context_name(db, task.rid))
                    workers.start(task.nid)
            workers.wait_for_all()
        except Stopped:
            workers.stop()
            raise
        except Exception:
            # No more tasks can be found, but those that run are looked after.
            workers.finish()
            raise
        return QueueRun(workers.results)

    def _next(self, db: Database, started: set[int]) -> TaskRecord | None:
        for task in next_tasks(db, len(started) + 1, runs=self._runs):
            if task.nid not in started:
                return task
        return None

    def _runs(self, object_type: str, task_type: str) -> bool:
        if supports(self._session, f"provision-{task_type}", object_type):
            return True
        if (object_type, task_type) not in self._left:
            self._left.add((object_type, task_type))
            self.log.notice(f"Tasks of the type {task_type} on a {object_type} stay queued, for Provision")
        return False

    def _work(self, nid: int) -> int:
        try:
            with self.new_session() as session, Database(self.settings) as db:
                return 1 if run_task(session, db, nid).status == ERROR else 0
        except (LockedError, ProvisionError) as error:
            if error.code in ("HOSTING_TASK_RUNNING", "HOSTING_TASK_NOT_QUEUED"):
                return TAKEN
            self.log.error(error)
            return 1

    def _worker_died(self, nid: int, number: int) -> None:
        self.log.warning(f"The process that ran task {nid} was killed by signal {number}")
        self.recover()

    def recover(self) -> None:
        """Take up what dead runners left. A failure to do so is logged and does not stop the queue."""
        try:
            # Closed at once: a worker that is forked later must not share a connection with us.
            with self.new_session() as session, Database(self.settings) as db:
                recovery.recover_commands(session, db)
                recovery.recover_tasks(session, db)
        except ProvisionError as error:
            self.log.error(error)


def dispatch(runner: QueueRunner, *, force: bool = False, lock_wait: float = 30.0) -> QueueRun:
    """Run the task queue if the front end wants it to run now (dispatch.hosting.inc).

    Writes the front end's *last run* variables as the original does. Raises LockedError when another dispatcher
    holds the lock for longer than ``lock_wait`` seconds.
    """
    now = int(time.time())
    with Database(runner.settings) as db:
        note_dispatch(db, now)
        if not dispatch_enabled(db) and not force:
            runner.log.notice("The front end has its queues switched off (hosting_dispatch_enabled)")
            return QueueRun()
        with DrupalLock(db, DISPATCH_LOCK, timeout=QUEUE_LOCK_TIMEOUT, patience=lock_wait):
            settings = queue_settings(db)
            due = settings.items if force else settings.items_due(running_count(db), now)
            if due > 0:
                note_queue_run(db, now)
    if due <= 0:
        runner.log.notice("No task may be started now: the queue is off, ran a moment ago, or is busy")
        return QueueRun()
    return runner.run(due)
