"""``recover`` from the command line: with the front end's database where there is one that answers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.contexts.model import Context
from provision_py.dispatch import owed
from provision_py.errors import ProvisionError
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.discovery import find_settings, settings_from_environment
from provision_py.php.values import PhpValue


def run(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> Shown | int:
    """The context is an argument: it may be one that has been removed meanwhile."""
    name = arguments[0].removeprefix("@") if arguments else None
    try:
        settings = find_settings(session.store.drush_dir, settings_from_environment(os.environ))
        db = Database(settings)
        db.connect()
    except ProvisionError as error:
        session.log.notice(f"The front end is not asked: {error}")
        return owed.run(session, None, name, options)
    with db:
        return owed.run(session, db, name, options)
