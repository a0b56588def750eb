"""Takes up what dead runners left: half-done commands on this machine, tasks that say *processing* for ever."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

from provision_py.commands.session import Session
from provision_py.contexts.model import Context
from provision_py.dispatch import contextlocks
from provision_py.errors import HostmasterError, ProvisionError
from provision_py.steps.journal import JournalState, open_journals
from provision_py.steps.runner import Recovered, recover

# The front end's database is imported where it is used: commands from the command line do without it.
if TYPE_CHECKING:
    from provision_py.hostmaster.connection import Database
    from provision_py.hostmaster.tasks import TaskRecord

#: How long the start of a command waits for a recovery that looks at the same journal, in seconds.
RECOVERY_WAIT = 30.0


def recover_commands(session: Session, db: Database | None) -> list[Recovered]:
    """Undo the commands whose process died, unless the front end has accepted their results.

    Without a connection to the front end its tasks are left for later, and so are commands on what is worked on now:
    who works there has seen to it, see :func:`recover_context`.
    """

    found = recover(session.state / "journal", session, acceptance(db), hold=locks_of(session))
    _tell(session, found)
    return found


def locks_of(session: Session) -> Callable[[JournalState], AbstractContextManager[None]]:
    """The locks that undoing a command needs, those of its context; none where that is gone."""

    def hold(state: JournalState) -> AbstractContextManager[None]:
        try:
            locks = contextlocks.locks_for(session.store.load(state.context))
        except ProvisionError:
            return nullcontext()
        return contextlocks.hold(session.state / "locks", locks, timeout=0)

    return hold


def recover_context(session: Session, db: Database | None, context: Context) -> None:
    """Undo what dead commands on ``context`` have left, before another one begins there. Its locks are held.

    Raises ProvisionError (PROVISION_UNDO_FAILED) when that cannot be done now.
    """

    def concerned(state: JournalState) -> bool:
        return state.context == context.name

    found = recover(session.state / "journal", session, acceptance(db), concerned=concerned, wait=RECOVERY_WAIT)
    _tell(session, found)
    if any(not one.undone for one in found):
        raise ProvisionError(
            "A former command was interrupted, and what it had begun cannot be undone now",
            where=f"@{context.name}",
            hint=f"Nothing new was begun. provision-py @{context.name} recover --list tells what is owed and why;"
            " where a server is gone for good, recover --without=@server gives up what was done there",
            code="PROVISION_UNDO_FAILED",
        )


def acceptance(db: Database | None) -> Callable[[JournalState], bool | None]:
    """Whether the front end has accepted the results of a command; None when it cannot be asked now."""

    def accepted(state: JournalState) -> bool | None:
        if state.task is None:
            return False
        try:
            if db is None:
                return None
            from provision_py.hostmaster.locks import was_accepted

            return was_accepted(db, state.task, state.run)
        except HostmasterError:
            return None

    return accepted


def _tell(session: Session, found: Sequence[Recovered]) -> None:
    for one in found:
        if one.undone and one.state.begun:
            what = f"{one.state.command} of @{one.state.context}"
            session.log.info(f"{what} had been interrupted; what it had begun was undone")


def recover_tasks(session: Session, db: Database) -> list[TaskRecord]:
    """Finish the tasks whose runner, one of ours, has died. Call it after :func:`recover_commands`."""
    from provision_py.hostmaster.locks import Heartbeat, accepted_run, expire_dead_runs, stale_runs, sweep_runs

    done = []
    expire_dead_runs(db)
    for task in stale_runs(db):
        accepted = accepted_run(db, task.nid)
        try:
            with Heartbeat(db, task.nid, accepted=accepted) as heartbeat, heartbeat.abandoned_on_failure():
                _finish_dead(session, db, task, accepted)
        except ProvisionError as error:
            session.log.warning(f"The interrupted task {task.nid} is left for later: {error}", code=error.code)
            continue
        done.append(task)
    sweep_runs(db)
    return done


def _finish_dead(session: Session, db: Database, task: TaskRecord, accepted: bool) -> None:
    from provision_py.dispatch.logsink import HostmasterSink
    from provision_py.hostmaster.nodes import find_node
    from provision_py.hostmaster.tasks import end_run, finish
    from provision_py.hostmaster.writeback import apply_failure

    if not accepted:
        with HostmasterSink(db.sibling(), task) as sink:
            session.log.add_sink(sink)
            try:
                owed = any(state.task == task.nid for state in open_journals(session.state / "journal"))
                session.log.error(
                    ProvisionError(
                        "The process that ran the task has died",
                        hint="What it had begun could not all be undone yet; each start of the queue tries it again"
                        if owed
                        else "What it had begun was undone; run the task again",
                        code="PROVISION_RUNNER_DIED",
                    )
                )
            finally:
                session.log.remove_sink(sink)
        node = find_node(db, task.rid)
        now = int(time.time())

        def write() -> None:
            end_run(db, task, max(1.0, time.time() - (task.executed or now)))
            if node is not None:
                apply_failure(db, task, node.type, ("PROVISION_RUNNER_DIED",), now=now)

        db.retrying(write)
    finish(db, task)
