"""``hosting-task``, ``hosting-tasks``, ``hosting-dispatch``: the front end's drush commands, without drush."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from provision_py.commands.session import Session
from provision_py.dispatch import recovery
from provision_py.dispatch.queue import QueueRunner, dispatch
from provision_py.dispatch.taskrun import check_supported, run_task
from provision_py.errors import TaskError, UsageError
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.nodes import load_node, nid_of_context
from provision_py.hostmaster.queue import QUEUE_LOCK_WAIT
from provision_py.hostmaster.tasks import ERROR, STATUS_LABELS, create_task
from provision_py.php.values import PhpValue, says_yes

#: Tasks that ``hosting-tasks`` runs when it is not told how many (hosting.queues.inc).
DEFAULT_ITEMS = 5

NewSession = Callable[[], Session]


def hosting_task(
    session: Session, settings: DatabaseSettings, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> int:
    """Run one task: ``NID``, or ``@context TYPE [name=value …]``, which makes the task first.

    Exit status 0 when it did not fail. Raises TaskError when it is not there, not queued (``--force`` runs it all
    the same) or being run.
    """
    with Database(settings) as db:
        recovery.recover_commands(session, db)
        recovery.recover_tasks(session, db)
        nid = _task_number(session, db, arguments)
        finished = run_task(session, db, nid, force=says_yes(options.get("force")))
    session.log.notice(f"Task {nid} ended: {STATUS_LABELS[finished.status]} ({finished.seconds:.1f} s)")
    return 1 if finished.status == ERROR else 0


def _task_number(session: Session, db: Database, arguments: Sequence[str]) -> int:
    match list(arguments):
        case [number] if number.isascii() and number.isdigit():
            return int(number)
        case [name, task_type, *pairs] if name.startswith("@"):
            rid = nid_of_context(db, name.removeprefix("@"))
            if rid is None:
                raise TaskError(
                    f"The front end knows no context {name}",
                    where=db.settings.where,
                    hint="Names are those of the alias files: provision-py site:alias lists them",
                )
            check_supported(session, task_type, load_node(db, rid).type, where=name)
            nid = create_task(db, rid, task_type, _pairs(pairs), now=int(time.time()))
            if nid is None:
                raise TaskError(f"The front end allows no task {task_type} on {name}", where=db.settings.where)
            return nid
        case _:
            raise UsageError("Name a task by its number, or a context and a task type", hint=_USAGE)


_USAGE = "provision-py hosting-task NID, or provision-py hosting-task @context TYPE [name=value …]"


def _pairs(texts: Sequence[str]) -> dict[str, object]:
    pairs: dict[str, object] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"{text!r} is no argument of a task", hint=f"Write name=value. {_USAGE}")
        pairs[name] = value
    return pairs


def hosting_tasks(
    new_session: NewSession, settings: DatabaseSettings, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> int:
    """Run queued tasks, ``--items`` at most, ``--parallel`` of them side by side. Exit status 1 when one failed."""
    items = positive(options, "items", DEFAULT_ITEMS)
    runner = QueueRunner(settings, new_session, new_session().log, positive(options, "parallel", items))
    return 1 if runner.run(items).failed else 0


def hosting_dispatch(
    new_session: NewSession, settings: DatabaseSettings, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> int:
    """Run the queue as the front end's settings ask for now. Meant for cron, once a minute."""
    runner = QueueRunner(settings, new_session, new_session().log, positive(options, "parallel", DEFAULT_ITEMS))
    run = dispatch(
        runner,
        force=says_yes(options.get("force")),
        lock_wait=float(positive(options, "lock-wait", int(QUEUE_LOCK_WAIT))),
    )
    return 1 if run.failed else 0


def positive(options: Mapping[str, PhpValue], name: str, default: int) -> int:
    """A whole number above 0. Raises UsageError."""
    value = options.get(name)
    if value is None:
        return default
    text = str(value)
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise UsageError(f"--{name} needs a whole number above 0, not {text!r}")
    return int(text)
