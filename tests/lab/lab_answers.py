"""What hosts of a lab answer when they are asked by ssh, by a browser, or for the database."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from http.client import HTTPException

from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.lab import Lab

SSH = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=2"]


def ssh(lab: Lab, to: str, command: str, *, user: str = "aegir", check: bool = True) -> str:
    return lab.hub.run([*SSH, to, command], user=user, check=check).stdout.strip()


def ssh_failure(lab: Lab, to: str) -> str:
    """What ssh says when it cannot reach a host."""
    done = lab.hub.run([*SSH, to, "true"], user="aegir", check=False)
    assert done.returncode == 255, done
    return done.stderr


def page(lab: Lab, host: LabHost) -> str:
    return lab.fetch(host.name, host=host.name, timeout=5).text


def login(lab: Lab, host: LabHost) -> subprocess.CompletedProcess[str]:
    """A login from a host at the database server."""
    database = lab.database
    argv = [
        "mariadb",
        f"--host={database.host}",
        f"--user={database.user}",
        "--connect-timeout=3",
        "-Ne",
        "SELECT 42",
    ]
    return host.run(argv, env={"MYSQL_PWD": database.password.reveal()}, check=False)


def eventually(condition: Callable[[], bool], patience: float = 10.0) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            if condition():
                return
        except (OSError, HTTPException):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
