"""The life of a task, and two runners that want the same one."""

from __future__ import annotations

import multiprocessing
import threading
from typing import Any

import pytest
from small_front_end import BORN, HM_PLATFORM, HM_SITE, MASTER, PLATFORM, SITE, Builder

from provision_py.errors import ProvisionError, TaskError
from provision_py.hostmaster import tasks
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.nodes import load_node
from provision_py.hostmaster.tasklogs import TaskLogWriter

NOW = BORN + 1000


def table(db: Database, name: str) -> list[tuple[object, ...]]:
    """All rows of a table, in a fixed order."""
    return sorted((tuple(row.values()) for row in db.rows(f"SELECT * FROM {{{name}}}")), key=repr)


def snapshot(db: Database) -> dict[str, list[tuple[object, ...]]]:
    names = ("node", "node_revision", "node_access", "hosting_task", "hosting_task_arguments", "hosting_task_log")
    return {name: table(db, name) for name in names}


# Create


def test_created_task_waits_in_the_queue(db: Database) -> None:
    nid = tasks.create_task(db, SITE, "verify", now=NOW)
    task = tasks.load_task(db, nid)
    assert (task.title, task.task_type, task.rid, task.status) == ("Verify Site: one.example.test", "verify", SITE, 0)
    assert (task.executed, task.delta, task.uid, task.changed, task.arguments) == (None, None, 1, NOW, {})
    node = load_node(db, nid)
    assert (node.language, node.status, node.created, node.promote) == ("und", 1, NOW, 0)


def test_arguments_are_stored_as_text_in_order(db: Database) -> None:
    given = {"new_uri": "x.test", "target_platform": 7, "force": True, "none": None}
    nid = tasks.create_task(db, SITE, "migrate", given, now=NOW)
    stored = tasks.load_task(db, nid).arguments
    assert list(stored.items()) == [("new_uri", "x.test"), ("target_platform", "7"), ("force", "1"), ("none", "")]


def test_the_same_task_may_be_queued_twice(db: Database) -> None:
    assert tasks.create_task(db, SITE, "verify", now=NOW) != tasks.create_task(db, SITE, "verify", now=NOW)


def test_task_made_by_nobody_belongs_to_the_owner_of_its_object(db: Database, build: Builder) -> None:
    build.node(60, "client", "of user seven", uid=7)
    nid = tasks.create_task(db, 60, "verify", now=NOW, acting_uid=0)
    assert tasks.load_task(db, nid).uid == 7
    assert db.value("SELECT uid FROM {node_revision} WHERE nid = %s", (nid,)) == 0


@pytest.mark.parametrize("rid", [HM_SITE, HM_PLATFORM])
@pytest.mark.parametrize("task_type", ["delete", "disable"])
def test_front_end_guards_itself(db: Database, rid: int, task_type: str) -> None:
    before = snapshot(db)
    with pytest.raises(TaskError, match="belongs to the front end itself"):
        tasks.create_task(db, rid, task_type, now=NOW)
    assert snapshot(db) == before
    assert tasks.create_task(db, rid, "verify", now=NOW)


def test_task_for_nothing_is_refused(db: Database) -> None:
    with pytest.raises(TaskError) as caught:
        tasks.create_task(db, 4711, "verify", now=NOW)
    assert caught.value.code == "HOSTING_INVALID_TASK"


def test_title_shows_the_name_that_a_site_redirects_to(db: Database, build: Builder) -> None:
    build.alias(SITE, "Shop.example.test", redirection="Shop.example.test")
    db.execute("DELETE FROM {hosting_site_alias} WHERE redirection = '0'")
    nid = tasks.create_task(db, SITE, "login-reset", now=NOW)
    assert tasks.load_task(db, nid).title == "Reset password: shop.example.test"


def test_older_front_end_shows_the_title(db: Database, build: Builder) -> None:
    build.alias(SITE, "shop.example.test", redirection="shop.example.test")
    db.execute("DELETE FROM {hosting_site_alias} WHERE redirection = '0'")
    db.execute("UPDATE {system} SET schema_version = 7303 WHERE name = 'hosting'")
    nid = tasks.create_task(db, SITE, "verify", now=NOW)
    assert tasks.load_task(db, nid).title == "Verify Site: one.example.test"


def test_very_long_title_is_cut(db: Database) -> None:
    db.execute("UPDATE {node} SET title = %s WHERE nid = %s", ("x" * 255, PLATFORM))
    nid = tasks.create_task(db, PLATFORM, "verify", now=NOW)
    assert len(tasks.load_task(db, nid).title) == 255


# Claim


