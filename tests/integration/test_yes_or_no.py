"""Options that are on or off, as people write them on the command line."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

import pytest

from provision_py.php.files import render_alias

ME = pwd.getpwuid(os.geteuid()).pw_name
PASSWORD = "clear-text"

NO = ("=0", "=no", "=No", "=false", "=off", "=null", "=")


def call(home: Path, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
    kept = ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "provision_py.cli.main", *words],
        capture_output=True,
        text=True,
        env={**environment, "LANG": "C.UTF-8", "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        check=False,
    )
    assert done.returncode == expect, done.stderr
    return done


@pytest.fixture
def platform(tmp_path: Path) -> Path:
    """The alias file of a platform."""
    call(tmp_path, "provision-save", "@server_master", "--context_type=server", f"--script_user={ME}")
    call(tmp_path, "provision-save", "@platform_x", "--context_type=platform", "--root=/srv/x")
    return tmp_path / ".drush/platform_x.alias.drushrc.php"


@pytest.mark.parametrize("option", [*(f"--delete{text}" for text in NO), "--no-delete"])
def test_a_context_that_is_not_to_be_deleted_stays(platform: Path, tmp_path: Path, option: str) -> None:
    done = call(tmp_path, "provision-save", "@platform_x", option, "--root=/srv/y")
    assert "Stored the context @platform_x" in done.stderr
    text = platform.read_text()
    assert "'/srv/y'" in text
    assert "delete" not in text


@pytest.mark.parametrize("option", ["--delete", "--delete=1", "--delete=yes", "--delete=true"])
def test_a_context_that_is_to_be_deleted_goes(platform: Path, tmp_path: Path, option: str) -> None:
    assert "Removed the context @platform_x" in call(tmp_path, "provision-save", "@platform_x", option).stderr
    assert not platform.exists()


def test_passwords_are_shown_on_a_yes_alone(tmp_path: Path) -> None:
    (tmp_path / ".drush").mkdir()
    record = {"context_type": "server", "master_db": f"mysql://root:{PASSWORD}@db.test"}
    text = render_alias("server_x", dict(record.items()))
    (tmp_path / ".drush/server_x.alias.drushrc.php").write_text(text)
    for option in (*(f"--with-secrets{text}" for text in NO), "--no-with-secrets"):
        assert PASSWORD not in call(tmp_path, "site:alias", "@server_x", option).stdout, option
    for option in ("--with-secrets", "--with-secrets=1", "--with-secrets=yes"):
        assert PASSWORD in call(tmp_path, "site:alias", "@server_x", option).stdout, option


def test_recover_is_asked_to_list_on_a_yes_alone(platform: Path, tmp_path: Path) -> None:
    assert json.loads(call(tmp_path, "recover", "--list", "--format=json").stdout) == []
    assert "Nothing is owed" in call(tmp_path, "recover", "--list=0", "--format=json").stdout


def test_prepare_needs_one_mode_that_is_meant(platform: Path, tmp_path: Path) -> None:
    done = call(tmp_path, "@server_master", "prepare", "--print=0", expect=2)
    assert "prepare prints, runs or checks" in done.stderr
