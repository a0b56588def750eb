from __future__ import annotations

import socket
from pathlib import Path

import pymysql
import pytest

from provision_py.errors import DatabaseError
from provision_py.services.mysql_connection import Login, connect, connect_failed
from provision_py.system.host import Secret


@pytest.mark.parametrize(
    ("url", "host", "user", "password"),
    [
        ("mysql://aegir_root:aegirroot@localhost", "localhost", "aegir_root", "aegirroot"),
        ("mysql://a%40b:p%3A%2F%40+x%25@db1.example.test", "db1.example.test", "a@b", "p:/@ x%"),
        ("mysql://root:@127.0.0.1:3307", "127.0.0.1", "root", ""),
        ("mysql://root@10.0.0.1", "10.0.0.1", "root", ""),
        ("mysqli://root:x@[::1]:3306/mysql", "::1", "root", "x"),
    ],
)
def test_administrators(url: str, host: str, user: str, password: str) -> None:
    login = Login.from_url(url, 3310, "@server_db")
    assert (login.host, login.port, login.user, login.password.reveal()) == (host, 3310, user, password)


@pytest.mark.parametrize(
    "url", ["", "secret", "mysql://secret", "mysql://:secret@host", "http://u:secret@h", "mysql://u:secret@"]
)
def test_what_is_no_address_is_not_shown(url: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        Login.from_url(url, 3306, "@server_db, key master_db")
    assert "secret" not in str(caught.value)
    assert "@server_db" in str(caught.value)


def test_the_socket_is_for_localhost_on_the_usual_port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "my.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        monkeypatch.setenv("MYSQL_UNIX_PORT", str(path))
        secret = Secret("x")
        assert Login("localhost", 3306, "u", secret).socket == str(path)
        assert Login("localhost", 3307, "u", secret).socket is None
        assert Login("127.0.0.1", 3306, "u", secret).socket is None


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        with pytest.raises(DatabaseError) as caught:
            connect(Login("127.0.0.1", port, "me", Secret("hidden")))
    assert caught.value.code == "PROVISION_DB_CONNECT_FAIL"
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "running" in caught.value.hint
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (1045, "user and password"),
        (1698, "user and password"),
        (1524, "caching_sha2_password"),
        (1130, "Allow this machine"),
        (1040, "max_connections"),
        (1049, "restore"),
        (3118, "ACCOUNT UNLOCK"),
        (4151, "ACCOUNT UNLOCK"),
        (1862, "PASSWORD EXPIRE NEVER"),
        (1820, "PASSWORD EXPIRE NEVER"),
        (3159, "require_secure_transport"),
        (2003, "running"),
    ],
)
def test_what_to_do_when_a_login_fails(number: int, hint: str) -> None:
    """The numbers are those of MySQL 9.7 and MariaDB 11.8."""
    login = Login("db.example.test", 3306, "me", Secret("hidden"))
    failed = connect_failed(pymysql.err.OperationalError(number, "the reason"), login)
    assert hint in failed.hint
    assert "the reason" in failed.what and failed.where == "db.example.test:3306"
