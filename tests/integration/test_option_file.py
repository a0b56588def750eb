"""The database server that an option file names."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.option_file import server_of_option_file


def option_file(folder: Path, server: DatabaseServer, *, mode: int = 0o600, **changed: str) -> Path:
    values = {"host": server.host, "port": str(server.port), "user": server.user}
    values |= {"password": server.password.reveal(), **changed}
    path = folder / "server.cnf"
    path.write_text("\n".join(["[client]", *(f'{key} = "{value}"' for key, value in values.items() if value)]))
    path.chmod(mode)
    return path


def test_the_server_is_found_by_host_and_port(tmp_path: Path, mariadb: DatabaseServer) -> None:
    found = server_of_option_file(option_file(tmp_path, mariadb))
    assert (found.host, found.port, found.socket) == (mariadb.host, mariadb.port, None)
    assert found.query("SELECT 1") == [(1,)]


def test_a_socket_wins(tmp_path: Path, mariadb: DatabaseServer) -> None:
    if mariadb.socket is None:
        pytest.skip("the server is reached by TCP only")
    found = server_of_option_file(option_file(tmp_path, mariadb, port="1", socket=str(mariadb.socket)))
    assert found.query("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    ("changed", "mode", "said"),
    [
        ({}, 0o640, "Others may read"),
        ({"user": ""}, 0o600, "section \\[client\\]"),
        ({"port": "many-secret"}, 0o600, "section \\[client\\]"),
        ({"password": "wrong-secret"}, 0o600, "Access denied"),
        ({"port": "1"}, 0o600, "cannot be used"),
    ],
)
def test_files_that_do_not_do(
    tmp_path: Path, mariadb: DatabaseServer, changed: dict[str, str], mode: int, said: str
) -> None:
    path = option_file(tmp_path, mariadb, mode=mode, **changed)
    with pytest.raises(HostError, match=said) as caught:
        server_of_option_file(path)
    assert "secret" not in str(caught.value) and str(path) in str(caught.value)


def test_lines_that_are_no_options_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "server.cnf"
    path.write_text("password = top-secret\n")
    with pytest.raises(HostError) as caught:
        server_of_option_file(path)
    assert "secret" not in f"{caught.value} {caught.value.__cause__}"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="No such file"):
        server_of_option_file(tmp_path / "none.cnf")
