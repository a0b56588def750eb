"""Running steps, undoing them when one fails, and taking up what a dead process left."""

from __future__ import annotations

import contextlib
import importlib
import shutil
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import HostError, LockedError, ProvisionError
from provision_py.steps.journal import Begun, Journal, JournalState, UndoFailure, abandoned_journals
from provision_py.steps.step import CLEAN_UP, UNDO, ExclusiveStep, Step, UndoFunction, World


def run_steps(steps: Iterable[Step], journal: Journal, world: World) -> None:
    """Run the steps in order. Does not undo: whoever holds the journal decides that with :func:`undo_all`."""
    for step in steps:
        with step.hold(world) if isinstance(step, ExclusiveStep) else nullcontext():
            record = step.prepare(world, journal.vault)
            number = journal.begin(step.kind, step.description, record, type(step).__module__)

            def note(facts: dict[str, object], number: int = number) -> None:
                journal.note(number, facts)

            step.apply(world, record, note)


def undo_all(journal: Journal, world: World) -> bool:
    """Undo every step of the journal, last first. True when nothing is left to undo.

    A step whose undoing fails stays on record, with all before it: they may depend on one another. A journal that
    cannot be written, because its disk is full, does not stop this: undoing a step twice does no harm.
    """
    while journal.begun:
        step = journal.begun[-1]
        try:
            _undo_of(step)(world, step.record)
        except (ProvisionError, OSError) as error:
            with contextlib.suppress(HostError):
                journal.failed(_why(error))
            world.log.error(
                ProvisionError(
                    f"Could not undo “{step.description}”: {error}",
                    where=str(journal.path),
                    hint="It is tried again at the next start; provision-py recover --list tells what is owed",
                    code="PROVISION_UNDO_FAILED",
                )
            )
            return False
        try:
            journal.undone()
        except HostError:
            journal.begun.pop()
    return True


def _why(error: ProvisionError | OSError) -> UndoFailure:
    if isinstance(error, ProvisionError):
        return UndoFailure(error.what, error.where, error.code, time.time())
    return UndoFailure(str(error), time=time.time())


def clean_up(steps: Iterable[Begun], world: World) -> None:
    """Take away what a committed command has kept for its undoing outside of its journal.

    A failure is told and nothing else: what remains is removed by the next command that keeps something there.
    """
    for step in steps:
        _import(step)
        if step.kind in CLEAN_UP:
            try:
                CLEAN_UP[step.kind](world, step.record)
            except (ProvisionError, OSError) as error:
                world.log.notice(f"What was kept to undo “{step.description}” is not all removed yet: {error}")


def _import(step: Begun) -> None:
    """A process that only recovers may not have imported the step's module yet."""
    if step.kind not in UNDO and step.module:
        with contextlib.suppress(ImportError):
            importlib.import_module(step.module)


def _undo_of(step: Begun) -> UndoFunction:
    """How a step is undone. Raises ProvisionError."""
    _import(step)
    if step.kind not in UNDO:
        raise ProvisionError(
            f"Nothing here knows how to undo a step of the kind {step.kind}",
            where=step.module,
            hint="Install the package again that brings it",
        )
    return UNDO[step.kind]


@dataclass(frozen=True)
class Recovered:
    """A command that a dead process left: ``undone`` False means that its undoing is still owed."""

    state: JournalState
    undone: bool


def recover(
    root: Path,
    world: World,
    is_finished: Callable[[JournalState], bool | None] = lambda state: False,
    *,
    concerned: Callable[[JournalState], bool] = lambda state: True,
    hold: Callable[[JournalState], AbstractContextManager[None]] = lambda state: nullcontext(),
    wait: float = 0.0,
    undo: Callable[[Journal, World], bool] = undo_all,
) -> list[Recovered]:
    """Undo the commands below ``root`` whose process died.

    ``is_finished`` may know better than the journal that a command's results were already accepted (the write-back
    was committed): then its steps stand. None means that this cannot be known now, and the command is left for later.
    Only the commands that are ``concerned`` are looked at. ``hold`` gives the locks that undoing one needs; one
    whose locks are not free is left alone. ``wait`` is how long to wait for a journal that somebody else looks at, in
    seconds. ``undo`` is what undoes one: True when nothing is left to undo.
    """
    done: list[Recovered] = []
    with abandoned_journals(root, concerned, wait) as abandoned:
        for journal, state in abandoned:
            finished = state.committed or is_finished(state)
            undone = bool(finished)
            if finished is False:
                try:
                    with hold(state):
                        undone = undo(journal, world)
                except LockedError:
                    continue
            elif finished:
                clean_up(state.begun, world)
            if undone:
                shutil.rmtree(journal.path, ignore_errors=True)
            if not finished and (state.begun or state.task is not None):
                done.append(Recovered(state, undone))
    return done
