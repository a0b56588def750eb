"""A database server that goes away while a task runs, and comes back, or does not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pymysql
import pytest
from trials import Trial, kill, reaped, trial_on, wait_until

from provision_py.dispatch import taskrun
from provision_py.hostmaster import connection
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.mariadb import DatabaseServer, start_mariadb
from provision_py.sandbox.platforms import fail_install
from provision_py.sandbox.webserver import WebServer


class Fragile:
    """A database server that can be killed and started again."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.server: DatabaseServer = start_mariadb(sandbox)
        self._keep_commits()

    def _keep_commits(self) -> None:
        """What was committed outlives the process, as on a real server."""
        self.server.query("SET GLOBAL innodb_flush_log_at_trx_commit = 2")

    def die(self) -> None:
        kill(self.sandbox.running()["mariadb"].pid)
        wait_until(lambda: "mariadb" not in self.sandbox.running())
        self.sandbox.stop("mariadb")

    def start(self) -> None:
        settings = self.sandbox.path / "mariadb.cnf"
        self.sandbox.launch("mariadb", [programs.find(programs.MARIADBD), f"--defaults-file={settings}"])
        wait_until(self.answers)
        self._keep_commits()

    def ensure(self) -> None:
        """It runs, whatever a test that failed has left."""
        if not self.answers():
            self.start()

    def answers(self) -> bool:
        try:
            # PyMySQL leaves its socket open when nobody listens, so look first.
            with socket.socket(socket.AF_UNIX) as probe:
                probe.connect(str(self.server.socket))
            self.server.connect().close()
        except (OSError, pymysql.err.Error):
            return False
        return True


@pytest.fixture(scope="module")
def fragile(stack: Sandbox) -> Iterator[Fragile]:
    sandbox = Sandbox.create(prefix="provision-py-test-")
    yield Fragile(sandbox)
    sandbox.remove()


def at_work(trial: Trial, uri: str) -> None:
    """Wait until Drupal's installer is at work on a site."""
    wait_until(lambda: (trial.sites / uri / "drushrc.php").exists())
    time.sleep(0.3)


@pytest.fixture(scope="class")
def front_end_trial(fragile: Fragile, mariadb: DatabaseServer, nginx: WebServer) -> Iterator[Trial]:
    """Only the front end's database is on the fragile server."""
    with trial_on(fragile.server, mariadb, nginx) as trial:
        yield trial
        fragile.ensure()


@pytest.fixture(scope="class")
def sites_trial(fragile: Fragile, mariadb: DatabaseServer, nginx: WebServer) -> Iterator[Trial]:
    """Only the databases of sites are on the fragile server."""
    with trial_on(mariadb, fragile.server, nginx) as trial:
        yield trial
        fragile.ensure()


class TestFrontEnd:
    @pytest.fixture
    def trial(self, front_end_trial: Trial) -> Trial:
        return front_end_trial

    def test_away_for_a_moment(self, trial: Trial, fragile: Fragile) -> None:
        """The task goes on: its results and all rows of its log are stored once the server is back."""
        _, uri, task = trial.new_site()
        fail_install(trial.platform, "slow")
        with trial.start("hosting-task", str(task)) as process:
            at_work(trial, uri)
            fragile.die()
            trial.unlink_switches()
            wait_until(lambda: (trial.hosting.home / "config/server_master/nginx/vhost.d" / uri).exists())
            time.sleep(0.5)
            fragile.start()
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
        assert trial.status(task) == 1, trial.log(task)
        messages = [str(row["message"]) for row in trial.hosting.log(task)]
        assert len([text for text in messages if "is installed on Drupal" in text]) == 1
        assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []
        assert trial.journals() == []
        assert trial.hosting.fetch_until(200, "/", uri).status == 200

    def test_away_for_too_long(self, trial: Trial, fragile: Fragile) -> None:
        """Nothing of the site is left; the next run of the queue finishes the task."""
        site, uri, task = trial.new_site()
        before = trial.before()
        fail_install(trial.platform, "slow")

        def work() -> None:
            taskrun.PATIENCE = 0.5
            connection.RECONNECT_DELAYS = (0.0, 0.1)  # type: ignore[misc,assignment] # in a child of its own
            trial.hosting.run(task)

        pid = trial.in_child(work)
        at_work(trial, uri)
        fragile.die()
        trial.unlink_switches()
        assert reaped(pid) == 70
        assert trial.journals() == []
        fragile.start()
        Trial.same(before, trial.before())
        assert trial.status(task) == -1
        assert trial.queue_all() == {}
        trial.failed(task, "PROVISION_RUNNER_DIED", before=before)
        trial.succeeds(site, "install", uri)

    def test_away_before_anything_begins(self, trial: Trial, fragile: Fragile) -> None:
        _, _, task = trial.new_site()
        before = trial.before()
        fragile.die()
        for words in (["hosting-task", str(task)], ["hosting-dispatch"], ["hosting-tasks"]):
            status, said = trial.program(*words)
            assert status == 1, said
            assert "PROVISION_HOSTMASTER_UNREACHABLE" in said
            assert "hm_trial" in said
        fragile.start()
        trial.unchanged(before)
        assert trial.status(task) == 0
        assert trial.queue(task) == 0

    def test_away_while_the_queue_waits_for_its_workers(self, trial: Trial, fragile: Fragile) -> None:
        _, uri, task = trial.new_site()
        fail_install(trial.platform, "slow")
        with trial.start("hosting-dispatch", "--force", "--parallel=1") as process:
            at_work(trial, uri)
            fragile.die()
            fragile.start()
            trial.unlink_switches()
            out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err
        assert trial.status(task) == 1, trial.log(task)


class TestSites:
    @pytest.fixture
    def trial(self, sites_trial: Trial) -> Trial:
        return sites_trial

    def test_away_while_the_installer_works(self, trial: Trial, fragile: Fragile) -> None:
        """The task fails at once; what needs the server is undone when it is back."""
        site, uri, task = trial.new_site()
        before = trial.before()
        fail_install(trial.platform, "slow")
        with trial.start("hosting-task", str(task)) as process:
            at_work(trial, uri)
            fragile.die()
            trial.unlink_switches()
            out, err = process.communicate(timeout=60)
        assert process.returncode == 1, out + err
        assert trial.status(task) == 2
        errors = trial.hosting.errors(task)
        assert "PROVISION_UNDO_FAILED" in errors
        assert {"DRUPAL_INSTALL_FAILED", "PROVISION_DB_CONNECT_FAIL"} & set(errors)
        assert "tried again" in trial.log(task)
        assert len(trial.journals()) == 1
        fragile.start()
        assert trial.queue_all() == {}
        trial.unchanged(before)
        trial.succeeds(site, "install", uri)

    def test_away_at_a_verify(self, trial: Trial, fragile: Fragile) -> None:
        site, folder = trial.installed()
        task = trial.hosting.front.queue_task(site, "verify")
        kept = trial.hosting.tree(".drush")
        fragile.die()
        assert trial.queue(task) == 1
        assert "PROVISION_DB_CONNECT_FAIL" in trial.hosting.errors(task)
        assert trial.hosting.tree(".drush") == kept
        assert trial.journals() == []
        fragile.start()
        trial.succeeds(site, "verify", folder.name)
