"""The connection: prefixes, modes, transactions, and what happens when the server goes away."""

from __future__ import annotations

import signal
from dataclasses import replace
from typing import Any

import pytest
from small_front_end import CLIENT, SITE, Wire

from provision_py.errors import HostmasterError
from provision_py.hostmaster.connection import (
    Database,
    DatabaseSettings,
    DeadlockError,
    DuplicateError,
    LostError,
    UnreachableError,
)
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.system.host import Secret

COUNT = "SELECT COUNT(*) FROM {variable} WHERE name LIKE 'test%%'"
ADD = "INSERT INTO {variable} (name, value) VALUES (%s, '')"


def kill(server: DatabaseServer, db: Database) -> None:
    server.query(f"KILL {db.connection_id()}")


def test_rows_and_values(db: Database) -> None:
    assert db.value("SELECT title FROM {node} WHERE nid = %(nid)s", {"nid": CLIENT}) == "Client One"
    assert db.row("SELECT nid FROM {node} WHERE nid = 999") is None
    assert db.value("SELECT nid FROM {node} WHERE nid = 999") is None
    assert [row["nid"] for row in db.rows("SELECT nid FROM {node} WHERE type = 'client' ORDER BY nid")] == [1, 6]


def test_update_counts_rows_that_match_not_those_that_differ(db: Database) -> None:
    same = "UPDATE {node} SET status = 1 WHERE nid = %s"
    assert db.execute(same, (SITE,)) == 1
    assert db.execute(same, (999,)) == 0


def test_session_is_strict_but_not_ansi(db: Database) -> None:
    modes = set(str(db.value("SELECT @@SESSION.sql_mode")).split(","))
    assert "STRICT_ALL_TABLES" in modes
    assert not modes & {"ONLY_FULL_GROUP_BY", "ANSI_QUOTES", "PIPES_AS_CONCAT", "ANSI"}
    with pytest.raises(HostmasterError, match="Data too long"):
        db.insert("INSERT INTO {hosting_task_log} (vid, type, message, error) VALUES (1, %s, '', '')", ("x" * 17,))


def test_no_tls_on_a_local_connection(db: Database) -> None:
    row = db.row("SHOW SESSION STATUS LIKE 'Ssl_cipher'")
    assert row is not None and row["Value"] == ""


def test_transaction_keeps_all_or_nothing(db: Database) -> None:
    with db.transaction():
        db.insert(ADD, ("test1",))
    with pytest.raises(KeyError), db.transaction():
        db.insert(ADD, ("test2",))
        raise KeyError
    assert db.value(COUNT) == 1
    with db.transaction(), pytest.raises(RuntimeError, match="open already"), db.transaction():
        pass
    assert not db.in_transaction


def test_sibling_sees_and_keeps_its_own(db: Database) -> None:
    with db.sibling() as other, db.transaction():
        db.insert(ADD, ("test1",))
        assert other.value(COUNT) == 0
        other.insert(ADD, ("test2",))
        assert not other.in_transaction
    assert db.value(COUNT) == 2


def test_duplicate_key_has_its_own_error(db: Database) -> None:
    db.insert(ADD, ("test",))
    with pytest.raises(DuplicateError):
        db.insert(ADD, ("test",))


def test_deadlock_is_tried_again(db: Database) -> None:
    tries = []

    def work() -> int:
        tries.append(1)
        db.insert(ADD, (f"test{len(tries)}",))
        if len(tries) < 3:
            raise DeadlockError("a lock was taken crosswise")
        return 7

    assert db.retrying(work) == 7
    assert db.value(COUNT) == 1


def test_row_that_changed_after_the_first_read_is_tried_again(db: Database, mariadb: DatabaseServer) -> None:
    """As MariaDB from 11.6 has it by default."""
    if not mariadb.query("SHOW VARIABLES LIKE 'innodb_snapshot_isolation'"):
        pytest.skip("this server never gives up a transaction for that")
    db.execute("SET SESSION innodb_snapshot_isolation = ON")
    append = "UPDATE {variable} SET value = CONCAT(value, %s) WHERE name = 'test'"
    db.insert(ADD, ("test",))
    seen = []

    def work() -> None:
        seen.append(db.value("SELECT value FROM {variable} WHERE name = 'test'"))
        if len(seen) == 1:
            with db.sibling() as other:
                other.execute(append, ("a",))
        db.execute(append, ("b",))

    with pytest.raises(DeadlockError), db.transaction():
        work()
    seen.clear()
    db.retrying(work)
    assert seen == [b"a", b"aa"]
    assert db.value("SELECT value FROM {variable} WHERE name = 'test'") == b"aab"


def test_killed_connection_outside_a_transaction_is_not_noticed(db: Database, mariadb: DatabaseServer) -> None:
    kill(mariadb, db)
    assert db.value(COUNT) == 0
    kill(mariadb, db)
    assert db.execute("UPDATE {node} SET status = 1 WHERE nid = %s", (SITE,)) == 1
    kill(mariadb, db)
    with db.transaction():
        db.insert(ADD, ("test",))
    assert db.value(COUNT) == 1


def test_killed_connection_inside_a_transaction_is_an_error(db: Database, mariadb: DatabaseServer) -> None:
    with pytest.raises(LostError) as caught, db.transaction():
        db.insert(ADD, ("test1",))
        kill(mariadb, db)
        db.insert(ADD, ("test2",))
    assert caught.value.code == "PROVISION_HOSTMASTER_LOST"
    assert not db.in_transaction
    assert db.value(COUNT) == 0


