"""Connecting: the socket (direct, through jump hosts or a command), the host key, the login."""

from __future__ import annotations

import base64
import contextlib
import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from provision_py.system import process, ssherrors
from provision_py.system.knownhosts import KnownKey, known_keys
from provision_py.system.sshchannel import in_order
from provision_py.system.sshconfig import ALIVE_COUNT, ALIVE_INTERVAL, SshTarget, resolve, split_jump

if TYPE_CHECKING:  # paramiko takes 150 ms to import, and most commands need no ssh
    import paramiko

#: Seconds for the exchange of keys, and for the login.
HANDSHAKE_TIMEOUT = 20.0
AUTH_TIMEOUT = 30.0
#: Seconds that a machine may take to answer a sign of life. One that is frozen still acknowledges what is sent to it,
#: and behind a jump host nothing else is heard of its end. Much that is on its way may hold an answer up.
ANSWER_TIMEOUT = 120.0
#: A server that is busy with other logins may hang up at once (MaxStartups): tries, and seconds between them.
TRIES = 4
PAUSE = 0.25


@dataclass
class Connection:
    """An authenticated connection, with what has to be closed with it. ``signals`` holds how programs were ended."""

    target: SshTarget
    transport: paramiko.Transport
    closing: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    signals: dict[int, str] = field(default_factory=dict)

    @property
    def is_alive(self) -> bool:
        return self.transport.is_active()

    def close(self) -> None:
        self.closing.close()


#: Gives a connection to a machine on the way, which others may use too.
Jump = Callable[[SshTarget], Connection]


def connect(target: SshTarget, jump: Jump) -> Connection:
    """Connect and log in. Raises HostError, with a code of its own for each way to fail (see ssherrors)."""
    for attempt in range(TRIES):
        try:
            return _connect(target, jump)
        except _HungUpError as error:
            if attempt == TRIES - 1:
                raise ssherrors.refused(target, "it hangs up before the login") from error
            time.sleep(PAUSE * (attempt + 1))
    raise AssertionError("unreachable")


class _HungUpError(Exception):
    """The server closed the connection before it showed a key."""


def _connect(target: SshTarget, jump: Jump) -> Connection:
    import paramiko

    logging.getLogger("paramiko").addHandler(logging.NullHandler())  # it tells failures twice, we raise them
    with contextlib.ExitStack() as closing:
        sock = _socket(target, jump, closing)
        transport = paramiko.Transport(sock)
        closing.callback(transport.close)
        connection = Connection(target, transport)
        _listen_for_signals(connection)
        transport.banner_timeout = HANDSHAKE_TIMEOUT
        transport.auth_timeout = AUTH_TIMEOUT
        known = _known(target)
        _prefer_known_types(transport, known)
        _check_key(target, _shake_hands(target, transport), known)
        _log_in(target, transport)
        _see_that_it_lives(transport, closing)
        connection.closing = closing.pop_all()
        return connection


def _see_that_it_lives(transport: paramiko.Transport, closing: contextlib.ExitStack) -> None:
    """Ask every few seconds, which keeps the way open too, and close the connection when no answer comes: what waits
    for it is told that it was lost. paramiko's own signs of life ask for no answer."""
    closed = threading.Event()
    closing.callback(closed.set)

    def watch() -> None:
        import paramiko

        while not closed.wait(ALIVE_INTERVAL) and transport.is_active():
            too_late = threading.Timer(ANSWER_TIMEOUT, transport.close)
            too_late.daemon = True
            too_late.start()
            try:
                transport.global_request("keepalive@openssh.com", wait=True)
            except (paramiko.SSHException, OSError, EOFError):
                return  # whoever uses the connection is told
            finally:
                too_late.cancel()

    threading.Thread(target=watch, name="ssh signs of life", daemon=True).start()


def _socket(target: SshTarget, jump: Jump, closing: contextlib.ExitStack) -> Any:
    if target.proxy_jump:
        return _through(target, jump, closing)
    if target.proxy_command is not None:
        return _by_command(target, target.proxy_command, closing)
    try:
        sock = _PromptSocket.connected((target.address, target.port), target.connect_timeout)
    except TimeoutError as error:
        raise ssherrors.timed_out(target, "answer", target.connect_timeout) from error
    except OSError as error:
        raise ssherrors.refused(target, error.strerror or str(error)) from error
    closing.callback(sock.close)
    # Many small messages: each must leave at once. And a peer that does not acknowledge them is gone.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, ALIVE_INTERVAL * ALIVE_COUNT * 1000)
    return sock


class _PromptSocket(socket.socket):
    """Acknowledges at once what it has received. After the login sshd speaks of its own accord, and does not say more
    before that has been acknowledged; the kernel would take 40 ms for it."""

    @classmethod
    def connected(cls, address: tuple[str, int], timeout: float) -> _PromptSocket:
        plain = socket.create_connection(address, timeout=timeout)
        sock = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        sock.settimeout(timeout)
        return sock

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = super().recv(size, flags)
        with contextlib.suppress(OSError):
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


