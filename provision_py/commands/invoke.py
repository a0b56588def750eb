"""Runs a journaled command by its name, for a queued task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from provision_py.commands.registry import Registry
from provision_py.commands.session import Session
from provision_py.contexts.model import Context, Server, Site
from provision_py.drupal import settings
from provision_py.errors import UsageError
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpValue
from provision_py.services import templating
from provision_py.services.base import HttpService
from provision_py.system.addresses import is_local_by_name


def supports(session: Session, name: str, context_type: str) -> bool:
    """Whether a task whose command this is can be run: by us, or by a package."""
    try:
        command = Registry(plugins=lambda: session.plugins).find(name)
    except UsageError:
        return False
    return command.journaled and context_type in command.context_types


def prepare(session: Session, name: str, context: str | None) -> None:
    """Import a command, the services of the master and of a context's servers, their templates and what reaches other
    machines, for the processes that are forked from this one.

    What cannot be prepared, be it a template of the admin's that is broken, is left to the command, which says why:
    other tasks wait for this process.
    """
    warm_up(session, name, context)
    with suppress(Exception):
        settings.compile_templates()
    with suppress(Exception):
        session.catalog.declared_site_properties()  # imports every service type
    with suppress(Exception):
        _prepare_servers(session, [session.master])
    if context is not None:
        with suppress(Exception):
            _prepare_servers(session, _servers(session.store.load(context)))


def _prepare_servers(session: Session, servers: Sequence[Server]) -> None:
    for server in servers:
        for service, service_type in server.service_types.items():
            found = session.catalog.type_class(service, service_type)
            if issubclass(found, HttpService):
                templating.compile_templates(getattr(found, "application", "none"))
    # By name only: to look a name up may take long, and all tasks would wait for it.
    here = session.master.remote_host
    if not all(server.remote_host == here or is_local_by_name(server.remote_host) for server in servers):
        import paramiko  # noqa: F401


def _servers(context: Context) -> list[Server]:
    """The servers that a context's commands reach."""
    if isinstance(context, Server):
        return [context, *context.members.values()]
    if isinstance(context, Site):
        return [*_servers(context.web_server), context.db_server]
    return _servers(context.web_server)


def warm_up(session: Session, name: str, context: str | None) -> None:
    """Import a command and read the alias files of a context and all that it refers to, before they are needed.

    What cannot be read is left to the command, which says why.
    """
    with suppress(Exception):
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
