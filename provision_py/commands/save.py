"""``provision-save``: store a context, or remove its file (provision.drush.inc; backend.md 3)."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from provision_py.commands.registry import COMMANDS
from provision_py.contexts.model import Context, Server
from provision_py.contexts.names import context_name
from provision_py.contexts.server import CORE_PROPERTIES as SERVER_PROPERTIES
from provision_py.contexts.server import declared_properties
from provision_py.contexts.site import CORE_PROPERTIES as SITE_PROPERTIES
from provision_py.contexts.store import ContextStore
from provision_py.contexts.values import RESET
from provision_py.errors import ContextError, HostError, UsageError
from provision_py.php.keys import string_key
from provision_py.php.values import PhpArray, PhpValue, php_list, says_yes, truthy
from provision_py.steps.journal import open_journals
from provision_py.steps.leftovers import names

if TYPE_CHECKING:
    from provision_py.commands.session import Session

#: Options of the command itself; all others are properties of the context.
OWN_OPTIONS = frozenset({"delete", "from-json"})

#: How alike two names are of which one is the other misspelt; ``alias`` and ``aliases`` are just so.
_ALIKE = 0.83


def run(session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> int:
    """Store the context, then what its services find out on the server itself.

    The file is written before the services are asked, so that wrong values can be corrected by saving again. Raises
    ContextError or ServiceError (nothing was written), DatabaseError or HostError (the file is written).
    """
    if len(arguments) != 1:
        raise UsageError(
            "The name of the context is missing", hint="provision-py provision-save @name --option=value"
        )
    name = arguments[0]
    if says_yes(options.get("delete")):
        _check_nothing_owed(session, name.removeprefix("@"))
        there = session.store.delete(name)
        session.log.success(f"Removed the context {name}" if there else f"There was no context {name}")
        return 0
    saved = save(session.store, name, options)
    _tell_unchanged(session, saved.name, options)
    if isinstance(saved, Server):
        _ask_server(session, saved)
    also = "" if saved.name == context_name(name) else f", which @{context_name(name)} is an extra alias of"
    session.log.success(f"Stored the context @{saved.name}{also}")
    if sys.stderr.isatty():
        _tell_misspelt(session, saved, options)
    return 0


def _tell_unchanged(session: Session, name: str, options: Mapping[str, PhpValue]) -> None:
    """Warn of options that look as if they took something away: the front end sends them for “nothing to say”."""
    record = session.store.record(name)
    for key, value in options.items():
        if isinstance(value, str) and not truthy(value) and truthy(record.get(key)):
            session.log.warning(f"{key} stays as it was: --{key}={value} says nothing, --{key}={RESET} resets it")


def _tell_misspelt(session: Session, saved: Context, options: Mapping[str, PhpValue]) -> None:
    """Warn of options that were passed over and look like a property.

    For people only: others hand on what they know, as drush does, and options without a meaning here are no mistake.
    """
    for name, near in misspelt(options, known_properties(session.store, saved)).items():
        session.log.warning(f"--{name} is not known and was passed over. Did you mean --{near}?")


def known_properties(store: ContextStore, saved: Context) -> frozenset[str]:
    """Names that an option of ``provision-save`` may have, whatever the type of the context."""
    listed = next(command.options for command in COMMANDS if command.name == "provision-save")
    catalog = store.catalog
    return frozenset(
        {option.name for option in listed}
        | {*SERVER_PROPERTIES, *SITE_PROPERTIES, *saved.extra}
        | declared_properties(catalog)
        | catalog.declared_site_properties()
    )


def misspelt(options: Iterable[str], known: Collection[str]) -> dict[str, str]:
    """Names that are not known but nearly one that is: that one for each."""
    import difflib

    strange = [name for name in options if name not in known]
    found = {name: difflib.get_close_matches(name, known, n=1, cutoff=_ALIKE) for name in strange}
    return {name: near[0] for name, near in found.items() if near}


def _check_nothing_owed(session: Session, name: str) -> None:
    """Refuse to remove a server on which something is still to be undone: without its context, it cannot be reached.

    Raises ContextError (PROVISION_UNDO_OWED).
    """
    store = session.store
    if not (store.exists("server_master") and store.exists(name)):
        return
    for state in open_journals(session.state / "journal"):
        # The type is asked last: a file that cannot be read can still be removed when nothing is owed.
        if any(names(step.record, name) for step in state.begun) and store.type_of(name) == "server":
            raise ContextError(
                f"{state.command} of @{state.context} is running or was interrupted, and what it has done on @{name}"
                " may have to be undone there",
                where=f"journal {state.id}",
                hint=f"Wait until it has ended; else run provision-py recover, or, if the server is gone for good,"
                f" provision-py recover --without=@{name}",
                code="PROVISION_UNDO_OWED",
            )


def _ask_server(session: Session, server: Server) -> None:
    """Store what the server's own programs tell of themselves."""
    for service in server.service_types:
        try:
            server = session.learn(server, service)
        except HostError as error:
            if not error.code.startswith("PROVISION_SSH_"):
                raise
            session.log.notice(f"Not asked about its {service} service: {error}")


def save(store: ContextStore, name: str, options: Mapping[str, PhpValue]) -> Context:
    """Store a context from options as they stand on the command line; those of ``--from-json`` count less."""
    source = options.get("from-json")
    merged: dict[str, PhpValue] = dict(options_from_json(str(source))) if source else {}
    merged.update({key: value for key, value in options.items() if key not in OWN_OPTIONS})
    return store.save(name, merged)


def options_from_json(source: str) -> dict[str, PhpValue]:
    """Options from a JSON object in a file, or on standard input for ``-``. Raises UsageError."""
    try:
        text = sys.stdin.read() if source == "-" else Path(source).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise UsageError(f"The options cannot be read: {error.strerror}", where=source) from error
    except ValueError as error:
        raise UsageError(f"The options are not JSON: {error}", where=source) from error
    if not isinstance(found, dict):
        raise UsageError("The options are no JSON object", where=source, hint='Write {"name": "value"}')
    return {name: _php(value) for name, value in found.items()}


def _php(value: object) -> PhpValue:
    if isinstance(value, dict):
        array: PhpArray = {string_key(str(key)): _php(item) for key, item in value.items()}
        return array
    if isinstance(value, list):
        return php_list(_php(item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"JSON has no {type(value).__name__}")