def test_claim_starts_a_new_revision(db: Database) -> None:
    nid = tasks.create_task(db, SITE, "backup", {"description": "mine"}, now=NOW)
    former = tasks.load_task(db, nid)
    task = tasks.claim_task(db, nid, now=NOW + 5)
    assert task.vid > former.vid
    assert (task.status, task.executed, task.delta, task.changed) == (-1, NOW + 5, None, NOW + 5)
    assert task.arguments == {"description": "mine"}
    assert task == tasks.load_task(db, nid)
    old = db.row("SELECT task_status, executed FROM {hosting_task} WHERE vid = %s", (former.vid,))
    assert old == {"task_status": 0, "executed": None}
    assert db.value("SELECT COUNT(*) FROM {hosting_task_arguments} WHERE nid = %s", (nid,)) == 2
    assert db.value("SELECT timestamp FROM {node_revision} WHERE vid = %s", (task.vid,)) == NOW + 5


@pytest.mark.parametrize(
    ("status", "code"),
    [(-1, "HOSTING_TASK_RUNNING"), (1, "HOSTING_TASK_NOT_QUEUED"), (3, "HOSTING_TASK_NOT_QUEUED")],
)
def test_refused_claim_leaves_nothing_behind(db: Database, status: int, code: str) -> None:
    nid = tasks.create_task(db, SITE, "verify", now=NOW)
    db.execute("UPDATE {hosting_task} SET task_status = %s WHERE nid = %s", (status, nid))
    before = snapshot(db)
    with pytest.raises(TaskError) as caught:
        tasks.claim_task(db, nid, now=NOW)
    assert caught.value.code == code
    assert snapshot(db) == before
    assert tasks.claim_task(db, nid, now=NOW, force=True).status == -1


@pytest.mark.parametrize("nid", [SITE, 4711])
def test_claim_of_what_is_no_task(db: Database, nid: int) -> None:
    with pytest.raises(TaskError) as caught:
        tasks.claim_task(db, nid, now=NOW)
    assert caught.value.code == "HOSTING_INVALID_TASK"


def test_claim_refreshes_the_title_of_a_renamed_object(db: Database) -> None:
    nid = tasks.create_task(db, MASTER, "verify", now=NOW)
    db.execute("UPDATE {node} SET title = 'new.example.test' WHERE nid = %s", (MASTER,))
    task = tasks.claim_task(db, nid, now=NOW)
    assert task.title == "Verify Server: new.example.test"
    assert db.value("SELECT title FROM {node_revision} WHERE vid = %s", (task.vid,)) == task.title


def test_claim_keeps_the_title_of_a_task_type_of_an_extension(db: Database) -> None:
    nid = tasks.create_task(db, SITE, "git-pull", now=NOW)
    db.execute("UPDATE {node} SET title = 'Git pull: one' WHERE nid = %s", (nid,))
    assert tasks.claim_task(db, nid, now=NOW).title == "Git pull: one"


def claim_all(settings: DatabaseSettings, nids: list[int], start: Any, results: Any) -> None:
    """A claimer that wants every task; ``start`` is a barrier before each, ``results`` a queue of what it got: the
    revision, or the code of the refusal."""
    with Database(settings) as db:
        db.connect()
        for nid in nids:
            start.wait()
            try:
                outcome: int | str = tasks.claim_task(db, nid, now=NOW).vid
            except ProvisionError as error:
                outcome = error.code
            results.put(outcome)


def test_of_many_processes_exactly_one_wins_each_task(db: Database) -> None:
    nids = [tasks.create_task(db, SITE, "verify", now=NOW) for _number in range(10)]
    method = multiprocessing.get_context("spawn")
    results, start = method.Queue(), method.Barrier(4)
    workers = [
        method.Process(target=claim_all, args=(db.settings, nids, start, results)) for _number in range(start.parties)
    ]
    for worker in workers:
        worker.start()
    outcomes = [results.get(timeout=60) for _worker in workers for _nid in nids]
    for worker in workers:
        worker.join(10)
    won = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sorted(won) == sorted(tasks.load_task(db, nid).vid for nid in nids)
    assert {outcome for outcome in outcomes if isinstance(outcome, str)} == {"HOSTING_TASK_RUNNING"}
    assert db.value("SELECT COUNT(*) FROM {hosting_task} WHERE task_status = -1") == len(nids)
    assert db.value("SELECT COUNT(*) FROM {hosting_task}") == 2 * len(nids)


