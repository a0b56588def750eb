"""Runs a journaled command by its name, for a queued task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision_py.commands.registry import Registry
from provision_py.commands.session import Session
from provision_py.contexts.model import Context
from provision_py.errors import UsageError
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpValue


def supports(session: Session, name: str, context_type: str) -> bool:
    """Whether a task whose command this is can be run: by us, or by a package."""
    try:
        command = Registry(plugins=lambda: session.plugins).find(name)
    except UsageError:
        return False
    return command.journaled and context_type in command.context_types


def run_command(
    session: Session,
    name: str,
    context: Context,
    arguments: Sequence[str] = (),
    options: Mapping[str, PhpValue] | None = None,
) -> Outcome:
    """Run a command inside an open journal. Raises UsageError for a name that is none, and whatever it raises."""
    command = Registry(plugins=lambda: session.plugins).find(name)
    outcome = command.load()(session, context, arguments, dict(options or {}))
    if not isinstance(outcome, Outcome):
        raise UsageError(
            f"The command {name} gave no outcome",
            where=command.run,
            hint="Commands of queued tasks return a provision_py.hostmaster.outcome.Outcome",
            code="PROVISION_PLUGIN",
        )
    return outcome
