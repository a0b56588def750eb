"""One connection to the front end's database.

A :class:`Database` connects when it is first used and belongs to one thread. Outside a transaction every statement
commits by itself; :meth:`Database.transaction` groups statements. Table names stand in braces (``{node}``), as in
Drupal, and get the installation's prefix here and nowhere else.

A connection that is lost outside a transaction is opened again and the statement repeated, a bounded number of
times; inside a transaction the work is gone, so ``PROVISION_HOSTMASTER_LOST`` is raised.
"""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import pymysql
import pymysql.cursors

from provision_py.errors import HostmasterError
from provision_py.system.host import Secret

Params = Mapping[str, object] | Sequence[object] | None
Row = dict[str, Any]
T = TypeVar("T")
Connection: TypeAlias = "pymysql.connections.Connection[pymysql.cursors.DictCursor]"

#: Strict, so that nothing is cut silently; no ONLY_FULL_GROUP_BY, no ANSI_QUOTES, whatever the server's default is.
SQL_MODE: Final = "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO"

CONNECT_TIMEOUT: Final = 10  # seconds
READ_TIMEOUT: Final = 120  # seconds; longer than InnoDB's default lock wait
RECONNECT_DELAYS: Final = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0)  # seconds before each further attempt

_GONE: Final = 2006  # the statement did not reach the server
_LOST: Final = 2013  # the answer did not come; the statement may have been executed
_SHUTDOWN: Final = 1053
_KILLED: Final = (1927, 4031)  # MariaDB: connection was killed; MySQL 8: idle for too long
_LOST_CODES: Final = (_GONE, _LOST, 2055, _SHUTDOWN, *_KILLED)
_NEVER_RAN: Final = (_GONE, _SHUTDOWN, *_KILLED)
_DUPLICATE: Final = (1062, 1586)
#: Lock wait, deadlock, and what MariaDB from 11.6 says of a row that changed after the transaction first read
#: (innodb_snapshot_isolation).
_DEADLOCK: Final = (1205, 1213, 1020)
_SYNTAX: Final = 1064

_LOOPBACK: Final = frozenset({"", "localhost", "127.0.0.1", "::1"})
_TABLE: Final = re.compile(r"\{(\w+)\}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9_]*(?:\.[A-Za-z0-9_]*)?")


class LostError(HostmasterError):
    """The connection broke and could not be used again for what was under way."""

    code = "PROVISION_HOSTMASTER_LOST"


class UnreachableError(HostmasterError):
    """No connection could be made: no server, wrong host, port or socket."""

    code = "PROVISION_HOSTMASTER_UNREACHABLE"


class DuplicateError(HostmasterError):
    """A unique key has this value already."""

    code = "PROVISION_HOSTMASTER_DUPLICATE"


class DeadlockError(HostmasterError):
    """InnoDB gave up a transaction that met another one; it may be tried again."""

    code = "PROVISION_HOSTMASTER_DEADLOCK"


@dataclass(frozen=True)
class DatabaseSettings:
    """Where the front end's database is. ``socket`` wins over ``host`` and ``port``; ``charset`` None: utf8mb4."""

    host: str
    port: int
    socket: str | None
    user: str
    password: Secret
    database: str
    prefix: str = ""
    charset: str | None = None

    @property
    def where(self) -> str:
        """Database and server in words, without credentials."""
        return f"database {self.database} on {self.socket or f'{self.host}:{self.port}'}"

    @property
    def is_local(self) -> bool:
        return bool(self.socket) or self.host.lower() in _LOOPBACK


def apply_prefix(sql: str, prefix: str) -> str:
    """Put real table names for names in braces: ``{node}`` with prefix ``x_`` becomes the quoted name ``x_node``.

    A prefix may name another database, as in Drupal (``shared.x_``).
    """
    if not _PREFIX.fullmatch(prefix):
        raise HostmasterError(
            "The table prefix of the front end has characters that no prefix may have",
            hint="Letters, digits, underscores and at most one dot are allowed",
            code="PROVISION_HOSTMASTER_SETTINGS",
        )
    schema, dot, rest = prefix.rpartition(".")
    quoted = f"`{schema}`." if dot else ""
    return _TABLE.sub(lambda match: f"{quoted}`{rest}{match.group(1)}`", sql)


