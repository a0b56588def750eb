"""Every recorded run of a task that the write-back knows, held against the rows that the PHP system changed.

Only the database takes part: the command's outcome is made from the recorded rows.
"""

from __future__ import annotations

import re
from functools import partial

import pytest

from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.nodes import load_node
from provision_py.hostmaster.tasklogs import TaskLogWriter
from provision_py.hostmaster.tasks import claim_task, end_run, finish
from provision_py.hostmaster.writeback import apply_failure, apply_success
from provision_py.sandbox.mariadb import DatabaseServer
from replay.harness import History, Replay, prepare
from replay.outcomes import outcome_of

SUCCESSES = [
    *("platform-verify-1st", "platform2-verify-1st", "platform-verify-re120", "platform-verify-re122"),
    *("platform-cluster-verify", "platform-pack-verify", "platform-pack-verify-nfs", "platform-nginx-verify"),
    *("platform-lock", "platform-unlock", "platform-delete"),
    *("server-verify-http", "server-verify-apache_ssl", "server-verify-db", "server-web1-verify"),
    *(
        "server-web2-verify",
        "server-cluster-verify",
        "server-pack-verify",
        "server-nginx-verify",
        "server-delete-db2",
    ),
    *("site-install-standard", "site-install-minimal", "site-install-cluster", "site-install-pack"),
    *("site-install-nginx", "site-install-subdir"),
    *("site-verify", "site-verify-redirect", "site-verify-ssl", "site-verify-nginx", "site-verify-on-cluster"),
    *("site-verify-after-rollback", "site-verify-heals-alias", "site-verify-parent-of-subdir"),
    *("verify-site-178", "verify-site-180", "clone-verify"),
    *("site-disable", "disable-178", "disable-180", "disable-182", "disable2-178", "disable2-180", "disable2-182"),
    *("clone-disable", "site-enable", "enable-178", "enable-180", "enable2-178", "enable2-180", "enable2-182"),
    *(
        "site-backup",
        "site-backup2",
        "site-backup-delete",
        "site-restore",
        "site-login-reset",
        "site-delete",
        "site-clone-import",
    ),
]

#: Runs that ended with a failure of the command, and the errors that they logged.
FAILURES = {
    "FAIL-platform-verify-missing-root": ["DRUSH_NO_SITE", "DRUSH_INVALID_DRUPAL_ROOT"],
    "FAIL-platform-delete-with-sites": ["PROVISION_SITES_IN_PLATFORM"],
    "FAIL-server-verify-db-down": ["PROVISION_DB_CONNECT_FAIL", "PROVISION_CONNECT_DB_FAILED"],
    "FAIL-site-install-db-down": ["PROVISION_DB_CONNECT_FAIL"],
    "FAIL-site-install-db-unreachable": ["PROVISION_CREATE_DB_FAILED"],
    "FAIL-site-restore-alias-drifted-to-dead-db": ["PROVISION_DB_CONNECT_FAIL"],
    "FAIL-site-restore-broken-sql": ["PROVISION_DB_IMPORT_FAILED"],
    "FAIL-site-restore-missing-file": ["PROVISION_BACKUP_NOT_FOUND"],
    "enable-182": ["PROVISION_DRUPAL_SETTINGS"],
    "site-delete-failed-install": ["PROVISION_DB_CONNECT_FAIL"],
}

#: The recorded runs where we do something else on purpose; the reasons stand in docs/differences.md.
DELIBERATE = {
    # The original runs a verify of its own inside the import; it is a task, and its queued successor is another.
    "site-clone-import": re.compile(
        r"only (the recording|we) added (node|node_revision|node_access|hosting_task)\(.*<node task Verify Site"
    ),
    "platform-delete": re.compile(r"only we removed hosting_package_(instance|languages)\("),
    "site-delete": re.compile(r"only we removed hosting_package_languages\("),
}

LOG_TYPES = {1: "success", 2: "error", 3: "warning"}


def run_writeback(replay: Replay, settings: DatabaseSettings, nid: int) -> None:
    """Claim the task, write back what the recorded command found, and end with the recorded status."""
    status = replay.recording.task.number("task_status")
    codes = FAILURES.get(replay.recording.label)
    with Database(settings) as db, db.sibling() as log:
        task = claim_task(db, nid, now=int(db.value("SELECT UNIX_TIMESTAMP()")))
        TaskLogWriter(log, task.vid, task.nid).write(LOG_TYPES[status], "What the command had to say")
        object_type = load_node(db, task.rid).type
        assert task.executed is not None
        end_run(db, task, 1.5)
        if codes is None:
            outcome = outcome_of(replay.recording, replay.after)
            apply_success(db, task, object_type, outcome, now=task.executed)
        else:
            apply_failure(db, task, object_type, codes, now=task.executed)
        assert finish(db, task) == status


@pytest.mark.parametrize("label", [*SUCCESSES, *FAILURES])
def test_the_same_rows_change(label: str, mariadb: DatabaseServer, history: History) -> None:
    replay = prepare(mariadb, history, label)
    differences = replay.run(partial(run_writeback, replay))
    deliberate = DELIBERATE.get(label)
    if deliberate is None:
        assert differences == []
    else:
        assert differences
        assert [line for line in differences if not deliberate.match(line)] == []


def test_a_run_that_does_nothing_is_not_like_any_recording(mariadb: DatabaseServer, history: History) -> None:
    replay = prepare(mariadb, history, "site-verify")
    differences = replay.run(lambda settings, nid: None)
    assert any(line.startswith("only the recording added hosting_task(") for line in differences)
    assert not any(line.startswith("only we") for line in differences)


def test_no_recorded_verify_or_install_is_left_out(history: History) -> None:
    covered = {*SUCCESSES, *FAILURES}
    for label, recording in history.recordings.items():
        runs = [row for row in recording.added_to("hosting_task") if row.values["executed"] is not None]
        is_retry = label == "api-task-retry"
        if len(recording.added_to("hosting_task")) == 1 and not is_retry and runs:
            kind = runs[0].text("task_type")
            assert label in covered or kind not in ("verify", "install"), label
