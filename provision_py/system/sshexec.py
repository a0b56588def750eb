"""Running one script or program over a connection.

Nothing but a constant command reaches the remote login shell and its process list: the script itself, with arguments
and environment, comes by standard input, before the program's own input. Both output streams begin with a token, so
that whatever the account's start-up files print is told apart from what the program says.
"""

from __future__ import annotations

import contextlib
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provision_py.system import ssherrors
from provision_py.system.shell import encode
from provision_py.system.sshconnect import Connection

if TYPE_CHECKING:
    import paramiko

#: Reads a script up to a line that repeats the first one, then runs it; "read" takes single bytes from a pipe, so the
#: rest of the input is the script's. No newline and no "!" here: the login shell may be a csh. IFS ends in a newline.
BOOT = (
    """exec /bin/sh -c 'n=${IFS#??}; p=; IFS= read -r e || exit 1; """
    """while IFS= read -r l; do test "x$l" = "x$e" && break; p=$p$l$n; done; eval "$p"'"""
)
#: Seconds that output may still come after the program's end.
GRACE = 1.0
_SLICE = 0.1
_CHUNK = 65536
#: More input than this is sent by a thread of its own: the window of a channel may be that small.
_SMALL = 16384


@dataclass
class Stream:
    """One output stream: what came after the line that begins with the token; that line's rest is the header."""

    token: bytes
    on_line: Callable[[str], None] | None = None
    header: bytes | None = None
    noise: bytearray = field(default_factory=bytearray)
    content: bytearray = field(default_factory=bytearray)
    _told: int = 0

    def feed(self, data: bytes) -> None:
        if self.header is None:
            self.noise += data
            before, found, after = self.noise.partition(self.token)
            header, newline, rest = after.partition(b"\n")
            if not found or not newline:
                return
            self.header, self.noise, data = bytes(header).strip(), before, bytes(rest)
        self.content += data
        self._tell()

    def _tell(self) -> None:
        if self.on_line is None:
            return
        while (end := self.content.find(b"\n", self._told)) >= 0:
            line, self._told = self.content[self._told : end], end + 1
            self.on_line(line.decode(errors="backslashreplace").rstrip("\r"))

    def finish(self) -> None:
        """Tell a last line that no newline ends."""
        if self.on_line is not None and self._told < len(self.content):
            self.on_line(self.content[self._told :].decode(errors="backslashreplace").rstrip("\r"))
            self._told = len(self.content)


@dataclass(frozen=True)
class Ended:
    """How a script ended. ``status`` is negative for a signal, None when the time was up."""

    status: int | None
    stdout: bytes
    stderr: bytes


@dataclass
class Execution:
    """A script to run. ``doing`` says in an error what was going on. ``pid`` is known while it runs."""

    script: str
    token: str
    doing: str
    stdin: bytes = b""
    timeout: float | None = None
    on_line: Callable[[str], None] | None = None
    pid: int | None = None

    def payload(self) -> bytes:
        head = f"echo {self.token}; echo {self.token} $$ >&2"
        return encode(f"{self.token}\n{head}\n{self.script}\n{self.token}\n") + self.stdin


def execute(connection: Connection, channel: paramiko.Channel, execution: Execution) -> Ended:
    """Run a script on a fresh channel and close that. Raises HostError when the connection is lost or the account
    does not run commands; its ``pid`` tells whether it began."""
    token = execution.token.encode()
    out, err = Stream(token, execution.on_line), Stream(token, execution.on_line)
    deadline = None if execution.timeout is None else time.monotonic() + execution.timeout
    try:
        _start(connection, channel, execution)
        in_time = _pump(channel, out, err, execution, deadline)
        if not in_time:
            return Ended(None, bytes(out.content), bytes(err.content))
        status = _status(connection, channel, execution)
    finally:
        number = channel.get_id()
        channel.close()
        name = connection.signals.pop(number, None)
    if out.header is None:
        said = bytes(out.noise + err.noise).decode(errors="backslashreplace").strip()
        raise ssherrors.bad_shell(connection.target.label, said[-500:])
    out.finish()
    err.finish()
    if status == -1 and name is not None:
        status = -_number(name)
    return Ended(status, bytes(out.content), bytes(err.content))


def _start(connection: Connection, channel: paramiko.Channel, execution: Execution) -> None:
    import paramiko

    payload = execution.payload()
    try:
        channel.exec_command(BOOT)
        if len(payload) > _SMALL:
            threading.Thread(target=_send, args=(channel, payload), name="ssh input", daemon=True).start()
        else:
            _send(channel, payload)
    except (paramiko.SSHException, EOFError, OSError) as error:
        if connection.is_alive:
            raise ssherrors.bad_shell(connection.target.label, str(error)) from error
        raise ssherrors.lost(connection.target.label, execution.doing) from error


def _send(channel: paramiko.Channel, payload: bytes) -> None:
    # A program that does not want to read all of it closes its input; its status says whether that was a failure.
    with contextlib.suppress(OSError, EOFError):
        channel.sendall(payload)
        channel.shutdown_write()


def _pump(channel: paramiko.Channel, out: Stream, err: Stream, execution: Execution, deadline: float | None) -> bool:
    """Take in output until the program has ended; False when the time was up before."""
    poll = select.poll()
    poll.register(channel.fileno(), select.POLLIN)
    grace: float | None = None
    while True:
        while channel.recv_ready():
            out.feed(channel.recv(_CHUNK))
        while channel.recv_stderr_ready():
            err.feed(channel.recv_stderr(_CHUNK))
        if execution.pid is None and err.header is not None and err.header.isdigit():
            execution.pid = int(err.header)
        now = time.monotonic()
        ended = channel.exit_status_ready()
        if (channel.eof_received or channel.closed) and not channel.recv_ready() and not channel.recv_stderr_ready():
            # Output is over; the status follows, unless the program closed its output and goes on.
            return channel.status_event.wait(None if deadline is None else max(0.0, deadline - now))
        if ended:
            # A daemon that the program started may hold the output open: what it says later is not ours.
            grace = grace or now + GRACE
            if now >= grace:
                return True
        elif deadline is not None and now >= deadline:
            return False
        until = min((moment for moment in (deadline, now + _SLICE) if moment is not None), default=now)
        poll.poll(max(0.0, until - now) * 1000)


def _status(connection: Connection, channel: paramiko.Channel, execution: Execution) -> int:
    if channel.exit_status != -1 or channel.get_id() in connection.signals:
        return channel.exit_status
    raise ssherrors.lost(connection.target.label, execution.doing)


def _number(name: str) -> int:
    import signal

    try:
        return int(signal.Signals[f"SIG{name.partition('@')[0]}"])
    except KeyError:
        return 1
