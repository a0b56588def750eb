"""A private MariaDB: fast, forgetful, reachable by socket and by TCP on the loopback."""

from __future__ import annotations

import gzip
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from provision_py.errors import DatabaseError, HostError
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, start_on_free_port
from provision_py.system.host import Secret

ADMIN_USER = "aegir_root"

#: Durability and big buffers are of no use to data that lives for minutes. The lists of sql_mode and character
#: sets stay as they are: a sandbox must be as strict as a real server.
SETTINGS = {
    "innodb_flush_log_at_trx_commit": "0",
    "innodb_doublewrite": "0",
    "innodb_flush_method": "nosync",
    "innodb_buffer_pool_size": "64M",
    "innodb_log_file_size": "32M",
    "innodb_fast_shutdown": "2",
    "sync_binlog": "0",
    "performance_schema": "0",
    "max_allowed_packet": "64M",
    "max_connections": "200",
    "lower_case_table_names": "0",
}


SEE_LOG = "The file holds the reason"


@dataclass(frozen=True)
class DatabaseServer:
    """A running database server with an account that may do everything, as Aegir's ``aegir_root`` may.

    ``socket`` is None where the server is reached by TCP only.
    """

    host: str
    port: int
    socket: Path | None
    user: str
    password: Secret

    def connect(self, database: str | None = None, *, autocommit: bool = True) -> Connection[Cursor]:
        """A connection as the admin account. Raises pymysql.err.OperationalError."""
        return pymysql.connect(
            host=self.host,
            port=self.port,
            unix_socket=str(self.socket) if self.socket else None,
            user=self.user,
            password=self.password.reveal(),
            database=database,
            charset="utf8mb4",
            autocommit=autocommit,
            connect_timeout=10,
            ssl_disabled=True,  # it never leaves the machine, and TLS takes forty times as long
        )

    def query(
        self, sql: str, arguments: Sequence[object] = (), *, database: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement; its rows."""
        with closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, arguments or None)
            return list(cursor.fetchall())

    def databases(self) -> list[str]:
        return [str(name) for (name,) in self.query("SHOW DATABASES")]

    def create_database(self, name: str) -> str:
        self.query(f"CREATE DATABASE {quoted(name)} CHARACTER SET utf8mb4")
        return name

    def drop_database(self, name: str) -> None:
        self.query(f"DROP DATABASE IF EXISTS {quoted(name)}")

    @contextmanager
    def temporary_database(self, prefix: str = "test") -> Iterator[str]:
        """A database of its own that is dropped afterwards."""
        name = self.create_database(f"{prefix}_{secrets.token_hex(6)}")
        try:
            yield name
        finally:
            self.drop_database(name)

    def load(self, database: str, dump: Path) -> None:
        """Load a dump (``.sql`` or ``.sql.gz``) with MariaDB's own client. Raises DatabaseError."""
        opener = gzip.open if dump.suffix == ".gz" else open
        with opener(dump, "rb") as file:
            self.load_sql(database, file.read())

    def load_sql(self, database: str, sql: bytes) -> None:
        """Run a script of statements in a database with MariaDB's own client. Raises DatabaseError."""
        argv = [programs.find(programs.MARIADB_CLIENT), "--no-defaults", f"--user={self.user}"]
        argv += ["--default-character-set=utf8mb4"]
        argv += [f"--socket={self.socket}"] if self.socket else [f"--host={self.host}", f"--port={self.port}"]
        done = subprocess.run(
            [*argv, database],
            input=sql,
            capture_output=True,
            env={"MYSQL_PWD": self.password.reveal(), "LANG": "C.UTF-8"},
            check=False,
        )
        if done.returncode != 0:
            message = done.stderr.decode(errors="replace").strip()
            raise DatabaseError(f"The dump cannot be loaded: {message}", where=database)


def quoted(name: str) -> str:
    """An identifier between backticks."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class _Start:
    sandbox: Sandbox
    name: str
    daemon: str
    data: Path
    socket: Path
    accounts: Path | None
    password: Secret
    patience: float


def start_mariadb(sandbox: Sandbox, *, name: str = "mariadb", patience: float = 30.0) -> DatabaseServer:
    """Make a data directory and start a server on it; ``patience`` in seconds.

    Raises MissingProgramError, HostError.
    """
    daemon = programs.find(programs.MARIADBD)
    data = sandbox.folder(f"{name}-data", mode=0o700, user=sandbox.accounts.db_user)
    run = sandbox.run / name
    run.mkdir(exist_ok=True)
    run.chmod(0o755)
    _give(sandbox, run)
    _initialise(sandbox, data, name)
    password = Secret(secrets.token_urlsafe(18))
    accounts = _accounts_script(sandbox, name, password)
    server = _Start(sandbox, name, daemon, data, run / "mariadb.sock", accounts, password, patience)
    try:
        running = start_on_free_port(lambda port: _start(server, port))
    finally:
        accounts.unlink()
    _write_settings(replace(server, accounts=None), running.port)
    return running


def _give(sandbox: Sandbox, path: Path) -> None:
    if sandbox.accounts.is_root:
        shutil.chown(path, sandbox.accounts.db_user)


def _initialise(sandbox: Sandbox, data: Path, name: str) -> None:
    argv = [
        programs.find(programs.MARIADB_INSTALL_DB),
        "--no-defaults",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-flush-method=nosync",
        "--innodb-log-file-size=32M",
    ]
    if sandbox.accounts.is_root:
        argv.append(f"--user={sandbox.accounts.db_user}")
    with sandbox.log(f"{name}-install").open("wb") as log:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=data,
            env={**os.environ, **sandbox.mark},
            check=False,
        )
    if done.returncode != 0:
        raise HostError("The data directory of MariaDB cannot be made", where=log.name, hint=SEE_LOG)


def _accounts_script(sandbox: Sandbox, name: str, password: Secret) -> Path:
    """The file of statements that the server runs at its start: one admin account, nobody without a password.

    A file of one moment, readable by the server alone: on a command line everybody would see the password.
    """
    path = sandbox.path / f"{name}-accounts.sql"
    path.touch(mode=0o600)
    _give(sandbox, path)
    lines = ["DELETE FROM mysql.global_priv WHERE User IN ('', 'root');", "FLUSH PRIVILEGES;"]
    for host in ("localhost", "%"):
        account = f"'{ADMIN_USER}'@'{host}'"
        # The password is made of URL-safe characters here, so it needs no escapes.
        lines.append(f"CREATE USER {account} IDENTIFIED BY '{password.reveal()}';")
        lines.append(f"GRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;")
    path.write_text("\n".join(lines) + "\n")
    return path


def _write_settings(server: _Start, port: int) -> Path:
    sandbox = server.sandbox
    values: dict[str, object] = {
        **SETTINGS,
        "datadir": server.data,
        "socket": server.socket,
        "port": port,
        "bind_address": "127.0.0.1",
        "pid_file": server.socket.with_suffix(".pid"),
        "tmpdir": server.data,
    }
    if server.accounts is not None:
        values["init_file"] = server.accounts
    if sandbox.accounts.is_root:
        values["user"] = sandbox.accounts.db_user
    path = sandbox.path / f"{server.name}.cnf"
    lines = [f"{key} = {value}" for key, value in values.items()]
    path.write_text("\n".join(["# Private server of a sandbox", "[mariadbd]", *lines, ""]))
    path.chmod(0o644)
    return path


def _start(server: _Start, port: int) -> DatabaseServer | None:
    sandbox, name = server.sandbox, server.name
    settings = _write_settings(server, port)
    log = sandbox.log(name)
    record = sandbox.launch(name, [server.daemon, f"--defaults-file={settings}"])
    running = DatabaseServer("127.0.0.1", port, server.socket, ADMIN_USER, server.password)
    deadline = time.monotonic() + server.patience
    while time.monotonic() < deadline:
        try:
            # PyMySQL leaves its socket open when nobody listens, so look first.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(server.socket))
            running.connect().close()
        except (OSError, pymysql.err.OperationalError):
            if record.is_running():
                time.sleep(0.02)
                continue
            if "Address already in use" in log.read_text(errors="replace"):
                log.unlink()
                return None
            raise HostError("MariaDB ended at its start", where=str(log), hint=SEE_LOG) from None
        return running
    sandbox.stop(name)
    raise HostError(f"MariaDB gives no answer in {server.patience:.0f} s", where=str(log), hint=SEE_LOG)
