"""Which servers a step's record names, and what of a step may be left on one that is not undone. Pure.

Records are plain data of many kinds, also of other packages. A part of one belongs to a server when the server's name
stands in it by itself, as a value, in a list, or as a key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision_py.steps.journal import Begun


@dataclass(frozen=True)
class Left:
    """What one step may have left on a server; ``things`` in words: paths, databases, accounts."""

    server: str
    step: str
    things: tuple[str, ...]

    def __str__(self) -> str:
        return f"@{self.server}: {self.step}" + (f" ({', '.join(self.things)})" if self.things else "")


def names(record: object, server: str) -> bool:
    """Whether undoing by this record has to do with the server."""
    return next(_parts(record, server), None) is not None


def servers_named(record: object) -> tuple[str, ...]:
    """The servers that a record names, as far as they can be told from other texts."""
    return tuple(dict.fromkeys(_servers(record)))


def left_on(steps: Sequence[Begun], servers: Collection[str]) -> list[Left]:
    """What steps leave on servers when nothing is undone there, in the order of the steps."""
    found = []
    for step in steps:
        for server in sorted(servers):
            parts = list(_parts(step.record, server))
            if parts:
                things = dict.fromkeys(thing for part in parts for thing in _things(part))
                found.append(Left(server, step.description, tuple(things)))
    return found


def _parts(value: object, server: str) -> Iterator[Mapping[str, Any]]:
    """The innermost mappings that name the server themselves."""
    if isinstance(value, Mapping):
        if server in value or any(_is_named(server, item) for item in value.values()):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _parts(item, server)


def _is_named(server: str, value: object) -> bool:
    return value == server or (isinstance(value, list) and server in value)


def _servers(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(value.get("server"), str):
            yield value["server"]
        for key, item in value.items():
            if str(key).startswith("server_"):
                yield str(key)
            yield from _servers(item)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, str) and item.startswith("server_"):
                yield item
            else:
                yield from _servers(item)


def _things(part: Mapping[str, Any]) -> Iterator[str]:
    """What a part is about: paths, or a database with its accounts."""
    for key, value in part.items():
        if key == "path" and isinstance(value, str):
            yield value
        elif key == "user" and isinstance(value, str):
            accounts = part.get("new_accounts") or part.get("missing") or ()
            if isinstance(part.get("name"), str):
                yield f"database {part['name']}"
            yield from (f"account {value}@{host}" for host in accounts)
        elif isinstance(value, Mapping):
            yield from _things(value)
        elif isinstance(value, list):
            for item in value:
                if isinstance(item, Mapping):
                    yield from _things(item)
