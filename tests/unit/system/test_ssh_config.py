"""Settings of ssh, known hosts, and scripts: all that needs no connection."""

from __future__ import annotations

import base64
import os
import pwd
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision_py.errors import HostError
from provision_py.system.host import Secret
from provision_py.system.knownhosts import fingerprint, known_keys, matches
from provision_py.system.multiplex import meaning, socket_folder
from provision_py.system.shell import encode, quote, words
from provision_py.system.sshconfig import SshSettings, expand, parse, resolve, split_jump
from provision_py.system.sshexec import BOOT, Stream
from provision_py.system.sshprograms import program_script

#: Everything that an argument of a process can be: any bytes but NUL.
TEXTS = st.binary(max_size=60).map(lambda raw: raw.replace(b"\0", b"").decode("utf-8", "surrogateescape"))


def in_shell(script: str) -> bytes:
    return subprocess.run(["/bin/sh"], input=encode(script), capture_output=True, check=True).stdout


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, max_size=8))
def test_a_shell_reads_back_what_was_quoted(texts: list[str]) -> None:
    out = in_shell(f"set -- {words(texts)}\nfor a do printf '%s\\0' \"$a\"; done")
    assert out.split(b"\0")[:-1] == [encode(text) for text in texts]


@settings(deadline=None, max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=5), TEXTS)
def test_the_wire_carries_arguments_environment_and_input(texts: list[str], value: str) -> None:
    """As sshd runs it: the boot command in a login shell, everything else by standard input."""
    program = [
        "/bin/sh",
        "-c",
        "for a do printf '%s\\0' \"$a\"; done; printf '%s\\0' \"$VALUE\"; cat",
        "name",
        *texts,
    ]
    script = program_script(program, {"VALUE": Secret(value)}, "/", "missing")
    payload = encode(f"token\n{script}\ntoken\n") + b"the input\n\0"
    done = subprocess.run(["/bin/sh", "-c", BOOT], input=payload, capture_output=True, check=True)
    *back, rest = done.stdout.split(b"\0", len(texts) + 1)
    assert back == [encode(text) for text in (*texts, value)]
    assert rest == b"the input\n\0"


def test_the_boot_command_suits_every_login_shell() -> None:
    assert "\n" not in BOOT
    assert "!" not in BOOT


def test_nul_is_refused_and_odd_names_of_variables_too() -> None:
    with pytest.raises(HostError, match="NUL"):
        quote("a\0b")
    for name in ("A B", "1A", "A;id", "", "É"):
        with pytest.raises(HostError, match="environment variable"):
            program_script(["true"], {name: "x"}, None, "missing")


class TestStream:
    @pytest.mark.parametrize("size", [1, 3, 1000])
    def test_what_comes_before_the_token_is_noise(self, size: int) -> None:
        lines: list[str] = []
        stream = Stream(b"abc", lines.append)
        data = b"motd\nabcabc 42\nfirst\r\nsecond\nno end"
        for start in range(0, len(data), size):
            stream.feed(data[start : start + size])
        stream.finish()
        assert bytes(stream.content) == b"first\r\nsecond\nno end"
        assert lines == ["first", "second", "no end"]

    def test_without_a_token_there_is_no_output(self) -> None:
        stream = Stream(b"abc")
        stream.feed(b"This account is not available.\n")
        assert stream.header is None
        assert stream.content == b""


class TestKnownHosts:
    KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519 one").decode()

    @pytest.mark.parametrize(
        ("patterns", "name", "expected"),
        [
            ("web1.test,10.0.0.1", "web1.test", True),
            ("WEB1.test", "web1.TEST", True),
            ("*.test,!web1.test", "web1.test", False),
            ("*.test,!web1.test", "web2.test", True),
            ("web?.test", "web10.test", False),
            ("[web1.test]:2222", "[web1.test]:2222", True),
            ("[web1.test]:2222", "web1.test", False),
            ("[*.test]:22*", "[web1.test]:2222", True),
            ("web1.test", "web1.test.evil", False),
            ("|1|broken", "web1.test", False),
        ],
    )
    def test_patterns(self, patterns: str, name: str, expected: bool) -> None:
        assert matches(patterns, name) is expected

    def test_files(self, tmp_path: Path) -> None:
        file = tmp_path / "known"
        file.write_text(
            f"# comment\nother ssh-ed25519 {self.KEY}\nweb1 ssh-ed25519 {self.KEY} a comment\n"
            f"@revoked web1 ssh-ed25519 {self.KEY}\n@cert-authority web1 ssh-ed25519 {self.KEY}\n"
            "web1 ssh-rsa ???\nweb1\n"
        )
        keys = known_keys([str(tmp_path / "none"), str(file)], "web1")
        assert [(key.line, key.revoked) for key in keys] == [(3, False), (4, True)]

    def test_hashes_and_fingerprints_are_openssh_s(self, tmp_path: Path) -> None:
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
        kind, key, *_ = (tmp_path / "key.pub").read_text().split()
        (tmp_path / "known").write_text(f"[web1.test]:2222 {kind} {key}\n")
        subprocess.run(["ssh-keygen", "-H", "-f", tmp_path / "known"], check=True, capture_output=True)
        (found,) = known_keys([str(tmp_path / "known")], "[web1.test]:2222")
        assert known_keys([str(tmp_path / "known")], "[web2.test]:2222") == []
        shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key"], capture_output=True, text=True).stdout
        assert fingerprint(found.blob) == shown.split()[1]


