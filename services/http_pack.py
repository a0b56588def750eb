"""A pack: masters hold the code, slaves see it on a shared disk."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.contexts.model import Server
from provision_py.contexts.properties import Property
from provision_py.services.http_group import HttpGroup

SLAVES = "slave_web_servers"
MASTERS = "master_web_servers"


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

    def _masters(self) -> tuple[Server, ...]:
        return self._some(self.members_of(MASTERS), MASTERS)
