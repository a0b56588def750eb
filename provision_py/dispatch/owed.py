"""``recover``: undo what interrupted commands have left, or give up what belongs on a server that is gone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.dispatch.recovery import acceptance, locks_of
from provision_py.errors import LockedError, UsageError
from provision_py.hostmaster.connection import Database
from provision_py.php.values import PhpArray, PhpValue, php_list, says_yes
from provision_py.steps import givenup
from provision_py.steps.journal import Begun, Journal, JournalState, open_journals
from provision_py.steps.leftovers import Left, left_on, names, servers_named
from provision_py.steps.runner import Recovered, recover, undo_all
from provision_py.steps.step import World
from provision_py.steps.without import WithoutServers
from provision_py.system.locks import FileLock
from provision_py.system.stopping import deferring_signals

GIVEN_UP = "PROVISION_GIVEN_UP"

#: How long to wait for another process that looks at the same journal, in seconds.
WAIT = 10.0

#: Undoes a journal, True when nothing is left to undo.
Undo = Callable[[Journal, World], bool]


@dataclass(frozen=True)
class Chosen:
    """What was asked for: commands on one context or on any (None); what to give up, if anything."""

    context: str | None
    journal: str
    servers: frozenset[str]

    def concerns(self, state: JournalState) -> bool:
        if self.context is not None and state.context != self.context:
            return False
        if self.journal and state.id != self.journal:
            return False
        return not self.servers or any(names(step.record, server) for step in state.begun for server in self.servers)


def run(session: Session, db: Database | None, context: str | None, options: Mapping[str, PhpValue]) -> Shown | int:
    """List what is owed, undo it now, or give up. Exit status 1 while something is still owed.

    ``db`` None: the front end cannot be asked whether it has accepted a task's results, so its tasks are only listed
    or given up by their number. Raises UsageError when nothing is owed that was named, or nobody has confirmed.
    """
    chosen = _chosen(session, context, options)
    found = [state for state in owed(session, db) if chosen.concerns(state)]
    if says_yes(options.get("list")):
        return Shown(php_list(_data(state) for state in found), as_table=lambda: _table(found))
    if not found:
        if chosen.journal:
            raise UsageError(f"No undo {chosen.journal} is owed", hint="provision-py recover --list has all of them")
        session.log.info("Nothing is owed" + (" there" if context or chosen.servers else ""))
        return 0
    if chosen.journal or chosen.servers:
        _confirm(_to_give_up(found, chosen, session.master.name), confirmed=says_yes(options.get("yes")))
    with deferring_signals():
        done = recover(
            session.state / "journal",
            session,
            (lambda state: False) if chosen.journal else acceptance(db),
            concerned=chosen.concerns,
            hold=locks_of(session),
            wait=WAIT,
            undo=_undo(session, chosen),
        )
    return _told(session, found, done)


def _chosen(session: Session, context: str | None, options: Mapping[str, PhpValue]) -> Chosen:
    journal = str(options.get("give-up") or "")
    without = str(options.get("without") or "").split(",")
    servers = frozenset(name.strip().removeprefix("@") for name in without) - {""}
    if sum(map(bool, (says_yes(options.get("list")), journal, servers))) > 1:
        raise UsageError("recover lists, gives up or undoes without servers", hint="Give one of these options")
    if session.master.name in servers:
        raise UsageError(
            f"@{session.master.name} is where this runs",
            where="--without",
            hint="Give up a whole undo by its number instead: --give-up=NUMBER",
        )
    return Chosen(context, journal, servers)


def owed(session: Session, db: Database | None) -> list[JournalState]:
    """Commands that have been interrupted and are not undone, first begun first."""
    root = session.state / "journal"
    accepted = acceptance(db)
    found = []
    for state in open_journals(root):
        if state.committed or not state.begun or accepted(state):
            continue
        try:
            with FileLock(root / state.id / "lock", timeout=0):
                found.append(state)
        except LockedError:
            continue  # its process lives
    return found


def _undo(session: Session, chosen: Chosen) -> Undo:
    def give_up(journal: Journal, world: World) -> bool:
        state = _state_of(session, journal)
        left = _whole(_last_first(journal), session.master.name)
        file = givenup.keep(session.state, state, [*givenup.kept(session.state, state), *left])
        givenup.put_away(session.state, state, journal.path)
        _tell_left(session, state, left, str(file))
        return True

    def undo_without(journal: Journal, world: World) -> bool:
        state = _state_of(session, journal)
        steps = _last_first(journal)
        former = givenup.kept(session.state, state)
        # On record before anything is undone: a step that has been passed over is in no journal any more.
        file = givenup.keep(session.state, state, [*former, *left_on(steps, chosen.servers)])
        done = undo_all(journal, WithoutServers(world, chosen.servers))
        left = left_on(steps[: len(steps) - len(journal.begun)], chosen.servers)
        if left or former:
            givenup.keep(session.state, state, [*former, *left])
            _tell_left(session, state, left, str(file))
        else:
            givenup.forget(session.state, state)
        return done

    if chosen.journal:
        return give_up
    return undo_without if chosen.servers else undo_all


def _state_of(session: Session, journal: Journal) -> JournalState:
    return next(state for state in open_journals(session.state / "journal") if state.id == journal.path.name)


def _last_first(journal: Journal) -> list[Begun]:
    return list(reversed(journal.begun))


def _tell_left(session: Session, state: JournalState, left: Sequence[Left], file: str) -> None:
    for one in left:
        session.log.warning(f"Given up, so this may be left on {one}", code=GIVEN_UP)
    session.log.info(f"What was given up of {_name(state)} is kept in {file}")


def _told(session: Session, before: Sequence[JournalState], done: Sequence[Recovered]) -> int:
    """Log what became of each; the exit status."""
    outcome = {one.state.id: one.undone for one in done}
    there = {state.id for state in open_journals(session.state / "journal")}
    for state in before:
        if state.id not in there or outcome.get(state.id):
            session.log.success(f"Nothing is owed any more of {_name(state)}")
        elif state.id not in outcome:
            session.log.warning(
                f"{_name(state)} was left alone: something works on @{state.context}, or the front end cannot be"
                " asked whether it has accepted the results"
            )
        else:
            session.log.warning(f"Still owed: {_name(state)}")
    return 1 if any(state.id in there and not outcome.get(state.id) for state in before) else 0


def _confirm(what: str, *, confirmed: bool) -> None:
    """Raises UsageError unless somebody agrees."""
    if confirmed:
        return
    if not sys.stdin.isatty():
        raise UsageError("To give up needs a confirmation, and nothing was done", where=what, hint="Add --yes")
    sys.stderr.write(f"{what}\nGive that up? (y/n) ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise UsageError("Not confirmed, and nothing was done")


def _whole(steps: Sequence[Begun], hub: str) -> list[Left]:
    """What is left where nothing is undone; on the hub, where a step names no server."""
    return [
        left
        for step in steps
        for left in left_on([step], servers_named(step.record)) or [Left(hub, step.description, ())]
    ]


def _to_give_up(found: Sequence[JournalState], chosen: Chosen, hub: str) -> str:
    lines = []
    for state in found:
        steps = list(reversed(state.begun))
        left = left_on(steps, chosen.servers) if chosen.servers else _whole(steps, hub)
        lines += [f"{_name(state)}: will be left on {one}" for one in left]
    return "\n".join(lines)


def _name(state: JournalState) -> str:
    task = f", task {state.task}" if state.task is not None else ""
    return f"{state.command} of @{state.context} ({state.id}{task})"


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _data(state: JournalState) -> PhpArray:
    steps = [
        {"step": step.description, "servers": php_list(servers_named(step.record))} for step in reversed(state.begun)
    ]
    failure: PhpArray | None = None if state.failure is None else dict(asdict(state.failure).items())
    return {
        "journal": state.id,
        "command": state.command,
        "context": state.context,
        "task": state.task,
        "started": state.started,
        "steps": php_list(steps),  # type: ignore[arg-type] # a dict of str is a PHP array, which mypy cannot see
        "failure": failure,
    }


def _table(found: Sequence[JournalState]) -> str:
    if not found:
        return "Nothing is owed\n"
    lines = []
    for state in found:
        task = f", task {state.task}" if state.task is not None else ""
        lines.append(f"{state.id}: {state.command} of @{state.context}{task}, begun {_when(state.started)}")
        if state.failure is not None:
            where = f" ({state.failure.where})" if state.failure.where else ""
            code = f" [{state.failure.code}]" if state.failure.code else ""
            lines.append(f"  could not be undone at {_when(state.failure.time)}: {state.failure.what}{where}{code}")
        lines.append("  still to undo, in this order:")
        for step in reversed(state.begun):
            on = ", ".join(f"@{server}" for server in servers_named(step.record))
            lines.append(f"    {step.description}" + (f": {on}" if on else ""))
    return "\n".join(lines) + "\n"
