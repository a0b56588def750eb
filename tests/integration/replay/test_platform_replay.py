"""Recorded verifies of platforms, with packages that were really looked for on disk."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from provision_py.drupal.codebase import detect
from provision_py.drupal.platform_packages import platform_packages, sites
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.nodes import load_platform
from provision_py.hostmaster.outcome import Outcome
from provision_py.hostmaster.tasklogs import TaskLogWriter
from provision_py.hostmaster.tasks import claim_task, end_run, finish
from provision_py.hostmaster.writeback import apply_success
from provision_py.sandbox.mariadb import DatabaseServer
from replay.codebase import write_code_base
from replay.harness import History, prepare

LABELS = {
    "platform-verify-re120": "d7",
    "platform-verify-re122": "d7b",
    "platform-cluster-verify": "d7c",
    "platform-pack-verify": "d7p",
    "platform-pack-verify-nfs": "d7p",
    "platform-nginx-verify": "d7n",
}


def verify(status: int, settings: DatabaseSettings, nid: int) -> None:
    """Claim the task, read the platform's code base and write back what is there."""
    with Database(settings) as db, db.sibling() as log:
        task = claim_task(db, nid, now=int(db.value("SELECT UNIX_TIMESTAMP()")))
        code = detect(load_platform(db, task.rid).publish_path)
        packages, broken = platform_packages(code)
        assert broken == []
        TaskLogWriter(log, task.vid, task.nid).write(
            "warning" if status == 3 else "success", "Looked through the code"
        )
        end_run(db, task, 1.0)
        assert task.executed is not None
        outcome = Outcome(platform_packages=packages, sites=sites(code))
        apply_success(db, task, "platform", outcome, now=task.executed)
        finish(db, task)


@pytest.mark.parametrize("label", LABELS)
def test_packages_found_on_disk_give_the_recorded_rows(
    label: str, mariadb: DatabaseServer, history: History, tmp_path: Path
) -> None:
    replay = prepare(mariadb, history, label, {f"/var/aegir/platforms/{LABELS[label]}": str(tmp_path)})
    task = replay.recording.task
    write_code_base(replay.after, task.number("rid"), tmp_path)
    assert replay.run(partial(verify, task.number("task_status"))) == []