def _through(target: SshTarget, jump: Jump, closing: contextlib.ExitStack) -> Any:
    import paramiko

    connection = jump(last_jump(target))
    try:
        channel = in_order(
            connection.transport.open_channel(
                "direct-tcpip", (target.address, target.port), ("127.0.0.1", 0), timeout=target.connect_timeout
            )
        )
    except paramiko.ChannelException as error:
        raise ssherrors.refused(target, f"{connection.target.label} says: {error.args[-1]}") from error
    except paramiko.SSHException as error:
        if not connection.is_alive:
            raise ssherrors.lost(connection.target.label, f"reaching {target.label} through it") from error
        raise ssherrors.timed_out(target, f"answer {connection.target.label}", target.connect_timeout) from error
    closing.callback(channel.close)
    return channel


def last_jump(target: SshTarget) -> SshTarget:
    """The machine before ``target``. Of several on the way, each is reached through the one before it."""
    user, host, port = split_jump(target.proxy_jump[-1])
    found = resolve(host, user, target.settings.for_jump(), port=port)
    before = target.proxy_jump[:-1]
    if before:
        return replace(found, proxy_jump=before)
    if any(split_jump(one)[1] == host for one in found.proxy_jump):
        return replace(found, proxy_jump=())  # "ProxyJump" below "Host *" does not lead a jump host through itself
    return found


def _by_command(target: SshTarget, command: str, closing: contextlib.ExitStack) -> socket.socket:
    """A command of the user's own stands between; its standard input and output are the connection."""
    ours, theirs = socket.socketpair()
    closing.callback(ours.close)
    with theirs:
        child = _started(f"exec {command}", theirs.fileno())
    closing.callback(_end, child, ours)
    return ours


def _started(script: str, sock: int) -> subprocess.Popen[bytes]:
    """A shell that ends with us. The kernel takes the thread that has started it for its parent, and those that
    connect to several machines end soon: so it has one of its own, which waits for it. Raises OSError."""
    started: Future[subprocess.Popen[bytes]] = Future()

    def attend() -> None:
        try:
            child = subprocess.Popen(
                ["/bin/sh", "-c", script],
                stdin=sock,
                stdout=sock,
                stderr=subprocess.DEVNULL,
                env=process.minimal_environment(),
                start_new_session=True,
                preexec_fn=process.die_with_parent,
            )
        except OSError as error:
            started.set_exception(error)
            return
        started.set_result(child)
        child.wait()

    threading.Thread(target=attend, name="ssh command", daemon=True).start()
    return started.result()


def _end(child: subprocess.Popen[bytes], sock: socket.socket) -> None:
    sock.close()
    child.terminate()
    child.wait()


def _known(target: SshTarget) -> list[KnownKey]:
    found = known_keys(target.known_hosts, target.key_name)
    if found or target.host_key_alias is not None or target.port == 22:
        return found
    # As OpenSSH: a key that is listed without the port is as good, but says nothing when it differs.
    return [key for key in known_keys(target.known_hosts, target.address.lower()) if not key.revoked]


def _prefer_known_types(transport: paramiko.Transport, known: list[KnownKey]) -> None:
    """Ask for a key of a type that is known, or a server with several keys might show one that is not."""
    wanted: list[str] = []
    for key in known:
        wanted += ["rsa-sha2-512", "rsa-sha2-256"] if key.kind == "ssh-rsa" else [key.kind]
    options = transport.get_security_options()
    offered = list(options.key_types)
    options.key_types = [*(kind for kind in dict.fromkeys(wanted) if kind in offered),
                         *(kind for kind in offered if kind not in wanted)]  # fmt: skip


def _shake_hands(target: SshTarget, transport: paramiko.Transport) -> paramiko.PKey:
    """Agree on algorithms; the host's key, which the host has proved to hold."""
    import paramiko

    try:
        transport.start_client(timeout=HANDSHAKE_TIMEOUT)
    except paramiko.ssh_exception.IncompatiblePeer as error:
        raise ssherrors.refused(target, f"no algorithm in common, {error}") from error
    except (EOFError, ConnectionError) as error:
        raise _HungUpError from error
    except (paramiko.SSHException, OSError) as error:
        cause = error.__cause__ or error.__context__
        if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError) or "timeout" in str(error).lower():
            raise ssherrors.timed_out(target, "begin to speak ssh", HANDSHAKE_TIMEOUT) from error
        if "banner" in str(error) and (cause is None or isinstance(cause, (EOFError, ConnectionError))):
            raise _HungUpError from error
        raise ssherrors.refused(target, f"it does not speak ssh ({error})") from error
    try:
        return transport.get_remote_server_key()
    except paramiko.SSHException as error:  # start_client returns when its time is up, as if all were well
        raise ssherrors.timed_out(target, "begin to speak ssh", HANDSHAKE_TIMEOUT) from error


