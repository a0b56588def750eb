"""One run of one queued task: claim, save the context, run the command, write the outcome back.

The order of what the front end sees is that of the original (hosting: task.hosting.inc): a new revision with status
*processing*, log rows as they come, the results, the duration, and at last the status that follows from the log.
The results, the duration and the mark that says so are one transaction; the journal of the command is closed after
it. So a run that is killed is either undone as a whole or accepted as a whole, never half of each.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

from provision_py.commands.invoke import run_command, supports, warm_up
from provision_py.commands.session import Session
from provision_py.dispatch import contextlocks
from provision_py.dispatch.logsink import HostmasterSink
from provision_py.dispatch.recovery import recover_context
from provision_py.errors import ProvisionError, TaskError
from provision_py.hostmaster.connection import Database, LostError, UnreachableError
from provision_py.hostmaster.context_options import CommandLine, command_line, master_url, subject_options
from provision_py.hostmaster.features import Features, load_features
from provision_py.hostmaster.locks import Heartbeat, was_accepted
from provision_py.hostmaster.nodes import find_node
from provision_py.hostmaster.outcome import Outcome
from provision_py.hostmaster.subjects import Subject, load_subject
from provision_py.hostmaster.tasks import TaskOutline, TaskRecord, claim_task, end_run, finish, outline_task
from provision_py.hostmaster.writeback import apply_failure, apply_success, is_foreign
from provision_py.system.stopping import Stopped, deferring_signals
from provision_py.tasklog import LogEntry

T = TypeVar("T")

#: How long a run waits for the front end's database to come back, and between two attempts, in seconds.
PATIENCE = 120.0
RETRY_INTERVAL = 0.5

#: How long a task waits for other tasks on its object and what that stands on, in seconds.
LOCK_TIMEOUT = 3600.0


@dataclass(frozen=True)
class Finished:
    """How a run ended: ``status`` as the front end stores it (1 success, 2 error, 3 warning)."""

    task: TaskRecord
    status: int
    seconds: float


@dataclass(frozen=True)
class _Front:
    """What is known of the front end, and of the task's object, before the claim."""

    features: Features
    address: str | None
    object_type: str | None


def run_task(session: Session, db: Database, nid: int, *, force: bool = False) -> Finished:
    """Run the task with node ``nid``.

    Raises TaskError (nothing was written) when it is not there, not queued, or taken by another runner. Whatever goes
    wrong afterwards ends in the task's log and status.
    """
    outline = _outline(session, db, nid)
    # What needs no claim comes before it: from then on people see the task running and wait for its log.
    front = _Front(load_features(db), master_url(db), outline.object_type)
    warm_up(session, f"provision-{outline.task_type}", outline.context)
    with Heartbeat(db, nid) as heartbeat, db.sibling() as log_db:
        log_db.connect()
        task = claim_task(db, nid, now=int(time.time()), force=force, features=front.features)
        started = time.monotonic()
        with heartbeat.abandoned_on_failure():
            stopped = _run_and_log(session, db, log_db, task, heartbeat, started, front)
            # The status follows from the log, so every row of it must be there.
            status = patiently(lambda: finish(db, task))
    if stopped is not None:
        raise stopped
    return Finished(task, status, time.monotonic() - started)


def _run_and_log(
    session: Session,
    db: Database,
    log_db: Database,
    task: TaskRecord,
    heartbeat: Heartbeat,
    started: float,
    front: _Front,
) -> Stopped | None:
    with HostmasterSink(log_db, task, debug=session.flag("debug", False)) as sink:
        session.log.add_sink(sink)
        try:
            stopped = _run_claimed(session, db, task, heartbeat, started, front)
        finally:
            session.log.remove_sink(sink)
        patiently(sink.flush)
    return stopped


