"""By what a file is known to be the one seen before: its times, its size and its inode."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

SETTLED_NS = 1_000_000_000
"""A file younger than this (nanoseconds) may change again without a visible change of its times."""


class FileIdentity(NamedTuple):
    """Two equal ones mean the same content, if the file had :meth:`settled` when the first was taken."""

    mtime_ns: int
    ctime_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        return cls(status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)

    def settled(self, now_ns: int) -> bool:
        """Whether a later change must show in the times. ``now_ns``: unix time before the content was read."""
        return now_ns - max(self.mtime_ns, self.ctime_ns) > SETTLED_NS


def regular_file(path: str) -> os.stat_result | None:
    """What the system says about a regular file; None when there is none, or something else, also a symlink."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None
