"""OpenSSH's own multiplexing, for rsync: one master connection per machine, on a socket that only we can reach."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import tempfile
import threading
from pathlib import Path

from provision_py.errors import HostError, ProcessError
from provision_py.system import process, ssherrors
from provision_py.system.shell import words
from provision_py.system.sshconfig import SshTarget
from provision_py.system.sshconnect import last_jump

#: Seconds that the master waits for another user before it ends by itself, should we die without ending it.
PERSIST = 30
#: A socket's name holds 107 bytes; ssh adds a suffix of 17 while it makes the socket.
_LONGEST = 88

#: What ssh says, and what that is. The first that fits counts.
_MEANINGS = (
    (r"REMOTE HOST IDENTIFICATION HAS CHANGED|host key for \S+ has changed|revoked", ssherrors.CHANGED_HOST_KEY),
    (r"Host key verification failed|No \S+ host key is known", ssherrors.UNKNOWN_HOST_KEY),
    (r"Permission denied \(\D|Too many authentication failures", ssherrors.AUTH),
    (r"timed out|Timeout, server .* not responding", ssherrors.TIMEOUT),
    (r"Connection refused|Could not resolve|No route to host|is unreachable|kex_exchange", ssherrors.UNREACHABLE),
    (r"Connection (to \S+ )?closed|Connection reset|Broken pipe|connection unexpectedly closed", ssherrors.LOST),
)


def meaning(said: str) -> str | None:
    """The error code for what ssh or rsync printed; None when it says nothing about the connection."""
    return next((code for pattern, code in _MEANINGS if re.search(pattern, said, re.IGNORECASE)), None)


class Multiplexer:
    """The master connection to one machine; made when first asked for, by one thread only."""

    def __init__(self, target: SshTarget) -> None:
        self.target = target
        self._lock = threading.Lock()
        self._socket: str | None = None

    def command(self) -> list[str]:
        """The ssh command, without a machine's name, that goes through the master. Raises HostError.

        Should the master be gone when it is used, ssh makes a connection of its own.
        """
        with self._lock:
            if self._socket is None or not os.path.exists(self._socket):
                self._socket = self._start()
            return [*self._base(self._socket), "-o", "ControlMaster=no", "-l", self.target.user]

    def close(self) -> None:
        with self._lock:
            path, self._socket = self._socket, None
        if path is not None and os.path.exists(path):
            with contextlib.suppress(ProcessError):
                process.run([*self._base(path), "-O", "exit", "--", self.target.name], timeout=10.0, check=False)

    def _base(self, path: str) -> list[str]:
        proxy = self._proxy()
        hops = ["-o", f"ProxyCommand={proxy}" if proxy else "ProxyJump=none"]
        return ["ssh", "-T", "-x", "-S", path, *hops, *self.target.openssh_options()]

    def _proxy(self) -> str | None:
        """How to get there: jump hosts become a command, so that the same known hosts and keys hold on the way."""
        return _way(self.target) if self.target.proxy_jump else _escaped(self.target.proxy_command)

    def _start(self) -> str:
        path = f"{socket_folder()}/{secrets.token_hex(6)}"
        base = self._base(path)
        persist = ["-o", "ControlMaster=yes", "-o", f"ControlPersist={PERSIST}"]
        argv = [*base, *persist, "-l", self.target.user, "-f", "-N", "--", self.target.name]
        try:
            process.run(argv, timeout=self.target.connect_timeout + 60.0)
        except ProcessError as error:
            code = meaning(error.output) or ssherrors.UNREACHABLE
            raise HostError(
                f"ssh for rsync could not connect: {error.output or error.what}",
                where=self.target.label,
                hint="Correct what ssh names; ssh -v to the same machine says more",
                code=code,
            ) from error
        return path


def _way(target: SshTarget) -> str:
    jump = last_jump(target)
    inner = _way(jump) if jump.proxy_jump else _escaped(jump.proxy_command)
    hops = ["-o", f"ProxyCommand={inner}" if inner else "ProxyJump=none"]
    argv = ["ssh", "-T", "-x", *hops, *jump.openssh_options(), "-l", jump.user]
    to = f"[{target.address}]:{target.port}"
    return words([*argv, "-W", to, "--", jump.name]).replace("%", "%%")


def _escaped(command: str | None) -> str | None:
    """A command that is expanded already, for an option that ssh expands."""
    return command.replace("%", "%%") if command is not None else None


def socket_folder() -> str:
    """A folder that only we can enter, for the sockets of masters."""
    path = Path(tempfile.gettempdir()) / f"provision-py-ssh-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    found = path.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) == 0o700
    if ours and len(os.fsencode(path)) + 13 <= _LONGEST:
        return str(path)
    return tempfile.mkdtemp(prefix="ppy-ssh-", dir="/tmp")
