"""Machines behind ssh, on the loopback network; and those that have, besides, a disk of their own at the aegir root.

The sshd of those runs where another folder is mounted there. That needs the right to mount; without it tests are
skipped.
"""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.sshd import Sshd, make_client, start_sshd
from provision_py.steps.step import DatabaseAdmin
from provision_py.system.host import Host
from provision_py.system.ssh import SshHost, SshPool
from provision_py.system.sshconfig import SshSettings
from provision_py.tasklog import MemorySink, TaskLog
from tests.conftest import in_ci, needed

USER = getpass.getuser()


@dataclass
class Machine:
    """One sshd, a client's home folder, and the pools that were made for it."""

    sshd: Sshd
    home: Path
    pools: list[SshPool] = field(default_factory=list)

    def pool(self, *options: str, home: Path | None = None) -> SshPool:
        pool = SshPool(SshSettings(("-p", str(self.sshd.port), *options), str(home or self.home)))
        self.pools.append(pool)
        return pool

    def host(self, *options: str, home: Path | None = None) -> SshHost:
        return self.pool(*options, home=home).host(self.sshd.address, USER)

    def break_connections(self) -> None:
        """End the processes that serve the connections; new ones are welcome."""
        for child in self.sshd.sandbox.running()[self.sshd.name].children():
            for process in (*child.children(), child):
                if process.title().startswith("sshd"):  # and not what it runs for us
                    os.kill(process.pid, signal.SIGKILL)

    def close(self) -> None:
        for pool in self.pools:
            pool.close()


@dataclass
class Other:
    """Another machine: what it has at ``root`` lies on this one at ``disk``."""

    machine: Machine
    root: Path
    disk: Path
    host: SshHost

    def has(self, path: str) -> bool:
        return os.path.lexists(self.disk / path)

    def text(self, path: str) -> str:
        return (self.disk / path).read_text()


def start_other(sandbox: Sandbox, root: Path, name: str = "other", *, groups: Path = Path("/etc/group")) -> Other:
    """Another machine: ``root`` is another folder there, and its list of groups may be another file."""
    disk = sandbox.folder(f"{name}-disk")
    root.mkdir(exist_ok=True)
    mount = 'mount --bind "$0" "$1" && mount --bind "$2" /etc/group && shift 2 && exec "$@"'
    launcher = (
        "/usr/bin/unshare",
        "--mount",
        "--propagation",
        "private",
        "/bin/sh",
        "-c",
        mount,
        str(disk),
        str(root),
        str(groups),
    )
    if subprocess.run([*launcher, "true"], capture_output=True).returncode != 0:
        if in_ci():
            pytest.fail("tests of rsync need the right to mount", pytrace=False)
        pytest.skip("tests of rsync need the right to mount")
    with needed():
        sshd = start_sshd(sandbox, name, launcher=launcher)
    home = sandbox.path / f"{name}-home"
    make_client(home, sshd)
    machine = Machine(sshd, home)
    return Other(machine, root, disk, machine.host())


class OneWorld:
    """A world of servers that are all known beforehand."""

    def __init__(self, **hosts: Host) -> None:
        self.hosts = hosts
        self.sink = MemorySink()
        self.log = TaskLog([self.sink])

    def host(self, server: str) -> Host:
        return self.hosts[server]

    def database_admin(self, server: str) -> DatabaseAdmin:
        raise AssertionError("no database here")

    def reload_lock(self, server: str) -> Path:
        raise AssertionError("no web server here")


def put(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
