"""Starting a lab: the switch, the disks, the hosts and the cables between them."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql

import provision_py
from provision_py.errors import HostError
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.lab import system
from provision_py.sandbox.lab.disk import Disk
from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import MOST_HOSTS, HostSpec, address_of
from provision_py.sandbox.lab.namespaces import Holder
from provision_py.sandbox.lab.webserver import write_web_server
from provision_py.sandbox.mariadb import ADMIN_USER, DatabaseServer
from provision_py.system.host import Secret

HOST_FLAGS = ("--net", "--mount", "--uts", "--ipc", "--pid", "--propagation=private")

NEEDED = (programs.IP, programs.SSHD, programs.SSH_KEYGEN, programs.SUDO, programs.RSYNC, programs.PHP_FPM)


@dataclass(frozen=True)
class Started:
    """What runs. ``switch`` holds the network between the hosts."""

    switch: Holder
    hosts: Mapping[str, LabHost]
    database: DatabaseServer | None


def check_hosts(specs: Sequence[HostSpec]) -> None:
    """Raises HostError for hosts that cannot be, MissingProgramError for programs that they lack."""
    if not 1 <= len(specs) <= MOST_HOSTS or len({spec.name for spec in specs}) != len(specs):
        raise HostError(f"A lab has between 1 and {MOST_HOSTS} hosts, each with a name of its own")
    for spec in specs:
        if not (spec.name.isascii() and spec.name.isalnum() and len(spec.name) <= 12):
            raise HostError(f"{spec.name!r} is no name for a host", hint="Up to 12 letters and digits")
    if sum(spec.database for spec in specs) > 1:
        raise HostError("One host of a lab may run a database")
    wanted = list(NEEDED)
    wanted += [programs.APACHE] * any(spec.web == "apache" for spec in specs)
    wanted += [programs.NGINX] * any(spec.web == "nginx" for spec in specs)
    wanted += [programs.MARIADBD, programs.MARIADB_INSTALL_DB] * any(spec.database for spec in specs)
    for program in wanted:
        programs.find(program)


def exposed_folders(sandbox: Sandbox, more: Sequence[Path]) -> list[str]:
    """Folders that hosts see where the machine has them: the lab's own, this project and its Python."""
    top = Path(provision_py.__file__).resolve().parent.parent
    wanted = [str(one) for one in (sandbox.path, top, sys.prefix, sys.base_prefix, *more)]
    names = {os.path.abspath(one) for one in wanted} | {os.path.realpath(one) for one in wanted}
    return sorted(name for name in names if name not in ("/", "/usr") and Path(name).is_dir())


