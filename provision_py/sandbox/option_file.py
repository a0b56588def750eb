"""A database server that runs already, named by an option file as MySQL's own clients read it."""

from __future__ import annotations

import configparser
import stat
from pathlib import Path

import pymysql
from pymysql.optionfile import Parser

from provision_py.errors import HostError
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.system.host import Secret

CONTENT = "It needs a section [client] with user and password; host and port are 127.0.0.1 and 3306 if not given"


def server_of_option_file(path: Path) -> DatabaseServer:
    """The server of the section ``[client]`` (``host``, ``port``, ``socket``, ``user``, ``password``).

    The account must have all privileges WITH GRANT OPTION. Raises HostError: no such file, one that others may read,
    a key that is missing, or a server that does not let the account in.
    """
    server = _parsed(path)
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise HostError("Others may read the option file", where=str(path), hint=f"Run: chmod 600 {path}")
    try:
        server.connect().close()
    except (pymysql.err.Error, OSError) as error:
        raise HostError(f"The database server cannot be used: {error.args[-1]}", where=str(path)) from None
    return server


def _parsed(path: Path) -> DatabaseServer:
    parser = Parser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))

        def value(key: str, default: str) -> str:
            return parser.get("client", key) if parser.has_option("client", key) else default

        socket = value("socket", "")
        return DatabaseServer(
            host=value("host", "127.0.0.1"),
            port=int(value("port", "3306")),
            socket=Path(socket) if socket else None,
            user=parser.get("client", "user"),
            password=Secret(parser.get("client", "password")),
        )
    except (OSError, ValueError, configparser.Error) as error:
        # A parser's message may quote a line, and so the password.
        reason = error.strerror if isinstance(error, OSError) else type(error).__name__
        raise HostError(f"The option file cannot be used: {reason}", where=str(path), hint=CONTENT) from None
