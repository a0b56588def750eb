"""Runs a journaled command by its name, for a queued task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from provision_py.commands.registry import Registry
from provision_py.commands.session import Session
from provision_py.contexts.model import Context
from provision_py.drupal import settings
from provision_py.errors import ProvisionError, UsageError
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpValue
from provision_py.services import templating
from provision_py.services.base import HttpService


def supports(session: Session, name: str, context_type: str) -> bool:
    """Whether a task whose command this is can be run: by us, or by a package."""
    try:
        command = Registry(plugins=lambda: session.plugins).find(name)
    except UsageError:
        return False
    return command.journaled and context_type in command.context_types


def prepare(session: Session, name: str) -> None:
    """Import a command, the master's services and their templates, for the processes that are forked from this one.

    What cannot be prepared is left to the command, which says why.
    """
    with suppress(ProvisionError):
        Registry(plugins=lambda: session.plugins).find(name).load()
        settings.compile_templates()
        session.catalog.declared_site_properties()  # imports every service type
        for service, service_type in session.master.service_types.items():
            found = session.catalog.type_class(service, service_type)
            if issubclass(found, HttpService):
                templating.compile_templates(getattr(found, "application", "none"))


def warm_up(session: Session, name: str, context: str | None) -> None:
    """Import a command and read the alias files of a context and all that it refers to, before they are needed.

    What cannot be read is left to the command, which says why.
    """
    with suppress(ProvisionError):
        Registry(plugins=lambda: session.plugins).find(name).load()
        if context is not None:
            session.store.load(context)


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
