"""Which file systems should be mounted (fstab(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path


def missing_mounts(path: str, fstab: str, is_mounted: Callable[[str], bool] | None = None) -> list[str]:
    """Mount points of ``fstab`` at, above or below ``path`` where nothing is mounted, without ``noauto`` ones."""
    found = []
    is_mounted = is_mounted or _is_mounted
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[0].startswith("#") or "noauto" in fields[3].split(","):
            continue
        point = _unescaped(fields[1])
        concerns = (point != "/" and f"{path}/".startswith(f"{point}/")) or point.startswith(f"{path}/")
        if point.startswith("/") and concerns and not is_mounted(point):
            found.append(point)
    return found


def _is_mounted(point: str) -> bool:
    """os.path.ismount() does not see a folder of the same file system that is mounted there."""
    if os.path.ismount(point):
        return True
    try:
        lines = Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return False
    return os.path.realpath(point) in {_unescaped(line.split()[4]) for line in lines}


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)


def read_fstab(path: str = "/etc/fstab") -> str:
    """The machine's list; empty when there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
