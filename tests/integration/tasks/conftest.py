"""Whole hosting systems: one of a test's own, and one that the tests of a module share."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hosting_system import Hosting
from trials import OTHER, Trial

from provision_py.sandbox.base import remove_tree
from provision_py.sandbox.frontend import ServiceForm
from provision_py.sandbox.installation import Layout, install
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.webserver import WebServer


@pytest.fixture
def hosting_on(aegir_root: Path, mariadb: DatabaseServer) -> Iterator[Callable[..., Hosting]]:
    """Makes a hosting system on a web server; its databases and accounts go after the test."""
    before = set(mariadb.databases())
    accounts = {(row[0], row[1]) for row in mariadb.query("SELECT User, Host FROM mysql.user")}
    made: list[Hosting] = []

    def make(web: WebServer, **layout: Any) -> Hosting:
        installation = install(Layout(aegir_root, database="hm_tasks", **layout), mariadb, web)
        web.serve(aegir_root)
        made.append(Hosting(installation, web, mariadb))
        return made[-1]

    yield make
    for hosting in made:
        hosting.front.close()
    for name in set(mariadb.databases()) - before:
        mariadb.drop_database(name)
    for user, host in {(row[0], row[1]) for row in mariadb.query("SELECT User, Host FROM mysql.user")} - accounts:
        mariadb.query("DROP USER %s@%s", (user, host))


@pytest.fixture
def hosting(hosting_on: Callable[..., Hosting], nginx: WebServer) -> Hosting:
    return hosting_on(nginx)


@contextmanager
def trial_on(front_end: DatabaseServer, sites: DatabaseServer, web: WebServer) -> Iterator[Trial]:
    """A hosting system with a platform and a site; ``front_end`` and ``sites`` are where their databases are."""
    root = Path(tempfile.mkdtemp(prefix="aegir-"))
    root.chmod(0o711)
    with ExitStack() as stack:
        stack.callback(remove_tree, root)
        for server in {id(server): server for server in (front_end, sites)}.values():
            stack.enter_context(cleaned(server))
        stack.callback(web.forget, root)
        installation = install(Layout(root, database="hm_trial", modules={"hosting_alias": 0}), front_end, web)
        web.serve(root)
        hosting = Hosting(installation, web, sites)
        platform, docroot = hosting.prepared()
        assert set(hosting.run_queue().values()) <= {0}
        if sites is not front_end:
            form = ServiceForm("db", "mysql", sites.port, user=sites.user, password=sites.password)
            hosting.front.db_server = hosting.front.add_server(sites.host, [form], name="server_sites")
            assert hosting.run(hosting.queued(hosting.front.db_server, "verify")).status == 1, hosting.said()
        trial = Trial(hosting, platform, docroot)
        trial.let_installs_wait()
        assert hosting.run(hosting.queued(trial.add_site(OTHER), "install")).status == 1, hosting.said()
        assert hosting.fetch_until(200, "/", OTHER).status == 200
        stack.callback(hosting.front.close)
        yield trial


@contextmanager
def cleaned(server: DatabaseServer) -> Iterator[None]:
    """What is made on a database server meanwhile goes again."""
    databases, accounts = set(server.databases()), set(accounts_of(server))
    try:
        yield
    finally:
        _clean(server, databases, accounts)


def _clean(server: DatabaseServer, databases: set[str], accounts: set[tuple[str, str]]) -> None:
    for name in set(server.databases()) - databases:
        server.drop_database(name)
    for user, host in set(accounts_of(server)) - accounts:
        server.query("DROP USER %s@%s", (user, host))


def accounts_of(server: DatabaseServer) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in server.query("SELECT User, Host FROM mysql.user")]


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
