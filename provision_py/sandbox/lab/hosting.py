"""The hosting system of a lab: on the hub, with the lab's database server and the hub's own web server."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

from provision_py.errors import HostError
from provision_py.hostmaster.connection import DatabaseSettings
from provision_py.sandbox.base import Accounts
from provision_py.sandbox.frontend import FrontEnd, ServiceForm
from provision_py.sandbox.installation import Layout, install
from provision_py.sandbox.lab.disk import AEGIR_HOME
from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.mariadb import DatabaseServer, quoted

MODULES = {"hosting_web_cluster": 6000, "hosting_web_pack": 6000}

INSERT_CLUSTER_MEMBER = (
    "INSERT INTO {hosting_web_cluster} (vid, nid, web_server_nid) VALUES (%(vid)s, %(nid)s, %(member)s)"
)
INSERT_PACK_MEMBER = (
    "INSERT INTO {hosting_web_pack} (vid, nid, web_server_nid, type) VALUES (%(vid)s, %(nid)s, %(member)s, %(type)s)"
)


@dataclass(frozen=True)
class HubWebServer:
    """The web server on the hub; where its php-fpm listens is for a verify to find out."""

    application: str
    restart_command: str
    port: int = 80
    php_fpm: None = None


@dataclass(frozen=True)
class Installed:
    """What an installation tells about itself: where its database is and the node ids of what it has."""

    settings: DatabaseSettings
    nodes: Mapping[str, int]
    modules: frozenset[str]


class LabHosting:
    """A hosting system on the hub of a lab. The caller fills in its forms and runs its commands."""

    def __init__(self, lab: Lab, front_end: FrontEnd, uri: str) -> None:
        self.lab = lab
        self.front_end = front_end
        self.uri = uri

    @classmethod
    def install(cls, lab: Lab, *, modules: Mapping[str, int] = MODULES, database: str = "hostmaster") -> LabHosting:
        """Install it, with alias files and nothing queued. Raises HostError."""
        hub = lab.hub
        web = HubWebServer(hub.spec.web, hub.restart_command)
        layout = Layout(
            Path(AEGIR_HOME),
            uri=hub.full_name,
            database=database,
            modules=modules,
            accounts=Accounts("aegir", "www-data", "www-data", "mysql", is_root=False),
        )
        # The hub reaches the database by the network; the socket that the caller uses means nothing there.
        installed = hub.call(install_here, layout, replace(lab.database, socket=None), web)
        front_end = FrontEnd(replace(installed.settings, socket=str(lab.database.socket)))
        # Its account may come from anywhere, but "localhost" is a name of its own for the server.
        _let_in_by_socket(lab.database, installed.settings)
        front_end.modules = set(installed.modules)
        for name, nid in installed.nodes.items():
            setattr(front_end, name, nid)
        return cls(lab, front_end, hub.full_name)

    def add_web_server(self, host: LabHost, **options: Any) -> int:
        """The node of a member, as its form would save it; its verify is queued."""
        form = ServiceForm("http", host.spec.web, 80, host.restart_command)
        return self.front_end.add_server(host.full_name, [form], **options)

    def add_cluster(self, name: str, members: Sequence[int], *, verify: bool = True) -> int:
        """A cluster of the servers with these node ids; its own node id."""
        rows = [{"member": member} for member in members]
        return self._add_group(name, "cluster", INSERT_CLUSTER_MEMBER, rows, verify)

    def add_pack(self, name: str, masters: Sequence[int], slaves: Sequence[int], *, verify: bool = True) -> int:
        """A pack of the servers with these node ids; its own node id."""
        rows = [{"member": member, "type": "master"} for member in masters]
        rows += [{"member": member, "type": "slave"} for member in slaves]
        return self._add_group(name, "pack", INSERT_PACK_MEMBER, rows, verify)

    def _add_group(self, name: str, kind: str, sql: str, rows: Sequence[Mapping[str, object]], verify: bool) -> int:
        db = self.front_end.db
        with db.transaction():
            nid = self.front_end.add_server(name, [ServiceForm("http", kind, 80)], verify=verify)
            node = db.row("SELECT vid FROM {node} WHERE nid = %s", (nid,))
            for row in rows:
                db.insert(sql, {"nid": nid, "vid": node["vid"] if node else 0, **row})
        return nid

    def provision(self, *arguments: str, check: bool = True, timeout: float = 300.0) -> CompletedProcess[str]:
        """Run ``provision-py`` on the hub as the Aegir account. Raises HostError."""
        argv = [sys.executable, "-m", "provision_py.cli.main", *arguments]
        return self.lab.hub.run(argv, user="aegir", cwd=AEGIR_HOME, check=check, timeout=timeout)

    def dispatch(self, *options: str) -> CompletedProcess[str]:
        """Run what is queued, as the crontab would. Raises HostError."""
        return self.provision("hosting-dispatch", "--force", *options, check=False)

    def said(self, nid: int | None = None) -> str:
        """The log of a task, or of all."""
        rows = self.front_end.log_after(0)
        return "\n".join(f"{row.type}: {row.message}" for row in rows if nid in (None, row.nid))

    def close(self) -> None:
        self.front_end.close()


def install_here(layout: Layout, database: DatabaseServer, web: HubWebServer) -> Installed:
    """Called on the hub."""
    if web.application not in ("apache", "nginx"):
        raise HostError("The hub has no web server", hint="Start the lab with one")
    installation = install(layout, database, web)
    front_end = installation.front_end
    names: Sequence[str] = ("client", "web_server", "db_server", "platform", "site")
    nodes = {name: int(getattr(front_end, name)) for name in names}
    front_end.close()
    return Installed(installation.settings, nodes, frozenset(front_end.modules))


def _let_in_by_socket(database: DatabaseServer, settings: DatabaseSettings) -> None:
    user, password = settings.user, settings.password.reveal()
    database.query("CREATE USER IF NOT EXISTS %s@'localhost' IDENTIFIED BY %s", (user, password))
    database.query(f"GRANT ALL ON {quoted(settings.database)}.* TO %s@'localhost'", (user,))
