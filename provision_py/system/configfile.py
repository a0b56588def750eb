"""What should be true on disk: plain data that services render and steps apply."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ConfigFile:
    """A file that should have this content, or should not exist (``content`` is None).

    ``group`` None leaves the group alone. ``only_if_missing`` never touches a file that is there.
    ``sensitive`` content is never shown in a log, an error or a plan. A missing folder is made with ``folder_mode``.
    A file that should not exist takes its folder along where that is empty then (``with_folder``), and stays while
    there is something at another path (``unless_there``).
    """

    path: str
    content: str | None
    mode: int = 0o644
    group: str | None = None
    description: str = ""
    only_if_missing: bool = False
    sensitive: bool = False
    folder_mode: int = 0o700
    with_folder: bool = False
    unless_there: str | None = None


@dataclass(frozen=True)
class Directory:
    """A directory that should exist with exactly this mode (setgid included) and group (None: leave it)."""

    path: str
    mode: int
    group: str | None = None


@dataclass(frozen=True)
class Link:
    """A symlink that should exist."""

    path: str
    target: str