class Start:
    """One start. After :meth:`run` has failed, :meth:`give_up` ends what it had started."""

    def __init__(self, sandbox: Sandbox, specs: tuple[HostSpec, ...], disk_size: str, exposed: list[str]) -> None:
        self.sandbox = sandbox
        self.specs = specs
        self.disk_size = disk_size
        self.exposed = exposed
        self.password = Secret(secrets.token_urlsafe(18))
        self.disks = sandbox.folder("disks", mode=0o700)
        sandbox.folder("shared", mode=0o1777)
        self.holders: list[Holder] = []

    def run(self) -> Started:
        """Start everything; it takes about two seconds. Raises HostError."""
        switch = self._start_switch()
        keys = {spec.name: self._fill_disk(switch, spec) for spec in self.specs}
        self._spread_keys(switch, keys)
        hosts = {spec.name: self._start_host(switch, spec, index) for index, spec in enumerate(self.specs)}
        for host in hosts.values():
            host.holder.wait_for("mounted")
        self._plug_in(switch, hosts)
        for host in hosts.values():
            host.holder.tell(f"{host.address}/24")
        for host in hosts.values():
            host.holder.wait_for("ready")
        return Started(switch, hosts, self._database(hosts))

    def give_up(self) -> None:
        for holder in self.holders:
            holder.end()
        for holder in self.holders:
            holder.wait()

    def _database(self, hosts: Mapping[str, LabHost]) -> DatabaseServer | None:
        for host in hosts.values():
            if host.spec.database:
                socket = host.path(system.DATABASE_SOCKET)
                database = DatabaseServer(host.full_name, 3306, socket, ADMIN_USER, self.password)
                _wait_for_database(database)
                return database
        return None

    def _start_switch(self) -> Holder:
        """The process whose network has the bridge and whose mounts have all disks, which hosts inherit."""
        lines = ["set -eu"]
        for spec in self.specs:
            disk = self.disks / spec.name
            lines += [f"mkdir '{disk}'", f"mount -t tmpfs -o size={self.disk_size},mode=755 {spec.name} '{disk}'"]
        # Forwarding at once: there is no other switch with which a loop could be.
        lines += ["ip link add lab type bridge stp_state 0 forward_delay 0", "ip link set lab up"]
        lines += ["echo mounted", "exec cat"]
        switch = Holder.start(
            "the lab's switch",
            ["/bin/sh", "-c", "\n".join(lines)],
            flags=["--net", "--mount", "--propagation=private"],
            log=self.sandbox.log("switch"),
        )
        self.holders.append(switch)
        switch.wait_for("mounted")
        return switch

    def _disk(self, switch: Holder, spec: HostSpec) -> Disk:
        return Disk(Path(f"/proc/{switch.pid}/root") / (self.disks / spec.name).relative_to("/"))

    def _fill_disk(self, switch: Holder, spec: HostSpec) -> system.KeyPair:
        """Everything but ssh's keys, of which the host's own is given back."""
        disk = self._disk(switch, spec)
        disk.prepare()
        system.write_folders(disk, spec)
        system.write_accounts(disk, spec)
        system.write_names(disk, spec, self.specs)
        system.write_sudo(disk, spec)
        system.write_nfs(disk, self.disks)
        write_web_server(disk, spec)
        if spec.database:
            system.write_database(disk, self.password)
        return system.make_key(self.sandbox.path, f"root@{spec.name}")

    def _spread_keys(self, switch: Holder, host_keys: dict[str, system.KeyPair]) -> None:
        hub = self.specs[0]
        users = ("root", "aegir") if hub.prepared else ("root",)
        keys = {user: system.make_key(self.sandbox.path, f"{user}@{hub.name}") for user in users}
        authorized = {user: key.public for user, key in keys.items()}
        for spec in self.specs:
            system.write_ssh(self._disk(switch, spec), spec, host_keys[spec.name], authorized)
        known = system.known_hosts_lines(self.specs, host_keys)
        system.write_client_keys(self._disk(switch, hub), keys, known)

    def _start_host(self, switch: Holder, spec: HostSpec, index: int) -> LabHost:
        script = str(Path(__file__).with_name("boot.sh"))
        options = [spec.name, str(self.disks / spec.name), spec.web, spec.php, "yes" if spec.database else "no"]
        holder = Holder.start(
            spec.name,
            ["/bin/sh", script, *options, "--", *self.exposed],
            flags=HOST_FLAGS,
            log=self.sandbox.log(spec.name),
            inside=switch.enter("mnt"),
        )
        self.holders.append(holder)
        return LabHost(spec, address_of(index), holder)

    def _plug_in(self, switch: Holder, hosts: Mapping[str, LabHost]) -> None:
        """A cable from each host to the bridge."""
        lines = []
        for name, host in hosts.items():
            lines.append(f"link add name {cable(name)} type veth peer name eth0 netns {host.pid}")
            lines.append(f"link set dev {cable(name)} master lab up")
        run_on_switch(switch, lines)


def cable(host: str) -> str:
    """The switch's end of a host's cable; the host's is eth0."""
    return f"h-{host}"


def run_on_switch(switch: Holder, lines: Sequence[str]) -> None:
    """Commands of ``ip`` in the network of the switch. Raises HostError."""
    argv = [*switch.enter("net"), programs.find(programs.IP), "-batch", "-"]
    done = subprocess.run(argv, input="\n".join([*lines, ""]), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise HostError(f"The lab's network cannot be changed: {done.stderr.strip()}", where="ip -batch")


def _wait_for_database(database: DatabaseServer, patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            database.connect().close()
            return
        except pymysql.err.OperationalError as error:
            if time.monotonic() > deadline:
                raise HostError(f"The lab's database gives no answer: {error}") from error
            time.sleep(0.02)
