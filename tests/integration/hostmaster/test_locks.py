"""Locks that the PHP code respects too, and signs of life of runs."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from small_front_end import BORN, PLATFORM, SITE, Wire

from provision_py.errors import HostmasterError, LockedError, TaskError
from provision_py.hostmaster import locks
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.tasks import claim_task, create_task

NAME = "hosting_queue_tasks_running"


def names(db: Database) -> list[str]:
    return [str(row["name"]) for row in db.rows("SELECT name FROM {semaphore} ORDER BY name")]


def expire(db: Database, name: str = "") -> None:
    where = "WHERE name = %s" if name else "WHERE %s = ''"
    db.execute(f"UPDATE {{semaphore}} SET expire = UNIX_TIMESTAMP() - 1 {where}", (name,))


# Locks


def test_one_holder_at_a_time(db: Database) -> None:
    first, second = locks.DrupalLock(db, NAME), locks.DrupalLock(db, NAME)
    assert first.acquire()
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == first.value
    second.release()
    assert not second.renew()
    first.release()
    assert second.acquire()
    assert first.holder() == second.value


def test_lock_of_the_php_code_is_respected_until_it_lapses(db: Database) -> None:
    db.insert(
        "INSERT INTO {semaphore} (name, value, expire) VALUES (%s, '1234567895f2c.12345678', UNIX_TIMESTAMP() + 60)",
        (NAME,),
    )
    lock = locks.DrupalLock(db, NAME, timeout=60)
    assert not lock.wait(0.05)
    with pytest.raises(LockedError, match=r"1234567895f2c\.12345678"), lock:
        pass
    expire(db)
    with lock:
        assert lock.holder() == lock.value
        row = db.row("SELECT expire - UNIX_TIMESTAMP(NOW(6)) AS rest FROM {semaphore}")
        assert row is not None and 55 < row["rest"] <= 60
    assert names(db) == []


def test_lock_lapses_and_is_taken_over(db: Database) -> None:
    lost, new = locks.DrupalLock(db, NAME), locks.DrupalLock(db, NAME)
    assert lost.acquire()
    expire(db)
    assert new.acquire()
    assert not lost.renew()
    lost.release()
    assert new.holder() == new.value


def test_waiting_ends_when_the_lock_is_given_back(db: Database) -> None:
    lock = locks.DrupalLock(db, NAME)
    assert lock.acquire()

    def give_back() -> None:
        time.sleep(0.2)
        with db.sibling() as own:
            own.execute("DELETE FROM {semaphore} WHERE name = %s", (NAME,))

    thread = threading.Thread(target=give_back)
    thread.start()
    assert locks.DrupalLock(db, NAME).wait(10)
    thread.join()


def test_of_many_threads_one_holds_a_lapsed_lock(db: Database) -> None:
    """Also with the deadlocks that deleting and inserting one row from all sides makes."""
    for _round in range(5):
        db.execute("DELETE FROM {semaphore}")
        assert locks.DrupalLock(db, NAME).acquire()
        expire(db)
        barrier = threading.Barrier(4)
        winners: list[str] = []

        def want(barrier: threading.Barrier = barrier, winners: list[str] = winners) -> None:
            with db.sibling() as own:
                lock = locks.DrupalLock(own, NAME)
                own.connect()
                barrier.wait()
                if lock.acquire():
                    winners.append(lock.value)

        threads = [threading.Thread(target=want) for _number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert winners == [str(db.value("SELECT value FROM {semaphore}"))]


# Runs


@pytest.fixture
def running(db: Database) -> int:
    """A task that is processing."""
    nid = create_task(db, SITE, "verify", now=BORN)
    claim_task(db, nid, now=BORN)
    return nid


def test_living_run_is_not_stale_and_leaves_no_row(db: Database, running: int) -> None:
    with locks.Heartbeat(db, running) as heartbeat:
        assert names(db) == [f"provision_py_run_{running}"]
        assert not heartbeat.lost
        assert locks.stale_runs(db) == []
    assert names(db) == []
    assert locks.stale_runs(db) == []


def test_sign_of_life_is_renewed(db: Database, running: int) -> None:
    with locks.Heartbeat(db, running, lifetime=0.5, interval=0.05) as heartbeat:
        for _moment in range(8):
            time.sleep(0.1)
            assert locks.stale_runs(db) == []
        assert not heartbeat.lost


def test_dead_run_is_found_and_one_may_recover_it(db: Database, running: int) -> None:
    dead = locks.Heartbeat(db, running, interval=60)
    dead.__enter__()
    expire(db)
    assert [task.nid for task in locks.stale_runs(db)] == [running]
    with locks.Heartbeat(db, running):
        assert locks.stale_runs(db) == []
        with pytest.raises(TaskError) as caught:
            locks.Heartbeat(db, running).__enter__()
        assert caught.value.code == "HOSTING_TASK_RUNNING"
        dead.__exit__(None, None, None)
        assert names(db) == [f"provision_py_run_{running}"]


def test_run_learns_that_it_was_given_up(db: Database, running: int) -> None:
    with locks.Heartbeat(db, running, interval=0.05) as heartbeat:
        db.execute("DELETE FROM {semaphore}")
        deadline = time.monotonic() + 10
        while not heartbeat.lost and time.monotonic() < deadline:
            time.sleep(0.02)
        assert heartbeat.lost
        with pytest.raises(HostmasterError) as caught, db.transaction():
            heartbeat.mark_accepted(db)
        assert caught.value.code == "PROVISION_RUN_LOST"


def test_runs_of_the_php_code_are_left_alone(db: Database, running: int) -> None:
    db.execute("UPDATE {hosting_task} SET executed = 1 WHERE nid = %s", (running,))
    assert locks.stale_runs(db) == []


def test_stored_results_are_told_from_lost_ones(db: Database, running: int) -> None:
    with locks.Heartbeat(db, running, interval=0.05) as heartbeat:
        with pytest.raises(KeyError), db.transaction():
            heartbeat.mark_accepted(db)
            raise KeyError
        assert not locks.was_accepted(db, running, heartbeat.value)
        with db.transaction():
            heartbeat.mark_accepted(db)
            time.sleep(0.2)
        time.sleep(0.2)
        assert not heartbeat.lost
        assert locks.was_accepted(db, running, heartbeat.value)
        assert not locks.was_accepted(db, running, locks.unique_value())
    assert names(db) == []


@pytest.fixture
def dead_process() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_run_of_a_process_that_is_gone_lapses_at_once(db: Database, running: int, dead_process: int) -> None:
    value = locks.unique_value().replace(f":{os.getpid()}:", f":{dead_process}:")
    add = "INSERT INTO {semaphore} (name, value, expire) VALUES (%s, %s, UNIX_TIMESTAMP() + 60)"
    db.insert(add, (f"provision_py_run_{running}", value))
    assert locks.stale_runs(db) == []
    assert locks.expire_dead_runs(db) == 1
    assert [task.nid for task in locks.stale_runs(db)] == [running]
    assert not locks.accepted_run(db, running)


def test_runs_that_may_live_are_left_alone(db: Database, running: int, dead_process: int) -> None:
    """Of this process, of another machine or container whatever its name, of other software."""
    own = locks.unique_value()
    host, _pid, mark = own.split(":")
    boot, space, _random = mark.split("-")
    others = [
        own,
        f"{own}:accepted",
        f"{host}:{dead_process}:{boot[::-1]}x-{space}-aa",
        f"{host}:{dead_process}:{boot}-1{space}-aa",
        f"{host}:{dead_process}:aabbccddeeff0011",
        "1234567895f2c.12345678",
    ]
    for number, value in enumerate(others):
        db.insert(
            "INSERT INTO {semaphore} (name, value, expire) VALUES (%s, %s, UNIX_TIMESTAMP() + 60)",
            (f"provision_py_run_{number}", value),
        )
    assert locks.expire_dead_runs(db) == 0


def test_process_that_nobody_waits_for_is_dead(db: Database, running: int) -> None:
    with subprocess.Popen(["true"]) as process:
        deadline = time.monotonic() + 10
        while b" Z " not in Path(f"/proc/{process.pid}/stat").read_bytes() and time.monotonic() < deadline:
            time.sleep(0.02)
        value = locks.unique_value().replace(f":{os.getpid()}:", f":{process.pid}:")
        db.insert(
            "INSERT INTO {semaphore} (name, value, expire) VALUES (%s, %s, UNIX_TIMESTAMP() + 60)",
            (f"provision_py_run_{running}", f"{value}:accepted"),
        )
        assert locks.expire_dead_runs(db) == 1
        assert locks.accepted_run(db, running)


def test_rows_without_a_run_are_swept(db: Database, running: int) -> None:
    queued = create_task(db, PLATFORM, "verify", now=BORN)
    for nid in (running, queued, 4711):
        locks.Heartbeat(db, nid, interval=60).__enter__()
    db.insert("INSERT INTO {semaphore} (name, value, expire) VALUES ('provision_py_run_x', 'x', 0)")
    assert locks.sweep_runs(db) == 0
    expire(db)
    assert locks.sweep_runs(db) == 2
    assert names(db) == [f"provision_py_run_{running}", "provision_py_run_x"]


def test_run_survives_a_server_that_is_away_for_a_moment(
    db: Database, settings: DatabaseSettings, wire: Wire, running: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision_py.hostmaster.connection.RECONNECT_DELAYS", (0.0,))
    with Database(wire.settings(settings)) as far, locks.Heartbeat(far, running, interval=0.05) as heartbeat:
        wire.cut()
        time.sleep(0.4)
        wire.mend()
        before = db.value("SELECT expire FROM {semaphore}")
        time.sleep(0.4)
        assert db.value("SELECT expire FROM {semaphore}") > before
        assert not heartbeat.lost
