"""A lab: several hosts in one network, up in seconds, gone without a trace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.lab.faults import Faults
from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import NETWORK, HostSpec, default_hosts
from provision_py.sandbox.lab.namespaces import check_permission
from provision_py.sandbox.lab.start import Start, Started, cable, check_hosts, exposed_folders, run_on_switch
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.webserver import Response

FOLDER_PREFIX = "provision-py-lab-"


class Lab:
    """Running hosts, by name: ``lab["web1"]`` or ``lab.web1``. Make it with :meth:`start`; a context manager.

    ``hub`` is the first host: the one from which the accounts ``root`` and ``aegir`` reach all others by ssh.
    ``shared`` is a folder that every host sees under the caller's name for it and where every account may write.
    """

    def __init__(self, sandbox: Sandbox, started: Started, disk_size: str) -> None:
        self.sandbox = sandbox
        self.shared = sandbox.path / "shared"
        self.hosts = dict(started.hosts)
        self.faults = Faults(self._set_cable, disk_size)
        self._started = started

    @classmethod
    def start(
        cls,
        hosts: Sequence[HostSpec] | None = None,
        *,
        webs: int = 2,
        disk_size: str = "512m",
        expose: Sequence[Path] = (),
    ) -> Lab:
        """Start the given hosts, or ``hub``, ``web1`` … as many as ``webs`` says, and ``db``.

        ``disk_size``: how much each may write, as for tmpfs. ``expose``: more folders of the machine that hosts see.
        Raises LabNotPermittedError, MissingProgramError, HostError.
        """
        specs = tuple(hosts) if hosts is not None else default_hosts(webs)
        check_hosts(specs)
        check_permission()
        sandbox = Sandbox.create(prefix=FOLDER_PREFIX)
        start = Start(sandbox, specs, disk_size, exposed_folders(sandbox, expose))
        try:
            return cls(sandbox, start.run(), disk_size)
        except BaseException:
            start.give_up()
            sandbox.remove()
            raise

    def stop(self) -> None:
        """End every host and remove everything."""
        holders = [*(host.holder for host in self.hosts.values()), self._started.switch]
        for holder in holders:
            holder.end()
        for holder in holders:
            holder.wait()
        if self.sandbox.path.exists():
            self.sandbox.remove()

    def __enter__(self) -> Lab:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # Hosts

    def __getitem__(self, name: str) -> LabHost:
        try:
            return self.hosts[name]
        except KeyError:
            raise HostError(f"The lab has no host {name}", hint=f"It has {', '.join(self.hosts)}") from None

    def __getattr__(self, name: str) -> LabHost:
        hosts: dict[str, LabHost] = self.__dict__.get("hosts", {})
        if name in hosts:
            return hosts[name]
        raise AttributeError(f"The lab has no host {name}")

    @property
    def hub(self) -> LabHost:
        return next(iter(self.hosts.values()))

    @property
    def webs(self) -> list[LabHost]:
        """The hosts with a web server, the hub's own left out."""
        return [host for host in self.hosts.values() if host.spec.web != "none" and host is not self.hub]

    @property
    def database(self) -> DatabaseServer:
        """The database server. The caller reaches it by its socket; hosts by ``host`` and ``port``."""
        if self._started.database is None:
            raise HostError("No host of the lab runs a database")
        return self._started.database

    # Ways in

    def enter(self, host: str, argv: Sequence[str], *, user: str = "root", cwd: str = "/") -> list[str]:
        """The argument list that runs ``argv`` on a host, see LabHost.enter."""
        return self[host].enter(argv, user=user, cwd=cwd)

    def fetch(self, to: str, path: str = "/", *, host: str, **options: Any) -> Response:
        """What a member answers to the hub, asked by its own address for the site ``host``. Raises OSError."""
        return self.hub.fetch(self[to].address, path, host=host, **options)

    def share(self, server: LabHost, *clients: LabHost, folder: str = "/var/aegir/platforms") -> None:
        """Let ``clients`` mount a folder of ``server`` as the page on packs describes it: exports, fstab, mount.

        ``folder`` is below ``/var/aegir`` and exists on the server. Raises HostError.
        """
        server.sh('echo "$1" >>/etc/exports', f"{folder} {NETWORK}.0/24(rw,no_subtree_check)")
        for client in clients:
            source = f"{server.address}:{folder}"
            client.sh('echo "$1" >>/etc/fstab', f"{source} {folder} nfs rw 0 0")
            if not client.exists(folder):
                client.run(["mkdir", "-p", folder])
                client.run(["chown", "aegir:aegir", folder])
            client.run(["mount", folder])

    def _set_cable(self, host: LabHost, state: str) -> None:
        run_on_switch(self._started.switch, [f"link set dev {cable(host.name)} {state}"])
        if state == "down":
            # Who has spoken with it lately would believe in it for some seconds more.
            for other in self.hosts.values():
                other.run(["ip", "neighbour", "flush", "to", host.address])
