"""MySQL and MariaDB as the database service of a server (db/Provision/Service/db/mysql.php; backend.md 6)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from provision_py.contexts.model import Server
from provision_py.contexts.properties import Property
from provision_py.drupal.model import Credentials
from provision_py.errors import DatabaseError
from provision_py.php.values import PhpValue, as_strings, says_yes
from provision_py.services import db_accounts, db_grants
from provision_py.services.base import Service
from provision_py.services.db_accounts import ServerVersion
from provision_py.services.db_grants import DROP_FAILED, GRANT_FAILED, text_of
from provision_py.services.db_hosts import refused_host, seen_from
from provision_py.services.mysql_quoting import identifier
from provision_py.system.addresses import is_local
from provision_py.system.host import Host, Secret

if TYPE_CHECKING:
    from provision_py.services.mysql_connection import Login, Statements

DEFAULT_PORT = 3306
CREATE_FAILED = "PROVISION_CREATE_DB_FAILED"
CONNECT_FAILED = "PROVISION_DB_CONNECT_FAIL"

#: Databases of the server itself: never dropped, whatever a drushrc.php says.
SYSTEM_DATABASES = frozenset({"mysql", "information_schema", "performance_schema", "sys"})

_EXISTS_ALREADY = 1007


@dataclass(frozen=True)
class Checked:
    """What :meth:`DbMysql.check` found out about a server that can be used."""

    version: str
    utf8mb4: bool


class DbMysql(Service):
    """The database service of one server. Every operation has a connection of its own, as the administrator.

    All operations raise DatabaseError with a code of the original and a hint.
    """

    service = "db"
    type = "mysql"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        """``db_grant_hosts`` is ours: hosts that accounts are made for, instead of asking the server."""
        return (
            Property("db_port", lambda draft: DEFAULT_PORT),
            Property("master_db"),
            Property("db_grant_all_hosts", lambda draft: False),
            Property("utf8mb4_is_supported", lambda draft: False),
            Property("db_grant_hosts", lambda draft: {}, kind="list", optional=True),
        )

    # How to reach it.

    @property
    def port(self) -> int:
        value = self.server.properties.get("db_port")
        text = "" if value is None or isinstance(value, dict) else str(value)
        if not re.fullmatch(r"\d{1,5}", text) or not 0 < int(text) < 65536:
            raise DatabaseError(
                f"{text!a} is no port number",
                where=f"@{self.server.name}, key db_port",
                hint=f"Correct the port of the database service; usual is {DEFAULT_PORT}",
            )
        return int(text)

    @property
    def host(self) -> str:
        """The host name that sites use."""
        return self.server.remote_host

    def administrator(self) -> Login:
        """User, password and host of ``master_db``."""
        from provision_py.services.mysql_connection import Login

        where = f"@{self.server.name}, key master_db"
        url = self.server.properties.get("master_db")
        if not isinstance(url, str) or not url:
            raise DatabaseError(
                "The administrator of the database service is not known",
                where=where,
                hint="Enter user and password of the database service in the front end and verify the server",
            )
        return Login.from_url(url, self.port, where)

    @contextmanager
    def connect(self) -> Iterator[Statements]:
        """Statements as the administrator."""
        from provision_py.services.mysql_connection import statements

        with statements(self.administrator()) as opened:
            yield opened

    def version(self) -> ServerVersion:
        with self.connect() as sql:
            return _version(sql)

    # Checks.

    def check(self) -> Checked:
        """Log in, make and drop a database and an account, try a table in utf8mb4. What it makes has random names
        and is dropped again, whatever happens.
        """
        probe = f"site_tmp_{secrets.token_hex(6)}"
        with self.connect() as sql:
            version = _version(sql)
            if not version.has_alter_user:
                raise DatabaseError(
                    f"The database server is too old: {version}",
                    where=f"@{self.server.name}",
                    hint="Use MariaDB 10.2 or MySQL 5.7, or a later version",
                    code="PROVISION_DB_VERSION",
                )
            try:
                self._try_database(sql, probe)
                self._try_account(sql, probe)
                return Checked(version=str(version), utf8mb4=_supports_utf8mb4(sql, probe))
            finally:
                _try_away(sql, f"Drop the test database {probe}", db_accounts.drop_database(probe))
                _try_away(sql, f"Drop the test user {probe}", db_accounts.drop_account(probe, "localhost"))

    def _try_database(self, sql: Statements, probe: str) -> None:
        sql.run("Creating a test database", db_accounts.create_database(probe), code=CREATE_FAILED)
        found = sql.rows("Looking for the test database", "SHOW DATABASES LIKE %s", [probe], code=CREATE_FAILED)
        if not found:
            raise DatabaseError(
                "A test database was created and is not there",
                where=f"@{self.server.name}",
                hint="Check that the administrator sees all databases",
                code=CREATE_FAILED,
            )

    def _try_account(self, sql: Statements, probe: str) -> None:
        password = db_accounts.new_password()
        sql.run("Creating a test user", db_accounts.create_account(probe, "localhost", password), code=GRANT_FAILED)
        sql.run(
            "Granting privileges to a test user",
            db_accounts.grant_all(probe, probe, "localhost"),
            db_accounts.revoke_all(probe, probe, "localhost"),
            code=GRANT_FAILED,
        )

    def detect(self, host: Host) -> Mapping[str, PhpValue]:
        return {"utf8mb4_is_supported": self.check().utf8mb4}

    # Databases.

    def suggest_name(self, uri: str, exists: Callable[[str], bool] | None = None) -> str:
        """A name for a site's database that neither a database nor a user has now (``exists`` tells of one name).

        Only :meth:`create_database` decides: whoever creates it first has it.
        """
        if exists is None:
            taken = self._taken_names()
            exists = taken.__contains__
        for name in db_accounts.name_suggestions(uri):
            if not exists(name):
                return name
        raise DatabaseError(
            f"No free database name was found for {uri} after {db_accounts.SUGGESTIONS} attempts",
            where=f"@{self.server.name}",
            hint="Drop databases of that name that no site uses any more",
            code=CREATE_FAILED,
        )

    def _taken_names(self) -> frozenset[str]:
        with self.connect() as sql:
            rows = sql.rows("Listing the databases", "SHOW DATABASES", code=CREATE_FAILED)
            users = sql.rows("Listing the users", "SELECT DISTINCT User FROM mysql.user", code=CREATE_FAILED)
        return frozenset(text_of(row[0]) for row in (*rows, *users))

    def database_exists(self, name: str) -> bool:
        query = "SELECT 1 FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = %s"
        with self.connect() as sql:
            return bool(sql.rows(f"Looking for the database {name}", query, [name], code=CONNECT_FAILED))

    def is_empty(self, name: str) -> bool:
        """True when the database exists and holds no table."""
        query = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s LIMIT 1"
        if not self.database_exists(name):
            return False
        with self.connect() as sql:
            return not sql.rows(f"Looking into the database {name}", query, [name], code=CONNECT_FAILED)

    def create_database(self, name: str) -> bool:
        """Create it, in utf8mb4. False when there is one of that name already: then nothing was touched."""
        with self.connect() as sql:
            return sql.run(
                f"Creating the database {name}",
                db_accounts.create_database(name),
                code=CREATE_FAILED,
                ignore=[_EXISTS_ALREADY],
            )

    def drop_database(self, name: str) -> bool:
        """Drop it. True when there was one."""
        if name.lower() in SYSTEM_DATABASES:
            raise DatabaseError(
                f"{name} belongs to the database server and is not dropped",
                where=f"@{self.server.name}",
                hint="Correct db_name in the site's drushrc.php",
                code=DROP_FAILED,
            )
        existed = self.database_exists(name)
        with self.connect() as sql:
            sql.run(f"Dropping the database {name}", db_accounts.drop_database(name), code=DROP_FAILED)
        return existed

    # Accounts.

    def account_hosts(self, user: str) -> tuple[str, ...]:
        """The hosts, in lower case, for which the server knows a user of this name."""
        with self.connect() as sql:
            return db_grants.account_hosts(sql, user)

    def create_account(self, user: str, host: str, password: Secret) -> bool:
        """Make the account, or give the one that is there this password. True when it was made now."""
        with self.connect() as sql:
            return db_grants.make_account(sql, user, host, password)

    def grant(self, database: str, user: str, host: str) -> None:
        """All privileges on this one database."""
        with self.connect() as sql:
            db_grants.grant_all(sql, database, user, host)

    def drop_account(self, user: str, host: str) -> bool:
        """Drop the account. True when there was one."""
        with self.connect() as sql:
            existed = host.lower() in db_grants.account_hosts(sql, user)
            sql.run(f"Dropping the user {user}@{host}", db_accounts.drop_account(user, host), code=DROP_FAILED)
        return existed

    def drop_site_database(self, credentials: Credentials, *, hosts: Sequence[str] | None = None) -> tuple[str, ...]:
        """Drop a site's database, take its user's privileges on it, and drop the user where nothing else is left.

        ``hosts`` limits the user's accounts; all of them when None. Gives a line for each thing that was dropped or
        kept. A user with privileges on other databases stays.
        """
        told = []
        if credentials.name:
            dropped = self.drop_database(credentials.name)
            told.append(
                f"Dropped the database {credentials.name}"
                if dropped
                else f"The database {credentials.name} was not there"
            )
        if credentials.user and credentials.user.lower() != self.administrator().user.lower():
            with self.connect() as sql:
                for host in db_grants.account_hosts(sql, credentials.user):
                    if hosts is None or host in {wanted.lower() for wanted in hosts}:
                        told.append(db_grants.drop_if_bare(sql, credentials.name, credentials.user, host))
        return tuple(told)

    # Which hosts.

    def grant_hosts(
        self,
        web_servers: Sequence[Server],
        *,
        probe: Callable[[Server, str, int], str] | None = None,
    ) -> tuple[str, ...]:
        """The hosts, as the database server sees them, from which the PHP of these web servers connects.

        All hosts with ``db_grant_all_hosts``; those of ``db_grant_hosts`` when it is set; else the server is asked.
        For a web server on another machine ``probe`` logs in from there, to host and port, and gives the answer of
        the server, all of them side by side; without it the addresses of that web server count.
        """
        if says_yes(self.server.properties.get("db_grant_all_hosts")):
            return ("%",)
        override = as_strings(self.server.properties.get("db_grant_hosts"))
        if override:
            return tuple(dict.fromkeys(override))
        away = [server for server in web_servers if not (server.is_master or is_local(server.remote_host))]
        seen = {server.name: self._addresses(server) for server in away} if probe is None else {}
        if probe is not None and away:
            seen = seen_from(away, lambda server: probe(server, self.host, self.port), f"@{self.server.name}")
        if len(away) < len(web_servers):
            here = (self._seen_from_here(),)
            seen.update({server.name: here for server in web_servers if server not in away})
        return tuple(dict.fromkeys(host.lower() for server in web_servers for host in seen[server.name]))

    def _seen_from_here(self) -> str:
        """Log in as a site of this machine would and ask; the refusal of a login tells the host as well."""
        from provision_py.services.mysql_connection import statements

        login = replace(self.administrator(), host=self.host)
        if self.host == "localhost" and login.socket is None:
            # PHP takes the socket for this name, whether we know its path or not.
            return "localhost"
        try:
            with statements(login) as sql:
                rows = sql.rows("Asking for the host of this machine", "SELECT USER()", code=CONNECT_FAILED)
        except DatabaseError as error:
            refused = refused_host(error.what)
            if refused is None:
                raise
            return refused
        return text_of(rows[0][0]).rpartition("@")[2]

    def _addresses(self, web_server: Server) -> tuple[str, ...]:
        if not web_server.ip_addresses:
            raise DatabaseError(
                f"From which address @{web_server.name} connects to the database is not known",
                where=f"@{self.server.name}, for {web_server.remote_host}",
                hint=f"Enter the IP addresses of @{web_server.name}, or set db_grant_hosts of @{self.server.name}",
            )
        return web_server.ip_addresses

    # Sites.

    def check_login(self, credentials: Credentials) -> None:
        """Log in as a site does and select its database."""
        from provision_py.services.mysql_connection import Login, connect

        login = Login(credentials.host, credentials.port, credentials.user, credentials.password)
        with closing(connect(login, database=credentials.name)):
            pass

    def new_credentials(self, name: str) -> Credentials:
        """Credentials for a new database, its user of the same name (Provision/Service/db.php)."""
        return Credentials(host=self.host, port=self.port, name=name, user=name, password=db_accounts.new_password())


def _version(sql: Statements) -> ServerVersion:
    rows = sql.rows("Asking for the server's version", "SELECT VERSION()", code=CONNECT_FAILED)
    return ServerVersion.parse(text_of(rows[0][0]))


def _supports_utf8mb4(sql: Statements, database: str) -> bool:
    """Whether a column of 255 characters can be a key, which Drupal needs."""
    table = f"{identifier(database)}.{identifier('probe')}"
    try:
        return sql.run(
            "Creating a table in utf8mb4",
            f"CREATE TABLE {table} (id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY)"
            " ENGINE=InnoDB ROW_FORMAT=DYNAMIC",
            code=CREATE_FAILED,
        )
    except DatabaseError:
        return False


def _try_away(sql: Statements, what: str, statement: str) -> None:
    """Remove what a check made; its own error counts less than the one that ended the check."""
    try:
        sql.run(what, statement, code=DROP_FAILED)
    except DatabaseError:
        return
