"""A whole hosting system of a test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hosting_system import Hosting

from provision_py.sandbox.installation import Layout, install
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.webserver import WebServer


@pytest.fixture
def hosting_on(aegir_root: Path, mariadb: DatabaseServer) -> Iterator[Callable[..., Hosting]]:
    """Makes a hosting system on a web server; its databases and accounts go after the test."""
    before = set(mariadb.databases())
    accounts = {(row[0], row[1]) for row in mariadb.query("SELECT User, Host FROM mysql.user")}
    made: list[Hosting] = []

    def make(web: WebServer, **layout: object) -> Hosting:
        installation = install(Layout(aegir_root, database="hm_tasks", **layout), mariadb, web)  # type: ignore[arg-type]
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
