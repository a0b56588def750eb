from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision_py.sandbox import programs
from provision_py.sandbox.programs import MissingProgramError, Program, find


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty search path."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "EXTRA_FOLDERS", ())
    return tmp_path


def put(folder: Path, name: str, mode: int = 0o755) -> str:
    path = folder / name
    path.write_text("#!/bin/sh\n")
    path.chmod(mode)
    return str(path)


def test_the_first_name_that_is_there_is_taken(folder: Path) -> None:
    program = Program(("mariadbd", "mysqld"), "mariadb-server")
    second = put(folder, "mysqld")
    assert find(program) == second
    first = put(folder, "mariadbd")
    assert find(program) == first


def test_of_several_versions_the_newest_by_number_is_taken(folder: Path) -> None:
    put(folder, "php-fpm8.9")
    newest = put(folder, "php-fpm8.10")
    put(folder, "php-fpm8.11", mode=0o644)
    put(folder, "php-fpm8.x")
    assert find(programs.PHP_FPM) == newest


def test_a_missing_program_is_an_error_that_names_the_package(folder: Path) -> None:
    with pytest.raises(MissingProgramError, match="apt-get install php-fpm") as caught:
        find(programs.PHP_FPM)
    assert caught.value.package == "php-fpm"
    with pytest.raises(MissingProgramError, match="nginx is not installed"):
        find(programs.NGINX)


def test_daemons_are_found_where_an_ordinary_users_path_does_not_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(programs, "EXTRA_FOLDERS", (str(tmp_path),))
    expected = put(tmp_path, "nginx")
    assert find(Program(("nginx",), "nginx")) == expected


def test_a_folder_that_may_not_be_read_is_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = put(folder, "php-fpm8.2")
    listdir = os.listdir

    def guarded(path: Path) -> list[str]:
        if str(path) == "/root/bin":
            raise PermissionError(13, "Permission denied", str(path))
        return listdir(path)

    monkeypatch.setattr(os, "listdir", guarded)
    monkeypatch.setenv("PATH", f"/root/bin:/nowhere:{folder}")
    assert find(programs.PHP_FPM) == newest
