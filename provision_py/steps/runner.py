"""Running steps, undoing them when one fails, and taking up what a dead process left."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import ProvisionError
from provision_py.steps.journal import Journal, JournalState, abandoned_journals
from provision_py.steps.step import UNDO, Step, World


def run_steps(steps: Iterable[Step], journal: Journal, world: World) -> None:
    """Run the steps in order. Does not undo: whoever holds the journal decides that with :func:`undo_all`."""
    for step in steps:
        record = step.prepare(world, journal.vault)
        number = journal.begin(step.kind, step.description, record)

        def note(facts: dict[str, object], number: int = number) -> None:
            journal.note(number, facts)

        step.apply(world, record, note)


def undo_all(journal: Journal, world: World) -> bool:
    """Undo every step of the journal, last first. True when nothing is left to undo.

    A step whose undoing fails stays on record, with all before it: they may depend on one another.
    """
    while journal.begun:
        step = journal.begun[-1]
        try:
            UNDO[step.kind](world, step.record)
        except (ProvisionError, OSError) as error:
            world.log.error(
                ProvisionError(
                    f"Could not undo “{step.description}”: {error}",
                    where=str(journal.path),
                    hint="It is tried again at the next start",
                    code="PROVISION_UNDO_FAILED",
                )
            )
            return False
        journal.undone()
    return True


@dataclass(frozen=True)
class Recovered:
    """A command that a dead process left: ``undone`` False means that its undoing failed and is owed."""

    state: JournalState
    undone: bool


def recover(
    root: Path, world: World, is_finished: Callable[[JournalState], bool | None] = lambda state: False
) -> list[Recovered]:
    """Undo the commands below ``root`` whose process died.

    ``is_finished`` may know better than the journal that a command's results were already accepted (the write-back
    was committed): then its steps stand. None means that this cannot be known now, and the command is left for later.
    """
    done: list[Recovered] = []
    with abandoned_journals(root) as abandoned:
        for journal, state in abandoned:
            finished = state.committed or is_finished(state)
            if finished is None:
                continue
            undone = finished or undo_all(journal, world)
            if undone:
                shutil.rmtree(journal.path, ignore_errors=True)
            if not finished and (state.begun or state.task is not None):
                done.append(Recovered(state, undone))
    return done
