"""``provision-save`` and ``site:alias`` as people and scripts call them: in a process of their own."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from provision_py.php.files import read_aliases
from provision_py.sandbox.mariadb import DatabaseServer

ME = pwd.getpwuid(os.geteuid()).pw_name

BASE_ENVIRONMENT = {"LANG": "C.UTF-8"} | {
    name: os.environ[name] for name in ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE") if name in os.environ
}

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the program with a home folder of its own; ``expect`` is the exit status."""

    def run_it(*words: str, expect: int = 0, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "provision_py.cli.main", *words],
            input=stdin,
            capture_output=True,
            text=True,
            env={**BASE_ENVIRONMENT, "HOME": str(tmp_path), **environment},
            check=False,
        )
        assert done.returncode == expect, done.stderr
        return done

    return run_it


@pytest.fixture
def master(run: Run, tmp_path: Path) -> Path:
    """A stored master; its alias file."""
    run("provision-save", "@server_master", "--context_type=server", f"--script_user={ME}", "--remote_host=m.test")
    return tmp_path / ".drush" / "server_master.alias.drushrc.php"


def record(run: Run, name: str, *options: str) -> dict[str, object]:
    found: dict[str, dict[str, object]] = json.loads(run("site:alias", name, "--format=json", *options).stdout)
    return found[name.removeprefix("@")]


def test_a_context_from_nothing(run: Run, master: Path, tmp_path: Path) -> None:
    assert master.stat().st_mode & 0o7777 == 0o440
    assert record(run, "@server_master")["aegir_root"] == str(tmp_path)
    run("provision-save", "@platform_x", "--context_type=platform", "--root=/srv/x")
    done = run(
        "@a.test",
        "provision-save",
        "--context_type=site",
        "--platform=platform_x",
        "--uri=A.test",
        "--aliases=b.test,c.test",
    )
    assert "Stored the context @a.test" in done.stderr
    assert done.stdout == ""
    site = record(run, "a.test")
    assert site["platform"] == "@platform_x"
    assert site["uri"] == "a.test"
    assert site["aliases"] == ["b.test", "c.test"]
    assert site["site_enabled"] is True


def test_resetting_switching_off_and_removing(run: Run, master: Path) -> None:
    run("provision-save", "@platform_x", "--context_type=platform", "--root=/srv/x")
    site = ["provision-save", "@a.test"]
    run(*site, "--context_type=site", "--platform=@platform_x", "--uri=a.test", "--aliases=b.test", "--language=fr")
    run(*site, "--aliases=null", "--language=", "--no-site_enabled")
    found = record(run, "@a.test")
    assert (found["aliases"], found["language"], found["site_enabled"]) == ([], "fr", False)
    run(*site, "--delete")
    assert "There was no context" in run(*site, "--delete").stderr
    run("site:alias", "@a.test", expect=1)


def test_what_says_nothing_is_said(run: Run, master: Path) -> None:
    for value in ("0", ""):
        said = run("provision-save", "@server_master", f"--remote_host={value}", "--db_port=0").stderr
        assert (
            f"remote_host stays as it was: --remote_host={value} says nothing, --remote_host=null resets it" in said
        )
        assert "db_port" not in said, "there is nothing that stays"
    assert record(run, "@server_master")["remote_host"] == "m.test"


def test_options_from_json(run: Run, master: Path, tmp_path: Path) -> None:
    options = {"context_type": "site", "platform": "@platform_x", "uri": "a.test", "aliases": ["x.test", "y.test"]}
    run("provision-save", "@platform_x", "--context_type=platform", "--root=/srv/x")
    run(
        "provision-save", "@a.test", "--from-json=-", "--language=de", stdin=json.dumps({**options, "language": "fr"})
    )
    found = record(run, "@a.test")
    assert (found["aliases"], found["language"]) == (["x.test", "y.test"], "de")
    file = tmp_path / "options.json"
    for broken in ("{", "[]"):
        file.write_text(broken)
        assert "JSON" in run("provision-save", "@a.test", f"--from-json={file}", expect=2).stderr
    run("provision-save", "@a.test", "--from-json=/no/such/file", expect=2)


def test_formats(run: Run, master: Path, tmp_path: Path) -> None:
    as_json = json.loads(run("sa", "@server_master", "--format=json").stdout)
    assert yaml.safe_load(run("sa", "@server_master", "--format=yaml").stdout) == as_json
    assert run("sa", "@server_master", "--format=php").stdout == master.read_text()
    assert "m.test" in run("sa", "@server_master").stdout
    assert "@server_master" in run("sa").stdout
    assert list(json.loads(run("--format=json", "sa").stdout)) == ["server_master"]


