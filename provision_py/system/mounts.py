"""Which file systems should be mounted (fstab(5))."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path


def missing_mounts(path: str, fstab: str, is_mounted: Callable[[str], bool] = os.path.ismount) -> list[str]:
    """Mount points of ``fstab`` at, above or below ``path`` where nothing is mounted, without ``noauto`` ones."""
    found = []
    for line in fstab.splitlines():
        fields = line.split()
        if len(fields) < 4 or fields[0].startswith("#") or "noauto" in fields[3].split(","):
            continue
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), fields[1])
        concerns = (point != "/" and f"{path}/".startswith(f"{point}/")) or point.startswith(f"{path}/")
        if point.startswith("/") and concerns and not is_mounted(point):
            found.append(point)
    return found


def read_fstab(path: str = "/etc/fstab") -> str:
    """The machine's list; empty when there is none."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
