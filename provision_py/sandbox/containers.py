"""Database servers from containers, for machines with a Docker engine (``docker/compose.yml``)."""

from __future__ import annotations

import shutil
import subprocess
import time

import pymysql

from provision_py.errors import HostError
from provision_py.sandbox.mariadb import ADMIN_USER, DatabaseServer
from provision_py.system.host import Secret

#: Stands in docker/compose.yml too; the server listens on the loopback only and holds nothing but test data.
PASSWORD = Secret("container-of-tests")


def engine_answers(patience: float = 10.0) -> bool:
    """True when there is a Docker client with compose and its engine answers within ``patience`` seconds."""
    docker = shutil.which("docker")
    if docker is None:
        return False
    return all(_succeeds([docker, *arguments], patience) for arguments in (["info"], ["compose", "version"]))


def _succeeds(argv: list[str], patience: float) -> bool:
    try:
        return subprocess.run(argv, capture_output=True, timeout=patience, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def server_in_container(port: int, *, patience: float = 90.0) -> DatabaseServer:
    """The database server behind a published port, as soon as it answers. Raises HostError."""
    server = DatabaseServer("127.0.0.1", port, None, ADMIN_USER, PASSWORD)
    deadline = time.monotonic() + patience
    while True:
        try:
            server.connect().close()
            return server
        except pymysql.err.OperationalError as error:
            if time.monotonic() > deadline:
                raise HostError(f"The database in the container gives no answer: {error}", where=str(port)) from error
            time.sleep(0.2)
