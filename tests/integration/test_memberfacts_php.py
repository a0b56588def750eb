"""What the program that asks a web server for its PHP says of this machine's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from provision_py.commands import memberfacts
from provision_py.sandbox import programs

WAYS = pytest.mark.parametrize("options", [memberfacts.BARE_PHP, ()], ids=["bare", "configured"])


def php(*arguments: str, stdin: str = "", **environment: str) -> str:
    argv = [programs.find(programs.PHP), *arguments]
    environment = {**os.environ, **environment}
    return subprocess.run(argv, input=stdin, env=environment, capture_output=True, text=True, check=True).stdout


def facts(
    options: Sequence[str], path: Path, serves: str = "", socket: str = "", **environment: str
) -> dict[str, Any]:
    job = {"path": str(path), "serves": serves, "socket": socket}
    found: dict[str, Any] = json.loads(php(*options, "-r", memberfacts._FACTS, stdin=json.dumps(job), **environment))
    return found


@WAYS
def test_extensions_are_those_that_php_loads(options: Sequence[str], tmp_path: Path) -> None:
    loaded = {
        name.lower().replace("zend ", "")
        for name in json.loads(php("-r", "echo json_encode(get_loaded_extensions());"))
    }
    assert {"mysqli", "mbstring", "opcache", "standard"} <= loaded
    assert set(facts(options, tmp_path)["extensions"]) == loaded


@WAYS
def test_an_extension_counts_when_it_is_configured_and_there(options: Sequence[str], tmp_path: Path) -> None:
    (tmp_path / "10-some.ini").write_text(
        ';extension=curl\nextension = mbstring.so ; text\n[PHP]\nextension="xml"\nextension=no_such_one\n'
        "zend_extension=opcache\n"
    )
    (tmp_path / "20-other.conf").write_text("extension=ctype\n")
    found = set(facts(options, tmp_path, PHP_INI_SCAN_DIR=str(tmp_path))["extensions"])
    assert {"mbstring", "xml", "opcache", "standard"} <= found
    assert not found & {"curl", "no_such_one", "ctype", "mysqli", "mysqlnd"}
    both = facts(options, tmp_path, PHP_INI_SCAN_DIR=f"{tmp_path}:")["extensions"]
    assert {"mysqli", "ctype"} <= set(both)


def test_php_without_its_configuration_is_silent_where_extensions_are_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "extensions"
    folder.symlink_to(php("-r", "echo PHP_EXTENSION_DIR;"))
    (tmp_path / "10-some.ini").write_text(f"extension_dir={folder}\nextension=ctype\n")
    assert "ctype" in facts((), tmp_path, PHP_INI_SCAN_DIR=str(tmp_path))["extensions"]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        facts(memberfacts.BARE_PHP, tmp_path, PHP_INI_SCAN_DIR=str(tmp_path))
    assert caught.value.stdout == ""


@pytest.fixture(scope="module")
def fpm() -> Path:
    found = Path(programs.find(programs.PHP_FPM))
    version = re.search(r"\d+\.\d+", found.name)
    if version is None or not Path(f"/etc/php/{version.group()}/fpm/conf.d").is_dir():
        pytest.skip("php-fpm is not Debian's")
    return found


@WAYS
def test_what_serves_visitors_loads_what_its_own_files_name(
    options: Sequence[str], tmp_path: Path, fpm: Path
) -> None:
    said = subprocess.run([fpm, "-m"], capture_output=True, text=True, check=True).stdout.lower()
    loaded = {line.replace("zend ", "") for line in said.splitlines() if line and not line.startswith("[")}
    assert {"mysqli", "mbstring", "opcache", "standard"} <= loaded
    (tmp_path / "php.sock").symlink_to(tmp_path / f"{fpm.name}.sock")
    for socket in (f"/run/php/{fpm.name.replace('-fpm', '')}-fpm.sock", str(tmp_path / "php.sock")):
        # What the command line alone has been told to load says nothing of php-fpm.
        serving = facts(options, tmp_path, "fpm", socket, PHP_INI_SCAN_DIR=str(tmp_path))["serving"]
        assert serving["kind"] == "fpm"
        assert set(serving["extensions"]) ^ loaded <= {"cgi-fcgi", "pcntl"}


@WAYS
def test_of_a_php_that_is_not_there_nothing_is_said(options: Sequence[str], tmp_path: Path) -> None:
    assert facts(options, tmp_path)["serving"] is None
    assert facts(options, tmp_path, "fpm", "/run/php/php1.0-fpm.sock")["serving"] is None


@WAYS
def test_the_folder_and_its_disk(options: Sequence[str], tmp_path: Path) -> None:
    found = facts(options, tmp_path)
    assert found["there"] is True
    assert found["free"] > 0
    found = facts(options, tmp_path / "not" / "there")
    assert found["there"] is False
    assert found["free"] > 0


@WAYS
@pytest.mark.parametrize(("host", "resolves"), [("no-such-name.invalid", False), ("127.0.0.1", True), ("::1", True)])
def test_the_address_of_the_database_server(
    options: Sequence[str], tmp_path: Path, host: str, resolves: bool
) -> None:
    job = {
        "path": str(tmp_path),
        "serves": "",
        "socket": "",
        "host": host,
        "port": 1,
        "user": "u",
        "password": "p",
        "name": "n",
    }
    found = json.loads(php(*options, "-r", memberfacts._FACTS, stdin=json.dumps(job)))
    assert found["resolves"] is resolves
    assert found["login"]
