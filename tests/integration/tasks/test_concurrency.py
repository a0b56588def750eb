"""Tasks side by side: what may run together does, the rest waits, and every task runs once."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import ExitStack

import pytest
from trials import Trial, wait_until

from provision_py.php.sitesphp import read_sites_php
from provision_py.sandbox.platforms import fail_install


def runs(trial: Trial, task: int) -> int:
    """How often a task was run, in all its revisions."""
    return int(
        trial.hosting.db.value("SELECT COUNT(*) FROM {hosting_task_log} WHERE nid = %s AND type = 'queue'", (task,))
    )


def outcomes(processes: list[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    found = []
    for process in processes:
        out, err = process.communicate(timeout=60)
        found.append((process.returncode, out + err))
    return found


def together(trial: Trial, *commands: tuple[str, ...]) -> list[tuple[int, str]]:
    """Run commands at the same time, each as a process."""
    with ExitStack() as stack:
        return outcomes([stack.enter_context(trial.start(*words)) for words in commands])


def test_sites_of_one_platform_keep_their_entries_in_sites_php(trial: Trial) -> None:
    names = [trial.name() for _ in range(6)]
    sites = [trial.add_site(name, aliases=[f"www.{name}", f"old.{name}"]) for name in names]
    assert set(trial.queue_all().values()) == {0}
    known = read_sites_php(trial.sites / "sites.php")
    for name in names:
        assert known[f"www.{name}"] == name
        assert known[f"old.{name}"] == name
        assert trial.hosting.fetch_until(200, "/", f"www.{name}").status == 200
    for site in sites:
        trial.hosting.front.queue_task(site, "verify")
    fail_install(trial.platform, "exception")
    failing = [trial.add_site(f"failing.{name}", aliases=[f"alias.failing.{name}"]) for name in names[:3]]
    statuses = list(trial.queue_all().values())
    assert sorted(statuses) == [0] * len(sites) + [1] * len(failing)
    assert read_sites_php(trial.sites / "sites.php") == known


def test_the_verify_of_a_platform_waits_for_its_sites(trial: Trial) -> None:
    _, uri, task = trial.new_site()
    fail_install(trial.platform, "slow")
    verify = trial.hosting.front.queue_task(trial.platform_nid, "verify")
    with ExitStack() as stack:
        install = stack.enter_context(trial.start("hosting-task", str(task)))
        wait_until(lambda: (trial.sites / uri / "drushrc.php").exists())
        second = stack.enter_context(trial.start("hosting-task", str(verify)))
        wait_until(lambda: trial.status(verify) == -1)
        stack.callback(trial.unlink_switches)
        other = trial.installed_beside()
        assert trial.hosting.fetch_until(200, "/", other).status == 200
        assert install.poll() is None
        assert second.poll() is None
        trial.unlink_switches()
        assert [status for status, _ in outcomes([install, second])] == [0, 0]
    packages = trial.hosting.log(verify)
    assert [row for row in packages if row["type"] == "success"]
    assert trial.hosting.fetch_until(200, "/", uri).status == 200


@pytest.mark.parametrize(
    "command", [("hosting-tasks", "--items=20", "--parallel=2"), ("hosting-dispatch", "--force")]
)
def test_two_dispatchers_run_every_task_once(trial: Trial, command: tuple[str, ...]) -> None:
    tasks = {trial.new_site()[1:] for _ in range(5)}
    results = together(trial, command, command, command)
    assert [status for status, _ in results] == [0, 0, 0], results
    for uri, task in tasks:
        assert runs(trial, task) == 1
        assert trial.status(task) == 1, trial.log(task)
        assert trial.hosting.fetch_until(200, "/", uri).status == 200
    assert trial.hosting.db.rows("SELECT * FROM {semaphore}") == []


def test_two_runners_of_one_task(trial: Trial) -> None:
    _, uri, task = trial.new_site()
    words = ("hosting-task", str(task))
    results = together(trial, words, words, words)
    assert sorted(status for status, _ in results) == [0, 1, 1], results
    for status, said in results:
        assert status == 0 or "HOSTING_TASK_" in said
    assert runs(trial, task) == 1
    assert trial.status(task) == 1
    assert trial.hosting.fetch_until(200, "/", uri).status == 200


def test_two_installs_of_one_site(trial: Trial) -> None:
    site, uri, first = trial.new_site()
    second = trial.hosting.front.queue_task(site, "install")
    results = together(trial, ("hosting-task", str(first)), ("hosting-task", str(second)))
    assert sorted(status for status, _ in results) == [0, 1], results
    assert sorted((trial.status(first), trial.status(second))) == [1, 2]
    errors = trial.hosting.errors(first) + trial.hosting.errors(second)
    assert errors == ["PROVISION_SITE_INSTALLED"]
    assert trial.hosting.fetch_until(200, "/", uri).status == 200
    assert trial.journals() == []


def test_one_name_on_two_platforms_at_once(trial: Trial) -> None:
    hosting, front = trial.hosting, trial.hosting.front
    root = hosting.home / "platforms/beside"
    shutil.copytree(trial.docroot, root, ignore=shutil.ignore_patterns("*.example.test", "sites.php"))
    beside = front.add_platform("beside", str(root), front.web_server)
    assert trial.queue(hosting.queued(beside, "verify")) == 0
    _, uri, first = trial.new_site()
    other = front.add_site(uri, beside, front.db_server, name=f"other.{uri}")
    second = hosting.queued(other, "install")
    before = hosting.databases()
    results = together(trial, ("hosting-task", str(first)), ("hosting-task", str(second)))
    assert sorted(status for status, _ in results) == [0, 1], results
    assert hosting.errors(first) + hosting.errors(second) == ["PROVISION_NAME_TAKEN"]
    assert hosting.fetch_until(200, "/", uri).status == 200
    assert [(trial.sites / uri).exists(), (root / "sites" / uri).exists()].count(True) == 1
    assert len(hosting.databases() - before) == 1
    assert trial.journals() == []


def test_verifies_of_server_platform_and_sites_all_at_once(trial: Trial) -> None:
    front = trial.hosting.front
    sites = [trial.installed() for _ in range(3)]
    tasks = [front.queue_task(nid, "verify") for nid in (front.web_server, trial.platform_nid)]
    tasks += [front.queue_task(site, "verify") for site, _ in sites]
    results = trial.queue_all()
    assert {results[task] for task in tasks} == {0}, [trial.log(task) for task in tasks]
    for _, folder in sites:
        assert trial.hosting.fetch_until(200, "/", folder.name).status == 200
