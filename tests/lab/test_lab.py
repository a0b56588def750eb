"""The lab itself: hosts of their own that reach each other, faults that do what they say and heal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.base import reap_abandoned
from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.processes import ProcessRecord

SSH = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2"]


def ssh(lab: Lab, to: str, command: str, *, user: str = "aegir", check: bool = True) -> str:
    return lab.hub.run([*SSH, to, command], user=user, check=check).stdout.strip()


def ssh_failure(lab: Lab, to: str) -> str:
    """What ssh says when it cannot reach a host."""
    done = lab.hub.run([*SSH, to, "true"], user="aegir", check=False)
    assert done.returncode == 255, done
    return done.stderr


def page(lab: Lab, host: LabHost) -> str:
    return lab.fetch(host.name, host=host.name, timeout=5).text


def login(lab: Lab, host: LabHost) -> subprocess.CompletedProcess[str]:
    """A login from a host at the database server."""
    database = lab.database
    argv = [
        "mariadb",
        f"--host={database.host}",
        f"--user={database.user}",
        "--connect-timeout=3",
        "-Ne",
        "SELECT 42",
    ]
    return host.run(argv, env={"MYSQL_PWD": database.password.reveal()}, check=False)


# Hosts


def test_hosts_have_names_addresses_and_process_tables_of_their_own(lab: Lab) -> None:
    assert list(lab.hosts) == ["hub", "web1", "web2", "db"]
    assert len({host.address for host in lab.hosts.values()}) == 4
    for host in lab.hosts.values():
        assert host.run(["hostname"]).stdout == f"{host.name}\n"
        assert host.run(["hostname", "-f"]).stdout == f"{host.full_name}\n"
        assert host.run(["hostname", "-i"]).stdout == f"{host.address}\n"
        assert len(host.sh("ls -d /proc/[0-9]*").split()) < 25
    assert socket.gethostname() not in lab.hosts


def test_hosts_have_files_of_their_own(lab: Lab, tmp_path: Path) -> None:
    for folder in ("/etc", "/var/aegir", "/var/log", "/run", "/tmp", "/root", "/home", "/usr/local", "/usr/sbin"):
        file = f"{folder}/lab-test-{os.getpid()}"
        lab.web1.write(file, "web1")
        assert lab.web1.read(file) == "web1"
        assert not lab.web2.exists(file)
        assert not Path(file).exists()
        lab.web1.run(["rm", file])


def test_hosts_share_one_folder_with_the_caller(lab: Lab) -> None:
    (lab.shared / "note").write_text("from outside")
    assert lab.web1.read(f"{lab.shared}/note") == "from outside"
    lab.web2.run(["touch", f"{lab.shared}/answer"], user="aegir")
    assert (lab.shared / "answer").exists()


def test_the_aegir_account_is_alike_everywhere_and_not_on_the_machine(lab: Lab) -> None:
    for host in lab.hosts.values():
        assert host.sh("id", user="aegir").startswith("uid=8000(aegir) gid=8000(aegir) groups=8000(aegir),")
        assert "www-data" in host.sh("id -Gn", user="aegir")
        assert host.sh("echo $HOME; touch ~/mine; stat -c %U ~/mine; rm ~/mine", user="aegir").split() == [
            "/var/aegir",
            "aegir",
        ]


@pytest.mark.parametrize("user", ["aegir", "root"])
def test_the_hub_reaches_every_host_by_ssh(lab: Lab, user: str) -> None:
    for host in lab.hosts.values():
        for name in (host.name, host.full_name, host.address):
            assert ssh(lab, name, "hostname; id -un", user=user).split() == [host.name, user]


def test_only_the_hub_reaches_others_by_ssh(lab: Lab) -> None:
    done = lab.web1.run([*SSH, "-o", "StrictHostKeyChecking=no", "web2", "true"], user="aegir", check=False)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr


def test_ssh_logins_are_counted(lab: Lab) -> None:
    before = lab.web1.ssh_logins()
    ssh(lab, "web1", "true")
    ssh(lab, "web1", "true")
    assert lab.web1.ssh_logins() == before + 2


def test_rsync_goes_from_the_hub_to_a_member(lab: Lab) -> None:
    lab.hub.sh("mkdir -p ~/config/sub; echo text >~/config/sub/file", user="aegir")
    lab.hub.run(["rsync", "-a", "-e", " ".join(SSH), "/var/aegir/config", "web1:/var/aegir/"], user="aegir")
    assert lab.web1.read("/var/aegir/config/sub/file") == "text\n"
    for host in (lab.hub, lab.web1):
        host.run(["rm", "-r", "/var/aegir/config"])


def test_each_web_server_serves_its_own_page(lab: Lab) -> None:
    for host in (lab.hub, lab.web1, lab.web2):
        assert page(lab, host) == host.name
    assert [host.name for host in lab.webs] == ["web1", "web2"]
    assert "Apache" in lab.fetch("web1", host="web1").headers["server"]
    assert "nginx" in lab.fetch("web2", host="web2").headers["server"]


@pytest.mark.parametrize("name", ["web1", "web2"])
def test_a_member_takes_aegirs_configuration_in_on_a_reload(lab: Lab, name: str) -> None:
    host = lab[name]
    content = {
        "apache": "<VirtualHost *:80>\nServerName one.test\n"
        'ErrorDocument 404 "Aegir"\nRedirect 404 /\n</VirtualHost>\n',
        "nginx": 'server { listen 80; server_name one.test; location / { return 200 "Aegir"; } }\n',
    }[host.spec.web]
    host.run(["mkdir", "/var/aegir/config"], user="aegir")
    host.write(f"/var/aegir/config/{host.spec.web}.conf", content, user="aegir")
    ssh(lab, name, host.restart_command)
    eventually(lambda: lab.fetch(name, host="one.test").text == "Aegir")
    host.run(["rm", "-r", "/var/aegir/config"])
    ssh(lab, name, host.restart_command)
    eventually(lambda: lab.fetch(name, host="one.test").text != "Aegir")


def test_the_aegir_account_may_reload_and_nothing_else(lab: Lab) -> None:
    assert lab.web1.run(["sudo", "-n", "/usr/bin/id"], user="aegir", check=False).returncode != 0
    lab.web1.run(["sudo", "-n", "/usr/sbin/apache2ctl", "configtest"], user="aegir")


def test_every_host_reaches_the_database(lab: Lab) -> None:
    assert "mysql" in lab.database.databases()
    for host in lab.hosts.values():
        assert login(lab, host).stdout == "42\n"


def test_the_network_of_the_lab_has_no_way_out(lab: Lab) -> None:
    for host in lab.hosts.values():
        routes = host.run(["ip", "-4", "route", "show", "table", "all", "type", "unicast"]).stdout.splitlines()
        assert [route.split()[0] for route in routes] == ["10.213.77.0/24"]
        with pytest.raises(OSError):
            host.inside_network(lambda: socket.create_connection(("192.0.2.1", 80), timeout=2))
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(ConnectionRefusedError):
        lab.hub.inside_network(lambda: socket.create_connection(server.getsockname(), timeout=2))


# Ways in


def test_enter_gives_an_argument_list_for_any_runner(lab: Lab) -> None:
    argv = lab.enter("web1", ["sh", "-c", "hostname; id -un; pwd"], user="aegir", cwd="/var/aegir")
    done = subprocess.run(argv, capture_output=True, text=True, check=True, env=lab.web1.environment("aegir"))
    assert done.stdout.split() == ["web1", "aegir", "/var/aegir"]


def who(prefix: str) -> str:
    """Called on a host."""
    print("this is not the answer")
    return f"{prefix} {socket.gethostname()} {os.geteuid()}"


def fail_there(kind: str) -> None:
    if kind == "ours":
        raise HostError("There is a fault", where="somewhere")
    os.kill(os.getpid(), signal.SIGKILL)


def test_functions_of_this_project_are_called_on_a_host(lab: Lab) -> None:
    assert lab.hub.call(who, "I am") == "I am hub 8000"
    assert lab.web1.call(who, "I am", user="root") == "I am web1 0"


def test_what_a_function_raises_on_a_host_is_raised_here(lab: Lab) -> None:
    with pytest.raises(HostError, match="There is a fault") as caught:
        lab.hub.call(fail_there, "ours")
    assert "On hub" in "".join(caught.value.__notes__)
    with pytest.raises(HostError, match="status"):
        lab.hub.call(fail_there, "dead")


def test_the_command_line_runs_on_the_hub(lab: Lab) -> None:
    done = lab.hub.run([sys.executable, "-m", "provision_py.cli.main", "--version"], user="aegir")
    assert done.stdout.strip()


def test_a_failing_program_is_an_error_that_says_what_it_said(lab: Lab) -> None:
    with pytest.raises(HostError, match="No such file") as caught:
        lab.web1.run(["cat", "/nonexistent"])
    assert "web1" in str(caught.value)
    with pytest.raises(HostError, match="takes more than"):
        lab.web1.run(["sleep", "60"], timeout=0.3)
    eventually(lambda: "sleep" not in lab.web1.sh("cat /proc/[0-9]*/comm", check=False).split())


# NFS


def test_slaves_mount_the_masters_folder(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of([HostSpec("master"), HostSpec("slave")])
    folder = "/var/aegir/platforms"
    lab.master.run(["mkdir", "-p", folder], user="aegir")
    denied = lab.slave.run(["mount", "-t", "nfs", f"master:{folder}", "/mnt"], check=False)
    assert denied.returncode == 32
    assert "access denied by server" in denied.stderr
    lab.share(lab.master, lab.slave)
    lab.master.write(f"{folder}/file", "from the master", user="aegir")
    assert lab.slave.read(f"{folder}/file") == "from the master"
    lab.slave.write(f"{folder}/answer", "from the slave", user="aegir")
    assert lab.master.read(f"{folder}/answer") == "from the slave"
    is_mounted = ["findmnt", "--mountpoint", folder]
    assert lab.slave.run(is_mounted, check=False).returncode == 0
    assert lab.master.run(is_mounted, check=False).returncode == 1
    with lab.faults.unmounted(lab.slave):
        assert lab.slave.run(is_mounted, check=False).returncode == 1
        assert lab.slave.sh(f"ls {folder}") == ""
    assert lab.slave.read(f"{folder}/file") == "from the master"
    unknown = lab.slave.run(["mount", "-t", "nfs", f"nobody:{folder}", "/mnt"], check=False)
    assert "resolve server nobody" in unknown.stderr


# Faults


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


# Life and death


def eventually(condition: Callable[[], bool], patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            if condition():
                return
        except (OSError, HTTPException):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_four_hosts_are_up_in_seconds_and_leave_nothing(lab_of: Callable[..., Lab]) -> None:
    start = time.monotonic()
    lab = lab_of()
    assert time.monotonic() - start < 8
    folder, pids = lab.sandbox.path, [host.pid for host in lab.hosts.values()]
    assert str(folder) not in Path("/proc/mounts").read_text()
    lab.stop()
    assert not folder.exists()
    assert [pid for pid in pids if ProcessRecord.of(pid)] == []


def test_two_labs_run_side_by_side(lab: Lab, lab_of: Callable[..., Lab]) -> None:
    other = lab_of([HostSpec("hub"), HostSpec("web1", web="apache", php="fpm"), HostSpec("bare", prepared=False)])
    assert other.web1.address == lab.web1.address
    other.web1.write("/var/www/html/index.php", "<?php print php_sapi_name();")
    eventually(lambda: page(other, other.web1) == "fpm-fcgi")
    assert page(lab, lab.web1) == "web1"
    assert other.webs == [other.web1]
    # A machine that is not prepared for Aegir.
    assert ssh(other, "bare", "hostname", user="root") == "bare"
    assert "Permission denied" in ssh_failure(other, "bare")
    assert other.bare.run(["id", "aegir"], check=False).returncode != 0
    with pytest.raises(HostError, match="No host of the lab runs a database"):
        _ = other.database


def test_a_lab_of_unknown_or_double_hosts() -> None:
    for wrong in ([], [HostSpec("a"), HostSpec("a")], [HostSpec("a b")], [HostSpec("a", database=True)] * 2):
        with pytest.raises(HostError):
            Lab.start(wrong)


STARTER = """
import json, os, sys, time
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
lab = Lab.start([HostSpec("hub"), HostSpec("web1", web="nginx")])
pids = [host.pid for host in lab.hosts.values()]
lab.hub.popen(["sleep", "987"])
lab.web1.sh("setsid sleep 987 >/dev/null 2>&1 </dev/null &")
print(json.dumps([pids, str(lab.sandbox.path), os.readlink(f"/proc/{lab.web1.pid}/ns/net")]), flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_process_that_is_killed(lab: Lab) -> None:
    process = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids, folder, network = json.loads(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    eventually(lambda: network not in networks())
    assert Path(folder) in reap_abandoned()
    assert not Path(folder).exists()
    assert lab.hub.run(["hostname"]).stdout == "hub\n"


def networks() -> set[str]:
    """The network namespaces of all processes."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.add(os.readlink(folder / "ns/net"))
        except OSError:
            continue
    return found
