"""Hosts of the lab: each a machine of its own, reached by others and by tests as machines are."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_answers import SSH, eventually, login, page, ssh

from provision_py.errors import HostError
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

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
        lab.web1.run(["sleep", "654"], timeout=0.3)
    eventually(lambda: "sleep\x00654" not in lab.web1.sh("cat /proc/[0-9]*/cmdline", check=False))


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
