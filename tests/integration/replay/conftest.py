"""The recordings, read once per run of the suite, and machines to replay them on."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.sandbox import programs
from provision_py.sandbox.apache import start_apache
from provision_py.sandbox.base import Sandbox, free_port, remove_tree
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.webserver import WebServer
from replay.harness import History
from replay.relocation import Machine, one_machine


@pytest.fixture(scope="session")
def history(reference: Path, mariadb: DatabaseServer) -> Iterator[History]:
    with mariadb.temporary_database("recorded") as database:
        yield History.load(reference, mariadb, database)


@pytest.fixture(scope="module")
def servers(reference: Path, mariadb: DatabaseServer, nginx: WebServer, apache: WebServer) -> Iterator[Machine]:
    """An Aegir root, and the servers that take their configuration from it: an Apache with https and nginx.

    ``apache`` is asked for only to skip where it is missing: https needs one of our own.
    """
    root = Path(tempfile.mkdtemp(prefix="aegir-"))
    root.chmod(0o711)
    sandbox = Sandbox.create(prefix="provision-py-test-")
    try:
        https_port = free_port()
        own = start_apache(sandbox)
        module = programs.find_apache_module("mod_ssl")
        (own.config / "aegir.d/-ssl.conf").write_text(f'LoadModule ssl_module "{module}"\nListen {https_port}\n')
        for web in (own, nginx):
            web.serve(root)
        yield Machine(root, mariadb, own, nginx, https_port, free_port())
    finally:
        nginx.forget(root)
        sandbox.remove()
        remove_tree(root)


@pytest.fixture
def machine(servers: Machine, reference: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """The recorded home of the Aegir account; what a replay leaves there and on the database server goes after it."""
    with one_machine(monkeypatch), servers.nothing_left():
        servers.write_home(reference)
        yield servers
