"""A world in which some servers are gone for good: undoing passes over what belongs on them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from provision_py.steps.step import DatabaseAdmin, World
from provision_py.system.gone import GoneHost
from provision_py.system.host import Host
from provision_py.tasklog import TaskLog


@dataclass(frozen=True)
class WithoutServers:
    """``world`` without the servers ``gone``, by the names of their contexts, which may be gone too."""

    world: World
    gone: frozenset[str]

    @property
    def log(self) -> TaskLog:
        return self.world.log

    def host(self, server: str) -> Host:
        return GoneHost(f"@{server}") if server in self.gone else self.world.host(server)

    def database_admin(self, server: str) -> DatabaseAdmin:
        return GoneDatabases() if server in self.gone else self.world.database_admin(server)

    def reload_lock(self, server: str) -> Path:
        return self.world.reload_lock(server)


class GoneDatabases:
    """A database server that is gone: there is nothing to drop."""

    def drop_database(self, name: str) -> bool:
        return False

    def is_empty(self, name: str) -> bool:
        return False

    def drop_account(self, user: str, host: str) -> bool:
        return False
