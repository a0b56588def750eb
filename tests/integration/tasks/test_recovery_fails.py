"""A recovery that fails, and output that nobody can take: the task is looked after all the same."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from trials import OTHER, TOP, Trial, kill, reaped

from provision_py.dispatch import recovery
from provision_py.hostmaster.connection import Database
from provision_py.steps.journal import Journal
from provision_py.system.stopping import stopping_on_signals

DIED = "PROVISION_RUNNER_DIED"
PROCESSING, SUCCESS, ERROR = -1, 1, 2


def dead(trial: Trial, task: int, *, accepted: bool = False) -> None:
    """Leave a task as a runner does that was killed: within its command, or once its results were accepted."""
    owner, name = (Journal, "commit") if accepted else (Journal, "_append")

    def work() -> None:
        setattr(owner, name, lambda *arguments: kill(os.getpid()))
        trial.hosting.run(task)

    assert reaped(trial.in_child(work)) == -signal.SIGKILL
    assert trial.status(task) == PROCESSING


@contextmanager
def without_table(db: Database, table: str) -> Iterator[None]:
    db.execute(f"RENAME TABLE {{{table}}} TO {{{table}_away}}")
    try:
        yield
    finally:
        db.execute(f"RENAME TABLE {{{table}_away}} TO {{{table}}}")


def test_a_recovery_that_could_not_write_is_tried_again(trial: Trial) -> None:
    site, uri, task = trial.new_site()
    dead(trial, task)
    with without_table(trial.hosting.db, "hosting_task_log"):
        assert trial.queue_all() == {}
    assert trial.status(task) == PROCESSING
    assert trial.queue_all() == {}
    assert trial.status(task) == ERROR
    assert DIED in trial.log(task)
    trial.succeeds(site, "install", uri)


def test_a_recovery_that_is_stopped_is_taken_up_by_the_next(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, task = trial.new_site()
    dead(trial, task)

    def work() -> None:
        monkeypatch.setattr(recovery, "_finish_dead", lambda *arguments: os.kill(os.getpid(), signal.SIGTERM))
        with stopping_on_signals():
            trial.queue_all()

    reaped(trial.in_child(work))
    assert trial.status(task) == PROCESSING
    assert trial.queue_all() == {}
    assert trial.status(task) == ERROR


@pytest.mark.parametrize(("owner", "name"), [(Database, "insert"), (recovery, "_finish_dead")])
@pytest.mark.parametrize("accepted", [False, True])
def test_a_recovery_that_is_killed_loses_neither_the_task_nor_that_results_were_accepted(
    trial: Trial, owner: object, name: str, accepted: bool
) -> None:
    _, uri, task = trial.new_site()
    dead(trial, task, accepted=accepted)

    def work() -> None:
        setattr(owner, name, lambda *arguments, **options: kill(os.getpid()))
        trial.queue_all()

    reaped(trial.in_child(work))
    assert trial.queue_all() == {}
    assert trial.status(task) == (SUCCESS if accepted else ERROR), trial.log(task)
    wanted = 200 if accepted else 404
    assert trial.hosting.fetch_until(wanted, "/", uri).status == wanted
    assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []


@pytest.mark.parametrize(
    "shell", ["{} 2>/dev/full", "{} 2>&1 | head -c 1", "{} >&- 2>&-", "{} 2>/dev/full >/dev/full"]
)
@pytest.mark.parametrize("words", ["hosting-task NID", "hosting-tasks", "--quiet hosting-tasks"])
def test_output_that_cannot_be_written_stops_no_task(trial: Trial, shell: str, words: str) -> None:
    site, _ = trial.installed()
    lost = trial.hosting.front.queue_task(site, "verify")
    dead(trial, lost)
    task = trial.hosting.front.queue_task(trial.site_nid(OTHER), "verify")
    program = [sys.executable, "-m", "provision_py.cli.main", *words.replace("NID", str(task)).split()]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOP), **trial.hosting.installation.environment}
    argv = ["sh", "-c", shell.format(shlex.join(program))]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=90, cwd="/")
    assert trial.status(task) == SUCCESS, (done, trial.log(task))
    assert trial.status(lost) == ERROR
    assert done.returncode == 0, done
