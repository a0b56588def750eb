"""Faults of the lab: each does what it says, to one host alone, and heals."""

from __future__ import annotations

import subprocess
import threading
import time

import pytest
from lab_answers import SSH, eventually, login, page, ssh, ssh_failure

from provision_py.errors import HostError
from provision_py.sandbox.lab.lab import Lab


def test_a_host_that_is_down(lab: Lab) -> None:
    with lab.faults.down(lab.web1):
        assert any(word in ssh_failure(lab, "web1") for word in ("No route to host", "timed out"))
        with pytest.raises(OSError):
            page(lab, lab.web1)
        assert page(lab, lab.web2) == "web2"
        assert lab.web1.run(["hostname"]).stdout == "web1\n"
    eventually(lambda: ssh(lab, "web1", "hostname", check=False) == "web1")
    assert page(lab, lab.web1) == "web1"


def test_a_host_that_goes_down_while_it_is_at_work(lab: Lab) -> None:
    """The connection hangs until a keep-alive notices, and not before."""
    keep_alive = ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"]
    with lab.faults.held(lab.web1, "/usr/bin/date") as held:
        process = lab.hub.popen([*SSH, *keep_alive, "web1", "date"], user="aegir", stderr=subprocess.PIPE, text=True)
        held.wait()
        assert process.poll() is None
        with lab.faults.down(lab.web1):
            _, said = process.communicate(timeout=20)
        assert process.returncode == 255
        assert "not responding" in said or "No route to host" in said
    eventually(lambda: ssh(lab, "web1", "hostname", check=False) == "web1")


def test_a_host_that_says_nothing(lab: Lab) -> None:
    with lab.faults.mute(lab.web1, lab.hub):
        assert "timed out" in ssh_failure(lab, "web1")
    assert ssh(lab, "web1", "hostname") == "web1"


def test_a_database_that_one_member_cannot_reach(lab: Lab) -> None:
    with lab.faults.unreachable(lab.db, from_=lab.web1):
        assert login(lab, lab.web1).returncode != 0
        assert login(lab, lab.web2).returncode == 0
        assert ssh(lab, "web1", "hostname") == "web1"
    assert login(lab, lab.web1).returncode == 0


def test_sshd_stopped(lab: Lab) -> None:
    with lab.faults.sshd_stopped(lab.web2):
        assert "Connection refused" in ssh_failure(lab, "web2")
        assert page(lab, lab.web2) == "web2"
    assert ssh(lab, "web2", "hostname") == "web2"


