"""Machines behind ssh, as :class:`provision_py.system.host.Host`, and what all those of one session share.

At most two connections lead to a machine: one of ours for commands and files, one multiplexed by OpenSSH for rsync.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from provision_py.errors import HostError, ProcessError
from provision_py.system import fanout, process
from provision_py.system.host import Completed, Program, Secret
from provision_py.system.multiplex import Multiplexer
from provision_py.system.sshconfig import SshSettings, SshTarget
from provision_py.system.sshconnect import Connection, Jump
from provision_py.system.sshexec import Ended, Execution
from provision_py.system.sshfiles import RemoteFiles
from provision_py.system.sshlink import Link
from provision_py.system.sshprograms import bytes_of, program_script, programs_script, told_apart
from provision_py.system.sshshared import Resolver

#: Seconds that a script of file operations may take.
_FILES_TIMEOUT = 600.0
_MISSING = "cannot be started"


class SshHost(RemoteFiles):
    """A machine behind ssh. Connects when first used; usable from several threads. Needs a POSIX shell and coreutils.

    Programs get the environment that sshd gives, with sbin folders at the end of PATH. Secrets and other values of
    the environment, arguments and input reach the machine by the connection alone; what a program's arguments are,
    anyone there can see while it runs.
    """

    def __init__(self, target: SshTarget, jump: Jump | None = None) -> None:
        super().__init__(target.name, self._run_script)
        self.target = target
        self._link = Link(target, jump or _no_jumps)
        self._token = secrets.token_hex(16)
        self.multiplexer = Multiplexer(target)

    @property
    def name(self) -> str:
        return self.target.name

    @property
    def is_local(self) -> bool:
        return False

    def connect(self) -> None:
        """Connect and log in now, to know whether that works. Raises HostError."""
        self._link.connection()

    def ready(self) -> None:
        """Connect, log in and see that programs run there. Raises HostError."""
        if not self._link.is_guarded():
            self.stat("/")

    def close(self) -> None:
        """Give the connections back. A later use connects again."""
        self._link.close()
        self.multiplexer.close()

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        env: Mapping[str, str | Secret] | None = None,
        cwd: str | None = None,
        timeout: float | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        where = f"{self.name}: {process.quote_argv(argv)}"
        missing = secrets.token_hex(8)
        execution = Execution(
            program_script(argv, env or {}, cwd, missing),
            self._token,
            f"{self.name} ran {argv[0]}",
            stdin=bytes_of(stdin),
            timeout=timeout,
            on_line=on_line,
        )
        ended = self._link.run(execution, guarded=True)
        done = self._completed(ended, argv, where, timeout)
        self._check_started(done, where, missing)
        if check and done.returncode != 0:
            raise process.failure(done, self.name)
        return done

    def run_all(self, programs: Sequence[Program], *, timeout: float | None = None) -> list[Completed]:
        names = ", ".join(program.argv[0] for program in programs)
        where = f"{self.name}: {names}"
        missing, mark = secrets.token_hex(8), secrets.token_hex(16)
        heard: list[float] = []

        def on_line(line: str) -> None:
            if line.partition(mark)[2]:
                heard.append(time.time())

        script, content = programs_script(programs, missing, mark)
        execution = Execution(script, self._token, f"{self.name} ran {names}", content, timeout, on_line)
        ended = self._link.run(execution, guarded=True)
        whole = self._completed(ended, [names], where, timeout)
        self._check_started(whole, where, missing)
        found = told_apart(programs, whole, mark)
        if len(found) != len(programs):
            raise process.failure(whole, self.name)
        return [replace(done, heard=at) for done, at in zip(found, heard, strict=True)]

    def _completed(self, ended: Ended, argv: Sequence[str], where: str, timeout: float | None) -> Completed:
        """Raises ProcessError when the time was up."""
        stdout, stderr = (part.decode(errors="backslashreplace") for part in (ended.stdout, ended.stderr))
        if ended.status is None:
            raise ProcessError(
                f"{argv[0]} did not end within {timeout:g} seconds and was stopped",
                where=where,
                output=process.shown(stdout, stderr),
            )
        return Completed(tuple(argv), ended.status, stdout, stderr)

    def _check_started(self, done: Completed, where: str, missing: str) -> None:
        _, found, why = done.stderr.partition(missing)
        if found:
            program, _, reason = why.partition("\n")[0].strip().partition(": ")
            raise ProcessError(
                f"Could not start {program}: {reason}",
                where=where,
                hint="Install the program or correct its path",
            )

    def _run_script(self, script: str, content: bytes, doing: str) -> Ended:
        execution = Execution(script, self._token, doing, stdin=content, timeout=_FILES_TIMEOUT)
        ended = self._link.run(execution)
        if ended.status is None:
            raise HostError(
                f"It took more than {_FILES_TIMEOUT:g} seconds: {doing}",
                where=self.name,
                hint="Check the machine's disks and network file systems",
                code="PROVISION_SSH_TIMEOUT",
            )
        return ended


def _no_jumps(target: SshTarget) -> Connection:
    raise HostError(f"No connection leads through {target.label}", code="PROVISION_SSH_CONFIG")


class SshPool:
    """The machines of one session: a host each, and one connection to each machine on the way to others."""

    def __init__(self, settings: SshSettings) -> None:
        self._resolver = Resolver(settings)
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, str], SshHost] = {}
        self._links: dict[tuple[str, int, str], Link] = {}

    def host(self, name: str, user: str) -> SshHost:
        """The machine ``name`` as ``user``; nothing is connected yet. Raises HostError for malformed options."""
        with self._lock:
            known = self._hosts.get((name, user))
        if known is not None:
            return known
        fresh = SshHost(self._resolver.resolve(name, user), self._jumper())
        with self._lock:
            return self._hosts.setdefault((name, user), fresh)

    def _jumper(self, before: tuple[tuple[str, int, str], ...] = ()) -> Jump:
        def jump(target: SshTarget) -> Connection:
            key = (target.address, target.port, target.user)
            if key in before:
                raise HostError(
                    "Jump hosts lead to one another in a circle",
                    where=target.label,
                    hint="Correct ProxyJump in ~/.ssh/config",
                    code="PROVISION_SSH_CONFIG",
                )
            with self._lock:
                link = self._links.setdefault(key, Link(target, self._jumper((*before, key))))
            return link.connection()

        return jump

    def close(self) -> None:
        """Close every connection; those that others lead through last."""
        with self._lock:
            hosts, links = list(self._hosts.values()), list(self._links.values())
        fanout.each(hosts, SshHost.close)
        for link in reversed(links):
            link.close()
