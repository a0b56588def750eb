"""A pack: masters hold the code, slaves see it on a shared disk."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.contexts.model import Server
from provision_py.contexts.properties import Property
from provision_py.services.http_group import HttpGroup
from provision_py.system.addresses import is_local

SLAVES = "slave_web_servers"
MASTERS = "master_web_servers"

_HERE = ""


class HttpPack(HttpGroup):
    """``http_service_type`` ``pack``: configuration and grants for masters and slaves, code for masters alone."""

    type = "pack"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (
            Property(SLAVES, lambda draft: {}, kind="members"),
            Property(MASTERS, lambda draft: {}, kind="members"),
            *super().server_properties(),
        )

    def config_servers(self) -> Sequence[Server]:
        """Masters first. A server that is named as both is a master."""
        return self.present((*self._masters(), *self.members_of(SLAVES)))

    def code_servers(self) -> Sequence[Server]:
        return self.present(self._masters())

    def grant_servers(self) -> Sequence[Server]:
        return self.config_servers()

    def apart(self) -> tuple[Server, ...]:
        """Members that do not see the disk of the first master: other masters, which have one of their own, and this
        machine as a slave. The code that masters get lies here, and a mount would cover it.
        """
        masters = self.code_servers()
        shared = {_machine(server) for server in masters[:1]}
        own = {_HERE, *map(_machine, masters)} - shared
        return tuple(server for server in self.config_servers() if shared and _machine(server) in own)

    def _masters(self) -> tuple[Server, ...]:
        return self._some(self.members_of(MASTERS), MASTERS)


def _machine(server: Server) -> str:
    """What tells a machine from others."""
    return _HERE if server.is_master or is_local(server.remote_host) else server.remote_host.lower().rstrip(".")
