"""What a failed file operation means: the same words and hints for this machine and for others."""

from __future__ import annotations

import errno
import os

from provision_py.errors import HostError

_HINTS = {
    errno.ENOSPC: "The disk is full: free some space and try again",
    errno.EDQUOT: "The disk quota is used up: free some space and try again",
    errno.EACCES: "Give the aegir user the right to write there",
    errno.EPERM: "Give the aegir user the right to change it, or add the user to the group",
    errno.EROFS: "The file system is mounted read-only",
}
_READING = ("read", "list", "look at")
_DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)
#: The second is dash's own wording.
_NUMBERS = {os.strerror(number): number for number in errno.errorcode} | {"Directory nonexistent": errno.ENOENT}


def file_failure(doing: str, path: str, number: int | None, why: str | None, where: str) -> HostError:
    """``doing`` in words (``write``), the error's number where known, and what the system says."""
    hint = _HINTS.get(number or 0, "")
    if doing in _READING and number in (errno.EACCES, errno.EPERM):
        hint = "Give the aegir user the right to read it, and to pass the folders above it"
    return HostError(
        f"Could not {doing} {path}: {why or os.strerror(number or 0)}",
        where=where,
        hint=hint,
        code="DRUSH_PERM_ERROR" if number in _DENIED else None,
    )


def unknown_group(doing: str, path: str, group: str, where: str) -> HostError:
    return HostError(
        f"Could not {doing} {path}: there is no group {group!r}",
        where=where,
        code="DRUSH_PERM_ERROR",
        hint="Create the group, or correct web_group of the server",
    )


def number_of(message: str) -> int | None:
    """The error number that a program's message ends with, as in ``mv: cannot move 'a': No space left on device``."""
    return _NUMBERS.get(message.rpartition(": ")[2].strip())
