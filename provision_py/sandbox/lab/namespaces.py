"""Processes that hold namespaces, and ways into them."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TypeVar

from provision_py.errors import HostError

T = TypeVar("T")

CLONE_NEWNET = 0x40000000

#: How long a holder may take for what it does between two words, in seconds.
PATIENCE = 60.0


class LabNotPermittedError(HostError):
    """The caller may not make namespaces, mounts and networks."""

    code = "PROVISION_LAB_NOT_PERMITTED"


class Holder:
    """A running process in namespaces of its own; they live until it ends, and it ends with its starter.

    ``pid`` is that process as the starter sees it.
    """

    def __init__(self, name: str, process: subprocess.Popen[str], log: Path) -> None:
        self.name = name
        self._process = process
        self._log = log
        self.pid = 0

    @classmethod
    def start(
        cls, name: str, argv: Sequence[str], *, flags: Sequence[str], log: Path, inside: Sequence[str] = ()
    ) -> Holder:
        """Start ``argv`` with ``unshare`` and these flags; with ``--pid`` it is the first process of its table.

        ``inside`` comes before ``unshare``: what :meth:`enter` of another holder gives.
        """
        command = [*inside, _program("unshare"), *flags, "--fork", "--kill-child=KILL", "--", *argv]
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        with log.open("wb") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                bufsize=1,
                cwd="/",
                env=environment,
                start_new_session=True,
            )
        return cls(name, process, log)

    def wait_for(self, word: str) -> None:
        """Wait until the process says ``word``. Raises HostError."""
        # A timer instead of select: the text layer may already hold the line.
        timer = threading.Timer(PATIENCE, self._process.kill)
        timer.start()
        try:
            said = self._pipe(self._process.stdout).readline().strip()
        finally:
            timer.cancel()
            timer.join()
        if said != word:
            reason = self._log.read_text(errors="replace").strip()[-2000:] or f"it says {said!r}"
            raise HostError(f"{self.name} does not come up: {reason}", where=str(self._log))
        if not self.pid:
            self.pid = self._child()

    def tell(self, line: str) -> None:
        """Give the process one line of input."""
        try:
            self._pipe(self._process.stdin).write(f"{line}\n")
        except OSError as error:
            raise HostError(f"{self.name} has ended: {error.strerror}", where=str(self._log)) from error

    def end(self) -> None:
        """Let go; see :meth:`wait`."""
        with contextlib.suppress(OSError):  # it may have died before it read what was under way
            self._pipe(self._process.stdin).close()

    def wait(self) -> None:
        """Wait until the process is gone, and with it every process of its table."""
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._pipe(self._process.stdout).close()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def namespace(self, kind: str) -> Path:
        """The file of one of its namespaces: ``net``, ``mnt``, ``uts``, ``ipc`` or ``pid``."""
        return Path(f"/proc/{self.pid}/ns/{kind}")

    def enter(self, *kinds: str) -> list[str]:
        """The start of an argument list that runs a program in these of its namespaces."""
        return [_program("nsenter"), *(f"--{_FLAGS[kind]}={self.namespace(kind)}" for kind in kinds), "--"]

    def _child(self) -> int:
        pid = self._process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if len(children) != 1:
            raise HostError(f"{self.name} has ended at its start", where=str(self._log))
        return int(children[0])

    @staticmethod
    def _pipe(pipe: IO[str] | None) -> IO[str]:
        if pipe is None:
            raise AssertionError("the process was started with pipes")
        return pipe


_FLAGS = {"net": "net", "mnt": "mount", "uts": "uts", "ipc": "ipc", "pid": "pid"}


def _program(name: str) -> str:
    found = shutil.which(name, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None:
        raise HostError(f"{name} is not installed", hint="Install it: apt-get install util-linux")
    return found


def check_permission() -> None:
    """Raises LabNotPermittedError where a lab is out of the question."""
    if os.geteuid() != 0:
        raise LabNotPermittedError("Several hosts on one machine need root", hint="Run as root, e.g. with sudo")
    argv = ["unshare", "--net", "--uts", "--ipc", "--mount", "--pid", "--fork", "--mount-proc"]
    test = "ip link add name probe0 type veth peer name probe1 && mount -t tmpfs lab /mnt"
    done = subprocess.run([*argv, "sh", "-c", test], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = done.stderr.strip() or f"status {done.returncode}"
        hint = "In Docker: run the container with --privileged"
        raise LabNotPermittedError(f"Namespaces, mounts or networks are not permitted: {reason}", hint=hint)


def in_network(namespace: Path, work: Callable[[], T]) -> T:
    """Call ``work`` in a thread of its own whose sockets are those of that network.

    Everything that ``work`` raises comes through. Raises HostError when the network cannot be entered.
    """
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            _set_namespace(namespace, CLONE_NEWNET)
            results.append(work())
        except BaseException as error:
            failures.append(error)

    # The thread never goes back: it ends, and its network with it.
    thread = threading.Thread(target=run, name="lab-network")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]


def _set_namespace(namespace: Path, kind: int) -> None:
    # os.setns comes with Python 3.12.
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(descriptor, kind) != 0:
            number = ctypes.get_errno()
            raise HostError(f"The network cannot be entered: {os.strerror(number)}", where=str(namespace))
    finally:
        os.close(descriptor)
