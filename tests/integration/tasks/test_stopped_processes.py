"""Commands, dispatchers and workers that are stopped or killed: while PHP works for them, and in between."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
from trials import DIED, Before, Trial, kill, reaped, wait_until

from provision_py.dispatch import taskrun
from provision_py.hostmaster.connection import Database
from provision_py.sandbox.platforms import fail_install
from provision_py.sandbox.processes import ProcessRecord
from provision_py.steps.journal import Journal
from provision_py.system.stopping import stopping_on_signals


def slow_install(trial: Trial) -> tuple[int, str, int, Before]:
    site, uri, task = trial.new_site()
    fail_install(trial.platform, "slow")
    return site, uri, task, trial.before()


def php_at_work(trial: Trial) -> list[int]:
    """The processes that run the bridge in the platform: they wait in its slow installer."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            here = (folder / "cwd").readlink() == trial.docroot
        except OSError:
            continue
        if here and any(word.endswith(b"bridge.php") for word in words):
            found.append(int(folder.name))
    return found


def wait_for_php(trial: Trial, task: int, uri: str) -> list[int]:
    wait_until(lambda: (trial.sites / uri / "drushrc.php").exists() and php_at_work(trial))
    time.sleep(0.2)
    return php_at_work(trial)


class TestWhilePhpWorks:
    def test_php_is_gone_before_anything_is_undone(self, trial: Trial) -> None:
        site, uri, task, before = slow_install(trial)
        pid = trial.in_child(lambda: trial.hosting.run(task))
        php = wait_for_php(trial, task, uri)
        kill(pid)
        reaped(pid)
        assert trial.queue_all() == {}
        assert not [one for one in php if Path(f"/proc/{one}/cmdline").exists() and is_php(one)]
        trial.failed(task, DIED, before=before)
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_stopped_task_is_undone_at_once(self, trial: Trial, number: signal.Signals) -> None:
        site, uri, task, before = slow_install(trial)
        with trial.start("hosting-task", str(task)) as process:
            wait_for_php(trial, task, uri)
            process.send_signal(number)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 130, out + err
        trial.failed(task, "PROVISION_STOPPED", before=before)
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)

    @pytest.mark.parametrize("command", [("hosting-dispatch", "--force"), ("hosting-tasks", "--items=3")])
    def test_a_stopped_dispatcher_stops_its_tasks(self, trial: Trial, command: tuple[str, ...]) -> None:
        first = slow_install(trial)
        second = trial.new_site()
        before = trial.before()
        with trial.start(*command) as process:
            wait_for_php(trial, first[2], first[1])
            wait_for_php(trial, second[2], second[1])
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=30)
        assert process.returncode == 130, out + err
        for task in (first[2], second[2]):
            trial.failed(task, "PROVISION_STOPPED", before=before)
        trial.unlink_switches()
        trial.succeeds(first[0], "install", first[1])

    def test_a_killed_dispatcher_and_its_workers(self, trial: Trial) -> None:
        site, uri, task, before = slow_install(trial)
        with trial.start("hosting-dispatch", "--force") as process:
            wait_for_php(trial, task, uri)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            process.kill()
            for child in children:
                kill(int(child))
            process.communicate(timeout=30)
        status, said = trial.program("hosting-dispatch", "--force")
        assert status == 0, said
        trial.failed(task, DIED, before=before)
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)

    def test_a_killed_worker_is_recovered_by_its_living_dispatcher(self, trial: Trial) -> None:
        site, uri, task, before = slow_install(trial)
        with trial.start("hosting-dispatch", "--force") as process:
            wait_for_php(trial, task, uri)
            (worker,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            kill(int(worker))
            out, err = process.communicate(timeout=30)
        assert process.returncode == 1, out + err
        trial.failed(task, DIED, before=before)
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)

    def test_what_a_build_has_started_ends_before_its_folder_goes(self, trial: Trial) -> None:
        """Composer starts git, which starts others; those write on when composer has been killed with us."""
        hosting, front = trial.hosting, trial.hosting.front
        root = hosting.home / "platforms/built"
        shutil.copytree(trial.docroot, root, ignore=shutil.ignore_patterns("*.example.test"))
        shutil.rmtree(root / "vendor")
        tool = hosting.home / "composer-stub"
        tool.write_text(
            "#!/bin/sh\nmkdir vendor\n"
            "setsid sh -c 'echo $$ >vendor/pid; while :; do mkdir -p vendor/x; date >vendor/x/y; done'\n"
        )
        tool.chmod(0o755)
        options = hosting.installation.drush_dir / "drushrc.php"
        options.write_text(f"<?php\n$options['provision_composer_install_command'] = '{tool}';\n")
        platform = front.add_platform("built", str(root), front.web_server)
        task = hosting.queued(platform, "verify")
        before = trial.before()
        pid = trial.in_child(lambda: hosting.run(task))
        wait_until(lambda: (root / "vendor/x/y").exists())
        writer = int((root / "vendor/pid").read_text())
        kill(pid)
        reaped(pid)
        time.sleep(0.1)
        assert ProcessRecord.of(writer) is not None
        assert trial.queue_all() == {}
        assert ProcessRecord.of(writer) is None
        trial.failed(task, DIED, before=before)
        options.unlink()
        shutil.copytree(trial.docroot / "vendor", root / "vendor")
        trial.succeeds(platform, "verify")

    def test_a_direct_command(self, trial: Trial) -> None:
        _, uri, task = trial.new_site()
        trial.hosting.db.execute("UPDATE {hosting_task} SET task_status = 2 WHERE nid = %s", (task,))
        platform, db = (
            trial.hosting.front.context(trial.platform_nid),
            trial.hosting.front.context(trial.hosting.front.db_server),
        )
        words = ["--context_type=site", f"--platform=@{platform}", f"--db_server=@{db}", f"--uri={uri}"]
        assert trial.program("provision-save", f"@{uri}", *words)[0] == 0
        fail_install(trial.platform, "slow")
        before = trial.before()
        for number in (signal.SIGTERM, signal.SIGKILL):
            with trial.start(f"@{uri}", "provision-install") as process:
                wait_for_php(trial, task, uri)
                process.send_signal(number)
                process.communicate(timeout=30)
            if number == signal.SIGTERM:
                assert process.returncode == 130
                trial.unchanged(before)
            else:
                assert len(trial.journals()) == 1
        trial.unlink_switches()
        status, said = trial.program(f"@{uri}", "provision-install")
        assert status == 0, said
        assert trial.journals() == []
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
        assert f"{uri.replace('.', '')}" in trial.hosting.databases()
        assert f"{uri.replace('.', '')}_0" not in trial.hosting.databases()


