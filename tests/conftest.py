"""The servers that integration tests run against, and Aegir roots to work in.

The suite starts private servers of its own (see ``provision_py.sandbox``) when the first test asks for one. A
program that is not installed skips the test on a developer's machine and fails it where ``CI`` is set.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from provision_py.sandbox.apache import Apache, start_apache
from provision_py.sandbox.base import Sandbox, reap_abandoned, remove_tree
from provision_py.sandbox.containers import engine_answers, server_in_container
from provision_py.sandbox.mariadb import DatabaseServer, start_mariadb
from provision_py.sandbox.nginx import Nginx, start_nginx
from provision_py.sandbox.option_file import server_of_option_file
from provision_py.sandbox.phpfpm import PhpFpm, start_php_fpm
from provision_py.sandbox.programs import MissingProgramError
from provision_py.sandbox.webserver import WebServer

Server = TypeVar("Server", bound=WebServer)

TOP = Path(__file__).resolve().parent.parent


def in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false", "no")


@contextmanager
def needed() -> Iterator[None]:
    """Skip, or in CI fail, when a program is missing."""
    try:
        yield
    except MissingProgramError as missing:
        if in_ci():
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def reference() -> Path:
    """Recordings of the PHP system, where they lie beside the checkout; tests that compare with them skip else."""
    folder = TOP.parent / "shared" / "reference"
    if not folder.is_dir():
        pytest.skip("there are no recordings beside the checkout")
    return folder


@pytest.fixture(scope="session")
def stack() -> Iterator[Sandbox]:
    """The folder of the servers that the whole run shares."""
    reap_abandoned()
    sandbox = Sandbox.create(prefix="provision-py-tests-")
    yield sandbox
    sandbox.remove()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of one test's own, for tests that stop or break servers."""
    sandbox = Sandbox.create(prefix="provision-py-test-")
    yield sandbox
    sandbox.remove()


@pytest.fixture(scope="session")
def database_provider() -> str:
    """Where databases come from: ``docker`` or ``debian``, as ``PROVISION_PY_STACK`` says or an engine answers."""
    wanted = os.environ.get("PROVISION_PY_STACK", "auto")
    if wanted not in ("auto", "docker", "debian"):
        pytest.fail(f"PROVISION_PY_STACK is {wanted!r}: auto, docker and debian are known", pytrace=False)
    if wanted == "auto":
        return "docker" if engine_answers() else "debian"
    return wanted


def database_server() -> DatabaseServer | None:
    """The server that runs already and that PROVISION_PY_DATABASE_SERVER names by an option file."""
    option_file = os.environ.get("PROVISION_PY_DATABASE_SERVER", "")
    return server_of_option_file(Path(option_file)) if option_file else None


def database_service() -> str:
    """The service of the compose file to test on."""
    return os.environ.get("PROVISION_PY_DATABASE", "mariadb")


@pytest.fixture(scope="session")
def docker_setup() -> list[str]:
    """For pytest-docker: start one database, not every service of the file."""
    return [f"up --detach --wait {database_service()}"]


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """For pytest-docker."""
    return str(TOP / "docker" / "compose.yml")


@pytest.fixture(scope="session")
def mariadb(request: pytest.FixtureRequest) -> DatabaseServer:
    """A database server with an account that may do everything."""
    running = database_server()
    if running is not None:
        return running
    if request.getfixturevalue("database_provider") == "docker":
        services = request.getfixturevalue("docker_services")
        return server_in_container(services.port_for(database_service(), 3306))
    with needed():
        return start_mariadb(request.getfixturevalue("stack"))


@pytest.fixture
def database(mariadb: DatabaseServer) -> Iterator[str]:
    """The name of an empty database that goes away after the test."""
    with mariadb.temporary_database() as name:
        yield name


@pytest.fixture(scope="session")
def php_fpm(stack: Sandbox) -> PhpFpm:
    with needed():
        return start_php_fpm(stack)


@pytest.fixture(scope="session")
def web_servers() -> list[WebServer]:
    """The shared web servers that have been started so far."""
    return []


@pytest.fixture(scope="session")
def apache(stack: Sandbox, web_servers: list[WebServer]) -> Apache:
    """Apache with PHP as its module."""
    return _started(web_servers, lambda: start_apache(stack))


@pytest.fixture(scope="session")
def apache_fpm(stack: Sandbox, php_fpm: PhpFpm, web_servers: list[WebServer]) -> Apache:
    """Apache with PHP by php-fpm."""
    return _started(web_servers, lambda: start_apache(stack, php_fpm=php_fpm, name="apache-fpm"))


@pytest.fixture(scope="session")
def nginx(stack: Sandbox, php_fpm: PhpFpm, web_servers: list[WebServer]) -> Nginx:
    return _started(web_servers, lambda: start_nginx(stack, php_fpm=php_fpm))


def _started(web_servers: list[WebServer], start: Callable[[], Server]) -> Server:
    with needed():
        server = start()
    web_servers.append(server)
    return server


@pytest.fixture
def aegir_root(web_servers: list[WebServer]) -> Iterator[Path]:
    """An empty Aegir root through which web servers may pass.

    ``server.serve(aegir_root)`` makes a shared web server take its configuration in; it leaves that out again
    after the test.
    """
    root = Path(tempfile.mkdtemp(prefix="aegir-"))
    root.chmod(0o711)
    yield root
    for server in web_servers:
        if root in server.served:
            server.forget(root)
    remove_tree(root)
