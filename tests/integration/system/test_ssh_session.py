"""The hosts of a session: this machine, and others by ssh as the drushrc says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from provision_py.commands.session import new_session
from provision_py.contexts.model import Server
from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.sshd import make_client, start_sshd
from provision_py.services.plugins import Plugins
from provision_py.system.ssh import SshHost
from system.conftest import wait_until
from system.machines import USER, Machine


@pytest.fixture
def elsewhere(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine at an address that is not taken for this one."""
    sshd = start_sshd(sandbox, address="127.0.0.2")
    home = sandbox.path / "home"
    make_client(home, sshd)
    monkeypatch.setenv("HOME", str(home))
    return Machine(sshd, home)


def test_a_session_connects_once_per_machine_and_hangs_up(elsewhere: Machine, tmp_path: Path) -> None:
    (tmp_path / "drushrc.php").write_text(f"<?php\n$options['ssh-options'] = '-p {elsewhere.sshd.port}';\n")
    master = Server("server_master", "hub.test", "/var/aegir", USER)
    web1 = Server("server_web1", "127.0.0.2", "/var/aegir", USER)
    alias = Server("server_web2", "127.0.0.2", "/var/aegir", USER)
    with new_session(tmp_path, Plugins.load()) as session:
        assert session.host_of(master).is_local
        assert session.host_of(Server("server_here", "localhost", "/var/aegir", USER)).is_local
        host = session.host_of(web1)
        assert isinstance(host, SshHost)
        assert not host.is_local
        assert host.run(["id", "-un"]).stdout.strip() == USER
        assert session.host_of(alias).read("/etc/hosts")
        assert elsewhere.sshd.connections() == 1
        connection = host._link.connection()
    assert not connection.is_alive
    ended = re.compile(r"^(Disconnected|Connection closed|Connection reset|Read error)", re.MULTILINE)
    assert wait_until(lambda: ended.search(elsewhere.sshd.log.read_text()) is not None)


def test_malformed_options_of_the_drushrc_are_named(elsewhere: Machine, tmp_path: Path) -> None:
    with (
        new_session(tmp_path, Plugins.load(), options={"ssh-options": "-o 'x"}) as session,
        pytest.raises(HostError, match="ssh-options") as caught,
    ):
        session.host_of(Server("server_web1", "127.0.0.2", "/var/aegir", USER))
    assert caught.value.code == "PROVISION_SSH_CONFIG"
