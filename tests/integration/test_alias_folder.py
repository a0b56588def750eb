"""Alias folders and alias files that are missing, unreadable or something else: named, never taken for empty."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.modes import mode_of

ME = pwd.getpwuid(os.geteuid()).pw_name

#: What makes a program obey file modes where the caller is root.
BOUND = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with a master and a platform."""
    run(tmp_path, "provision-save", "@server_master", "--context_type=server", f"--script_user={ME}")
    run(tmp_path, "provision-save", "@platform_x", "--context_type=platform", "--root=/srv/x")
    return tmp_path


def run(home: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        [*BOUND, sys.executable, "-m", "provision_py.cli.main", *words],
        capture_output=True,
        text=True,
        env={**environment, "LANG": "C.UTF-8", "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        timeout=20,
        check=False,
    )
    assert "PROVISION_DEFECT" not in done.stderr
    assert done.returncode == expect, done.stderr
    return done


def alias(home: Path, name: str) -> Path:
    return home / f".drush/{name}.alias.drushrc.php"


def test_a_folder_that_is_not_there(home: Path) -> None:
    for folder in ("/nope", str(alias(home, "platform_x"))):
        done = run(home, f"--drush-dir={folder}", "site:alias", expect=1)
        assert done.stdout == ""
        assert "There is no folder of alias files" in done.stderr or "cannot be read" in done.stderr
        assert folder in done.stderr


def test_a_folder_without_contexts(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    assert f"There are no contexts in {folder}" in run(home, f"--drush-dir={folder}", "site:alias").stderr


def test_a_folder_that_may_be_entered_and_not_listed(home: Path) -> None:
    with mode_of(home / ".drush", 0o311):
        done = run(home, "site:alias", expect=1)
        assert "PROVISION_UNREADABLE_CONTEXT" in done.stderr
        assert str(home / ".drush") in done.stderr
        assert "platform_x" in run(home, "site:alias", "@platform_x").stdout


@pytest.mark.parametrize(
    "words", [["site:alias"], ["@platform_x", "provision-verify"], ["provision-save", "@platform_x"], ["topology"]]
)
def test_a_folder_that_may_not_be_entered(home: Path, words: list[str]) -> None:
    with mode_of(home / ".drush", 0):
        done = run(home, *words, expect=1)
    assert "Permission denied" in done.stderr
    assert str(home / ".drush") in done.stderr


@pytest.mark.parametrize("words", [["site:alias"], ["site:alias", "@pipe"], ["@pipe", "provision-verify"]])
def test_a_pipe_in_place_of_an_alias_file(home: Path, words: list[str]) -> None:
    os.mkfifo(alias(home, "pipe"))
    done = run(home, *words, expect=1)
    assert "is no file" in done.stderr
    assert str(alias(home, "pipe")) in done.stderr


def test_a_pipe_does_not_stop_commands_on_others(home: Path) -> None:
    os.mkfifo(alias(home, "pipe"))
    run(home, "provision-save", "@platform_y", "--context_type=platform", "--root=/srv/y")
    assert "@platform_y" in run(home, "site:alias", expect=1).stdout


def test_a_pipe_in_place_of_the_options(home: Path) -> None:
    os.mkfifo(home / ".drush/drushrc.php")
    assert "This is no file" in run(home, "site:alias", expect=1).stderr


def test_a_folder_in_place_of_an_alias_file(home: Path) -> None:
    alias(home, "folder").mkdir()
    assert "is no file" in run(home, "site:alias", "@folder", expect=1).stderr
    assert "is no file" in run(home, "provision-save", "@folder", "--context_type=platform", expect=1).stderr


@pytest.mark.parametrize(
    "words", [["site:alias"], ["site:alias", "@link"], ["@link", "provision-verify"], ["provision-save", "@link"]]
)
def test_a_link_that_leads_nowhere(home: Path, words: list[str]) -> None:
    alias(home, "link").symlink_to("/srv/aliases/link.php")
    done = run(home, *words, expect=1)
    assert "a link that leads nowhere" in done.stderr
    assert "/srv/aliases/link.php" in done.stderr
    assert alias(home, "link").is_symlink()


def test_a_reference_to_a_link_that_leads_nowhere(home: Path) -> None:
    alias(home, "server_l").symlink_to("/srv/aliases/link.php")
    done = run(home, "provision-save", "@platform_x", "--web_server=@server_l", expect=1)
    assert "a link that leads nowhere" in done.stderr


def test_a_link_that_leads_nowhere_can_be_deleted(home: Path) -> None:
    alias(home, "link").symlink_to("/srv/aliases/link.php")
    run(home, "provision-save", "@link", "--delete")
    assert not alias(home, "link").is_symlink()


def test_a_save_under_an_extra_name_says_what_it_has_stored(home: Path) -> None:
    words = ["--context_type=site", "--platform=@platform_x", "--uri=a.test", "--drush_aliases=short"]
    run(home, "provision-save", "@a.test", *words)
    done = run(home, "provision-save", "@short", "--language=fr")
    assert "Stored the context @a.test, which @short is an extra alias of" in done.stderr
    assert "'language' => 'fr'" in alias(home, "a.test").read_text()
