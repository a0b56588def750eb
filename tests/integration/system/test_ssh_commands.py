"""Commands in ``~/.ssh/config`` that are for people at a terminal: no connection of ours runs them."""

from __future__ import annotations

import subprocess

import pytest

from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.sshd import make_client, start_sshd
from system.machines import USER, Machine

REMOTE = "RemoteCommand tmux new -A -s main\n RequestTTY force\n"
LOCAL = "PermitLocalCommand yes\n LocalCommand echo welcome\n"


def used(machine: Machine) -> tuple[str, str]:
    """What a program there says, over our own connection and over the ssh that rsync starts."""
    host = machine.host()
    command = [*host.multiplexer.command(), "--", host.name, "echo there"]
    through = subprocess.run(command, capture_output=True, text=True)
    return host.run(["echo", "there"]).stdout, through.stdout + through.stderr


@pytest.mark.parametrize("lines", [REMOTE, LOCAL], ids=["remote", "local"])
def test_rsync_is_not_disturbed(machine: Machine, lines: str) -> None:
    (machine.home / ".ssh/config").write_text(f"Host *\n {lines}")
    assert used(machine) == ("there\n", "there\n")


@pytest.mark.parametrize("lines", [REMOTE, LOCAL], ids=["remote", "local"])
def test_nor_on_the_way(machine: Machine, sandbox: Sandbox, lines: str) -> None:
    gate = start_sshd(sandbox, "gate")
    make_client(machine.home, gate)
    (machine.home / ".ssh/config").write_text(
        f"Host gate\n HostName 127.0.0.1\n Port {gate.port}\n {lines}\n"
        f"Host 127.0.0.1\n ProxyJump {USER}@gate\n {lines}"
    )
    assert used(machine) == ("there\n", "there\n")


def test_nor_when_the_shared_connection_has_ended(machine: Machine) -> None:
    (machine.home / ".ssh/config").write_text(f"Host *\n {LOCAL} {REMOTE}")
    host = machine.host()
    command = [*host.multiplexer.command(), "--", host.name, "echo there"]
    host.multiplexer.close()
    assert subprocess.run(command, capture_output=True, text=True).stdout == "there\n"
