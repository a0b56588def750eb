"""What holds for the results of every task: they are stored as a whole or not at all, and beside each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from small_front_end import CLIENT, PLATFORM, SITE, Builder
from task_results import NODE_MODULE, NOW, OBJECT_TABLES, PACKAGES, claimed, column, site_row, snapshot

from provision_py.drupal.model import SitePackages
from provision_py.errors import HostmasterError, TaskError
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.outcome import Outcome
from provision_py.hostmaster.writeback import apply_failure, apply_success


class TestAnyTask:
    def test_an_unknown_type_is_an_error_and_changes_nothing(self, db: Database) -> None:
        task = claimed(db, SITE, "civicrm-upgrade")
        before = snapshot(db, *OBJECT_TABLES)
        with pytest.raises(TaskError, match="civicrm-upgrade"):
            apply_success(db, task, "site", Outcome(db_name="x"), now=NOW)
        assert apply_failure(db, task, "site", ["ANY"], now=NOW) == []
        assert snapshot(db, *OBJECT_TABLES) == before

    def test_a_task_of_another_kind_of_object_is_an_error(self, db: Database) -> None:
        with pytest.raises(TaskError, match="about a site, not a platform"):
            apply_success(db, claimed(db, SITE, "verify"), "platform", Outcome(), now=NOW)

    def test_an_object_that_is_gone_is_an_error(self, db: Database) -> None:
        task = claimed(db, SITE, "verify")
        db.execute("DELETE FROM {node} WHERE nid = %s", (SITE,))
        with pytest.raises(HostmasterError, match=f"Node {SITE}"):
            apply_success(db, task, "site", Outcome(), now=NOW)

    def test_nothing_is_stored_when_the_database_fails_in_the_middle(self, db: Database) -> None:
        task = claimed(db, PLATFORM, "verify")
        before = snapshot(db, *OBJECT_TABLES, "node", "node_revision", "node_access")
        outcome = Outcome(platform_packages=PACKAGES, sites=("found.example.test",))
        with refusing(db, "hosting_site"), pytest.raises(HostmasterError, match="no more sites"):
            apply_success(db, task, "platform", outcome, now=NOW)
        assert snapshot(db, *OBJECT_TABLES, "node", "node_revision", "node_access") == before

    def test_an_open_transaction_of_the_caller_is_used(self, db: Database) -> None:
        task = claimed(db, SITE, "disable")
        with pytest.raises(ZeroDivisionError), db.transaction():
            apply_success(db, task, "site", Outcome(), now=NOW)
            raise ZeroDivisionError
        assert site_row(db)["status"] == 1


@contextmanager
def refusing(db: Database, table: str) -> Iterator[None]:
    """A table that takes no new rows."""
    db.execute(
        f"CREATE TRIGGER {{no_more}} BEFORE INSERT ON {{{table}}} FOR EACH ROW"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more sites'"
    )
    try:
        yield
    finally:
        db.execute("DROP TRIGGER {no_more}")


def test_tasks_on_sites_of_one_platform_do_not_stand_in_each_others_way(db: Database, build: Builder) -> None:
    sites = range(60, 66)
    for nid in sites:
        build.site(nid, f"s{nid}.example.test", f"s{nid}.example.test", client=CLIENT, platform=PLATFORM, profile=9)
    modules = tuple(replace(NODE_MODULE, short_name=f"m{number}") for number in range(40))
    tasks = {nid: claimed(db, nid, "verify") for nid in sites}
    errors: list[BaseException] = []

    def verify(nid: int) -> None:
        try:
            with db.sibling() as own:
                outcome = Outcome(site_packages=SitePackages(modules), db_name=f"s{nid}")
                apply_success(own, tasks[nid], "site", outcome, now=NOW)
        except BaseException as error:
            errors.append(error)

    runners = [threading.Thread(target=verify, args=(nid,)) for nid in sites]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert errors == []
    assert column(db, "SELECT db_name FROM {hosting_site} WHERE nid >= 60 ORDER BY nid") == [
        f"s{nid}" for nid in sites
    ]
    assert (
        db.value("SELECT COUNT(*) FROM {hosting_package} WHERE short_name LIKE 'm%%' AND short_name <> 'minimal'")
        == 40
    )
