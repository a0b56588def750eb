"""Machines behind ssh, as :class:`provision_py.system.host.Host`, and what all those of one session share.

At most two connections lead to a machine: one of ours for commands and files, one multiplexed by OpenSSH for rsync.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence

from provision_py.errors import HostError, ProcessError
from provision_py.system import fanout, process
from provision_py.system.host import Completed, Secret
from provision_py.system.multiplex import Multiplexer
from provision_py.system.shell import quote, words
from provision_py.system.sshconfig import SshSettings, SshTarget, resolve
from provision_py.system.sshconnect import Connection, Jump
from provision_py.system.sshexec import Ended, Execution
from provision_py.system.sshfiles import RemoteFiles
from provision_py.system.sshlink import Link

#: Jump hosts one behind another.
_DEPTH = 8
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
        data = stdin.reveal().encode("utf-8", "surrogateescape") if isinstance(stdin, Secret) else stdin or b""
        missing = secrets.token_hex(8)
        ended = self._link.run(
            Execution(
                program_script(argv, env or {}, cwd, missing),
                self._token,
                f"{self.name} ran {argv[0]}",
                stdin=data,
                timeout=timeout,
                on_line=on_line,
            ),
            guarded=True,
        )
        stdout, stderr = (part.decode(errors="backslashreplace") for part in (ended.stdout, ended.stderr))
        if ended.status is None:
            raise ProcessError(
                f"{argv[0]} did not end within {timeout:g} seconds and was stopped",
                where=where,
                output=process.shown(stdout, stderr),
            )
        if ended.status == 127 and missing in stderr:
            raise ProcessError(
                f"Could not start {argv[0]}: {stderr.partition(missing)[2].strip()}",
                where=where,
                hint="Install the program or correct its path",
            )
        done = Completed(tuple(argv), ended.status, stdout, stderr)
        if check and done.returncode != 0:
            raise process.failure(done, self.name)
        return done

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


def program_script(argv: Sequence[str], env: Mapping[str, str | Secret], cwd: str | None, missing: str) -> str:
    """The script that becomes a program. It says ``missing`` and a reason when there is none to become.

    Raises HostError for a variable's name that a shell cannot hold.
    """
    lines = [f'PATH="$PATH:{process.PATH}"', "LANG=C.UTF-8; LC_ALL=C.UTF-8", "export PATH LANG LC_ALL"]
    for name, value in env.items():
        if not (name.isascii() and name.isidentifier()):
            raise HostError(f"{name!r} is not the name of an environment variable")
        text = value.reveal() if isinstance(value, Secret) else value
        lines += [f"{name}={quote(text)}", f"export {name}"]
    if cwd is not None:
        lines.append(f"cd -- {quote(cwd)} || {{ echo {missing} no such folder: {quote(cwd)} >&2; exit 127; }}")
    lines += [
        f"set -- {words(argv)}",
        f'command -v "$1" > /dev/null || {{ echo {missing} No such file or directory >&2; exit 127; }}',
        'exec "$@"',
    ]
    return "\n".join(lines)


def _no_jumps(target: SshTarget) -> Connection:
    raise HostError(f"No connection leads through {target.label}", code="PROVISION_SSH_CONFIG")


class SshPool:
    """The machines of one session: a host each, and one connection to each machine on the way to others."""

    def __init__(self, settings: SshSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._hosts: dict[tuple[str, str], SshHost] = {}
        self._links: dict[tuple[str, int, str], Link] = {}

    def host(self, name: str, user: str) -> SshHost:
        """The machine ``name`` as ``user``; nothing is connected yet. Raises HostError for malformed options."""
        with self._lock:
            known = self._hosts.get((name, user))
        if known is not None:
            return known
        fresh = SshHost(resolve(name, user, self.settings), self._jumper(_DEPTH))
        with self._lock:
            return self._hosts.setdefault((name, user), fresh)

    def _jumper(self, depth: int) -> Jump:
        def jump(target: SshTarget) -> Connection:
            if depth == 0:
                raise HostError(
                    "Jump hosts lead to one another in a circle",
                    where=target.label,
                    hint="Correct ProxyJump in ~/.ssh/config",
                    code="PROVISION_SSH_CONFIG",
                )
            with self._lock:
                key = (target.address, target.port, target.user)
                link = self._links.setdefault(key, Link(target, self._jumper(depth - 1)))
            return link.connection()

        return jump

    def close(self) -> None:
        """Close every connection; those that others lead through last."""
        with self._lock:
            hosts, links = list(self._hosts.values()), list(self._links.values())
        fanout.each(hosts, SshHost.close)
        for link in reversed(links):
            link.close()
