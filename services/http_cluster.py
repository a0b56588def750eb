"""A cluster: every member gets everything."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.contexts.model import Server
from provision_py.contexts.properties import Property
from provision_py.services.http_group import HttpGroup

MEMBERS = "cluster_web_servers"


class HttpCluster(HttpGroup):
    """``http_service_type`` ``cluster``: configuration, code and grants for each member."""

    type = "cluster"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (Property(MEMBERS, lambda draft: {}, kind="members"), *super().server_properties())

    def config_servers(self) -> Sequence[Server]:
        return self.present(self._some(self.members_of(MEMBERS), MEMBERS))

    def code_servers(self) -> Sequence[Server]:
        return self.config_servers()

    def grant_servers(self) -> Sequence[Server]:
        return self.config_servers()
