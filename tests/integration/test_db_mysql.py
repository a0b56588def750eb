"""The database service on a real server: what it makes, what it leaves alone, what it says when it cannot."""

from __future__ import annotations

import dataclasses
import threading
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from provision_py.contexts.model import Server
from provision_py.drupal.model import Credentials
from provision_py.errors import DatabaseError
from provision_py.php.values import PhpValue
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.services.db_hosts import parse_client_host
from provision_py.services.db_mysql import DbMysql
from provision_py.system.host import Secret


def service(
    mariadb: DatabaseServer, *, user: str = "", password: str | None = None, **properties: PhpValue
) -> DbMysql:
    """The service of a server context that names this database server."""
    secret = mariadb.password.reveal() if password is None else password
    url = f"mysql://{urllib.parse.quote_plus(user or mariadb.user)}:{urllib.parse.quote_plus(secret)}@{mariadb.host}"
    return DbMysql(
        Server(
            name="server_db",
            remote_host=mariadb.host,
            aegir_root="/var/aegir",
            script_user="aegir",
            service_types={"db": "mysql"},
            properties={"db_port": str(mariadb.port), "master_db": url, **properties},
        )
    )


def web(host: str, **values: Any) -> Server:
    server = Server(name=f"server_{host}", remote_host=host, aegir_root="/var/aegir", script_user="aegir")
    return dataclasses.replace(server, **values)


@pytest.fixture
def db(mariadb: DatabaseServer) -> DbMysql:
    return service(mariadb)


@pytest.fixture
def credentials(db: DbMysql) -> Iterator[Credentials]:
    """A site's database and user, made as an installation makes them."""
    made = make_site(db, "site_one.test")
    yield made
    db.drop_site_database(made)


def make_site(db: DbMysql, uri: str) -> Credentials:
    credentials = db.new_credentials(db.suggest_name(uri))
    assert db.create_database(credentials.name)
    for host in db.grant_hosts([web("localhost")]):
        assert db.create_account(credentials.user, host, credentials.password)
        db.grant(credentials.name, credentials.user, host)
    return credentials


def names(mariadb: DatabaseServer) -> tuple[set[str], set[str]]:
    users = {f"{user}@{host}" for user, host in mariadb.query("SELECT User, Host FROM mysql.user")}
    return set(mariadb.databases()), users


def login(mariadb: DatabaseServer, credentials: Credentials) -> pymysql.Connection:
    return pymysql.connect(
        host=credentials.host,
        port=credentials.port,
        user=credentials.user,
        password=credentials.password.reveal(),
        database=credentials.name,
        ssl_disabled=True,
    )


# The checks of a server verify.


def test_check_finds_a_good_server_and_leaves_nothing_behind(db: DbMysql, mariadb: DatabaseServer) -> None:
    before = names(mariadb)
    checked = db.check()
    assert checked.utf8mb4 is True
    assert checked.version == str(db.version()) and checked.version[0].isdigit()
    assert names(mariadb) == before


def test_a_wrong_password_is_said_without_showing_it(mariadb: DatabaseServer) -> None:
    with pytest.raises(DatabaseError) as caught:
        service(mariadb, password="wrong:p@ss").check()
    assert caught.value.code == "PROVISION_DB_CONNECT_FAIL"
    assert "password" in caught.value.hint
    shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    assert "wrong" not in shown and "p%40ss" not in shown


@pytest.fixture
def useless_admin(mariadb: DatabaseServer, request: pytest.FixtureRequest) -> Iterator[str]:
    mariadb.query(f"CREATE USER useless_admin@'%%' IDENTIFIED BY 'useless' {request.param}")
    yield "useless_admin"
    mariadb.query("DROP USER useless_admin@'%%'")


