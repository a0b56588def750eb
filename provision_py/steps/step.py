"""What a step is.

A step says beforehand, as plain JSON, what its undoing would need; that record is on disk before the step acts.
So undoing never depends on the memory of the process that acted: after a kill, the next process reads the record
and hands it to the same ``undo`` function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol, TypeAlias, runtime_checkable

from provision_py.system.host import Host
from provision_py.tasklog import TaskLog

#: JSON-able data of a step: what its undo needs. Never holds a secret.
Record: TypeAlias = dict[str, Any]

#: Adds facts to a step's record while it acts (e.g. "the database is made now").
Note: TypeAlias = Callable[[Record], None]


class DatabaseAdmin(Protocol):
    """What undoing needs of a database server."""

    def drop_database(self, name: str) -> bool:
        """Drop it. True when there was one."""
        ...

    def is_empty(self, name: str) -> bool:
        """True when the database exists and holds no table."""
        ...

    def drop_account(self, user: str, host: str) -> bool:
        """Drop the account. True when there was one."""
        ...


class World(Protocol):
    """What steps act on. The commands layer implements it from contexts and services."""

    @property
    def log(self) -> TaskLog: ...

    def host(self, server: str) -> Host:
        """The host of a server context. Raises HostError when it cannot be reached."""
        ...

    def database_admin(self, server: str) -> DatabaseAdmin:
        """Administrator's access to a database server context."""
        ...

    def reload_lock(self, server: str) -> Path:
        """Path of the lock that guards changes of a server's web configuration."""
        ...


class Step(Protocol):
    """One reversible action. ``kind`` names the undo function of :data:`UNDO`."""

    @property
    def kind(self) -> str: ...

    @property
    def description(self) -> str:
        """What it does, for people: ``Write the configuration of the web server``."""
        ...

    def prepare(self, world: World, vault: Path) -> Record:
        """Look, do not touch: the record that undo will get. ``vault`` is a private folder for copies."""
        ...

    def apply(self, world: World, record: Record, note: Note) -> None:
        """Act. May raise any ProvisionError; what was done until then is undone from the record."""
        ...


@runtime_checkable
class ExclusiveStep(Step, Protocol):
    """A step during which nobody else may touch what it touches, from its look until it has acted: so the record
    tells what the step has indeed replaced."""

    def hold(self, world: World) -> AbstractContextManager[None]:
        """Keeps others out. Raises LockedError."""
        ...


UndoFunction: TypeAlias = Callable[[World, Mapping[str, Any]], None]

#: Undo functions by step kind. Each tolerates a step that was done wholly, in part, or not at all.
UNDO: dict[str, UndoFunction] = {}


#: Functions by step kind that take away, once a command is committed, what was kept for undoing it elsewhere.
CLEAN_UP: dict[str, UndoFunction] = {}


def cleans_up(kind: str) -> Callable[[UndoFunction], UndoFunction]:
    """Register what is to be done after the commit for steps of a kind, from their records. It may be done twice."""

    def register(function: UndoFunction) -> UndoFunction:
        CLEAN_UP[kind] = function
        return function

    return register


def undoes(kind: str) -> Callable[[UndoFunction], UndoFunction]:
    """Register the undo function of a step kind."""

    def register(function: UndoFunction) -> UndoFunction:
        UNDO[kind] = function
        return function

    return register
