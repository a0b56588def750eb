"""Which tasks come next, and whether they may run now."""

from __future__ import annotations

import time

import pytest
from small_front_end import BORN, DB_SERVER, MASTER, PLATFORM, SITE, Builder

from provision_py.hostmaster import queue
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.locks import Heartbeat
from provision_py.hostmaster.tasks import claim_task, create_task
from provision_py.hostmaster.variables import get_variable

NOW = int(time.time())


def nids(db: Database, limit: int = 10, exclude: tuple[int, ...] = ()) -> list[int]:
    return [task.nid for task in queue.next_tasks(db, limit, exclude)]


def test_oldest_task_of_each_object_oldest_first(db: Database) -> None:
    late = create_task(db, SITE, "verify", now=BORN + 30)
    early = create_task(db, SITE, "backup", now=BORN + 20)
    platform = create_task(db, PLATFORM, "verify", now=BORN + 25)
    server = create_task(db, DB_SERVER, "verify", now=BORN + 40)
    assert nids(db) == [early, platform, server]
    assert nids(db, limit=2) == [early, platform]
    assert nids(db, limit=0) == []
    assert nids(db, exclude=(SITE,)) == [platform, server]
    assert queue.queued_count(db) == 4
    db.execute("UPDATE {hosting_task} SET task_status = 3 WHERE nid = %s", (early,))
    assert nids(db) == [platform, server], "the site waits for its platform, whose task is older"
    db.execute("UPDATE {hosting_task} SET task_status = 3 WHERE nid = %s", (platform,))
    assert nids(db) == [late, server]


def test_what_stands_on_an_object_waits_for_its_older_task(db: Database) -> None:
    server = create_task(db, MASTER, "verify", now=BORN)
    platform = create_task(db, PLATFORM, "verify", now=BORN)
    site = create_task(db, SITE, "verify", now=BORN)
    assert nids(db) == [server]
    with Heartbeat(db, server):
        claim_task(db, server, now=NOW)
        assert nids(db) == [], "a living run counts as well"
    assert nids(db) == [platform], "a run that shows no sign of life does not"
    db.execute("UPDATE {hosting_task} SET task_status = 1 WHERE nid = %s", (platform,))
    assert nids(db) == [site]


@pytest.mark.parametrize("kind", ["cluster", "pack"])
def test_a_group_and_what_stands_on_it_wait_for_members(db: Database, build: Builder, kind: str) -> None:
    build.server(41, "w1.example.test", "server_w1", "http", "apache")
    build.server(44, "group", "server_group", "http", kind, 0)
    db.insert(f"INSERT INTO {{hosting_web_{kind}}} (vid, nid, web_server_nid) VALUES (144, 44, 41)")
    db.execute("UPDATE {hosting_platform} SET web_server = 44 WHERE nid = %s", (PLATFORM,))
    db.execute("UPDATE {system} SET status = 0 WHERE name LIKE 'hosting_web_%%'")
    tasks = [create_task(db, nid, "verify", now=BORN) for nid in (41, 44, PLATFORM, SITE)]
    assert nids(db) == [tasks[0], tasks[1]], "without the module nobody knows members"
    build.module(f"hosting_web_{kind}")
    for task in tasks:
        assert nids(db) == [task]
        db.execute("UPDATE {hosting_task} SET task_status = 1 WHERE nid = %s", (task,))
    member = create_task(db, 41, "verify", now=BORN)
    create_task(db, SITE, "verify", now=BORN)
    assert nids(db) == [member]


def test_tasks_of_one_second_come_by_number(db: Database) -> None:
    wanted = [create_task(db, rid, "verify", now=BORN) for rid in (SITE, PLATFORM, MASTER)]
    assert nids(db) == wanted


def test_former_revisions_are_not_queued_tasks(db: Database) -> None:
    nid = create_task(db, SITE, "verify", now=BORN)
    claim_task(db, nid, now=NOW)
    db.execute("UPDATE {hosting_task} SET task_status = 1 WHERE task_status = -1")
    assert db.value("SELECT COUNT(*) FROM {hosting_task} WHERE task_status = 0") == 1
    assert nids(db) == []
    assert queue.queued_count(db) == 0


def test_objects_with_a_running_task_wait(db: Database) -> None:
    running = create_task(db, SITE, "verify", now=BORN)
    waiting = create_task(db, SITE, "backup", now=BORN)
    other = create_task(db, DB_SERVER, "verify", now=BORN)
    claim_task(db, running, now=NOW)
    assert nids(db) == [other]
    assert queue.running_count(db) == 1
    db.execute("UPDATE {hosting_task} SET executed = %s WHERE task_status = -1", (NOW - queue.RUNNING_WINDOW - 5,))
    assert nids(db) == [waiting, other]
    assert queue.running_count(db) == 0


def test_run_that_was_overtaken_does_not_count(db: Database) -> None:
    nid = create_task(db, SITE, "verify", now=BORN)
    claim_task(db, nid, now=NOW)
    claim_task(db, nid, now=NOW, force=True)
    assert queue.running_count(db) == 1


def test_settings_have_the_defaults_of_the_front_end(db: Database) -> None:
    assert queue.queue_settings(db) == queue.QueueSettings(enabled=True, frequency=60, items=5, last_run=0)
    assert not queue.dispatch_enabled(db)


@pytest.mark.parametrize(("stored", "enabled"), [(True, True), (1, True), ("1", True), (0, False), ("0", False)])
def test_settings_come_in_the_types_that_forms_store(
    db: Database, build: Builder, stored: bool | int | str, enabled: bool
) -> None:
    build.variable("hosting_queue_tasks_enabled", stored)
    build.variable("hosting_queue_tasks_items", "20")
    build.variable("hosting_queue_tasks_frequency", 1)
    build.variable("hosting_dispatch_enabled", stored)
    assert queue.queue_settings(db) == queue.QueueSettings(enabled, frequency=1, items=20, last_run=0)
    assert queue.dispatch_enabled(db) is enabled


def test_runs_are_noted_where_the_front_end_looks(db: Database) -> None:
    queue.note_dispatch(db, NOW)
    queue.note_queue_run(db, NOW + 1)
    assert get_variable(db, "hosting_dispatch_last_run") == NOW
    assert get_variable(db, "hosting_queue_tasks_last_run") == NOW + 1
    assert queue.queue_settings(db).last_run == NOW + 1