def test_ssh_dropped_at_once(lab: Lab) -> None:
    process = lab.hub.popen([*SSH, "web1", "echo on; sleep 60"], user="aegir", stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"on\n"
    lab.web1.drop_ssh()
    assert process.wait(timeout=10) == 255
    process.stdout.close()
    assert ssh(lab, "web1", "hostname") == "web1"


def test_ssh_dropped_in_the_middle_of_rsync(lab: Lab) -> None:
    lab.hub.sh("mkdir -p ~/many; for i in $(seq 200); do head -c 20000 /dev/urandom >~/many/$i; done", user="aegir")
    rsync = ["rsync", "-a", "-e", " ".join(SSH), "/var/aegir/many", "web1:/var/aegir/"]
    with lab.faults.ssh_dropped_after(lab.web1, 1_000_000):
        done = lab.hub.run(rsync, user="aegir", check=False)
        assert done.returncode in (12, 255), done
        arrived = len(lab.web1.sh("find /var/aegir/many -type f").split())
        assert 0 < arrived < 200
    lab.hub.run(rsync, user="aegir")
    assert len(lab.web1.sh("find /var/aegir/many -type f").split()) == 200
    for host in (lab.hub, lab.web1):
        host.run(["rm", "-r", "/var/aegir/many"])


def test_a_host_key_that_nobody_knows(lab: Lab) -> None:
    with lab.faults.other_host_key(lab.web1):
        assert "HOST IDENTIFICATION HAS CHANGED" in ssh_failure(lab, "web1")
    assert ssh(lab, "web1", "hostname") == "web1"


def test_a_full_disk(lab: Lab) -> None:
    with lab.faults.disk_full(lab.web1):
        for file in ("/var/aegir/new", "/etc/new"):
            with pytest.raises(HostError, match="No space left"):
                lab.web1.write(file, "text")
        lab.web2.write("/var/aegir/new", "text")
        assert page(lab, lab.web1) == "web1"
    lab.web1.run(["rm", "-f", "/var/aegir/new", "/etc/new"])
    with lab.faults.disk_full(lab.web1, free=100_000):
        lab.web1.write("/var/aegir/new", "x" * 50_000)
        with pytest.raises(HostError, match="No space left"):
            lab.web1.write("/var/aegir/more", "x" * 100_000)
    lab.web1.write("/var/aegir/more", "x" * 1_000_000)
    lab.web1.run(["rm", "/var/aegir/new", "/var/aegir/more"])
    lab.web2.run(["rm", "/var/aegir/new"])


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_a_configuration_test_that_fails_on_one_member(lab: Lab, name: str) -> None:
    host = lab[name]
    test = ["/usr/sbin/apache2ctl", "configtest"] if host.spec.web == "apache" else ["/usr/sbin/nginx", "-t"]
    with lab.faults.config_broken(host):
        assert host.run(test, check=False).returncode != 0
        assert page(lab, host) == name
    host.run(test)


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_a_web_server_that_is_stopped(lab: Lab, name: str) -> None:
    with lab.faults.web_stopped(lab[name]):
        with pytest.raises(ConnectionRefusedError):
            page(lab, lab[name])
        assert ssh(lab, name, "hostname") == name
    eventually(lambda: page(lab, lab[name]) == name)


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_php_that_is_broken(lab: Lab, name: str) -> None:
    with lab.faults.php_broken(lab[name]):
        eventually(lambda: lab.fetch(name, host=name).status == 500)
    eventually(lambda: page(lab, lab[name]) == name)


def test_a_clock_apart(lab: Lab) -> None:
    with lab.faults.clock_apart(lab.web1, -3600):
        assert int(ssh(lab, "web1", "date +%s")) == pytest.approx(time.time() - 3600, abs=5)
        assert int(ssh(lab, "web1", "/bin/date -u +%s")) == pytest.approx(time.time() - 3600, abs=5)
        assert int(ssh(lab, "web2", "date +%s")) == pytest.approx(time.time(), abs=5)
        assert float(ssh(lab, "web1", "php -r 'echo microtime(true);'")) == pytest.approx(time.time() - 3600, abs=5)
        assert int(ssh(lab, "web1", "php -r 'echo time(), PHP_EOL;'")) == pytest.approx(time.time() - 3600, abs=5)
    assert int(ssh(lab, "web1", "date +%s")) == pytest.approx(time.time(), abs=5)


def test_an_account_with_other_numbers(lab: Lab) -> None:
    with lab.faults.other_ids(lab.web1):
        assert lab.web1.run(["id", "-u", "aegir"]).stdout == "8001\n"
        assert lab.web1.run(["id", "-g", "aegir"]).stdout == "8001\n"
        assert lab.web2.run(["id", "-u", "aegir"]).stdout == "8000\n"
    assert lab.web1.run(["id", "-u", "aegir"]).stdout == "8000\n"
    assert ssh(lab, "web1", "id -un") == "aegir"


def test_a_program_is_held_where_it_starts(lab: Lab) -> None:
    seen: list[str] = []
    with lab.faults.held(lab.web1, "/usr/sbin/apache2ctl", "graceful") as held:
        ssh(lab, "web1", "sudo /usr/sbin/apache2ctl configtest")
        thread = threading.Thread(target=lambda: seen.append(ssh(lab, "web1", "sudo apache2ctl graceful; echo done")))
        thread.start()
        held.wait()
        assert seen == []
        held.release()
        thread.join()
        assert seen == ["done"]
    with pytest.raises(HostError, match="Nothing was started"), lab.faults.held(lab.web1, "/usr/bin/date") as held:
        held.wait(patience=0.1)
