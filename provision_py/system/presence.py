"""Is something there, on this machine? A folder that may not be entered is an error here, and never a "no".

For such a folder ``Path.exists()`` raises PermissionError, and ``os.path.exists()`` says that nothing is there.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from provision_py.errors import HostError
from provision_py.system import faults

_ABSENT = (FileNotFoundError, NotADirectoryError)


def exists(path: str | Path) -> bool:
    """Links are followed: one that leads nowhere is not there. Raises HostError (DRUSH_PERM_ERROR)."""
    return _mode(path) is not None


def is_folder(path: str | Path) -> bool:
    """Links are followed. Raises HostError (DRUSH_PERM_ERROR)."""
    mode = _mode(path)
    return mode is not None and stat.S_ISDIR(mode)


def names_in(folder: str | Path) -> list[str]:
    """What is in a folder, sorted; nothing when there is no folder. Raises HostError (DRUSH_PERM_ERROR)."""
    try:
        return sorted(os.listdir(folder))
    except _ABSENT:
        return []
    except OSError as error:
        raise _refused("list", folder, error) from error


def text_of(path: str | Path) -> str | None:
    """A file's text, bytes that are not UTF-8 escaped; None when there is no file. Raises HostError."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="surrogateescape")
    except _ABSENT:
        return None
    except OSError as error:
        raise _refused("read", path, error) from error


def _mode(path: str | Path) -> int | None:
    try:
        return os.stat(path).st_mode
    except _ABSENT:
        return None
    except OSError as error:
        raise _refused("look at", path, error) from error


def _refused(doing: str, path: str | Path, error: OSError) -> HostError:
    closed = _closed_folder(os.path.abspath(path)) if isinstance(error, PermissionError) else None
    return faults.file_failure(doing, str(path), error.errno, error.strerror, closed or "localhost")


def _closed_folder(path: str) -> str | None:
    """The first folder on the way to ``path`` that this process may not enter."""
    parents = [str(parent) for parent in reversed(Path(path).parents)]
    return next((parent for parent in parents if not os.access(parent, os.X_OK, effective_ids=True)), None)