def is_php(pid: int) -> bool:
    try:
        return b"bridge.php" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


class TestSignalsInBetween:
    def test_a_signal_while_the_results_are_stored_does_not_tear_them_apart(self, trial: Trial) -> None:
        """The signal comes when the front end has accepted the results and the journal is not closed yet."""
        _, uri, task = trial.new_site()

        def work() -> None:
            commit = Journal.commit

            def signalled(journal: Journal) -> None:
                os.kill(os.getpid(), signal.SIGTERM)
                threading.Event().wait(0.05)
                commit(journal)

            Journal.commit = signalled  # type: ignore[method-assign,assignment] # in a child of its own
            with stopping_on_signals(), Database(trial.hosting.installation.settings) as db:
                taskrun.run_task(trial.hosting.session(), db, task)

        assert reaped(trial.in_child(work)) == 70
        assert trial.status(task) == 1, trial.log(task)
        assert trial.journals() == []
        assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []
        assert trial.hosting.fetch_until(200, "/", uri).status == 200

    def test_a_signal_while_a_failure_is_undone_does_not_stop_that(self, trial: Trial) -> None:
        site, uri, task = trial.new_site()
        fail_install(trial.platform, "exception")
        before = trial.before()

        def work() -> None:
            undone = Journal.undone

            def signalled(journal: Journal) -> None:
                os.kill(os.getpid(), signal.SIGTERM)
                undone(journal)

            Journal.undone = signalled  # type: ignore[method-assign,assignment] # in a child of its own
            with stopping_on_signals(), Database(trial.hosting.installation.settings) as db:
                taskrun.run_task(trial.hosting.session(), db, task)

        assert reaped(trial.in_child(work)) == 70
        trial.failed(task, "PROVISION_STOPPED", before=before)
        trial.unlink_switches()
        trial.succeeds(site, "install", uri)