class TestSettings:
    def test_the_account_s_own_home_needs_no_options(self) -> None:
        home = pwd.getpwuid(os.geteuid()).pw_dir
        assert SshSettings.of_session("", {"HOME": home}) == SshSettings()
        assert SshSettings.of_session("", {}).home is None
        assert SshSettings().arguments() == []

    def test_another_home(self, tmp_path: Path) -> None:
        found = SshSettings.of_session("-p 2222 -o 'User=web user'", {"HOME": str(tmp_path)})
        assert found == SshSettings(("-p", "2222", "-o", "User=web user"), str(tmp_path))
        assert found.rebase("~/.ssh/id") == f"{tmp_path}/.ssh/id"
        assert found.rebase("/etc/ssh/id") == "/etc/ssh/id"
        (tmp_path / ".ssh").mkdir()
        (tmp_path / ".ssh" / "config").touch()
        assert found.arguments()[:2] == ["-F", f"{tmp_path}/.ssh/config"]

    def test_malformed_options(self) -> None:
        with pytest.raises(HostError) as caught:
            SshSettings.of_session("-o 'User=x")
        assert caught.value.code == "PROVISION_SSH_CONFIG"

    def test_a_jump_host_gets_no_options_but_the_file(self) -> None:
        options = ("-p", "22", "-F", "file", "-o", "User=x", "-Fother")
        assert SshSettings(options).for_jump().options == ("-F", "file", "-Fother")

    @pytest.mark.parametrize("name", ["", "-oProxyCommand=id", "a b", "a\nb"])
    def test_what_is_no_host_name(self, name: str) -> None:
        with pytest.raises(HostError, match="is not a host name"):
            resolve(name, "aegir", SshSettings())

    def test_what_ssh_answers(self) -> None:
        output = (
            "user aegir\nhostname 10.0.0.5\nport 2222\nidentityfile ~/.ssh/%n_%r\nidentityfile /k/%h\n"
            "userknownhostsfile /a/known /b/known\nglobalknownhostsfile none\nproxyjump gate:99,in@inner\n"
            "connecttimeout 7\nidentitiesonly yes\nidentityagent none\nproxycommand nc %h %p 100%%\n"
        )
        target = parse("web1", output, SshSettings(home="/home/x"))
        assert (target.address, target.port, target.user, target.connect_timeout) == ("10.0.0.5", 2222, "aegir", 7.0)
        assert target.identity_files == ("/home/x/.ssh/web1_aegir", "/k/10.0.0.5")
        assert target.known_hosts == ("/a/known", "/b/known")
        assert target.key_name == "[10.0.0.5]:2222"
        assert target.proxy_jump == ("gate:99", "in@inner")
        assert target.proxy_command == "nc 10.0.0.5 2222 100%"
        assert target.identities_only and target.agent is None
        assert target.label == "aegir@10.0.0.5:2222"

    @pytest.mark.parametrize(
        ("jump", "expected"),
        [
            ("gate", ("", "gate", None)),
            ("me@gate:2222", ("me", "gate", 2222)),
            ("ssh://me@gate:22", ("me", "gate", 22)),
            ("[fe80::1]:22", ("", "fe80::1", 22)),
            ("fe80::1", ("", "fe80::1", None)),
        ],
    )
    def test_jump_hosts(self, jump: str, expected: tuple[str, str, int | None]) -> None:
        assert split_jump(jump) == expected

    def test_tokens(self) -> None:
        assert expand("%h%%%z-%p", {"%": "%", "h": "x", "p": "22"}) == "x%%z-22"


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("Host key verification failed.", "PROVISION_SSH_UNKNOWN_HOST_KEY"),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED!\nHost key verification failed.", "PROVISION_SSH_CHANGED_HOST_KEY"),
        ("a@b: Permission denied (publickey).", "PROVISION_SSH_AUTH"),
        ("ssh: connect to host x port 22: Connection timed out", "PROVISION_SSH_TIMEOUT"),
        ("ssh: connect to host x port 22: Connection refused", "PROVISION_SSH_UNREACHABLE"),
        ("rsync: connection unexpectedly closed (0 bytes received so far)", "PROVISION_SSH_LOST"),
        ("rsync: mkdir failed: Permission denied (13)", None),
        ("no space left", None),
    ],
)
def test_what_openssh_says(said: str, code: str | None) -> None:
    assert meaning(said) == code


def test_sockets_lie_where_only_we_can_reach_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")
    folder = Path(socket_folder())
    assert (folder.stat().st_mode & 0o777, folder.stat().st_uid) == (0o700, os.geteuid())
    assert socket_folder() == str(folder)

    long = tmp_path / ("x" * 80)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    other = Path(socket_folder())
    assert other.parent == Path("/tmp")
    other.rmdir()
