"""One connection to one machine, shared by threads: made when first needed, made anew when it was lost between uses.

What runs there should end when we die. sshd does not see to that: it closes a program's input and output, nothing
more. So a *guard*, a small shell on a channel of its own, knows the process groups of running programs and ends them
when its input closes. It cannot reach programs that run as another user (sudo), daemons that made a session of their
own, nor anything before the remote kernel notices that we are gone: at once when our process dies, after the time of
sshd's ClientAliveInterval or TCP's keep-alive when our machine or the network does.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from provision_py.errors import HostError
from provision_py.system import ssherrors
from provision_py.system.shell import encode, quote
from provision_py.system.sshchannel import in_order
from provision_py.system.sshconfig import SshTarget
from provision_py.system.sshconnect import Connection, Jump, connect
from provision_py.system.sshexec import BOOT, Ended, Execution, execute

if TYPE_CHECKING:
    import paramiko

#: Programs at the same time on one connection. sshd's MaxSessions is 10 unless set otherwise; the guard takes one.
SESSIONS = 8
#: Seconds for a channel to open, and for the guard to answer.
OPEN_TIMEOUT = 30.0
#: Seconds until a refused channel is taken for no channel at all.
REFUSAL_PATIENCE = 2.0
#: Ended programs are struck from the guard's list in bundles: each bundle costs it one process.
_GUARD = """
trap '' HUP INT TERM
d=$(mktemp -d "${TMPDIR:-/tmp}/provision-py.XXXXXXXXXX") || exit 1
printf '%s\\n' "$d"
e=; n=0
while read -r o p; do
  case $o in
    e) e="$e $p"; n=$((n+1)); if test $n -ge 64; then (cd "$d" && rm -f $e); e=; n=0; fi;;
    k) kill -s KILL -- "-$p" 2>/dev/null; rm -f "$d/$p";;
  esac
done
(cd "$d" && test -z "$e" || rm -f $e) 2>/dev/null
k=
for f in "$d"/*; do test -e "$f" && k="$k -${f##*/}"; done
rm -rf "$d"
if test -n "$k"; then kill -s TERM -- $k 2>/dev/null; sleep 2; kill -s KILL -- $k 2>/dev/null; fi
"""


class Guard:
    """The shell that ends what we leave running. ``folder`` is where running programs enter themselves."""

    def __init__(self, channel: paramiko.Channel, folder: str) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self.folder = folder

    @classmethod
    def start(cls, connection: Connection) -> Guard | None:
        """None where the machine gives no channel or no temporary folder: then programs go unguarded."""
        import paramiko

        token = secrets.token_hex(16)
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            channel = in_order(connection.transport.open_session(timeout=OPEN_TIMEOUT))
            channel.settimeout(OPEN_TIMEOUT)
            channel.exec_command(BOOT)
            channel.sendall(encode(f"{token}\nprintf {token}{_GUARD}\n{token}\n"))
            folder = cls._answer(channel, token.encode())
            if folder is not None:
                return cls(channel, folder)
            channel.close()
        return None

    @staticmethod
    def _answer(channel: paramiko.Channel, token: bytes) -> str | None:
        said = b""
        while data := channel.recv(4096):
            said += data
            line, newline, _ = said.partition(token)[2].partition(b"\n")
            if newline:
                return line.decode(errors="surrogateescape") if line.startswith(b"/") else None
        return None

    def entry(self) -> str:
        """Script by which a program enters itself."""
        return f"{{ true > {quote(self.folder)}/$$; }} 2>/dev/null"

    def ended(self, pid: int) -> None:
        self._say(f"e {pid}\n")

    def kill(self, pid: int) -> None:
        """End a program's process group at once."""
        self._say(f"k {pid}\n")

    def close(self) -> None:
        """Let it end, with what runs under it."""
        self._channel.close()

    def _say(self, line: str) -> None:
        with self._lock, contextlib.suppress(OSError, EOFError):
            self._channel.sendall(line.encode())


class Link:
    """The connection to one machine. All methods may be called from several threads."""

    def __init__(self, target: SshTarget, jump: Jump) -> None:
        self.target = target
        self._jump = jump
        self._lock = threading.RLock()
        self._free = threading.BoundedSemaphore(SESSIONS)
        self._connection: Connection | None = None
        self._guard: Guard | None = None
        self._running = 0
        self._unguarded = False
        self.made = 0

    def connection(self) -> Connection:
        """The connection, made now if there is none (or the former one was lost). Raises HostError."""
        with self._lock:
            if self._connection is not None and not self._connection.is_alive:
                self.close()
            if self._connection is None:
                self._connection = connect(self.target, self._jump)
                self.made += 1
            return self._connection

    def is_guarded(self) -> bool:
        """Connect, and start the guard. Without one, nothing is known about whether programs run there."""
        return self._guard_of(self.connection()) is not None

    def close(self) -> None:
        with self._lock:
            connection, self._connection, self._guard = self._connection, None, None
        if connection is not None:
            connection.close()

    def run(self, execution: Execution, *, guarded: bool = False) -> Ended:
        """Run a script. ``guarded``: end it when its time is up, when we are interrupted and when we die."""
        with self._free, self._counted():
            connection = self.connection()
            guard = self._guard_of(connection) if guarded else None
            if guard is not None:
                execution.script = f"{guard.entry()}\n{execution.script}"
            channel = self._channel(connection, execution)
            ended: Ended | None = None
            try:
                ended = execute(connection, channel, execution)
                return ended
            finally:
                if execution.pid is not None and guard is not None:
                    if ended is None or ended.status is None:
                        guard.kill(execution.pid)
                    else:
                        guard.ended(execution.pid)

    @contextlib.contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1

    def _guard_of(self, connection: Connection) -> Guard | None:
        with self._lock:
            if self._guard is None and self._connection is connection and not self._unguarded:
                self._guard = Guard.start(connection)
            return self._guard

    def _channel(self, connection: Connection, execution: Execution) -> paramiko.Channel:
        """A channel for a program. sshd frees an ended one a moment after it said so: a refusal is asked about again,
        as long as others of ours run, and shortly when none does. Where one session is all there is, the guard goes.
        """
        import paramiko

        patience = time.monotonic() + REFUSAL_PATIENCE
        while True:
            try:
                return in_order(connection.transport.open_session(timeout=OPEN_TIMEOUT))
            except paramiko.SSHException as error:
                # Of two refusals at once paramiko tells one thread the reason and the other only that there was one.
                if not isinstance(error, paramiko.ChannelException) and str(error) != "Unable to open channel.":
                    raise self._unopened(connection, execution) from error
                if self._running > 1 or time.monotonic() < patience:
                    time.sleep(0.02)
                elif self._drop_guard():
                    patience = time.monotonic() + REFUSAL_PATIENCE
                else:
                    raise HostError(
                        f"{self.target.label} refuses another session: {error.args[-1]}",
                        where=self.target.label,
                        hint=f"Set MaxSessions to {SESSIONS + 2} or more in its sshd_config",
                        code=ssherrors.REFUSED,
                    ) from error
            except (OSError, EOFError) as error:
                raise self._unopened(connection, execution) from error

    def _unopened(self, connection: Connection, execution: Execution) -> HostError:
        if connection.is_alive:
            return ssherrors.timed_out(self.target, "open a session", OPEN_TIMEOUT)
        return ssherrors.lost(self.target.label, execution.doing)

    def _drop_guard(self) -> bool:
        with self._lock:
            guard, self._guard = self._guard, None
            self._unguarded = True
        if guard is not None:
            guard.close()
        return guard is not None