class Database:
    """The front end's database. Not for use by several threads: each takes its own :meth:`sibling`."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.settings = settings
        self._connection: Connection | None = None
        self._depth = 0
        self._charsets: dict[str, str] = {}
        self._sql: dict[str, str] = {}

    # Life of the connection

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one; the next statement opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(pymysql.err.Error, OSError):
                connection.close()

    def sibling(self) -> Database:
        """Another connection with the same settings, with no transaction: for logs and for other threads."""
        return Database(self.settings)

    @property
    def in_transaction(self) -> bool:
        return self._depth > 0

    def connection_id(self) -> int:
        """The server's number of this connection."""
        return int(str(self.value("SELECT CONNECTION_ID()")))

    def connect(self) -> None:
        """Connect now, to learn of wrong settings early. Raises HostmasterError."""
        self._connected()

    # Statements

    def rows(self, sql: str, params: Params = None) -> list[Row]:
        """All rows of a query."""
        return self._run(sql, params, lambda cursor: list(cursor.fetchall()))

    def row(self, sql: str, params: Params = None) -> Row | None:
        """The first row of a query; None when there is none."""
        return self._run(sql, params, lambda cursor: cursor.fetchone())

    def value(self, sql: str, params: Params = None) -> Any:
        """The first column of the first row; None when there is no row."""
        row = self.row(sql, params)
        return None if row is None else next(iter(row.values()))

    def execute(self, sql: str, params: Params = None) -> int:
        """Run a statement that may safely be repeated (UPDATE, DELETE); the number of rows it matched."""
        return self._run(sql, params, lambda cursor: int(cursor.rowcount))

    def insert(self, sql: str, params: Params = None) -> int:
        """Run an INSERT; the AUTO_INCREMENT value it used, or 0.

        Never repeated when the server may have executed it: that raises LostError.
        """
        return self._run(sql, params, lambda cursor: int(cursor.lastrowid or 0), repeatable=False)

    def insert_many(self, sql: str, rows: Sequence[Mapping[str, object] | Sequence[object]]) -> int:
        """Run one INSERT for many rows, in a transaction if there are very many; the number of rows."""
        if not rows:
            return 0
        statement = self._prepared(sql)

        def run(connection: Connection) -> int:
            with connection.cursor() as cursor:
                return int(cursor.executemany(statement, rows) or 0)

        return self._persistently(run, repeatable=False)

    # Transactions

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit what is done inside, or nothing of it. Not nestable (RuntimeError)."""
        if self._depth:
            raise RuntimeError("a transaction is open already")
        self._begin()
        try:
            yield
        except BaseException:
            self._depth = 0
            self._rollback()
            raise
        self._depth = 0
        try:
            self._connected_now().commit()
        except (pymysql.err.Error, OSError) as error:
            self.close()
            raise self._translated(error) from None
        except BaseException:
            self.close()
            raise

    def retrying(self, work: Callable[[], T], attempts: int = 6) -> T:
        """Run ``work`` in a transaction, again when InnoDB gave it up for another one or the connection was lost.

        ``work`` must do nothing but use this database. When the connection is lost while committing, the outcome
        is unknown, and LostError is raised.
        """
        for attempt in range(attempts):
            result: list[T] = []
            try:
                with self.transaction():
                    result.append(work())
                return result[0]
            except (DeadlockError, LostError) as error:
                if attempt == attempts - 1 or (result and isinstance(error, LostError)):
                    raise
                time.sleep(0.02 * 2**attempt)
        raise AssertionError("unreachable")

    def together(self, work: Callable[[], T]) -> T:
        """Run ``work`` in the transaction that is open, or else in one of its own as :meth:`retrying` does."""
        return work() if self.in_transaction else self.retrying(work)

    # Names and charsets

    def table(self, name: str) -> str:
        """The real name of a table, for ``information_schema``; the schema of a dotted prefix is left out."""
        return self.settings.prefix.rpartition(".")[2] + name

    def schema(self) -> str:
        """The database that holds the tables."""
        return self.settings.prefix.rpartition(".")[0] or self.settings.database

    def charset_of(self, name: str) -> str:
        """The charset of a table (``utf8mb4``, ``utf8mb3``, ``utf8`` …); '' when the table is missing."""
        if name not in self._charsets:
            collation = self.value(
                "SELECT table_collation AS collation_name FROM information_schema.tables"
                " WHERE table_schema = %s AND table_name = %s",
                (self.schema(), self.table(name)),
            )
            self._charsets[name] = str(collation or "").split("_", 1)[0]
        return self._charsets[name]

    # Inside

    def _prepared(self, sql: str) -> str:
        if sql not in self._sql:
            self._sql[sql] = apply_prefix(sql, self.settings.prefix)
        return self._sql[sql]

    def _run(
        self, sql: str, params: Params, read: Callable[[pymysql.cursors.DictCursor], T], repeatable: bool = True
    ) -> T:
        statement = self._prepared(sql)

        def run(connection: Connection) -> T:
            with connection.cursor() as cursor:
                cursor.execute(statement, params)
                return read(cursor)

        return self._persistently(run, repeatable)

    def _persistently(self, use: Callable[[Connection], T], repeatable: bool = True) -> T:
        """Do something with a connection; outside a transaction, again with a new one when it was lost."""
        lost = False
        for delay in (*RECONNECT_DELAYS, None):
            try:
                return use(self._connected())
            except UnreachableError:
                if not lost or delay is None:
                    raise
            except (pymysql.err.Error, OSError) as error:
                translated = self._translated(error)
                if not isinstance(translated, LostError):
                    raise translated from None
                lost = True
                self.close()
                if self.in_transaction or delay is None or not (repeatable or _code(error) in _NEVER_RAN):
                    raise translated from None
            except BaseException:
                # A signal may have come between question and answer; the next question would get this answer.
                self.close()
                raise
            time.sleep(delay)
        raise AssertionError("unreachable")

    def _begin(self) -> None:
        self._persistently(lambda connection: connection.begin())
        self._depth = 1

    def _rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except (pymysql.err.Error, OSError):
            self.close()

    def _connected_now(self) -> Connection:
        if self._connection is None:
            raise LostError("The connection to the front end's database was lost", where=self.settings.where)
        return self._connection

    def _connected(self) -> Connection:
        if self._connection is None:
            if self.in_transaction:
                return self._connected_now()
            self._connection = self._open()
        return self._connection

    def _open(self) -> Connection:
        settings = self.settings
        # Encryption costs more than the query on one machine. Towards another machine the driver uses it when the
        # server offers it, without asking for a certificate: database servers sign their own as a rule.
        tls: dict[str, Any] = {"ssl_disabled": True} if settings.is_local else {}
        try:
            if settings.socket:
                _knock(settings.socket)
            return pymysql.connect(
                host=settings.host or "localhost",
                port=settings.port,
                unix_socket=settings.socket or None,
                user=settings.user,
                # As bytes: the driver would make Latin-1 of a text.
                password=settings.password.reveal().encode("utf-8", "surrogateescape"),
                database=settings.database,
                charset=settings.charset or "utf8mb4",
                sql_mode=SQL_MODE,
                autocommit=True,
                client_flag=pymysql.constants.CLIENT.FOUND_ROWS,
                connect_timeout=CONNECT_TIMEOUT,
                read_timeout=READ_TIMEOUT,
                write_timeout=READ_TIMEOUT,
                cursorclass=pymysql.cursors.DictCursor,
                **tls,
            )
        except (pymysql.err.Error, OSError, LookupError, RuntimeError) as error:
            # RuntimeError: the account's kind of password needs a library that is not there.
            raise _connect_error(error, settings) from None

    def _translated(self, error: BaseException) -> HostmasterError:
        """Our error for the driver's. Parameters of statements never get into it."""
        if isinstance(error, HostmasterError):
            return error
        code, text, where = _code(error), _text(error), self.settings.where
        if code in _LOST_CODES or isinstance(error, (OSError, pymysql.err.InterfaceError)):
            return LostError(
                "The connection to the front end's database was lost",
                where=where,
                hint="Nothing of the unfinished transaction was stored. See that the database server runs",
            )
        if code in _DUPLICATE:
            return DuplicateError(f"The front end's database has this row already: {text}", where=where)
        if code in _DEADLOCK:
            return DeadlockError(f"The front end's database gave up a change for another one: {text}", where=where)
        # The text of a syntax error quotes the statement with its values.
        reason = f"error {code}" if code == _SYNTAX else f"{text} (error {code})"
        return HostmasterError(f"The front end's database refused a statement: {reason}", where=where)


