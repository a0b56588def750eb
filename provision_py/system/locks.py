"""Locks between processes of one machine, on files that the kernel releases when their holder dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from provision_py.errors import HostError, LockedError

_POLL = 0.02
_PID_WIDTH = 10  # more digits than any process id has


class FileLock:
    """An advisory lock on a file, shared or exclusive. The holder's pid stands in the file for people.

    ``timeout`` is in seconds; 0 tries once, None waits for ever. The file stays when the lock is released: removing
    it would let two processes lock two different files of the same name.
    """

    def __init__(self, path: str | Path, *, shared: bool = False, timeout: float | None = 60.0) -> None:
        self.path = Path(path)
        self.shared = shared
        self.timeout = timeout
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock; nothing when it is ours already.

        Raises LockedError, naming the holder, when the time is up; HostError when there can be no such file.
        """
        if self._descriptor is not None:
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HostError(
                f"Could not open a lock: {error.strerror}",
                where=str(self.path),
                hint="Free some space or correct the folder's owner and try again",
            ) from error
        try:
            self._wait(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if not self.shared:
            # For people only: a disk without room for it does not matter. Always of one length, so that nothing of
            # a former holder is left: cutting a file takes far longer than writing into it.
            with contextlib.suppress(OSError):
                os.pwrite(descriptor, f"{os.getpid():<{_PID_WIDTH}}\n".encode(), 0)
        self._descriptor = descriptor

    def _wait(self, descriptor: int) -> None:
        mode = fcntl.LOCK_SH if self.shared else fcntl.LOCK_EX
        deadline = None if self.timeout is None else time.monotonic() + self.timeout
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
                return
            if deadline is not None and time.monotonic() >= deadline:
                holder = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
                raise LockedError(
                    "Another process is working here" + (f" (pid {holder})" if holder else ""),
                    where=str(self.path),
                    hint="Wait until it has ended and try again",
                )
            time.sleep(_POLL)

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> FileLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
