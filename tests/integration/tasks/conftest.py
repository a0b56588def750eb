"""Whole hosting systems: one of a test's own, and one that the tests of a module share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hosting_system import Hosting
from trials import Trial, cleaned, trial_on

from provision_py.sandbox.installation import Layout, install
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.webserver import WebServer


@pytest.fixture
def hosting_on(aegir_root: Path, mariadb: DatabaseServer) -> Iterator[Callable[..., Hosting]]:
    """Makes a hosting system on a web server; its databases and accounts go after the test."""
    made: list[Hosting] = []

    def make(web: WebServer, **layout: Any) -> Hosting:
        installation = install(Layout(aegir_root, database="hm_tasks", **layout), mariadb, web)
        web.serve(aegir_root)
        made.append(Hosting(installation, web, mariadb))
        return made[-1]

    with cleaned(mariadb):
        yield make
        for hosting in made:
            hosting.front.close()


@pytest.fixture
def hosting(hosting_on: Callable[..., Hosting], nginx: WebServer) -> Hosting:
    return hosting_on(nginx)


@pytest.fixture(scope="module")
def shared_trial(mariadb: DatabaseServer, nginx: WebServer) -> Iterator[Trial]:
    """One hosting system for all tests of a module; see :func:`trial`."""
    with trial_on(mariadb, mariadb, nginx) as trial:
        yield trial


@pytest.fixture
def trial(shared_trial: Trial) -> Iterator[Trial]:
    """A hosting system that works, before the test and after it; tests use site names of their own."""
    shared_trial.hosting.entries.clear()
    shared_trial.unlink_switches()
    yield shared_trial
    shared_trial.unlink_switches()
    shared_trial.hosting.db.execute("UPDATE {hosting_task} SET task_status = 2 WHERE task_status = 0")
