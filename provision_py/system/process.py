"""Starting programs: the one place where provision-py creates a process on this machine."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from provision_py.errors import ProcessError
from provision_py.system.host import Completed, Secret

#: Programs that live in sbin are run by name too, whatever the PATH of the caller's cron or service.
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_PASSED_ON = ("HOME", "USER", "LOGNAME", "TZ", "TMPDIR", "SSH_AUTH_SOCK")
_SHOWN = 2000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def quote_argv(argv: Sequence[str]) -> str:
    """A command line for people and for a POSIX shell: every argument quoted where it needs to be."""
    return shlex.join(argv)


def minimal_environment(extra: Mapping[str, str | Secret] | None = None) -> dict[str, str]:
    """The environment that children get: nothing of ours but who and where we are, and ``extra``."""
    env = {key: os.environ[key] for key in _PASSED_ON if key in os.environ}
    env["PATH"] = f"{os.environ.get('PATH', '')}:{PATH}".lstrip(":")
    env["LANG"] = env["LC_ALL"] = "C.UTF-8"
    for key, value in (extra or {}).items():
        env[key] = value.reveal() if isinstance(value, Secret) else value
    return env


def die_with_parent() -> None:
    """In the child: when the runner is killed, its programs must not go on behind recovery's back."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run(
    argv: Sequence[str],
    *,
    stdin: bytes | Secret | None = None,
    env: Mapping[str, str | Secret] | None = None,
    cwd: str | None = None,
    timeout: float | None = None,
    check: bool = True,
    on_line: Callable[[str], None] | None = None,
    where: str = "localhost",
    pass_fds: Sequence[int] = (),
) -> Completed:
    """Run a program to its end. See :meth:`provision_py.system.host.Host.run`.

    Raises ProcessError when it cannot be started, runs longer than ``timeout`` seconds (its whole process group
    is killed), or, with ``check``, ends with a status other than 0.
    """
    command = quote_argv(argv)
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=minimal_environment(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=die_with_parent,
            pass_fds=tuple(pass_fds),
        )
    except OSError as error:
        raise ProcessError(
            f"Could not start {argv[0]}: {error.strerror}",
            where=f"{where}: {command}",
            hint="Install the program or correct its path",
        ) from error
    stdout, stderr, in_time = _communicate(process, stdin, timeout, on_line)
    if not in_time:
        raise ProcessError(
            f"{argv[0]} did not end within {timeout:g} seconds and was stopped",
            where=f"{where}: {command}",
            output=shown(stdout, stderr),
        )
    done = Completed(tuple(argv), process.returncode, stdout, stderr)
    if check and process.returncode != 0:
        raise failure(done, where)
    return done


def failure(done: Completed, where: str) -> ProcessError:
    """The error for a program that ended with a status other than 0, with the end of what it said."""
    said = shown(done.stdout, done.stderr)
    status = done.returncode
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return ProcessError(
        f"{done.argv[0]} {how}" + (f": {said}" if said else ""),
        where=f"{where}: {quote_argv(done.argv)}",
        returncode=status,
        output=said,
    )


def shown(stdout: str, stderr: str) -> str:
    text = (stderr.strip() or stdout.strip()).strip()
    return text if len(text) <= _SHOWN else "… " + text[-_SHOWN:]


def _communicate(
    process: subprocess.Popen[bytes],
    stdin: bytes | Secret | None,
    timeout: float | None,
    on_line: Callable[[str], None] | None,
) -> tuple[str, str, bool]:
    collected: tuple[list[str], list[str]] = ([], [])
    lock = threading.Lock()
    broken: list[Exception] = []

    def drain(stream: IO[bytes], into: list[str]) -> None:
        # Closed here and not by the caller, who would have to wait until a daemon lets go of the other end.
        with stream:
            read(stream, into)

    def read(stream: IO[bytes], into: list[str]) -> None:
        for raw in stream:
            line = raw.decode(errors="backslashreplace")
            into.append(line)
            with lock:
                if on_line is None or broken:
                    continue
                try:
                    on_line(line.rstrip("\r\n"))
                except Exception as error:
                    # Nobody listens any more: end the program, which would wait for a reader of its output.
                    broken.append(error)
                    with contextlib.suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    assert process.stdout is not None and process.stderr is not None  # noqa: S101 (both are pipes, see Popen)
    readers = [
        threading.Thread(target=drain, args=(stream, into), daemon=True)
        for stream, into in zip((process.stdout, process.stderr), collected, strict=True)
    ]
    for reader in readers:
        reader.start()
    feeder = threading.Thread(target=_feed, args=(process, stdin), daemon=True)
    feeder.start()
    in_time = False
    try:
        in_time = _ends_within(process, timeout)
    finally:
        if process.returncode is None:
            _kill_group(process)
    # A daemon that the program started may hold the pipes open: what it says later is not ours to wait for.
    for reader in readers:
        reader.join(1.0 if in_time else 0.2)
    feeder.join(0.2)
    if broken:
        raise broken[0]
    return "".join(collected[0]), "".join(collected[1]), in_time


def _ends_within(process: subprocess.Popen[bytes], timeout: float | None) -> bool:
    """Wait for the end of a process, at most ``timeout`` seconds; whether it has ended.

    Popen.wait with a timeout looks every 50 ms, and every program that a task runs would take that much longer.
    """
    try:
        descriptor = os.pidfd_open(process.pid)
    except OSError:  # a kernel before 5.3, or a container that forbids it
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        return True
    try:
        ends = select.poll()
        ends.register(descriptor, select.POLLIN)
        if not ends.poll(None if timeout is None else timeout * 1000):
            return False
    finally:
        os.close(descriptor)
    process.wait()
    return True


def _feed(process: subprocess.Popen[bytes], stdin: bytes | Secret | None) -> None:
    if process.stdin is None or stdin is None:
        return
    data = stdin.reveal().encode("utf-8", "surrogateescape") if isinstance(stdin, Secret) else stdin
    try:
        with process.stdin as pipe:
            pipe.write(data)
    except BrokenPipeError:
        return  # the program did not want to read all of it; its status says whether that was a failure


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def end_marked(name: str, value: str, patience: float = 10.0) -> int:
    """Kill every process of this machine whose environment holds ``name=value``, and wait until they are gone.

    How many there were. Raises ProcessError when some are still there after ``patience`` seconds.
    """
    killed: set[int] = set()
    deadline = time.monotonic() + patience
    while found := marked(name, value):
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        killed.update(found)
        if time.monotonic() >= deadline:
            raise ProcessError(
                "Programs of an interrupted command cannot be ended",
                where=f"processes {', '.join(map(str, found))}",
                hint="They may wait for a disk or a network that does not answer",
            )
        time.sleep(0.01)
    return len(killed)


def marked(name: str, value: str) -> list[int]:
    """The numbers of this machine's processes whose environment holds ``name=value``."""
    entry = os.fsencode(f"{name}={value}")
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        # Processes of others cannot be looked into, and zombies have no environment.
        with contextlib.suppress(OSError):
            if entry in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
