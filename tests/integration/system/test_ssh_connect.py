"""Connecting: who may, to whom, by which way; and every way in which it fails."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provision_py.errors import HostError, ProcessError
from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.sshd import make_client, make_key, start_sshd
from provision_py.system import sshconnect, sshlink
from provision_py.system.ssh import SshHost, SshPool
from provision_py.system.sshconfig import SshSettings
from system.conftest import runs, wait_until
from system.machines import USER, Machine


def failure_of(machine: Machine, *options: str, home: Path | None = None) -> HostError:
    with pytest.raises(HostError) as caught:
        machine.host(*options, home=home).connect()
    return caught.value


def command_in(hint: str) -> str:
    """The command that a hint ends with."""
    found = re.search(r"((?:ssh-keygen -R .* && )?echo .* >> .*)$", hint)
    assert found is not None, hint
    return found[1]


def new_host_key(machine: Machine) -> None:
    machine.sshd.stop()
    for path in (machine.sshd.host_key, machine.sshd.host_key.with_suffix(".pub")):
        path.unlink()
    make_key(machine.sshd.host_key)
    machine.sshd.start()


class TestHostKeys:
    def test_an_unknown_key_is_refused_and_the_hint_accepts_it(self, machine: Machine) -> None:
        known = machine.home / ".ssh" / "known_hosts"
        known.unlink()
        error = failure_of(machine)
        assert error.code == "PROVISION_SSH_UNKNOWN_HOST_KEY"
        shown = subprocess.run(["ssh-keygen", "-lf", machine.sshd.host_key], capture_output=True, text=True).stdout
        assert shown.split()[1] in error.what
        assert not known.exists()
        assert machine.sshd.connections() == 0
        subprocess.run(command_in(error.hint), shell=True, check=True)
        assert machine.host().run(["echo", "in"]).stdout == "in\n"

    def test_a_changed_key_is_refused_and_the_hint_accepts_it(self, machine: Machine) -> None:
        new_host_key(machine)
        error = failure_of(machine)
        assert error.code == "PROVISION_SSH_CHANGED_HOST_KEY"
        assert "known_hosts line 1" in error.where
        assert machine.sshd.connections() == 0
        subprocess.run(command_in(error.hint), shell=True, check=True, capture_output=True)
        assert machine.host().run(["echo", "in"]).stdout == "in\n"

    def test_options_that_would_accept_any_key_have_no_say(self, machine: Machine) -> None:
        new_host_key(machine)
        options = ("-o", "StrictHostKeyChecking=no")
        assert failure_of(machine, *options).code == "PROVISION_SSH_CHANGED_HOST_KEY"
        with pytest.raises(HostError) as caught:
            machine.host(*options).multiplexer.command()
        assert caught.value.code == "PROVISION_SSH_CHANGED_HOST_KEY"
        assert machine.sshd.connections() == 0

    def test_a_revoked_key_is_refused(self, machine: Machine) -> None:
        known = machine.home / ".ssh" / "known_hosts"
        known.write_text(known.read_text() + f"@revoked {known.read_text()}")
        error = failure_of(machine)
        assert error.code == "PROVISION_SSH_CHANGED_HOST_KEY"
        assert "revoked" in error.what

    def test_hashed_names_and_a_key_of_another_type_first(self, machine: Machine) -> None:
        folder = machine.home / ".ssh"
        rsa = make_key(machine.home / "other", "rsa").with_suffix(".pub").read_text().split()
        configuration = machine.sshd.folder / "sshd_config"
        configuration.write_text(f"{configuration.read_text()}HostKey {machine.home}/other\n")
        machine.sshd.stop()
        machine.sshd.start()
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{machine.sshd.port} {rsa[0]} {rsa[1]}\n")
        subprocess.run(["ssh-keygen", "-H", "-f", folder / "known_hosts"], check=True, capture_output=True)
        (folder / "known_hosts.old").unlink()
        assert "127.0.0.1" not in (folder / "known_hosts").read_text()
        machine.host().connect()


class TestLogin:
    def test_a_key_that_is_not_listed(self, machine: Machine, tmp_path: Path) -> None:
        folder = make_client(tmp_path)
        shutil.copy(machine.home / ".ssh" / "known_hosts", folder)
        error = failure_of(machine, home=tmp_path)
        assert error.code == "PROVISION_SSH_AUTH"
        assert f"it refused {folder}/id_ed25519" in error.what

    def test_no_key_at_all_and_one_with_a_passphrase(self, machine: Machine, tmp_path: Path) -> None:
        folder = tmp_path / ".ssh"
        folder.mkdir()
        shutil.copy(machine.home / ".ssh" / "known_hosts", folder)
        assert "no key was found" in failure_of(machine, home=tmp_path).what
        make_key(folder / "id_rsa", "rsa", passphrase="locked away")
        error = failure_of(machine, home=tmp_path)
        assert error.code == "PROVISION_SSH_AUTH"
        assert "needs a passphrase, add it to the ssh-agent" in error.what

    def test_the_key_of_an_agent(self, machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (machine.home / ".ssh" / "id_ed25519").rename(tmp_path / "away")
        socket_path = tmp_path / "agent"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket_path], stdout=subprocess.DEVNULL)
        try:
            assert wait_until(socket_path.exists)
            environment = os.environ | {"SSH_AUTH_SOCK": str(socket_path)}
            subprocess.run(["ssh-add", "-q", tmp_path / "away"], env=environment, check=True)
            monkeypatch.setenv("SSH_AUTH_SOCK", str(socket_path))
            machine.host().connect()
        finally:
            agent.terminate()
            agent.wait()

    def test_configuration_names_address_port_user_and_key(self, machine: Machine, tmp_path: Path) -> None:
        folder = tmp_path / ".ssh"
        folder.mkdir()
        (machine.home / ".ssh" / "id_ed25519").rename(folder / "web key")
        (folder / "more").write_text(f'  IdentityFile "~/.ssh/web key"\n  User {USER}\n')
        (folder / "config").write_text(
            f"Host web1.test\n  HostName 127.0.0.1\n  Port {machine.sshd.port}\n  HostKeyAlias web-one\n"
            f"  IdentitiesOnly yes\n  Include {folder}/more\n"
        )
        key = machine.sshd.known_hosts_line().split(" ", 1)[1]
        (folder / "known_hosts").write_text(f"web-one {key}")
        pool = SshPool(SshSettings(home=str(tmp_path)))
        host = pool.host("web1.test", "")
        assert host.run(["id", "-un"]).stdout.strip() == USER
        subprocess.run([*host.multiplexer.command(), "web1.test", "true"], check=True, capture_output=True)
        pool.close()

    @pytest.mark.parametrize("use", [lambda host: host.run(["true"]), SshHost.ready], ids=["run", "ready"])
    def test_an_account_that_runs_no_commands(self, machine: Machine, use: Callable[[SshHost], object]) -> None:
        keys = machine.sshd.authorized_keys
        machine.host().ready()
        keys.write_text(f'command="echo go away" {keys.read_text()}')
        with pytest.raises(HostError, match="go away") as caught:
            use(machine.host())
        assert caught.value.code == "PROVISION_SSH_SHELL"

    def test_what_start_up_files_print_is_not_output(self, machine: Machine) -> None:
        keys = machine.sshd.authorized_keys
        noise = r"echo noise; echo more >&2; eval \"$SSH_ORIGINAL_COMMAND\""
        keys.write_text(f'command="{noise}" {keys.read_text()}')
        done = machine.host().run(["sh", "-c", "echo out; echo err >&2"])
        assert (done.stdout, done.stderr) == ("out\n", "err\n")

    def test_options_that_ssh_does_not_know(self, machine: Machine) -> None:
        with pytest.raises(HostError, match=r"(?i)no-such-option") as caught:
            machine.host("-o", "No-Such-Option=1")
        assert caught.value.code == "PROVISION_SSH_CONFIG"


class TestUnreachable:
    def test_refused(self, machine: Machine) -> None:
        machine.sshd.stop()
        error = failure_of(machine)
        assert error.code == "PROVISION_SSH_UNREACHABLE"
        assert "refused" in error.what

    def test_a_name_without_an_address(self, machine: Machine) -> None:
        with pytest.raises(HostError) as caught:
            machine.pool().host("no-such-host.invalid", USER).connect()
        assert caught.value.code == "PROVISION_SSH_UNREACHABLE"

    def test_nobody_answers(self, machine: Machine) -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            fillers = [socket.socket() for _ in range(4)]  # a full queue drops whoever comes after
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
            started = time.monotonic()
            pool = SshPool(
                SshSettings(("-p", str(deaf.getsockname()[1]), "-o", "ConnectTimeout=1"), str(machine.home))
            )
            with pytest.raises(HostError, match="did not answer within 1 seconds") as caught:
                pool.host("127.0.0.1", USER).connect()
            assert caught.value.code == "PROVISION_SSH_TIMEOUT"
            assert time.monotonic() - started < 4
            for filler in fillers:
                filler.close()

    def test_somebody_who_never_speaks(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sshconnect, "HANDSHAKE_TIMEOUT", 0.5)
        with socket.create_server(("127.0.0.1", 0)) as mute:
            pool = SshPool(SshSettings(("-p", str(mute.getsockname()[1])), str(machine.home)))
            with pytest.raises(HostError) as caught:
                pool.host("127.0.0.1", USER).connect()
        assert caught.value.code == "PROVISION_SSH_TIMEOUT"

    def test_somebody_who_hangs_up(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sshconnect, "PAUSE", 0.01)
        with socket.create_server(("127.0.0.1", 0)) as server:
            calls = []

            def hang_up() -> None:
                for _ in range(sshconnect.TRIES):
                    connection, address = server.accept()
                    calls.append(address)
                    connection.close()

            thread = threading.Thread(target=hang_up)
            thread.start()
            pool = SshPool(SshSettings(("-p", str(server.getsockname()[1])), str(machine.home)))
            with pytest.raises(HostError) as caught:
                pool.host("127.0.0.1", USER).connect()
            thread.join()
        assert caught.value.code == "PROVISION_SSH_UNREACHABLE"
        assert len(calls) == sshconnect.TRIES


class TestWays:
    def test_a_jump_host(self, machine: Machine, sandbox: Sandbox) -> None:
        jump = start_sshd(sandbox, "jump")
        make_client(machine.home, jump)
        pool = machine.pool("-o", f"ProxyJump={USER}@127.0.0.1:{jump.port}")
        host = pool.host("127.0.0.1", USER)
        assert host.run(["echo", "through"]).stdout == "through\n"
        assert jump.connections() == 1
        subprocess.run([*host.multiplexer.command(), "127.0.0.1", "true"], check=True, capture_output=True)
        assert (machine.sshd.connections(), jump.connections()) == (2, 2)

    def test_the_key_of_a_jump_host_counts_too(self, machine: Machine, sandbox: Sandbox) -> None:
        jump = start_sshd(sandbox, "jump")
        jump.authorize(machine.home / ".ssh" / "id_ed25519.pub")
        error = failure_of(machine, "-o", f"ProxyJump=127.0.0.1:{jump.port}")
        assert error.code == "PROVISION_SSH_UNKNOWN_HOST_KEY"
        assert f"[127.0.0.1]:{jump.port}" in error.what
        assert machine.sshd.connections() == 0

    def test_jump_hosts_in_a_circle(self, machine: Machine) -> None:
        (machine.home / ".ssh" / "config").write_text("Host one\n ProxyJump two\nHost two\n ProxyJump one\n")
        host = SshPool(SshSettings(home=str(machine.home))).host("one", USER)
        with pytest.raises(HostError, match="in a circle") as caught:
            host.connect()
        assert caught.value.code == "PROVISION_SSH_CONFIG"

    def test_two_machines_behind_a_jump_host_share_it(self, machine: Machine, sandbox: Sandbox) -> None:
        jump, other = start_sshd(sandbox, "jump"), start_sshd(sandbox, "other")
        make_client(machine.home, jump, other)
        (machine.home / ".ssh" / "config").write_text(
            f"Host one\n Port {machine.sshd.port}\nHost two\n Port {other.port}\nHost gate\n Port {jump.port}\n"
            "Host *\n HostName 127.0.0.1\n ProxyJump gate\n"
        )
        pool = SshPool(SshSettings(home=str(machine.home)))
        for name in ("one", "two"):
            pool.host(name, USER).connect()
        assert (machine.sshd.connections(), other.connections(), jump.connections()) == (1, 1, 1)
        pool.close()

    def test_a_command_in_between(self, machine: Machine) -> None:
        host, script = relayed(machine)
        assert host.run(["echo", "relayed"]).stdout == "relayed\n"
        host.close()
        assert wait_until(lambda: not runs(script))

    def test_a_command_in_between_outlives_the_thread_that_connects(self, machine: Machine) -> None:
        """Several machines are connected to side by side, in threads that end."""
        host, script = relayed(machine)
        connecting = threading.Thread(target=host.connect)
        connecting.start()
        connecting.join()
        time.sleep(0.3)
        assert host.run(["echo", "relayed"]).stdout == "relayed\n"
        assert host._link.made == 1
        host.close()
        assert wait_until(lambda: not runs(script))

    def test_a_command_in_between_ends_when_we_are_killed(self, machine: Machine) -> None:
        _, script = relayed(machine)
        program = (
            "import sys, time\nfrom provision_py.system.ssh import SshPool\n"
            "from provision_py.system.sshconfig import SshSettings\n"
            "home, options, user = sys.argv[1], sys.argv[2:-2], sys.argv[-1]\n"
            "SshPool(SshSettings(options=tuple(options), home=home)).host(sys.argv[-2], user).connect()\n"
            "print('connected', flush=True)\ntime.sleep(60)"
        )
        argv = [sys.executable, "-c", program, str(machine.home), "-p", str(machine.sshd.port), "-o", proxy(script)]
        argv += [machine.sshd.address, USER]
        with subprocess.Popen(argv, stdout=subprocess.PIPE) as runner:
            assert runner.stdout is not None
            assert runner.stdout.readline() == b"connected\n"
            assert runs(script)
            runner.kill()
        assert wait_until(lambda: not runs(script))


def relayed(machine: Machine) -> tuple[SshHost, str]:
    """The machine behind a command, and the name of its script, which does not end by itself."""
    relay = (
        "import socket,sys,threading,os;s=socket.create_connection((sys.argv[1],int(sys.argv[2])));"
        "t=threading.Thread(target=lambda:[s.sendall(d) for d in iter(lambda:os.read(0,65536),b'')],daemon=True);"
        "t.start();[os.write(1,d) for d in iter(lambda:s.recv(65536),b'')]"
    )
    script = machine.home / "relay.py"
    script.write_text(relay)
    return machine.host("-o", proxy(str(script))), str(script)


def proxy(script: str) -> str:
    return f"ProxyCommand={sys.executable} {script} %h %p"


class TestLosing:
    def test_a_machine_that_is_frozen(self, machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
        """It acknowledges what is sent to it, and nothing comes back."""
        monkeypatch.setattr(sshconnect, "ALIVE_INTERVAL", 1)
        monkeypatch.setattr(sshconnect, "ANSWER_TIMEOUT", 4.0)
        host = machine.host()
        assert host.run(["sh", "-c", "sleep 6; echo there"]).stdout == "there\n", "who answers is left alone"
        frozen = [
            process.pid
            for child in machine.sshd.sandbox.running()[machine.sshd.name].children()
            for process in (*child.children(), child)
        ]
        freezer = threading.Timer(0.5, lambda: [os.kill(pid, signal.SIGSTOP) for pid in frozen])
        freezer.start()
        try:
            with pytest.raises(HostError, match="lost while") as caught:
                host.run(["sleep", "30.5"])
        finally:
            freezer.join()
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
        assert caught.value.code == "PROVISION_SSH_LOST"
        assert host.run(["echo", "again"]).stdout == "again\n"

    def test_a_connection_that_breaks_in_the_middle(self, machine: Machine) -> None:
        host = machine.host()
        threading.Timer(0.5, machine.break_connections).start()
        started = time.monotonic()
        with pytest.raises(HostError, match=r"lost while 127\.0\.0\.1 ran sleep") as caught:
            host.run(["sleep", "30.125"])
        assert caught.value.code == "PROVISION_SSH_LOST"
        assert not isinstance(caught.value, ProcessError)
        assert time.monotonic() - started < 10
        assert wait_until(lambda: not runs("sleep 30.125"))
        assert host.run(["echo", "again"]).stdout == "again\n"

    def test_a_file_that_was_half_sent_is_not_written(self, machine: Machine, tmp_path: Path) -> None:
        host = machine.host()
        (tmp_path / "file").write_text("former")
        host.connect()

        def break_when_it_comes() -> None:
            if wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".file.*.tmp"))):
                machine.break_connections()

        breaker = threading.Thread(target=break_when_it_comes)
        breaker.start()
        with pytest.raises(HostError) as caught:
            host.write(f"{tmp_path}/file", bytes(200_000_000))
        breaker.join()
        assert caught.value.code == "PROVISION_SSH_LOST"
        assert wait_until(lambda: os.listdir(tmp_path) == ["file"])
        assert (tmp_path / "file").read_text() == "former"

    def test_an_idle_connection_that_broke_is_made_anew(self, machine: Machine) -> None:
        host = machine.host()
        host.run(["true"])
        machine.break_connections()
        assert wait_until(lambda: not host._link._connection.is_alive)  # type: ignore[union-attr] # it is connected
        assert host.run(["echo", "again"]).stdout == "again\n"
        assert machine.sshd.connections() == 2

    def test_programs_end_when_we_are_killed(self, machine: Machine) -> None:
        program = (
            "from provision_py.system.ssh import SshPool\nfrom provision_py.system.sshconfig import SshSettings\n"
            f"pool = SshPool(SshSettings(('-p', '{machine.sshd.port}'), '{machine.home}'))\n"
            f"pool.host('127.0.0.1', '{USER}').run(['sleep', '30.625'])\n"
        )
        child = subprocess.Popen([sys.executable, "-c", program])
        try:
            assert wait_until(lambda: runs("^sleep 30.625"))
        finally:
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert wait_until(lambda: not runs("^sleep 30.625"))

    def test_one_session_at_a_time_is_enough(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sshlink, "REFUSAL_PATIENCE", 0.3)
        sshd = start_sshd(sandbox, settings=("MaxSessions 1",))
        home = sandbox.path / "home"
        make_client(home, sshd)
        with_one = Machine(sshd, home)
        assert with_one.host().run(["echo", "one"]).stdout == "one\n"
        with_one.close()

    def test_no_session_at_all(self, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sshlink, "REFUSAL_PATIENCE", 0.1)
        sshd = start_sshd(sandbox, settings=("MaxSessions 0",))
        home = sandbox.path / "home"
        make_client(home, sshd)
        with pytest.raises(HostError) as caught:
            Machine(sshd, home).host().run(["true"])
        assert caught.value.code == "PROVISION_SSH_REFUSED"