def patiently(work: Callable[[], T]) -> T:
    """Do ``work`` on the front end's database, again and again while that is away, for up to PATIENCE seconds."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return work()
        except (LostError, UnreachableError):
            if time.monotonic() >= deadline:
                raise
        time.sleep(RETRY_INTERVAL)


def _outline(session: Session, db: Database, nid: int) -> TaskOutline:
    """What a task is. Raises TaskError for one that only Provision can run; it stays queued."""
    task = outline_task(db, nid)
    if task.object_type is not None:
        check_supported(session, task.task_type, task.object_type, where=f"task {nid}")
    return task


def check_supported(session: Session, task_type: str, object_type: str, *, where: str) -> None:
    """Raises TaskError (PROVISION_UNSUPPORTED_TASK) for a task that only Provision can run."""
    if not supports(session, f"provision-{task_type}", object_type):
        raise TaskError(
            f"Tasks of the type {task_type} on a {object_type} are not supported by this version",
            where=where,
            hint="Queue it in the front end and run it with Provision; a queued one stays queued",
            code="PROVISION_UNSUPPORTED_TASK",
        )


def _run_claimed(
    session: Session, db: Database, task: TaskRecord, heartbeat: Heartbeat, started: float, front: _Front
) -> Stopped | None:
    """Run a task to its results, good or bad; the signal that stopped it, if one did."""
    session.log.entry(LogEntry("queue", f"Run of the task has begun: {task.title}"))
    try:
        _run(session, db, task, heartbeat, started, front)
    except ProvisionError as error:
        session.report(error)
        _write_failure(session, db, task, started)
    except Stopped as stopped:
        if session.committed:
            return stopped
        session.report(
            ProvisionError("The task was stopped from outside", hint="Run it again", code="PROVISION_STOPPED")
        )
        _write_failure(session, db, task, started)
        return stopped
    except Exception as error:
        _log_defect(session, error)
        _write_failure(session, db, task, started)
    return None


def _run(
    session: Session, db: Database, task: TaskRecord, heartbeat: Heartbeat, started: float, front: _Front
) -> None:
    subject = load_subject(db, task.rid, front.object_type)
    call = command_line(db, task, subject)
    if call.saves_context:
        _save_context(session, db, subject, front)
    if call.context is None:
        raise TaskError(f"What the task is about has been deleted: {task.title}", code="PROVISION_MISSING_CONTEXT")
    context = session.store.load(call.context)
    locks = contextlocks.locks_for(context)
    with ExitStack() as stack:
        stack.enter_context(contextlocks.hold(session.state / "locks", locks, timeout=LOCK_TIMEOUT))
        recover_context(session, db, context)
        stack.enter_context(session.journaled(call.command, call.context, task=task.nid, run=heartbeat.value))
        outcome = run_command(session, call.command, context, call.arguments, call.options)
        _write_success(session, db, task, call, outcome, heartbeat, started)


def _save_context(session: Session, db: Database, subject: Subject, front: _Front) -> None:
    """Push the front end's values of a task's object down into its alias file."""
    name, options = subject_options(db, subject, front.features, front.address)
    session.store.save(name, options)
    session.log.info(f"Stored the context @{name}")


def _write_success(
    session: Session,
    db: Database,
    task: TaskRecord,
    call: CommandLine,
    outcome: Outcome,
    heartbeat: Heartbeat,
    started: float,
) -> None:
    now = _start(task)

    def write() -> list[tuple[str, str]]:
        # Again, because the run may have taken long.
        features = load_features(db)
        end_run(db, task, time.monotonic() - started, features)
        foreign = is_foreign(call.object_type, task.task_type)
        lines = [] if foreign else apply_success(db, task, call.object_type, outcome, now=now, features=features)
        heartbeat.mark_accepted(db)
        return lines

    def accept() -> list[tuple[str, str]]:
        # From here on the run either has failed or stands: no signal may come between the two halves of that.
        with deferring_signals():
            # The answer to a former attempt may have been lost.
            done = was_accepted(db, task.nid, heartbeat.value)
            lines = [] if done else db.retrying(write)
            session.commit()
        return lines

    for kind, message in patiently(accept):
        session.log.entry(LogEntry(kind, message))


def _write_failure(session: Session, db: Database, task: TaskRecord, started: float) -> None:
    codes = tuple(session.log.error_codes)
    now = _start(task)

    def write() -> None:
        end_run(db, task, time.monotonic() - started)
        node = find_node(db, task.rid)
        if node is not None:
            apply_failure(db, task, node.type, codes, now=now)

    patiently(lambda: db.retrying(write))


def _start(task: TaskRecord) -> int:
    """The start of the run, unix seconds: the time that the original stores with all results."""
    return task.executed if task.executed is not None else int(time.time())


def _log_defect(session: Session, error: Exception) -> None:
    """An exception that is none of ours is a defect of provision-py: say so, with the place, never with values."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    places = " < ".join(f"{f.filename.rsplit('provision_py/', 1)[-1]}:{f.lineno}" for f in reversed(frames))
    session.report(
        ProvisionError(
            f"provision-py failed unexpectedly: {type(error).__name__}",
            where=places,
            hint="This is a defect of provision-py; report it with these places",
            code="PROVISION_INTERNAL",
        )
    )