def test_errors_for_people_and_for_scripts(run: Run, master: Path) -> None:
    before = master.read_text()
    people = run("provision-save", "@server_master", "--http_service_type=lighttpd", expect=1)
    assert people.stdout == ""
    for part in ("lighttpd", "apache", "Hint:", "PROVISION_SERVICE"):
        assert part in people.stderr
    scripts = run("provision-save", "@x", "--format=json", expect=1)
    assert json.loads(scripts.stdout)["error"]["code"] == "PROVISION_MISSING_CONTEXT"
    assert master.read_text() == before


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["provision-sve"], "provision-save"),
        (["provision-save"], "@name"),
        (["provision-save", "@a", "@b"], "@b"),
        (["provision-verify"], "needs a context"),
        (["@server_master", "provision-install"], "does not work on a server"),
        (["@server_master", "provision-verify", "--wroking-copy"], "--working-copy"),
        (["site:alias", "--format=xml"], "xml"),
        (["-z"], "-z"),
    ],
)
def test_wrong_usage(run: Run, master: Path, words: Sequence[str], part: str) -> None:
    assert part in run(*words, expect=2).stderr


def test_help(run: Run) -> None:
    assert run().stdout == run("help").stdout == run("-h").stdout
    assert "--db_service_type" in run("help", "provision-save").stdout
    assert run("sa", "--help").stdout == run("help", "site:alias").stdout
    assert run("--version").stdout.startswith("provision-py ")
    assert run("-v", "--version").stdout == run("--version").stdout


@pytest.mark.parametrize("name", ["../../evil", "a b", "a;b", "x'y", "\x1b[31m"])
def test_bad_names_never_become_files(run: Run, master: Path, tmp_path: Path, name: str) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = run("provision-save", f"@{name}", "--context_type=platform", "--root=/srv/x", expect=1)
    assert "PROVISION_INVALID_NAME" in done.stderr
    assert "\x1b" not in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_another_folder_of_alias_files(run: Run, master: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(master.parent, other)
    run(
        "provision-save", "@platform_y", "--context_type=platform", "--root=/srv/y", PROVISION_PY_DRUSH_DIR=str(other)
    )
    assert (other / "platform_y.alias.drushrc.php").is_file()
    run("site:alias", "@platform_y", expect=1)
    run("site:alias", "@platform_y", f"--drush-dir={other}")


def test_only_the_owner_of_everything_may_change_it(run: Run, master: Path) -> None:
    text = master.read_text().replace(f"'script_user' => '{ME}'", "'script_user' => 'somebody_else'")
    master.chmod(0o640)
    master.write_text(text)
    done = run("provision-save", "@server_master", "--remote_host=x", expect=1)
    assert ("PROVISION_IS_ROOT" if ME == "root" else "PROVISION_WRONG_USER") in done.stderr
    assert master.read_text() == text
    assert "somebody_else" in run("site:alias", "@server_master").stdout


def test_a_broken_file_is_named_and_the_others_are_listed(run: Run, master: Path) -> None:
    (master.parent / "broken.alias.drushrc.php").write_text("<?php $aliases['broken'] = array(")
    done = run("site:alias", expect=1)
    assert "@server_master" in done.stdout
    assert "broken.alias.drushrc.php" in done.stderr


def test_a_database_server_is_asked_when_it_is_saved(run: Run, master: Path, mariadb: DatabaseServer) -> None:
    url = f"mysql://{mariadb.user}:{mariadb.password.reveal()}@{mariadb.host}"
    options = [f"--remote_host={mariadb.host}", "--db_service_type=mysql", f"--db_port={mariadb.port}"]
    run("provision-save", "@server_db", "--context_type=server", *options, f"--master_db={url}")
    found = record(run, "@server_db")
    assert found["utf8mb4_is_supported"] is True
    assert found["master_db"] == f"mysql://{mariadb.user}:********@{mariadb.host}"
    assert record(run, "@server_db", "--with-secrets")["master_db"] == url
    (stored,) = read_aliases(master.parent / "server_db.alias.drushrc.php").values()
    assert stored["master_db"] == url


def test_a_wrong_database_password_is_stored_and_told(run: Run, master: Path, mariadb: DatabaseServer) -> None:
    options = [f"--remote_host={mariadb.host}", "--db_service_type=mysql", f"--db_port={mariadb.port}"]
    url = f"mysql://{mariadb.user}:not-the-password@{mariadb.host}"
    done = run("provision-save", "@server_db", "--context_type=server", *options, f"--master_db={url}", expect=1)
    assert "PROVISION_DB_CONNECT_FAIL" in done.stderr
    assert "not-the-password" not in done.stderr + done.stdout
    assert record(run, "@server_db")["utf8mb4_is_supported"] is False


def test_a_full_disk_leaves_the_old_file(run: Run, master: Path, tmp_path: Path) -> None:
    """A file size limit stands in for the disk: writing fails half-way."""
    before = master.read_bytes()
    script = 'ulimit -f 0; exec "$0" -m provision_py.cli.main provision-save @server_master --admin_email="$1"'
    done = subprocess.run(
        ["bash", "-c", f"trap '' XFSZ; {script}", sys.executable, "x" * 5000],
        capture_output=True,
        text=True,
        env={**BASE_ENVIRONMENT, "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert master.read_bytes() == before
    names = {path.name for path in master.parent.iterdir()}
    assert names == {master.name, ".provision-py.lock"}
