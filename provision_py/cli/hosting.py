"""The front end's commands, called from the command line: where its database is, and sessions for the workers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from provision_py.commands.session import Session, new_session
from provision_py.contexts.model import Context
from provision_py.dispatch import commands
from provision_py.hostmaster.connection import DatabaseSettings
from provision_py.hostmaster.discovery import find_settings, settings_from_environment
from provision_py.php.values import PhpValue
from provision_py.tasklog import LogEntry, TaskLog


@dataclass(frozen=True)
class Forward:
    """Hands a worker's entries on to where the command's own entries go."""

    log: TaskLog

    def write(self, entry: LogEntry) -> None:
        self.log.entry(entry)


def hosting_task(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> int:
    return commands.hosting_task(session, _settings(session), arguments, options)


def hosting_tasks(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> int:
    return commands.hosting_tasks(_sessions_like(session), _settings(session), arguments, options)


def hosting_dispatch(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> int:
    return commands.hosting_dispatch(_sessions_like(session), _settings(session), arguments, options)


def _settings(session: Session) -> DatabaseSettings:
    return find_settings(session.store.drush_dir, settings_from_environment(os.environ))


def _sessions_like(session: Session) -> Callable[[], Session]:
    """Each worker has a session of its own, so that what one remembers or begins is not another one's."""
    given = {str(name): value for name, value in session.options.items()}
    return lambda: new_session(session.store.drush_dir, session.plugins, sinks=[Forward(session.log)], options=given)
