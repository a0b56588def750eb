"""Bare machines made ready to be servers, from the hub, by root's ssh login there."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.lab.namespaces import LabNotPermittedError
from provision_py.sandbox.programs import MissingProgramError

HOSTS = (
    HostSpec("hub", web="nginx"),
    HostSpec("bare1", web="apache", prepared=False),
    HostSpec("bare2", web="nginx", prepared=False),
)
BARE = ["bare1", "bare2"]
TYPES = {"bare1": "apache_ssl", "bare2": "nginx"}


def provision(hub: LabHost, *words: str, check: bool = True) -> CompletedProcess[str]:
    argv = [sys.executable, "-m", "provision_py.cli.main", *words]
    return hub.run(argv, user="aegir", check=check, timeout=120)


def ssh(hub: LabHost, to: str, command: str, *, check: bool = True) -> CompletedProcess[str]:
    return hub.run(["ssh", "-o", "BatchMode=yes", to, command], user="aegir", check=check)


@pytest.fixture(scope="module")
def bare_lab() -> Iterator[Lab]:
    """A hub, and two machines that know nothing of it but that its Aegir account may log in as root."""
    try:
        lab = Lab.start(HOSTS)
    except (MissingProgramError, LabNotPermittedError) as error:
        pytest.skip(str(error))
    with lab:
        hub = lab.hub
        provision(hub, "provision-save", "@server_master", "--context_type=server", f"--remote_host={hub.full_name}")
        key = hub.read("/var/aegir/.ssh/id_ed25519.pub")
        for name in BARE:
            host = lab[name]
            options = [f"--remote_host={host.full_name}", f"--http_service_type={TYPES[name]}"]
            options += ["--web_group=www-data", f"--http_restart_cmd={host.restart_command}"]
            provision(hub, "provision-save", f"@server_{name}", "--context_type=server", *options)
            host.sh('echo "$1" >>~root/.ssh/authorized_keys; echo "@includedir /etc/sudoers.d" >>/etc/sudoers', key)
        yield lab


def pieces(done: CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.mark.parametrize("name", BARE)
def test_a_bare_machine_becomes_a_server(bare_lab: Lab, name: str) -> None:
    hub, host = bare_lab.hub, bare_lab[name]
    before = provision(hub, f"@server_{name}", "prepare", "--check", "--as=root", check=False)
    assert before.returncode == 1
    assert "There is no user aegir" in pieces(before)
    assert "does not read /var/aegir/config" in pieces(before)
    assert "PROVISION_NOT_PREPARED" in pieces(before)
    assert not host.exists("/etc/sudoers.d/aegir-provision-py"), "to check changes nothing"

    done = provision(hub, f"@server_{name}", "prepare", "--run")
    for what in ("There is no user aegir", "may not run with sudo", "does not read", "No key of the hub"):
        assert "Put right: " in pieces(done)
        assert what in pieces(done)

    # Now it is the account itself that is asked.
    after = provision(hub, f"@server_{name}", "prepare", "--check")
    assert "Nothing is missing" in pieces(after)
    again = provision(hub, f"@server_{name}", "prepare", "--run")
    assert "Put right" not in pieces(again)
    assert_the_account_works(hub, host)
    assert_configuration_is_read(hub, host)


def assert_the_account_works(hub: LabHost, host: LabHost) -> None:
    hub_ids = hub.run(["id", "-u", "aegir"]).stdout, hub.run(["id", "-g", "aegir"]).stdout
    assert (ssh(hub, host.name, "id -u").stdout, ssh(hub, host.name, "id -g").stdout) == hub_ids
    assert "www-data" in ssh(hub, host.name, "id -nG").stdout.split()
    test = "/usr/sbin/apache2ctl configtest" if host.spec.web == "apache" else "/usr/sbin/nginx -t"
    ssh(hub, host.name, f"sudo -n {test}")
    ssh(hub, host.name, host.restart_command.replace("sudo", "sudo -n"))
    for command in ("/usr/sbin/apache2ctl stop", "/usr/sbin/nginx -s stop", "/usr/sbin/nginx", f"{test} -v", "sh"):
        assert ssh(hub, host.name, f"sudo -n {command}", check=False).returncode != 0, command


def test_the_page_on_clusters_tells_how_a_member_stops_serving(bare_lab: Lab) -> None:
    """On a member that was saved and prepared as that page says, nothing else being set."""
    hub, host = bare_lab.hub, bare_lab["bare2"]
    provision(hub, "provision-save", "@server_bare2", "--http_restart_cmd=null")
    try:
        provision(hub, "@server_bare2", "prepare", "--run")
        host.sh("rm -f /var/aegir/config/nginx.conf")
        provision(hub, "@server_bare2", "provision-verify")
        page = (Path(__file__).parents[2] / "docs/clusters-and-packs.md").read_text()
        remove, reload = page.partition("**Remove a member.**")[2].split("```\n")[1].splitlines()
        remove = remove.replace("server_web2exampleorg", "server_bare2").replace("example.org", "gone.test")
        assert reload in provision(hub, "site:alias", "@server_bare2").stdout
        vhost = remove.removeprefix("rm ")
        host.write(vhost, "server { listen 80; server_name gone.test; return 410; }\n", user="aegir")
        ssh(hub, host.name, reload)
        assert any(hub.fetch(host.address, host="gone.test").status == 410 for _ in range(100))
        ssh(hub, host.name, f"{remove} && {reload}")
        assert any(hub.fetch(host.address, host="gone.test").status != 410 for _ in range(100))
    finally:
        provision(hub, "provision-save", "@server_bare2", f"--http_restart_cmd={host.restart_command}")
        provision(hub, "@server_bare2", "prepare", "--run")


def assert_configuration_is_read(hub: LabHost, host: LabHost) -> None:
    """A file that the account writes is served after a reload by the account."""
    if host.spec.web == "apache":
        text = "<VirtualHost *:80>\n  ServerName made.test\n  Redirect 410 /\n</VirtualHost>\n"
    else:
        text = "server { listen 80; server_name made.test; return 410; }\n"
    file = "/var/aegir/config/" + ("apache.conf" if host.spec.web == "apache" else "nginx.conf")
    ssh(hub, host.name, "mkdir -p /var/aegir/config")
    host.write(file, text, user="aegir")
    mark = "sudo -n " + host.restart_command.removeprefix("sudo ")
    ssh(hub, host.name, mark)
    assert any(hub.fetch(host.address, host="made.test").status == 410 for _ in range(100))


@pytest.mark.parametrize("name", BARE)
def test_the_printed_script_changes_nothing_when_nothing_is_missing(bare_lab: Lab, name: str) -> None:
    hub, host = bare_lab.hub, bare_lab[name]
    provision(hub, f"@server_{name}", "prepare", "--run")
    script = provision(hub, f"@server_{name}", "prepare", "--print").stdout
    data = json.loads(provision(hub, f"@server_{name}", "prepare", "--print", "--format=json").stdout)
    assert data["script"] == script
    state = "find /etc /var/aegir -newer /tmp/before -not -type d"
    host.run(["touch", "/tmp/before"])
    done = host.run(["sh"], input=script)
    assert (done.stdout, done.stderr) == ("", "")
    assert host.sh(state) == ""


def test_all_that_may_get_lost_is_named_and_put_right(bare_lab: Lab) -> None:
    hub, host = bare_lab.hub, bare_lab["bare1"]
    provision(hub, "@server_bare1", "prepare", "--run")
    breakages = [
        ("usermod -s /usr/sbin/nologin aegir", "no login shell but /usr/sbin/nologin"),
        ("gpasswd -d aegir www-data", "not in the group www-data"),
        ("chown root:root /var/aegir", "belongs to root and not to aegir"),
        ("chmod 700 /var/aegir", "may not pass through"),
        ("a2dismod -q -f rewrite", "Apache's module rewrite is not enabled"),
        ("a2disconf -q aegir; rm /etc/apache2/conf-available/aegir.conf", "does not read"),
        ("rm /etc/sudoers.d/aegir-provision-py", "may not run with sudo: /usr/sbin/apache2ctl graceful"),
        ("printf 'ssh-rsa AAAA other' >/var/aegir/.ssh/authorized_keys", "No key of the hub"),
    ]
    for breakage, _ in breakages:
        host.sh(breakage)
    found = provision(hub, "@server_bare1", "prepare", "--check", "--as=root", check=False)
    assert found.returncode == 1
    done = provision(hub, "@server_bare1", "prepare", "--run")
    for breakage, message in breakages:
        assert message in pieces(found), breakage
        assert message in pieces(done), breakage
    # The reload and the test are two rules.
    assert pieces(found).count("PROVISION_NOT_PREPARED") == pieces(done).count("Put right") == len(breakages) + 1
    # The other key, which had no line break behind it, is still there.
    assert host.read("/var/aegir/.ssh/authorized_keys").splitlines()[0] == "ssh-rsa AAAA other"


@pytest.fixture
def admin(bare_lab: Lab) -> str:
    """An account on bare1 that the hub logs in to, and that may use sudo for everything."""
    host = bare_lab["bare1"]
    host.run(["useradd", "--create-home", "--shell", "/bin/sh", "--password", "*", "admin"])
    host.sh(
        'mkdir ~admin/.ssh; echo "$1" >~admin/.ssh/authorized_keys',
        bare_lab.hub.read("/var/aegir/.ssh/id_ed25519.pub"),
    )
    host.sh("chown -R admin: ~admin; echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin")
    return "admin"


def test_an_admin_is_told_what_root_is_told(bare_lab: Lab, admin: str) -> None:
    hub, host = bare_lab.hub, bare_lab["bare1"]
    provision(hub, "@server_bare1", "prepare", "--run")
    assert "Nothing is missing" in pieces(provision(hub, "@server_bare1", "prepare", "--check", f"--as={admin}"))
    host.sh("rm /etc/sudoers.d/aegir-provision-py; : >/var/aegir/.ssh/authorized_keys; chmod 700 /var/aegir")
    try:
        by_admin, by_root = (
            provision(hub, "@server_bare1", "prepare", "--check", f"--as={user}", check=False)
            for user in (admin, "root")
        )
        assert (by_admin.returncode, by_admin.stderr) == (1, by_root.stderr)
        for what in (
            "not pass through",
            "sudo: /usr/sbin/apache2ctl graceful",
            "sudo: /usr/sbin/apache2ctl configtest",
        ):
            assert what in by_admin.stderr
        assert "No key of the hub lets it in as aegir" in by_admin.stderr
        host.sh("rm /etc/sudoers.d/admin")
        powerless = provision(hub, "@server_bare1", "prepare", "--check", f"--as={admin}", check=False)
        assert powerless.returncode == 1
        assert "PROVISION_NOT_ROOT" in powerless.stderr
    finally:
        provision(hub, "@server_bare1", "prepare", "--run")


def test_what_it_leaves_to_people(bare_lab: Lab) -> None:
    hub, host = bare_lab.hub, bare_lab["bare1"]
    provision(hub, "@server_bare1", "prepare", "--run")
    host.sh("a2disconf -q aegir; echo '# mine' >/etc/apache2/conf-available/aegir.conf")
    host.sh("sed -i /includedir/d /etc/sudoers")
    try:
        done = provision(hub, "@server_bare1", "prepare", "--run", check=False)
        assert done.returncode == 1
        assert "aegir.conf is something else" in pieces(done)
        assert "Does /etc/sudoers include its folder?" in pieces(done)
        assert host.read("/etc/apache2/conf-available/aegir.conf") == "# mine\n"
    finally:
        host.sh("rm /etc/apache2/conf-available/aegir.conf; echo '@includedir /etc/sudoers.d' >>/etc/sudoers")


def test_numbers_of_the_hub_that_are_taken(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of((HostSpec("hub"), HostSpec("bare", web="nginx", prepared=False)))
    hub, host = lab.hub, lab["bare"]
    provision(hub, "provision-save", "@server_master", "--context_type=server")
    options = [f"--remote_host={host.full_name}", "--http_service_type=nginx", "--web_group=www-data"]
    provision(hub, "provision-save", "@server_bare", "--context_type=server", *options)
    host.sh('echo "@includedir /etc/sudoers.d" >>/etc/sudoers')
    number = hub.run(["id", "-u", "aegir"]).stdout.strip()
    host.run(["groupadd", "--gid", number, "other"])
    host.run(["useradd", "--uid", number, "--gid", number, "other"])
    script = provision(hub, "@server_bare", "prepare", "--print").stdout
    done = host.run(["sh"], input=script, check=False)
    assert done.returncode == 1
    assert f"the user number {number} of the hub is taken" in done.stderr
    assert "made the user aegir" in done.stdout
    assert host.run(["id", "-u", "aegir"]).stdout.strip() != number


def test_other_numbers_than_the_hubs_are_told(bare_lab: Lab) -> None:
    hub, host = bare_lab.hub, bare_lab["bare2"]
    provision(hub, "@server_bare2", "prepare", "--run")
    former = [host.run(["id", option, "aegir"]).stdout.strip() for option in ("-u", "-g")]
    web_group = host.sh("getent group www-data | cut -d: -f3").strip()
    host.drop_ssh()
    host.sh("groupmod -g 1777 aegir; usermod -u 1777 aegir; groupmod -g 1778 www-data")
    try:
        for mode in ("--check", "--run"):
            done = provision(hub, "@server_bare2", "prepare", mode)
            assert done.stderr.count("PROVISION_PACK_IDS") == 3
            for what, there, here in (
                ("The user aegir", 1777, former[0]),
                ("The group of aegir", 1777, former[1]),
                ("The group www-data", 1778, web_group),
            ):
                assert f"{what} has the number {there} there and {here} on the hub" in done.stderr
            assert "Nothing is missing, but it is not ready for a pack" in pieces(done)
        host.sh("rm -f /var/aegir/config/nginx.conf")
        verified = provision(hub, "@server_bare2", "provision-verify")
        assert "has the number" not in pieces(verified)
    finally:
        host.drop_ssh()
        host.sh(f"groupmod -g {former[1]} aegir; usermod -u {former[0]} aegir; groupmod -g {web_group} www-data")
    assert "not ready" not in pieces(provision(hub, "@server_bare2", "prepare", "--check"))


def test_who_may_not_become_root(bare_lab: Lab) -> None:
    hub = bare_lab.hub
    provision(hub, "@server_bare1", "prepare", "--run")
    done = provision(hub, "@server_bare1", "prepare", "--run", "--as=aegir", check=False)
    assert done.returncode == 1
    assert "PROVISION_NOT_ROOT" in done.stderr
    script = provision(hub, "@server_bare1", "prepare", "--print").stdout
    refused = bare_lab["bare1"].run(["sh"], input=script, user="aegir", check=False)
    assert refused.returncode == 1
    assert refused.stderr == "problem: only root can do this\n"


def test_a_certificate_beside_the_key_is_no_key(bare_lab: Lab) -> None:
    hub = bare_lab.hub
    before = provision(hub, "@server_bare1", "prepare", "--print").stdout
    hub.sh("cd /var/aegir/.ssh && ssh-keygen -q -t ed25519 -N '' -f ca", user="aegir")
    hub.sh("cd /var/aegir/.ssh && ssh-keygen -q -s ca -I hub -n aegir id_ed25519", user="aegir")
    try:
        assert hub.exists("/var/aegir/.ssh/id_ed25519-cert.pub")
        assert provision(hub, "@server_bare1", "prepare", "--print").stdout == before
    finally:
        hub.sh("cd /var/aegir/.ssh && rm -f ca ca.pub id_ed25519-cert.pub")
