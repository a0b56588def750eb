"""What the private Apache and nginx have in common: an admin's configuration that takes Aegir's in.

The admin of a real server links Aegir's ``config/<application>.conf`` from the server's own configuration and
lets the Aegir account run a test and a reload. The sandbox does the same: :meth:`WebServer.serve` takes an Aegir
root in, ``control`` is the program that tests and reloads.
"""

from __future__ import annotations

import hashlib
import http.client
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.sandbox.phpfpm import PhpFpm
from provision_py.sandbox.processes import ProcessRecord

#: The host name of the sandbox's own little site, which tells which configuration is live.
CONTROL_HOST = "sandbox.invalid"

#: Answers in a row with the new configuration that we want to see before we believe it.
STEADY = 3


@dataclass(frozen=True)
class Response:
    """An answer of a web server; header names are lower-case, of repeated ones the last counts."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


def fetch(
    port: int,
    path: str = "/",
    *,
    host: str,
    address: str = "127.0.0.1",
    method: str = "GET",
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    timeout: float = 30.0,
) -> Response:
    """One request with the given Host header; redirects are not followed. Raises OSError."""
    connection = http.client.HTTPConnection(address, port, timeout=timeout)
    try:
        connection.request(method, path, body=body, headers={"Host": host, "Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        fields = {name.lower(): value for name, value in answer.getheaders()}
        return Response(answer.status, fields, answer.read())
    finally:
        connection.close()


class WebServer(ABC):
    """A running web server of a sandbox.

    ``port`` is the one that Aegir's vhosts listen on; ``config`` the folder of the admin's configuration;
    ``control`` the program that tests and reloads, under the name and with the arguments of the real one.
    """

    application: ClassVar[str]
    control_name: ClassVar[str]
    test_arguments: ClassVar[tuple[str, ...]]
    reload_arguments: ClassVar[tuple[str, ...]]

    def __init__(self, sandbox: Sandbox, name: str, port: int, php_fpm: PhpFpm | None) -> None:
        self.sandbox = sandbox
        self.name = name
        self.host = "127.0.0.1"
        self.port = port
        self.php_fpm = php_fpm
        self.config = sandbox.path / name
        self.control = sandbox.path / "bin" / name / self.control_name
        self.served: set[Path] = set()
        self._generation = 0

    @property
    def restart_command(self) -> str:
        """What goes into the server's ``http_restart_cmd``."""
        return " ".join([str(self.control), *self.reload_arguments])

    @property
    def error_log(self) -> Path:
        return self.sandbox.log(self.name)

    @property
    def is_running(self) -> bool:
        return self.name in self.sandbox.running()

    def fetch(
        self,
        path: str = "/",
        *,
        host: str,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        timeout: float = 30.0,
    ) -> Response:
        """One request to this server, see :func:`fetch`."""
        return fetch(
            self.port, path, host=host, address=self.host, method=method, headers=headers, body=body, timeout=timeout
        )

    def serve(self, aegir_root: Path) -> None:
        """Take the Aegir configuration below a root in, now or as soon as it is written, and reload."""
        self.served.add(aegir_root)
        target = aegir_root / "config" / f"{self.application}.conf"
        self._include_file(aegir_root).write_text(self.include_line(target))
        self.reload()

    def forget(self, aegir_root: Path) -> None:
        """Leave the configuration of that root out again, and reload."""
        self.served.discard(aegir_root)
        self._include_file(aegir_root).unlink(missing_ok=True)
        self.reload()

    def test(self) -> tuple[bool, str]:
        """Test the whole configuration: whether it is valid, and what the server says."""
        done = self._run(*self.test_arguments)
        return done.returncode == 0, (done.stdout + done.stderr).strip()

    def reload(self, patience: float = 15.0) -> None:
        """Load the configuration again and wait until requests meet it; ``patience`` in seconds.

        Raises HostError.
        """
        mark = self.write_mark()
        workers = self._workers()
        done = self._run(*self.reload_arguments)
        if done.returncode != 0:
            message = (done.stdout + done.stderr).strip()
            raise HostError(f"{self.application} refuses its configuration: {message}", where=str(self.config))
        self.wait_for(mark, patience)
        _wait_until_idle(workers)

    def write_mark(self) -> str:
        """Let the control site answer with a new text, from the next reload on."""
        self._generation += 1
        mark = f"configuration {self._generation}"
        (self.config / "mark.conf").write_text(self.mark_site(mark))
        return mark

    def wait_for(self, mark: str, patience: float = 15.0) -> None:
        """Wait until the control site answers with ``mark``. Raises HostError."""
        steady = 0
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline and steady < STEADY:
            try:
                steady = steady + 1 if self.fetch(host=CONTROL_HOST).text == mark else 0
            except (OSError, http.client.HTTPException):
                steady = 0
                if not self.is_running:
                    break
            if not steady:
                time.sleep(0.01)
        if steady < STEADY:
            raise HostError(
                f"{self.application} does not serve its configuration",
                where=str(self.error_log),
                hint="The file says why",
            )

    def stop(self) -> None:
        self.sandbox.stop(self.name)

    @abstractmethod
    def include_line(self, target: Path) -> str:
        """The line that includes a file where it exists."""

    @abstractmethod
    def mark_site(self, mark: str) -> str:
        """A site named CONTROL_HOST whose only answer is ``mark``."""

    def _include_file(self, aegir_root: Path) -> Path:
        return self.config / "aegir.d" / f"{hashlib.sha256(bytes(aegir_root)).hexdigest()[:16]}.conf"

    def _workers(self) -> list[ProcessRecord]:
        master = self.sandbox.running().get(self.name)
        return master.children() if master else []

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [str(self.control), *arguments]
        return subprocess.run(argv, capture_output=True, text=True, errors="replace", check=False)


def _wait_until_idle(workers: Sequence[ProcessRecord], patience: float = 3.0) -> None:
    """Wait until workers of the former configuration take no more connections.

    New ones answer a moment before the old ones know that their time is over. An old nginx worker with a
    request in its hands stays, but says in its title that it accepts no more.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if not [one for one in workers if one.is_running() and "shutting down" not in one.title()]:
            return
        time.sleep(0.005)


def start_web_server(server: WebServer, argv: Sequence[str]) -> bool:
    """Start a configured server and wait for its control site. False when its port is taken. Raises HostError."""
    mark = server.write_mark()
    server.error_log.unlink(missing_ok=True)
    server.sandbox.launch(server.name, argv)
    try:
        server.wait_for(mark)
    except HostError:
        server.stop()
        if "Address already in use" in server.error_log.read_text(errors="replace"):
            return False
        raise
    return True