@pytest.mark.parametrize(
    ("useless_admin", "hint"),
    [("ACCOUNT LOCK", "ACCOUNT UNLOCK"), ("PASSWORD EXPIRE", "EXPIRE NEVER"), ("REQUIRE SSL", "without TLS")],
    indirect=["useless_admin"],
)
def test_accounts_that_may_not_log_in(mariadb: DatabaseServer, useless_admin: str, hint: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        service(mariadb, user=useless_admin, password="useless").check()
    assert caught.value.code == "PROVISION_DB_CONNECT_FAIL"
    assert hint in caught.value.hint


@pytest.fixture
def only_tls(mariadb: DatabaseServer) -> Iterator[None]:
    """The server refuses connections by TCP without TLS; tests run with one that it has already."""
    with mariadb.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL require_secure_transport = ON")
        yield
        cursor.execute("SET GLOBAL require_secure_transport = OFF")


@pytest.mark.usefixtures("only_tls")
def test_a_server_that_wants_tls_on_its_own_machine(db: DbMysql) -> None:
    with pytest.raises(DatabaseError) as caught:
        db.check()
    assert "without TLS" in caught.value.hint


@pytest.mark.parametrize(
    ("properties", "part"),
    [
        ({"master_db": None}, "master_db"),
        ({"master_db": "root:geheim@localhost"}, "master_db"),
        ({"db_port": "x"}, "db_port"),
        ({"db_port": "70000"}, "db_port"),
        ({"db_port": {}}, "db_port"),
    ],
)
def test_bad_properties_are_named(mariadb: DatabaseServer, properties: dict[str, PhpValue], part: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        service(mariadb, **properties).check()
    assert part in str(caught.value)
    assert "geheim" not in str(caught.value)


@pytest.fixture
def weak_user(mariadb: DatabaseServer) -> Iterator[str]:
    """An administrator who may make databases of one prefix and no users."""
    mariadb.query("CREATE USER weak_admin@'%%' IDENTIFIED BY 'weak'")
    mariadb.query("GRANT CREATE, DROP ON `site\\_tmp\\_%%`.* TO weak_admin@'%%'")
    yield "weak_admin"
    mariadb.query("DROP USER weak_admin@'%%'")


def test_missing_privileges_have_the_originals_codes(mariadb: DatabaseServer, weak_user: str) -> None:
    weak = service(mariadb, user=weak_user, password="weak")
    before = names(mariadb)
    with pytest.raises(DatabaseError) as caught:
        weak.check()
    assert caught.value.code == "PROVISION_GRANT_DB_USER_FAILED"
    assert "WITH GRANT OPTION" in caught.value.hint
    with pytest.raises(DatabaseError) as caught:
        weak.create_database("elsewhere")
    assert caught.value.code == "PROVISION_CREATE_DB_FAILED"
    with pytest.raises(DatabaseError) as caught:
        weak.drop_database("elsewhere")
    assert caught.value.code == "PROVISION_DROP_DB_FAILED"
    assert names(mariadb) == before


# Sites.


def test_a_site_can_use_its_database_and_no_other(
    db: DbMysql, mariadb: DatabaseServer, credentials: Credentials, database: str
) -> None:
    assert credentials.name == credentials.user == "site_onetest"
    db.check_login(credentials)
    with login(mariadb, credentials) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE t (name VARCHAR(255) PRIMARY KEY)")
        cursor.execute("INSERT INTO t VALUES ('😀')")
        cursor.execute("SELECT name FROM t")
        assert cursor.fetchall() == (("😀",),)
        cursor.execute("SHOW DATABASES")
        # MySQL shows everybody this one of its own, too.
        assert {name for (name,) in cursor.fetchall()} - {"performance_schema"} == {
            "information_schema",
            credentials.name,
        }


def test_an_underscore_in_a_name_opens_no_other_database(mariadb: DatabaseServer, credentials: Credentials) -> None:
    other = credentials.name.replace("_", "x")
    mariadb.create_database(other)
    try:
        with pytest.raises(pymysql.OperationalError):
            login(mariadb, dataclasses.replace(credentials, name=other))
    finally:
        mariadb.drop_database(other)


def test_names_that_a_database_or_a_user_has_are_not_suggested(db: DbMysql, mariadb: DatabaseServer) -> None:
    mariadb.create_database("takentest")
    mariadb.query("CREATE USER takentest_0@localhost")
    try:
        assert db.suggest_name("www.taken.test") == "takentest_1"
    finally:
        mariadb.drop_database("takentest")
        mariadb.query("DROP USER takentest_0@localhost")
    assert db.suggest_name("www.taken.test") == "takentest"


def test_no_name_is_free(db: DbMysql) -> None:
    with pytest.raises(DatabaseError) as caught:
        db.suggest_name("a.test", exists=lambda name: True)
    assert caught.value.code == "PROVISION_CREATE_DB_FAILED"


def test_one_of_two_gets_a_name(db: DbMysql) -> None:
    won: list[bool] = []
    threads = [threading.Thread(target=lambda: won.append(db.create_database("race_test"))) for _ in range(4)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(won) == [False, False, False, True]
    finally:
        assert db.drop_database("race_test") is True
    assert db.drop_database("race_test") is False


def test_an_existing_database_stays_as_it_is(db: DbMysql, mariadb: DatabaseServer, database: str) -> None:
    mariadb.query("CREATE TABLE precious (id INT)", database=database)
    assert db.create_database(database) is False
    assert db.is_empty(database) is False
    assert mariadb.query("SHOW TABLES", database=database) == [("precious",)]


def test_empty_databases(db: DbMysql, database: str) -> None:
    assert db.is_empty(database) is True
    assert db.is_empty("no_such_database") is False
    assert db.database_exists(database) is True
    assert db.database_exists("no_such_database") is False


def test_granting_again_changes_the_password(db: DbMysql, mariadb: DatabaseServer, credentials: Credentials) -> None:
    (host,) = db.account_hosts(credentials.user)
    changed = dataclasses.replace(credentials, password=Secret("N'e\"w\\-pass_1"))
    assert db.create_account(changed.user, host, changed.password) is False
    db.check_login(changed)
    with pytest.raises(DatabaseError) as caught:
        db.check_login(credentials)
    assert caught.value.code == "PROVISION_DB_CONNECT_FAIL"
    assert credentials.password.reveal() not in str(caught.value)


@pytest.fixture
def no_former_passwords(mariadb: DatabaseServer) -> Iterator[None]:
    """The server refuses a password that the account has or had."""
    if mariadb.query("SHOW VARIABLES LIKE 'password_history'"):
        ways = ("SET GLOBAL password_history = 3", "SET GLOBAL password_history = 0")
    else:
        ways = ("INSTALL SONAME 'password_reuse_check'", "UNINSTALL SONAME 'password_reuse_check'")
    mariadb.query(ways[0])
    yield
    mariadb.query(ways[1])


@pytest.mark.usefixtures("no_former_passwords")
def test_a_new_account_does_not_get_its_password_twice(db: DbMysql) -> None:
    db.check()
    made = make_site(db, "once.test")
    try:
        db.check_login(made)
        with pytest.raises(DatabaseError) as caught:
            db.create_account(made.user, db.account_hosts(made.user)[0], made.password)
        assert caught.value.code == "PROVISION_GRANT_DB_USER_FAILED"
        assert made.password.reveal() not in str(caught.value)
    finally:
        db.drop_site_database(made)


def test_names_are_granted_as_they_are_where_grants_know_no_wildcards(db: DbMysql, mariadb: DatabaseServer) -> None:
    """MySQL from 8.0.16, when somebody turned partial_revokes on."""
    if not mariadb.query("SHOW VARIABLES LIKE 'partial_revokes'"):
        pytest.skip("this server has no partial_revokes")
    mariadb.query("SET GLOBAL partial_revokes = ON")
    try:
        made = make_site(db, "part_ial.test")
        try:
            db.check_login(made)
        finally:
            told = db.drop_site_database(made)
    finally:
        mariadb.query("SET GLOBAL partial_revokes = OFF")
    assert told == ("Dropped the database part_ialtest", f"Dropped the user {made.user}@{told[1].rpartition('@')[2]}")


def test_a_refused_account_statement_shows_no_password(db: DbMysql) -> None:
    with pytest.raises(DatabaseError) as caught:
        db.create_account("u" * 33, "localhost", Secret("very-secret"))
    assert "very-secret" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"


def test_dropping_a_site_takes_its_user_too(db: DbMysql, mariadb: DatabaseServer) -> None:
    before = names(mariadb)
    credentials = make_site(db, "gone.test")
    mariadb.query("CREATE USER gonetest@'127.0.0.7'")
    # The original grants with wildcards in the name, and to 127.0.0.1 besides.
    mariadb.query("GRANT ALL ON `gonetest`.* TO gonetest@'127.0.0.7'")
    told = db.drop_site_database(credentials)
    assert names(mariadb) == before
    assert told[0] == "Dropped the database gonetest" and len(told) == 3
    assert db.drop_site_database(credentials) == ("The database gonetest was not there",)


def test_grants_of_the_original_are_revoked(db: DbMysql, mariadb: DatabaseServer) -> None:
    mariadb.create_database("old_site")
    mariadb.query("CREATE USER old_site@localhost")
    mariadb.query("GRANT ALL ON `old_site`.* TO old_site@localhost")
    credentials = Credentials("localhost", 3306, "old_site", "old_site", Secret("x"))
    assert db.drop_site_database(credentials) == (
        "Dropped the database old_site",
        "Dropped the user old_site@localhost",
    )


def test_a_user_with_other_privileges_stays(db: DbMysql, mariadb: DatabaseServer, database: str) -> None:
    credentials = make_site(db, "shared.test")
    (host,) = db.account_hosts(credentials.user)
    db.grant(database, credentials.user, host)
    told = db.drop_site_database(credentials)
    assert told[1] == f"Kept the user sharedtest@{host}, who has other privileges"
    assert db.account_hosts("sharedtest") == (host,)
    assert database in {name for (name,) in mariadb.query("SHOW DATABASES")}
    assert db.drop_account("sharedtest", host) is True
    assert db.drop_account("sharedtest", host) is False


@pytest.mark.parametrize("name", ["mysql", "MySQL", "information_schema", "sys"])
def test_databases_of_the_server_are_never_dropped(db: DbMysql, name: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        db.drop_site_database(Credentials("localhost", 3306, name, "", Secret("")))
    assert caught.value.code == "PROVISION_DROP_DB_FAILED"


def test_the_administrator_is_never_dropped(db: DbMysql, mariadb: DatabaseServer) -> None:
    before = names(mariadb)
    db.drop_site_database(Credentials("localhost", 3306, "", mariadb.user, Secret("")))
    assert names(mariadb) == before


@pytest.mark.parametrize("name", ["we`ird", "a'b", 'a"b', "a%b", "a b", "a\\b", "ünï"])
def test_strange_names_reach_the_server_unharmed(db: DbMysql, mariadb: DatabaseServer, name: str) -> None:
    user = f"u{name}"
    assert db.create_database(name)
    try:
        assert db.create_account(user, "localhost", Secret("x'\"\\`"))
        db.grant(name, user, "localhost")
        assert name in mariadb.databases()
        assert db.account_hosts(user) == ("localhost",)
    finally:
        told = db.drop_site_database(Credentials("localhost", 3306, name, user, Secret("")))
    assert told == (f"Dropped the database {name}", f"Dropped the user {user}@localhost")


# Hosts.


def test_a_local_web_server_is_named_as_the_server_sees_it(db: DbMysql, mariadb: DatabaseServer) -> None:
    (host,) = db.grant_hosts([web("localhost"), web("127.0.0.1"), web("x", name="server_master")])
    (seen,) = mariadb_user_host(mariadb)
    assert host == seen


def mariadb_user_host(mariadb: DatabaseServer) -> tuple[str, ...]:
    connection = pymysql.connect(
        host=mariadb.host, port=mariadb.port, user=mariadb.user, password=mariadb.password.reveal(), ssl_disabled=True
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT USER()")
        return tuple(row[0].rpartition("@")[2] for row in cursor.fetchall())


def test_a_refused_login_tells_the_host_as_well(mariadb: DatabaseServer) -> None:
    refused = service(mariadb, user="intentionally_unknown", password="x")
    assert refused.grant_hosts([web("localhost")]) == mariadb_user_host(mariadb)


def test_explicit_hosts(mariadb: DatabaseServer) -> None:
    assert service(mariadb, db_grant_all_hosts=True).grant_hosts([web("localhost")]) == ("%",)
    assert service(mariadb, db_grant_all_hosts="1").grant_hosts([]) == ("%",)
    listed = service(mariadb, db_grant_hosts={0: "10.0.0.%", 1: "web1", 2: "web1"})
    assert listed.grant_hosts([web("localhost")]) == ("10.0.0.%", "web1")


def test_web_servers_elsewhere(db: DbMysql) -> None:
    remote = web("web9.invalid", ip_addresses=("10.9.9.9", "10.9.9.10"))
    assert db.grant_hosts([remote]) == ("10.9.9.9", "10.9.9.10")
    assert db.grant_hosts([remote], probe=lambda server, host, port: "me@web9") == ("web9",)
    with pytest.raises(DatabaseError) as caught:
        db.grant_hosts([web("web9.invalid")])
    assert "db_grant_hosts" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "host"),
    [
        ("aegir_root@web1.example.test\n", "web1.example.test"),
        ("ERROR 1045 (28000): Access denied for user 'x'@'10.0.0.5' (using password: NO)", "10.0.0.5"),
        ("ERROR 1130 (HY000): Host 'web1' is not allowed to connect to this MariaDB server", "web1"),
    ],
)
def test_answers_that_name_the_client(answer: str, host: str) -> None:
    assert parse_client_host(answer, "@server_web1") == host


def test_an_answer_that_names_nobody() -> None:
    with pytest.raises(DatabaseError, match="names no client host"):
        parse_client_host("Can't connect to server on 'db'", "@server_web1")
