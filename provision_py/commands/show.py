"""``site:alias``: print contexts as they are on disk."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from provision_py.commands.results import Shown
from provision_py.contexts.model import Context
from provision_py.contexts.names import context_name
from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError, ProvisionError
from provision_py.php.values import PhpArray, PhpValue, says_yes
from provision_py.system.presence import is_folder

if TYPE_CHECKING:
    from provision_py.commands.session import Session

STARS = "********"

_SECRET_KEY = re.compile(r"passw|secret|token", re.IGNORECASE)
#: The password of an URL ends at the last @ before the path, whether it was encoded or not.
_URL_PASSWORD = re.compile(r"(?P<before>[a-z][a-z0-9+.-]*://[^:/@\s]*:)(?P<password>.*)(?P<after>@[^@]*)", re.DOTALL)


def run(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> Shown:
    """Print the named contexts, or the names of all. Raises ContextError for one that is missing or unreadable."""
    problems: list[ProvisionError] = []
    data = records(session.store, arguments, with_secrets=says_yes(options.get("with-secrets")), problems=problems)
    for problem in problems:
        session.log.error(problem)
    if not data and not problems:
        tell_empty(session)
    return Shown(
        data,
        as_php=lambda: as_php(data),
        as_table=None if arguments else lambda: overview(data),
        status=1 if problems else 0,
    )


def tell_empty(session: Session) -> None:
    """Say that there are no contexts: it is seldom what somebody expects who asks for them.

    Raises ContextError when there is not even a folder for them.
    """
    folder = session.store.drush_dir
    if not is_folder(folder):
        raise ContextError(
            "There is no folder of alias files",
            where=str(folder),
            hint="Give the right one with --drush-dir; provision-save of @server_master makes it",
        )
    session.log.warning(f"There are no contexts in {folder}")


def records(
    store: ContextStore,
    names: Sequence[str],
    *,
    with_secrets: bool = False,
    problems: list[ProvisionError] | None = None,
) -> PhpArray:
    """Records by name. Of all contexts when ``names`` is empty: then unreadable ones are noted in ``problems``."""
    found: PhpArray = {}
    for name in names or store.names():
        try:
            record = store.record(name)
        except ProvisionError as error:
            if names or problems is None:
                raise
            problems.append(error)
            continue
        found[context_name(name)] = record if with_secrets else masked(record)
    return found


def masked(record: Mapping[int | str, PhpValue]) -> PhpArray:
    """A record with stars for passwords: under telling keys, and in addresses such as ``mysql://user:…@host``."""
    return {key: _masked(key, value) for key, value in record.items()}


def _masked(key: int | str, value: PhpValue) -> PhpValue:
    if isinstance(value, dict):
        return masked(value)
    if not isinstance(value, str) or not value:
        return value
    if _SECRET_KEY.search(str(key)):
        return STARS
    return _URL_PASSWORD.sub(rf"\g<before>{STARS}\g<after>", value)


def as_php(data: PhpArray) -> str:
    """Alias files, one after the other."""
    from provision_py.php.files import render_alias

    files = [render_alias(str(name), record) for name, record in data.items() if isinstance(record, dict)]
    return "".join(file if number == 0 else file.partition("\n")[2] for number, file in enumerate(files))


def overview(data: PhpArray) -> str:
    """A line for each context: name, type, and what it is about."""
    rows = [("context", "type", "")]
    for name, record in data.items():
        if isinstance(record, dict):
            about = record.get("uri") or record.get("root") or record.get("remote_host") or ""
            rows.append((f"@{name}", str(record.get("context_type") or ""), str(about)))
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    return "".join(f"{row[0]:<{widths[0]}}  {row[1]:<{widths[1]}}  {row[2]}".rstrip() + "\n" for row in rows)
