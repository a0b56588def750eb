"""A run that is killed at any moment of its work leaves nothing behind, or all of it: never half."""

from __future__ import annotations

import importlib
import json
import os
import random
import signal
import time

import pytest
from trials import DIED, Before, Trial, kill, reaped

from provision_py.steps.journal import Journal

SEED = 20260711


def killed_at(trial: Trial, task: int, event: int) -> int:
    """Run a task in a process that is killed right after the ``event``-th entry of its journal; its exit status."""

    def work() -> None:
        append, count = Journal._append, [0]

        def append_and_die(journal: Journal, entry: dict[str, object]) -> None:
            append(journal, entry)
            count[0] += 1
            if count[0] == event:
                kill(os.getpid())

        Journal._append = append_and_die  # type: ignore[method-assign,assignment] # in a child of its own
        trial.hosting.run(task)

    return reaped(trial.in_child(work))


def killed_in(trial: Trial, task: int, where: str, name: str) -> int:
    """Run a task in a process that is killed where it would call a function of a module."""

    def work() -> None:
        def die(*args: object, **options: object) -> None:
            kill(os.getpid())

        owner: object = importlib.import_module(where.partition(":")[0])
        for part in where.partition(":")[2].split("."):
            owner = getattr(owner, part) if part else owner
        setattr(owner, name, die)
        trial.hosting.run(task)

    return reaped(trial.in_child(work))


def recovered(trial: Trial, task: int, before: Before) -> None:
    """The next run of the queue finishes the task as failed; nothing is left of it, and the rest is served."""
    assert trial.queue_all() == {}
    trial.failed(task, DIED, before=before)
    assert "was undone" in trial.log(task)


