"""What a server needs, and what is missing. The scripts run for real on the machines of tests/lab/test_prepare.py."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision_py.contexts.model import Server
from provision_py.errors import HostError, ServiceError, UsageError
from provision_py.services.base import HttpService
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_cluster import HttpCluster
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.services.preparation import (
    Preparation,
    facts_script,
    preparation,
    prepare_script,
    public_key,
    sudo_commands,
    sudoers_command,
    sudoers_word,
)
from provision_py.services.serverfacts import Facts, Finding, Folder, is_number, is_vital, missing_pieces, parse

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHJ1 aegir@hub it's me"
APACHE = "sudo /usr/sbin/apache2ctl graceful"


def web(command: str = APACHE, **fields: Any) -> Server:
    properties = {"http_restart_cmd": command, "web_group": "www-data"}
    server = Server("web1", "web1.test", "/var/aegir", "aegir", service_types={"http": "x"}, properties=properties)
    return replace(server, **fields)


def wanted(kind: type[HttpService] = HttpApache, command: str = APACHE, **options: Any) -> Preparation:
    server = web(command)
    return preparation(server, kind(server), [KEY], **options)


WANTED = [
    wanted(),
    wanted(HttpApacheSsl, uid=1001, gid=1002),
    wanted(HttpNginx, "sudo /etc/init.d/nginx reload"),
    wanted(HttpNginxSsl, "sudo -n /usr/sbin/nginx -s reload"),
    replace(wanted(), keys=(), sudo=()),
    replace(wanted(), keys=(), is_hub=True),
]


@pytest.mark.parametrize(
    ("kind", "command", "commands"),
    [
        (HttpApache, APACHE, (("/usr/sbin/apache2ctl", "graceful"), ("/usr/sbin/apache2ctl", "configtest"))),
        (
            HttpNginx,
            "sudo -n /usr/sbin/nginx -s reload",
            (("/usr/sbin/nginx", "-s", "reload"), ("/usr/sbin/nginx", "-t")),
        ),
        (
            HttpNginx,
            "/usr/bin/sudo -u root /etc/init.d/nginx reload",
            (("/etc/init.d/nginx", "reload"), ("/etc/init.d/nginx", "configtest")),
        ),
        (HttpApache, "sudo /usr/local/bin/my-reload", (("/usr/local/bin/my-reload",),)),
        (HttpApache, "/opt/control graceful", ()),
        (HttpApache, "", ()),
    ],
)
def test_sudo_for_exactly_the_servers_commands(
    kind: type[HttpService], command: str, commands: tuple[tuple[str, ...], ...]
) -> None:
    assert sudo_commands(kind(web(command))) == commands


@pytest.mark.parametrize("command", ["sudo apache2ctl graceful", "sudo", "sudo -u root"])
def test_sudo_needs_full_paths(command: str) -> None:
    with pytest.raises(ServiceError, match="full path"):
        sudo_commands(HttpApache(web(command)))


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (("/usr/sbin/nginx", "-s", "reload"), "/usr/sbin/nginx -s reload"),
        (("/bin/x",), '/bin/x ""'),
        (("/bin/x", "a b", "c,d", "*"), r"/bin/x a\ b c\,d \*"),
    ],
)
def test_sudo_commands_have_exactly_these_arguments(argv: tuple[str, ...], text: str) -> None:
    assert sudoers_command(argv) == text


def test_a_line_break_makes_no_second_rule() -> None:
    for text in ("a\nroot ALL=(ALL) ALL", 'a"'):
        with pytest.raises(ServiceError):
            sudoers_word(text)


@pytest.mark.skipif(shutil.which("visudo", path="/usr/sbin:/usr/bin") is None, reason="sudo is not installed")
@pytest.mark.parametrize("one", [*WANTED[:4], wanted(command="sudo /bin/x 'a b' 'c,d' '*' '#1' 'e=f:g!'")])
def test_sudo_accepts_the_rules(one: Preparation, tmp_path: Path) -> None:
    file = tmp_path / "rules"
    file.write_text(f"{one.sudoers}\n")
    file.chmod(0o440)
    done = subprocess.run(["/usr/sbin/visudo", "-cf", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("one", WANTED)
@pytest.mark.parametrize("script", [prepare_script, facts_script])
def test_scripts_are_scripts(one: Preparation, script: object) -> None:
    assert callable(script)
    text = script(one)
    subprocess.run(["sh", "-n"], input=text, text=True, check=True)
    assert text.endswith("main </dev/null\n"), "what arrives by halves does nothing"
    if shutil.which("shellcheck"):
        argv = ["shellcheck", "--shell=sh", "--severity=warning", "-"]
        done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("one", WANTED)
def test_the_facts_of_any_machine_can_be_read(one: Preparation) -> None:
    """Whatever this machine is: the script comes to its end and its answer makes sense."""
    done = subprocess.run(["sh", "-s"], input=facts_script(one), capture_output=True, text=True, check=True)
    facts = parse(done.stdout, "here")
    assert set(facts.packages) <= {need.package for need in one.needs}
    assert set(facts.modules) <= set(one.modules)
    assert facts.asked_by


FACTS = Facts(
    asked_by="aegir",
    has_apt=True,
    uid=8000,
    gid=8000,
    shell="/bin/bash",
    groups=frozenset({"aegir", "www-data"}),
    web_gid=33,
    root=Folder("aegir", "aegir", 0o711),
    packages=(),
    modules=(),
    sudo=(),
    included=True,
    has_key=True,
)


def test_nothing_is_missing() -> None:
    assert missing_pieces(wanted(), FACTS) == []


@pytest.mark.parametrize(
    ("change", "pieces"),
    [
        ({"packages": ("rsync", "php-gd")}, ["package:rsync", "package:php-gd"]),
        ({"uid": None, "gid": None, "shell": None, "groups": frozenset()}, ["user"]),
        ({"shell": "/usr/sbin/nologin"}, ["shell"]),
        ({"web_gid": None}, ["web_group"]),
        ({"groups": frozenset({"aegir"})}, ["groups"]),
        ({"root": None}, ["root"]),
        ({"root": Folder("root", "root", 0o700)}, ["root_owner", "root_mode"]),
        ({"sudo": (1,)}, ["sudo:1"]),
        ({"modules": ("rewrite",)}, ["module:rewrite"]),
        ({"included": False}, ["include"]),
        ({"has_key": False}, []),
        ({"has_key": False, "asked_by": "root"}, ["key"]),
        ({"has_key": None, "asked_by": "somebody"}, []),
    ],
)
def test_each_missing_piece(change: dict[str, Any], pieces: list[str]) -> None:
    found = missing_pieces(wanted(), replace(FACTS, **change))
    assert [one.piece for one in found] == pieces
    assert all(one.what and one.hint for one in found)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"uid": 1777}, "The user aegir has the number 1777 there and 8000 on the hub"),
        ({"gid": 1777}, "The group of aegir has the number 1777 there and 8000 on the hub"),
        ({"web_gid": 48}, "The group www-data has the number 48 there and 33 on the hub"),
    ],
)
def test_numbers_that_matter_in_a_pack(change: dict[str, Any], what: str) -> None:
    hub = replace(wanted(uid=8000, gid=8000), web_gid=33)
    assert missing_pieces(hub, FACTS) == []
    (found,) = missing_pieces(hub, replace(FACTS, **change))
    assert (found.what, is_number(found), is_vital(found)) == (what, True, False)
    assert "a pack's machines need the same" in found.hint
    assert missing_pieces(wanted(), replace(FACTS, **change)) == [], "a verify asks for no numbers"
    assert missing_pieces(replace(hub, is_hub=True), replace(FACTS, **change)) == []


def test_pieces_without_which_verify_fails() -> None:
    vital = ("package:rsync", "package:php-cli", "package:sudo", "user", "web_group", "groups", "root", "root_owner")
    others = ("package:php-gd", "package:nginx", "module:headers", "include", "key", "shell", "root_mode")
    assert [piece for piece in (*vital, "sudo:0", "sudo:1", *others) if is_vital(Finding(piece, ""))] == [
        *vital, "sudo:0", "sudo:1",
    ]  # fmt: skip


def test_facts() -> None:
    lines = [
        "a word of the login\t?",
        "me\troot",
        "apt\tyes",
        "passwd\taegir:x:8000:8001:Aegir:/var/aegir:/bin/bash",
        "groups\taegir www-data",
        "web_group\t33",
        "root\taegir www-data 2711",
        "package\trsync",
        "sudo\t0",
        "sudo\t1",
        "included\tno",
        "key\tno",
        "end\t",
    ]
    facts = parse("\n".join(lines), "web1")
    assert (facts.uid, facts.gid, facts.web_gid, facts.shell) == (8000, 8001, 33, "/bin/bash")
    assert facts.root == Folder("aegir", "www-data", 0o2711)
    assert (facts.packages, facts.sudo, facts.included, facts.has_key) == (("rsync",), (0, 1), False, False)
    with pytest.raises(HostError, match="did not say all"):
        parse("\n".join(lines[:-1]), "web1")


def test_a_group_is_no_machine() -> None:
    server = replace(web(), service_types={"http": "cluster"}, members={"w": web()})
    with pytest.raises(UsageError, match="@w"):
        preparation(server, HttpCluster(server))


@pytest.mark.parametrize(
    "fields",
    [
        {"script_user": "a b"},
        {"script_user": "-rf"},
        {"script_user": "ALL\n"},
        {"aegir_root": "/var/$(reboot)"},
        {"aegir_root": "var"},
        {"remote_host": "web1\nreboot"},
        {"properties": {"web_group": "x;y"}},
    ],
)
def test_values_that_cannot_stand_in_a_script(fields: dict[str, Any]) -> None:
    server = web(**fields)
    with pytest.raises(ServiceError):
        preparation(server, HttpApache(server))


@pytest.mark.parametrize("key", [KEY, f"  {KEY}\n", "ecdsa-sha2-nistp256 AAAA=", "sk-ssh-ed25519@openssh.com AAAA x"])
def test_public_keys(key: str) -> None:
    assert public_key(key) == key.strip()


@pytest.mark.parametrize(
    "key", ["", "-----BEGIN OPENSSH PRIVATE KEY-----", "ssh-rsa", f"{KEY}\nssh-rsa AAAA", 'command="x" ssh-rsa AAAA']
)
def test_what_is_no_public_key(key: str) -> None:
    with pytest.raises(UsageError, match="no public key"):
        public_key(key)