def _knock(path: str) -> None:
    """Raise OSError when nobody listens at a socket; PyMySQL would leave its own end open in that case."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        end.settimeout(CONNECT_TIMEOUT)
        end.connect(path)


def _code(error: BaseException) -> int:
    code = error.args[0] if error.args else 0
    return code if isinstance(code, int) else 0


def _text(error: BaseException) -> str:
    return str(error.args[1] if len(error.args) > 1 else error)


def _connect_error(error: BaseException, settings: DatabaseSettings) -> HostmasterError:
    code, text = _code(error), _text(error)
    if code in (1044, 1045, 1698):
        return HostmasterError(
            f"The front end's database does not let user {settings.user} in",
            where=settings.where,
            hint="Compare db_user and db_passwd in the drushrc.php of the hostmaster site with the server's accounts",
            code="PROVISION_HOSTMASTER_DENIED",
        )
    if code == 1049:
        return HostmasterError(
            "The front end's database does not exist",
            where=settings.where,
            hint="Compare db_name in the drushrc.php of the hostmaster site with the databases of the server",
            code="PROVISION_HOSTMASTER_MISSING",
        )
    return UnreachableError(
        f"The front end's database cannot be reached: {text}",
        where=settings.where,
        hint="See that the database server runs and that host, port or socket are right",
    )
