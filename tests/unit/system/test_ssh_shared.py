"""One answer of ssh for all machines, where its configuration tells none apart."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.system import process
from provision_py.system.sshconfig import SshSettings, resolve
from provision_py.system.sshshared import Resolver, tells_apart

NAMES = ["web1.test", "web2.test", "10.0.0.7", "WEB4.test", "::1", "web5", "127.1", "010.0.0.1", "0x7f.1", "1"]

ALIKE = {
    "none": "",
    "for all": "# Include x, Match y\n\nHost *\n  Port 2222\n  user = aegir\n HostKeyAlgorithms=ssh-ed25519\n",
    "quoted": 'Host "*"\nIdentityFile "~/.ssh/our key"\nIdentityAgent none\n',
    "Debian's": "Include /etc/ssh/no-such.d/*.conf\nHost *\n    SendEnv LANG LC_*\n    HashKnownHosts yes\n",
}
APART = {
    "a host": "Host web2.test\n  Port 2222\n",
    "a pattern": "host = web*.test !web2.test\n  User other\n",
    "two patterns": "Host * !web2.test\n  Port 2222\n",
    "a match": "Match host web2.test\n  Port 2222\n",
    "another name": "Host *\n  HostName %h.example\n",
    "a token": "Host *\n  IdentityFile ~/.ssh/%h\n",
    "a jump host": "Host *\n  ProxyJump jump.test\n",
    "a command": "ProxyCommand nc web1.test 22\n",
    "canonical names": "CanonicalizeHostname yes\n",
    "a file of the folder": "Include more\n",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / ".ssh").mkdir()
    return tmp_path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The names that ssh was asked for."""
    names: list[str] = []
    run = process.run

    def counting(argv: list[str], **options: float) -> process.Completed:
        names.append(argv[-1])
        return run(argv, **options)  # type: ignore[arg-type] # a timeout is all there is

    monkeypatch.setattr(process, "run", counting)
    yield names


@pytest.mark.parametrize("name", [*ALIKE, *APART])
def test_the_answer_is_what_each_would_get(home: Path, name: str) -> None:
    (home / ".ssh/config").write_text((ALIKE | APART)[name])
    settings = SshSettings(home=str(home))
    assert tells_apart(settings) is (name in APART)
    resolver = Resolver(settings)
    for user in ("aegir", "", "other"):
        assert [resolver.resolve(one, user) for one in NAMES] == [resolve(one, user, settings) for one in NAMES]


def test_included_files_are_read(home: Path) -> None:
    settings = SshSettings(home=str(home))
    (home / ".ssh/config").write_text(f"Include {home}/more/*.conf\n")
    assert not tells_apart(settings)
    (home / "more").mkdir()
    (home / "more/one.conf").write_text("Host *\nInclude " + str(home / "two") + "\n")
    (home / "two").write_text("Host web2.test\nPort 2222\n")
    assert tells_apart(settings)
    (home / "two").write_text(f"Include {home}/two\n")
    assert tells_apart(settings)


def test_what_cannot_be_read_may_tell_apart(home: Path) -> None:
    (home / ".ssh/config").write_bytes(b"User \xff\n")
    assert tells_apart(SshSettings(home=str(home)))


def test_eight_machines_at_once_are_one_question(home: Path, asked: list[str]) -> None:
    resolver = Resolver(SshSettings(home=str(home)))
    names = [f"web{number}.test" for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda name: resolver.resolve(name, "aegir"), names))
    assert [target.address for target in found] == names
    assert len(asked) == 1
    resolver.resolve("web9.test", "other")
    assert len(asked) == 2


def test_options_of_the_drushrc_are_left_to_ssh(home: Path, asked: list[str]) -> None:
    resolver = Resolver(SshSettings(("-o", "Port=2222"), str(home)))
    assert [resolver.resolve(name, "aegir").port for name in ("web1.test", "web2.test")] == [2222, 2222]
    assert asked == ["web1.test", "web2.test"]


def test_a_malformed_configuration_is_told_for_each(home: Path) -> None:
    (home / ".ssh/config").write_text("NoSuchOption yes\n")
    resolver = Resolver(SshSettings(home=str(home)))
    for name in ("web1.test", "web2.test"):
        with pytest.raises(HostError, match="nosuchoption"):
            resolver.resolve(name, "aegir")