def test_no_statement_of_a_lost_transaction_runs_alone(db: Database, mariadb: DatabaseServer) -> None:
    """After the loss, further statements of the same transaction must not be stored by themselves."""
    with pytest.raises(LostError), db.transaction():
        db.insert(ADD, ("test1",))
        kill(mariadb, db)
        for name in ("test2", "test3"):
            with pytest.raises(LostError):
                db.insert(ADD, (name,))
    assert db.value(COUNT) == 0


def test_lost_connection_is_tried_again_for_whole_transactions(db: Database, mariadb: DatabaseServer) -> None:
    tries = []

    def work() -> None:
        tries.append(1)
        db.insert(ADD, ("test",))
        if len(tries) == 1:
            kill(mariadb, db)
            db.value(COUNT)

    db.retrying(work)
    assert len(tries) == 2
    assert db.value(COUNT) == 1


def test_many_rows_at_once(db: Database, mariadb: DatabaseServer) -> None:
    assert db.insert_many(ADD, []) == 0
    assert db.insert_many(ADD, [(f"test{number}",) for number in range(500)]) == 500
    with pytest.raises(LostError), db.transaction():
        db.insert(ADD, ("test-a",))
        kill(mariadb, db)
        db.insert_many(ADD, [("test-b",)])
    assert db.value(COUNT) == 500


def test_statement_broken_off_by_a_signal_does_not_mix_up_answers(db: Database) -> None:
    """A handler that raises while the answer is awaited, as at the end of a time limit."""

    class Alarm(BaseException):
        pass

    def ring(_number: int, _frame: object) -> None:
        raise Alarm

    former = signal.signal(signal.SIGALRM, ring)
    try:
        for in_transaction in (False, True):
            signal.setitimer(signal.ITIMER_REAL, 0.1)
            with pytest.raises(Alarm):
                if in_transaction:
                    with db.transaction():
                        db.insert(ADD, ("test",))
                        db.value("SELECT SLEEP(5)")
                else:
                    db.value("SELECT SLEEP(5)")
            assert db.value("SELECT 42") == 42
            assert not db.in_transaction
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
    assert db.value(COUNT) == 0


def test_server_that_comes_back_in_time(db: Database, wire: Wire, settings: DatabaseSettings) -> None:
    with Database(wire.settings(settings)) as far:
        assert far.value(COUNT) == 0
        wire.cut()
        wire.mend()
        assert far.value(COUNT) == 0


def test_server_that_stays_away(
    db: Database, wire: Wire, settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision_py.hostmaster.connection.RECONNECT_DELAYS", (0.0, 0.05))
    with Database(wire.settings(settings)) as far:
        assert far.value(COUNT) == 0
        wire.cut()
        with pytest.raises((LostError, UnreachableError)):
            far.value(COUNT)
        wire.mend()
        assert far.value(COUNT) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"password": Secret("wrong-secret-word")}, "PROVISION_HOSTMASTER_DENIED"),
        ({"database": "no_such_database"}, "PROVISION_HOSTMASTER_MISSING"),
        ({"socket": "/nonexistent/mysqld.sock"}, "PROVISION_HOSTMASTER_UNREACHABLE"),
        ({"socket": None, "port": 1}, "PROVISION_HOSTMASTER_UNREACHABLE"),
    ],
)
def test_wrong_settings_are_named_without_secrets(
    settings: DatabaseSettings, change: dict[str, Any], code: str
) -> None:
    wrong = replace(settings, **change)
    with pytest.raises(HostmasterError) as caught:
        Database(wrong).connect()
    assert caught.value.code == code
    shown = f"{caught.value!s} {caught.value!r} {wrong!r}"
    assert "wrong-secret-word" not in shown
    assert settings.password.reveal() not in shown


def test_values_of_a_refused_statement_stay_out_of_the_error(db: Database) -> None:
    with pytest.raises(HostmasterError) as caught:
        db.rows("SELECT nid FRM {node} WHERE title = %s", ("hidden-word",))
    assert "hidden-word" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_charset_of_tables(db: Database) -> None:
    assert db.charset_of("hosting_task_log") == "utf8mb4"
    assert db.charset_of("no_such_table") == ""


def test_server_on_another_machine_that_offers_no_tls(
    settings: DatabaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision_py.hostmaster.connection._LOOPBACK", frozenset())
    far = replace(settings, socket=None)
    assert not far.is_local
    with Database(far) as db:
        assert db.value("SELECT 1") == 1


def test_password_outside_latin_1(mariadb: DatabaseServer, settings: DatabaseSettings, db: Database) -> None:
    password = "pä€'\\ß%s"
    mariadb.query("CREATE USER 'umlaut'@'%%' IDENTIFIED BY %s", (password,))
    try:
        mariadb.query(f"GRANT SELECT ON `{settings.database}`.* TO 'umlaut'@'%'")
        with Database(replace(settings, user="umlaut", password=Secret(password))) as other:
            assert other.value("SELECT COUNT(*) FROM {users}") == 3
            with pytest.raises(HostmasterError, match="command denied"):
                other.execute("DELETE FROM {users}")
    finally:
        mariadb.query("DROP USER 'umlaut'@'%'")
