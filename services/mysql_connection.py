"""Connections to MySQL and MariaDB servers: by which way, as whom, and what an error of theirs means."""

from __future__ import annotations

import os
import urllib.parse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.constants import CR, ER

from provision_py.errors import DatabaseError
from provision_py.system.host import Secret

DEFAULT_PORT = 3306
CONNECT_SECONDS = 10
#: Dropping a large database or waiting for a metadata lock takes its time.
ANSWER_SECONDS = 600

#: Where Debian, Red Hat, FreeBSD and the sources put the socket.
SOCKETS = ("/run/mysqld/mysqld.sock", "/var/lib/mysql/mysql.sock", "/tmp/mysql.sock")  # noqa: S108 (not made by us)

#: Quoting of texts relies on it: no NO_BACKSLASH_ESCAPES, no ANSI_QUOTES.
_SQL_MODE = "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'"

#: The last is for accounts that log in by the system's account (unix_socket, auth_socket).
ACCESS_DENIED = {ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, 1698}
NO_PRIVILEGE = {
    ER.TABLEACCESS_DENIED_ERROR,
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
    *ACCESS_DENIED,
}
HOST_NOT_ALLOWED = 1130
NO_SUCH_GRANT = {ER.NONEXISTING_GRANT, 1147}
#: MySQL's and MariaDB's number for an account that is locked, and for a password that has expired.
_LOCKED = (3118, 4151)
_EXPIRED = (1862, 1820)
_NO_TLS = 3159
_NO_PLUGIN = 1524

_CONNECT_HINTS = {
    **dict.fromkeys(
        ACCESS_DENIED,
        "Check user and password, and that the user may log in from this machine (without TLS, if it is the"
        " server's own)",
    ),
    HOST_NOT_ALLOWED: "Allow this machine to log in: no account of the database server names its host",
    ER.CON_COUNT_ERROR: "The server has no connection left: try again later, or raise max_connections",
    ER.BAD_DB_ERROR: "The database is gone: restore it from a backup",
    **dict.fromkeys(_LOCKED, "Unlock the account: ALTER USER … ACCOUNT UNLOCK"),
    **dict.fromkeys(_EXPIRED, "Give the account a password that does not expire: ALTER USER … PASSWORD EXPIRE NEVER"),
    _NO_PLUGIN: "The server has no such kind of password any more (MySQL from 8.4): give the account a new one with"
    " ALTER USER … IDENTIFIED WITH caching_sha2_password BY …",
    _NO_TLS: "Sites on the server's own machine connect without TLS: use localhost, which is its socket, or turn"
    " require_secure_transport off",
}


@dataclass(frozen=True)
class Login:
    """A user on a server. ``host`` ``localhost`` means the local socket, as for PHP, unless ``port`` is unusual."""

    host: str
    port: int
    user: str
    password: Secret

    @classmethod
    def from_url(cls, url: str, port: int, where: str) -> Login:
        """The administrator of a ``master_db`` value, ``mysql://user:password@host``, both parts URL-encoded.

        ``port`` counts, not one in the URL (db/Provision/Service/db.php). Raises DatabaseError, which never shows the
        URL.
        """
        scheme, separator, rest = url.partition("://")
        userinfo, at, place = rest.rpartition("@")
        user, _, password = userinfo.partition(":")
        host = place.split("/")[0].split("?")[0]
        host = host[1:].split("]")[0] if host.startswith("[") else host.split(":")[0]
        if not separator or scheme not in ("mysql", "mysqli") or not at or not user or not host:
            raise DatabaseError(
                "The database administrator's address is not of the form mysql://user:password@host",
                where=where,
                hint="Enter user and password of the database service again",
            )
        return cls(
            host=host,
            port=port,
            user=urllib.parse.unquote_plus(user),
            password=Secret(urllib.parse.unquote_plus(password)),
        )

    @property
    def socket(self) -> str | None:
        """The local socket to use; None for TCP."""
        if self.host != "localhost" or self.port != DEFAULT_PORT:
            return None
        candidates = (os.environ.get("MYSQL_UNIX_PORT", ""), *SOCKETS)
        return next((path for path in candidates if path and Path(path).is_socket()), None)

    def describe(self) -> str:
        return self.socket or f"{self.host}:{self.port}"