class TestEveryMoment:
    def test_an_install_that_is_killed_after_any_entry_of_its_journal(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        event = 0
        while True:
            event += 1
            before = trial.before()
            if killed_at(trial, task, event) == 0:
                break
            assert event < 60
            assert trial.queue_all() == {}
            if trial.status(task) == 1:
                # The last entry says that the results were accepted.
                assert trial.journals() == []
                assert trial.hosting.fetch_until(200, "/", uri).status == 200
                break
            trial.failed(task, DIED, before=before)
            task = trial.hosting.front.queue_task(site, "install")
        assert event > 10
        assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []
        trial.succeeds(site, "verify", uri)

    def test_a_verify_that_is_killed_after_any_entry_of_its_journal(self, trial: Trial) -> None:
        site, folder = trial.installed()
        trial.succeeds(site, "verify", folder.name)
        vhost = trial.hosting.home / "config/server_master/nginx/vhost.d" / folder.name
        vhost.write_text(vhost.read_text() + "# of a former version\n")
        event = 0
        while True:
            event += 1
            task = trial.hosting.front.queue_task(site, "verify")
            before = trial.before()
            if killed_at(trial, task, event) == 0:
                break
            assert trial.queue_all() == {}
            if trial.status(task) == 1:
                break
            trial.failed(task, DIED, before=before)
        assert event > 5
        assert "of a former version" not in vhost.read_text()
        trial.succeeds(site, "verify", folder.name)

    def test_an_install_that_is_killed_at_any_time(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        chance = random.Random(SEED)
        for _ in range(8):
            before = trial.before()
            pid = trial.in_child(lambda task=task: trial.hosting.run(task))  # type: ignore[misc] # mypy infers no default of a lambda
            time.sleep(chance.uniform(0.02, 0.5))
            kill(pid)
            reaped(pid)
            if trial.status(task) == 0:
                assert trial.queue(task) == 0, trial.log(task)
            else:
                assert trial.queue_all() == {}
            if trial.status(task) == 1:
                break
            trial.failed(task, DIED, before=before)
            task = trial.hosting.front.queue_task(site, "install")
        else:
            assert trial.queue(task) == 0, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
        assert trial.journals() == []
        assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []


class TestAcceptedOrNot:
    def test_killed_between_the_results_and_the_end_of_the_journal(self, trial: Trial) -> None:
        _, uri, task = trial.new_site()
        status = killed_in(trial, task, "provision_py.steps.journal:Journal", "commit")
        assert status == -signal.SIGKILL
        assert trial.status(task) == -1
        assert len(trial.journals()) == 1
        assert trial.queue_all() == {}
        assert trial.status(task) == 1, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
        assert trial.journals() == []
        assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []

    def test_killed_before_the_final_status(self, trial: Trial) -> None:
        _, uri, task = trial.new_site()
        assert killed_in(trial, task, "provision_py.dispatch.taskrun", "finish") == -signal.SIGKILL
        assert trial.status(task) == -1
        assert trial.queue_all() == {}
        assert trial.status(task) == 1, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200

    def test_killed_before_the_claim(self, trial: Trial) -> None:
        _, uri, task = trial.new_site()
        assert killed_in(trial, task, "provision_py.dispatch.taskrun", "claim_task") == -signal.SIGKILL
        assert trial.status(task) == 0
        assert trial.queue(task) == 0, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
        assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []

    @pytest.mark.parametrize(
        "moment", ["command_line", "apply_success"], ids=["after the claim", "right before the results are stored"]
    )
    def test_killed_between_the_claim_and_the_results(self, trial: Trial, moment: str) -> None:
        site, uri, task = trial.new_site()
        before = trial.before()
        assert killed_in(trial, task, "provision_py.dispatch.taskrun", moment) == -signal.SIGKILL
        recovered(trial, task, before)
        trial.succeeds(site, "install", uri)

    def test_killed_again_while_it_is_undone(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        before = trial.before()
        assert killed_in(trial, task, "provision_py.dispatch.taskrun", "apply_success") == -signal.SIGKILL

        def recover_and_die() -> None:
            undone, count = Journal.undone, [0]

            def undo_one_and_die(journal: Journal) -> None:
                count[0] += 1
                if count[0] == 3:
                    kill(os.getpid())
                undone(journal)

            Journal.undone = undo_one_and_die  # type: ignore[method-assign,assignment] # in a child of its own
            trial.queue_all()

        assert reaped(trial.in_child(recover_and_die)) == -signal.SIGKILL
        recovered(trial, task, before)
        trial.succeeds(site, "install", uri)


class TestRecovery:
    def test_while_the_sites_database_server_is_down(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        front = trial.hosting.front
        alias = trial.hosting.installation.drush_dir / f"{front.context(front.db_server)}.alias.drushrc.php"
        before = trial.before()
        assert killed_in(trial, task, "provision_py.dispatch.taskrun", "apply_success") == -signal.SIGKILL
        text = alias.read_text()
        alias.chmod(0o600)
        alias.write_text(text.replace(f"'{trial.hosting.database.port}'", "'1'"))
        assert trial.queue_all() == {}
        assert trial.status(task) == 2
        assert len(trial.journals()) == 1
        assert "could not all be undone yet" in trial.log(task)
        assert uri.replace(".", "") in trial.hosting.databases()
        again = front.queue_task(site, "install")
        assert trial.queue(again) == 1
        assert "PROVISION_UNDO_FAILED" in trial.hosting.errors(again)
        alias.write_text(text)
        assert trial.queue_all() == {}
        trial.unchanged(before)
        trial.succeeds(site, "install", uri)

    def test_a_task_that_php_runs_is_left_alone(self, trial: Trial) -> None:
        _, _, task = trial.new_site()
        now = int(time.time())
        trial.hosting.db.execute(
            "UPDATE {hosting_task} SET task_status = -1, executed = %s WHERE nid = %s", (now, task)
        )
        assert trial.queue_all() == {}
        assert trial.status(task) == -1
        assert trial.hosting.log(task) == []
        assert trial.program("hosting-task", str(task))[0] == 1
        assert trial.status(task) == -1
        trial.hosting.db.execute("UPDATE {hosting_task} SET task_status = 2 WHERE nid = %s", (task,))

    def test_a_torn_journal_and_an_empty_one(self, trial: Trial) -> None:
        folder = trial.state / "journal"
        for name, content in (
            ("1-empty", None),
            ("2-torn", '{"event": "op'),
            ("3-begun", json.dumps({"event": "open", "command": "x", "context": "gone"}) + '\n{"event": "beg'),
        ):
            (folder / name).mkdir(parents=True)
            if content is not None:
                (folder / name / "journal.jsonl").write_text(content)
        assert trial.queue_all() == {}
        assert trial.journals() == []
