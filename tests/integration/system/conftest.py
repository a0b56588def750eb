"""Machines behind ssh: private sshds on the loopback network, each with a client that knows it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.sshd import make_client, start_sshd
from provision_py.system.ssh import SshHost
from system.machines import Machine, start_other
from system.released_trees import Two, fill
from tests.conftest import needed


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


@pytest.fixture
def two(sandbox: Sandbox) -> Iterator[Two]:
    """A platform on this machine and, released, on two others."""
    root = sandbox.path / "aegir root"
    found = Two(start_other(sandbox, root, "web1"), start_other(sandbox, root, "web2"), sandbox)
    fill(found.here)
    found.released()
    yield found
    for other in found.all:
        other.machine.close()