def _check_key(target: SshTarget, key: paramiko.PKey, known: list[KnownKey]) -> None:
    blob, kind, encoded = key.asbytes(), key.get_name(), key.get_base64()
    same = [one for one in known if one.blob == blob]
    revoked = next((one for one in same if one.revoked), None)
    if revoked is not None:
        raise ssherrors.revoked_key(target, revoked)
    if same:
        return
    other = next((one for one in known if not one.revoked and one.kind == kind), None)
    listed = known_keys(target.known_hosts, target.key_name)
    if other is not None and other in listed:
        raise ssherrors.changed_key(target, kind, encoded, blob, other)
    raise ssherrors.unknown_key(target, kind, encoded, blob)


def _log_in(target: SshTarget, transport: paramiko.Transport) -> None:
    import paramiko

    tried: list[str] = []
    problems: list[str] = []
    with contextlib.ExitStack() as closing:
        for label, key in _keys(target, problems, closing):
            try:
                more = transport.auth_publickey(target.user, key)
            except paramiko.BadAuthenticationType as error:
                raise ssherrors.denied(target, f"it takes {', '.join(error.allowed_types)}, no keys") from error
            except paramiko.AuthenticationException as error:
                if "timeout" in str(error).lower():
                    raise ssherrors.timed_out(target, "answer the login", AUTH_TIMEOUT) from error
                tried.append(label)
                if not transport.is_active():
                    problems.append("it hung up after that")
                    break
                continue
            except (paramiko.SSHException, EOFError, OSError) as error:
                if not transport.is_active():
                    raise ssherrors.denied(target, f"it hung up at {label} ({error or 'no more said'})") from error
                problems.append(f"{label}: {error}")
                continue
            if not more:
                return
            raise ssherrors.denied(target, f"it asks for {', '.join(more)} after the key")
    said = [f"it refused {', '.join(tried)}" if tried else "no key was found", *problems]
    raise ssherrors.denied(target, "; ".join(said))


def _keys(
    target: SshTarget, problems: list[str], closing: contextlib.ExitStack
) -> Iterator[tuple[str, paramiko.PKey]]:
    """The keys to try: the agent's, then those in files that the agent does not hold."""
    files = [file for file in target.identity_files if os.path.exists(file)]
    agents = _agent_keys(target, problems, closing)
    public = {blob for blob in map(_public_blob, target.identity_files) if blob is not None}
    if target.identities_only:
        agents = [key for key in agents if key.asbytes() in public]
    for key in agents:
        yield "a key of the ssh-agent", key
    held = {key.asbytes() for key in agents}
    for file in files:
        if _public_blob(file) in held:
            continue
        loaded = _load(file, problems)
        if loaded is not None:
            yield file, loaded


def _public_blob(file: str) -> bytes | None:
    with contextlib.suppress(OSError, ValueError, IndexError), open(f"{file}.pub", encoding="utf-8") as public:
        return base64.b64decode(public.read().split()[1])
    return None


def _load(file: str, problems: list[str]) -> paramiko.PKey | None:
    import paramiko
    from cryptography.exceptions import UnsupportedAlgorithm
    from paramiko.pkey import UnknownKeyType

    try:
        return paramiko.PKey.from_path(file)
    except OSError as error:
        problems.append(f"{file}: {error.strerror}")
    except (paramiko.SSHException, TypeError):
        problems.append(f"{file}: it needs a passphrase, add it to the ssh-agent")
    except (UnknownKeyType, UnsupportedAlgorithm, ValueError):
        problems.append(f"{file}: this is no private key of a type we know")
    return None


def _agent_keys(target: SshTarget, problems: list[str], closing: contextlib.ExitStack) -> list[paramiko.PKey]:
    if target.agent is None:
        return []
    import paramiko
    from paramiko.agent import AgentSSH

    class Agent(AgentSSH):
        """paramiko's own reads the socket's name from our environment only."""

        def __init__(self, sock: socket.socket) -> None:
            super().__init__()
            self._connect(sock)  # type: ignore[attr-defined] # the stubs lack it

    sock = closing.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    sock.settimeout(AUTH_TIMEOUT)
    try:
        sock.connect(target.agent)
        return list(Agent(sock).get_keys())
    except (OSError, paramiko.SSHException) as error:
        problems.append(f"ssh-agent at {target.agent}: {error}")
        return []


def _listen_for_signals(connection: Connection) -> None:
    """paramiko passes over the message that says which signal ended a program (RFC 4254, 6.10)."""
    from paramiko.common import MSG_CHANNEL_REQUEST

    transport: Any = connection.transport
    table = getattr(transport, "_channel_handler_table", None)
    if not isinstance(table, dict) or MSG_CHANNEL_REQUEST not in table:
        return
    handle = table[MSG_CHANNEL_REQUEST]

    def listen(channel: Any, message: Any) -> None:
        position = message.packet.tell()
        if message.get_text() == "exit-signal":
            message.get_boolean()
            connection.signals[channel.get_id()] = message.get_text()
        message.packet.seek(position)
        handle(channel, message)

    transport._channel_handler_table = table | {MSG_CHANNEL_REQUEST: listen}
