"""Caches on disk: files private to us, replaced as a whole, ignored when they could be somebody else's."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable
from pathlib import Path

from provision_py.errors import HostError


def read_cache(path: str) -> bytes | None:
    """The content of a file; None when it is missing, unreadable, a symlink, or somebody else may write to it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                return None
            return file.read()
    except (OSError, ValueError):
        return None


def write_cache(path: str, content: Iterable[bytes]) -> None:
    """Put a file with these pieces in the place of ``path``, mode 0600; folders above it are made with 0700.

    Raises HostError; then the former file is still there.
    """
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise HostError(
            f"The cache {path} cannot be written: {error.strerror}",
            where=path,
            hint="Free some space or correct the owner of its folder",
        ) from error