def test_of_two_threads_exactly_one_wins_every_time(db: Database) -> None:
    for _round in range(15):
        nid = tasks.create_task(db, SITE, "verify", now=NOW)
        wins: list[int] = []
        refusals: list[str] = []
        barrier = threading.Barrier(2)

        def claim(
            nid: int = nid,
            barrier: threading.Barrier = barrier,
            wins: list[int] = wins,
            refusals: list[str] = refusals,
        ) -> None:
            with db.sibling() as own:
                own.connect()
                barrier.wait()
                try:
                    wins.append(tasks.claim_task(own, nid, now=NOW).vid)
                except TaskError as error:
                    refusals.append(error.code)

        threads = [threading.Thread(target=claim) for _number in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(wins), refusals) == (1, ["HOSTING_TASK_RUNNING"])


# End and finish


@pytest.mark.parametrize(("seconds", "delta"), [(0.0, 1), (0.4, 1), (1.5, 2), (2.5, 3), (12.49, 12)])
def test_end_of_a_run_stores_whole_seconds(db: Database, seconds: float, delta: int) -> None:
    task = tasks.claim_task(db, tasks.create_task(db, SITE, "verify", now=NOW), now=NOW + 3)
    tasks.end_run(db, task, seconds)
    after = tasks.load_task(db, task.nid)
    assert (after.delta, after.status, after.vid, after.changed) == (delta, -1, task.vid, NOW + 3)


def test_end_of_a_run_that_was_overtaken_leaves_the_newer_one_alone(db: Database) -> None:
    nid = tasks.create_task(db, SITE, "verify", now=NOW)
    first = tasks.claim_task(db, nid, now=NOW)
    second = tasks.claim_task(db, nid, now=NOW + 9, force=True)
    tasks.end_run(db, first, 5)
    tasks.finish(db, first)
    assert tasks.load_task(db, nid) == second
    old = db.row("SELECT task_status, delta FROM {hosting_task} WHERE vid = %s", (first.vid,))
    assert old == {"task_status": 1, "delta": 5}


def test_second_run_keeps_the_duration_of_the_first_until_its_end(db: Database) -> None:
    nid = tasks.create_task(db, SITE, "verify", now=NOW)
    tasks.end_run(db, tasks.claim_task(db, nid, now=NOW), 8)
    assert tasks.claim_task(db, nid, now=NOW + 60, force=True).delta == 8


@pytest.mark.parametrize(
    ("types", "status"),
    [
        ([], 1),
        (["success", "notice", "critical", "rollback", "alert"], 1),
        (["warning", "success"], 3),
        (["warning", "error"], 2),
        (["failed"], 2),
        (["Error", "WARNING", "error_", "Failed"], 1),
        (["Error", "warning"], 3),
    ],
)
def test_status_follows_from_the_log(db: Database, types: list[str], status: int) -> None:
    task = tasks.claim_task(db, tasks.create_task(db, SITE, "verify", now=NOW), now=NOW)
    with db.sibling() as own:
        log = TaskLogWriter(own, task.vid, task.nid)
        for kind in types:
            log.write(kind, "said")
        TaskLogWriter(own, task.vid + 1, task.nid).write("error", "of another run")
    assert tasks.final_status(db, task.vid) == status
    assert tasks.finish(db, task) == status
    assert tasks.load_task(db, task.nid).status == status
    last = db.row("SELECT * FROM {hosting_task_log} WHERE vid = %s ORDER BY lid DESC LIMIT 1", (task.vid,))
    assert last is not None
    assert (last["type"], last["nid"], last["error"]) == ("info", task.nid, "")
    assert tasks.STATUS_LABELS[status] in last["message"]
    assert load_node(db, task.nid).changed == NOW


def test_run_whose_task_was_deleted_meanwhile_writes_nothing(db: Database) -> None:
    task = tasks.claim_task(db, tasks.create_task(db, SITE, "verify", now=NOW), now=NOW)
    for name in ("node", "node_revision", "node_access", "hosting_task"):
        db.execute(f"DELETE FROM {{{name}}} WHERE nid = %s", (task.nid,))
    before = snapshot(db)
    tasks.end_run(db, task, 1)
    tasks.finish(db, task)
    assert snapshot(db) == before


def test_task_of_a_damaged_site_can_run_and_fail(db: Database) -> None:
    nid = tasks.create_task(db, SITE, "verify", now=NOW)
    db.execute("DELETE FROM {hosting_site} WHERE nid = %s", (SITE,))
    task = tasks.claim_task(db, nid, now=NOW)
    with db.sibling() as own:
        TaskLogWriter(own, task.vid, task.nid).write("error", "The site has no row")
    tasks.end_run(db, task, 1)
    assert tasks.finish(db, task) == tasks.ERROR
