"""Machines behind ssh: private sshds on the loopback network, each with a client that knows it."""

from __future__ import annotations

import getpass
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.sshd import Sshd, make_client, start_sshd
from provision_py.system.ssh import SshHost, SshPool
from provision_py.system.sshconfig import SshSettings
from tests.conftest import needed

USER = getpass.getuser()


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(mark: str) -> bool:
    """Whether a process has ``mark`` in its arguments."""
    return subprocess.run(["pgrep", "-f", mark], capture_output=True).returncode == 0


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


@pytest.fixture(scope="session")
def shared_machine(stack: Sandbox) -> Machine:
    """For tests that break nothing."""
    with needed():
        return _machine(stack, "sshd")


@pytest.fixture
def machine(sandbox: Sandbox) -> Iterator[Machine]:
    """A machine of one test's own."""
    with needed():
        machine = _machine(sandbox, "sshd")
    yield machine
    machine.close()


def _machine(sandbox: Sandbox, name: str) -> Machine:
    sshd = start_sshd(sandbox, name)
    home = sandbox.path / f"{name}-home"
    home.mkdir(mode=0o700)
    make_client(home, sshd)
    return Machine(sshd, home)


@pytest.fixture(scope="session")
def ssh_host(shared_machine: Machine) -> Iterator[SshHost]:
    """One connection for all tests that only use it."""
    host = shared_machine.host()
    yield host
    host.close()