def connect(login: Login, *, database: str | None = None) -> Connection[Any]:
    """An open connection in autocommit mode. Raises DatabaseError (PROVISION_DB_CONNECT_FAIL)."""
    socket = login.socket
    near = socket is not None or login.host in ("localhost", "127.0.0.1", "::1")
    try:
        return pymysql.connect(
            host="127.0.0.1" if login.host == "localhost" else login.host,
            port=login.port,
            unix_socket=socket,
            user=login.user,
            # PyMySQL would encode a text as Latin-1.
            password=login.password.reveal().encode(),
            database=database,
            charset="utf8mb4",
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
            read_timeout=ANSWER_SECONDS,
            write_timeout=ANSWER_SECONDS,
            init_command=_SQL_MODE,
            # A handshake costs forty times the connection and protects nothing on this machine.
            ssl_disabled=near,
            local_infile=False,
        )
    except (pymysql.MySQLError, OSError, RuntimeError, UnicodeError) as error:
        raise connect_failed(error, login) from error


def connect_failed(error: BaseException, login: Login) -> DatabaseError:
    """What went wrong when connecting, with what to do about it."""
    number, message = number_and_message(error)
    return DatabaseError(
        f"The database server refused {login.user}: {message}"
        if number in {*ACCESS_DENIED, HOST_NOT_ALLOWED, *_LOCKED, *_EXPIRED}
        else f"The database server cannot be used: {message}",
        where=login.describe(),
        hint=_CONNECT_HINTS.get(number, "Check that the database server is running and can be reached from here"),
    )


def number_and_message(error: BaseException) -> tuple[int, str]:
    """MySQL's error number (0 for none) and its text."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    message = str(error.args[1]) if len(error.args) > 1 else str(error)
    return number, message or type(error).__name__


class Statements:
    """Runs statements on one connection. Errors are DatabaseErrors with the code of what was being done.

    A statement that is a :class:`Secret` shows neither itself nor the server's message, which may quote it.
    """

    def __init__(self, connection: Connection[Any], where: str) -> None:
        self._connection = connection
        self._where = where

    def run(
        self,
        what: str,
        *statements: str | Secret,
        code: str,
        hint: str = "",
        ignore: Sequence[int] = (),
    ) -> bool:
        """Run statements one after the other. ``what`` says what they do: ``Create the database x``.

        False when one failed with an error number of ``ignore``.
        """
        for statement in statements:
            text = statement.reveal() if isinstance(statement, Secret) else statement
            try:
                with self._connection.cursor() as cursor:
                    cursor.execute(text)
            except (pymysql.MySQLError, OSError) as error:
                number, message = number_and_message(error)
                if number in ignore:
                    return False
                if isinstance(statement, Secret):
                    message = f"error {number} of the database server"
                    raise self._failed(what, number, message, code, hint) from None
                raise self._failed(what, number, message, code, hint) from error
        return True

    def rows(self, what: str, query: str, values: Sequence[str] = (), *, code: str) -> list[tuple[Any, ...]]:
        """All rows of a query with ``%s`` placeholders."""
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query, tuple(values) or None)
                return list(cursor.fetchall())
        except (pymysql.MySQLError, OSError) as error:
            number, message = number_and_message(error)
            raise self._failed(what, number, message, code, "") from error

    def _failed(self, what: str, number: int, message: str, code: str, hint: str) -> DatabaseError:
        if number in NO_PRIVILEGE:
            hint = "Give the administrator of the database service all privileges WITH GRANT OPTION"
        elif number in (ER.DISK_FULL, 28, 1030):
            hint = "Free some disk space on the database server"
        elif number in _EXPIRED:
            hint = _CONNECT_HINTS[number]
        elif number == 3638:
            hint = "The account has or had this password, which the database server forbids: drop the account"
        elif number == 1819:
            hint = "The password policy of the database server is stricter than expected: relax it"
        elif number in (CR.CR_SERVER_LOST, CR.CR_SERVER_GONE_ERROR):
            hint = "The database server went away: check that it is running, then try again"
        return DatabaseError(f"{what} failed: {message}", where=self._where, hint=hint, code=code)


@contextmanager
def statements(login: Login, *, database: str | None = None) -> Iterator[Statements]:
    """Statements on a connection of their own, closed at the end."""
    connection = connect(login, database=database)
    try:
        yield Statements(connection, login.describe())
    finally:
        connection.close()
