"""Takes up what dead runners left: half-done commands on this machine, tasks that say *processing* for ever."""

from __future__ import annotations

import time

from provision_py.commands.session import Session
from provision_py.dispatch.logsink import HostmasterSink
from provision_py.errors import ProvisionError
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.locks import (
    Heartbeat,
    accepted_run,
    expire_dead_runs,
    stale_runs,
    sweep_runs,
    was_accepted,
)
from provision_py.hostmaster.nodes import find_node
from provision_py.hostmaster.tasks import TaskRecord, end_run, finish
from provision_py.hostmaster.writeback import apply_failure
from provision_py.steps.journal import JournalState
from provision_py.steps.runner import Recovered, recover


def recover_commands(session: Session, db: Database | None) -> list[Recovered]:
    """Undo the commands whose process died, unless the front end has accepted their results."""

    def accepted(state: JournalState) -> bool | None:
        if state.task is None:
            return False
        return None if db is None else was_accepted(db, state.task, state.run)

    found = recover(session.state / "journal", session, accepted)
    for one in found:
        what = f"{one.state.command} of @{one.state.context}"
        if one.undone:
            session.log.info(f"{what} had been interrupted; what it had begun was undone")
    return found


def recover_tasks(session: Session, db: Database) -> list[TaskRecord]:
    """Finish the tasks whose runner, one of ours, has died. Call it after :func:`recover_commands`."""
    done = []
    expire_dead_runs(db)
    for task in stale_runs(db):
        accepted = accepted_run(db, task.nid)
        try:
            with Heartbeat(db, task.nid) as heartbeat:
                if accepted:
                    heartbeat.mark_accepted(db)
                _finish_dead(session, db, task, accepted)
        except ProvisionError as error:
            session.log.warning(f"The interrupted task {task.nid} is left for later: {error}", code=error.code)
            continue
        done.append(task)
    sweep_runs(db)
    return done


def _finish_dead(session: Session, db: Database, task: TaskRecord, accepted: bool) -> None:
    if not accepted:
        with HostmasterSink(db, task) as sink:
            session.log.add_sink(sink)
            try:
                session.log.error(
                    ProvisionError(
                        "The process that ran the task has died",
                        hint="What it had begun was undone; run the task again",
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
