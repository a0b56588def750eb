"""Runs a command by its name: what the dispatcher and the command line have in common."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

from provision_py.commands.session import Session
from provision_py.contexts.model import Context
from provision_py.errors import UsageError
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpValue

#: Commands that work on one context, in a journal of their own, and have an outcome for the front end.
CONTEXT_COMMANDS: dict[str, str] = {
    "provision-verify": "provision_py.commands.verify",
    "provision-install": "provision_py.commands.install",
}


def run_command(
    session: Session,
    name: str,
    context: Context,
    arguments: Sequence[str] = (),
    options: Mapping[str, PhpValue] | None = None,
) -> Outcome:
    """Run a command inside an open journal. Raises UsageError for a name that is none, and whatever it raises."""
    module = CONTEXT_COMMANDS.get(name)
    if module is None:
        raise UsageError(
            f"{name} is not supported by this version",
            where=f"@{context.name}",
            hint=f"Supported are {', '.join(sorted(CONTEXT_COMMANDS))}; nothing was changed",
            code="PROVISION_UNKNOWN_COMMAND",
        )
    outcome = importlib.import_module(module).run(session, context, arguments, dict(options or {}))
    assert isinstance(outcome, Outcome)  # noqa: S101 (the modules above are ours)
    return outcome
