"""Walk a code base and remember what its files said.

Reading and parsing thousands of info files costs seconds, asking the system whether they changed costs
milliseconds. :class:`ScanCache` keeps, per file, what was found in it together with the file's identity (times,
size, inode); any difference makes it read that file again.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from provision_py.drupal.info import as_key
from provision_py.php.values import PhpArray, PhpValue

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

FORMAT = 1
"""Raise it when what is kept, or how it is computed, changes; older caches are then ignored."""

SETTLED_NS = 1_000_000_000
"""A file younger than this (nanoseconds) may change again without a visible change of its times; it is not kept."""

MAX_DEPTH = 40
ALWAYS_SKIPPED = frozenset({"CVS", "node_modules", "bower_components"})


@dataclass(frozen=True)
class Folder:
    """A folder of the walk: its path and its plain files (symlinks followed) by name."""

    path: str
    files: Mapping[str, os.DirEntry[str]]


def walk(
    root: str, *, skip: frozenset[str] = frozenset(), on_error: Callable[[OSError], None] | None = None
) -> Iterator[Folder]:
    """The folders at and below ``root``, upper ones first, in order of their names; nothing when it is missing.

    Names with a leading dot, those in ``skip`` and folders of package managers are left out. Symlinks to folders
    are followed, each target once, and never to a folder above itself. A ``config`` folder is skipped with
    ``skip`` unless it lies directly in ``modules`` (Drupal 8's own rule: there it is the module of that name).
    """
    level, seen = [root], {os.path.realpath(root)}
    skipped = skip | ALWAYS_SKIPPED
    for _depth in range(MAX_DEPTH):
        below: list[str] = []
        for path in level:
            files, folders = _listing(path, on_error)
            yield Folder(path, files)
            for entry in folders:
                if entry.name in skipped and not (entry.name == "config" and path.endswith("/modules")):
                    continue
                if entry.is_symlink() and not _follow(entry.path, seen):
                    continue
                below.append(entry.path)
        level = below
        if not level:
            return


def _listing(
    path: str, on_error: Callable[[OSError], None] | None
) -> tuple[dict[str, os.DirEntry[str]], list[os.DirEntry[str]]]:
    """Plain files by name and folders, both sorted, of one folder."""
    files: dict[str, os.DirEntry[str]] = {}
    folders: list[os.DirEntry[str]] = []
    try:
        with os.scandir(path) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return files, folders
    except OSError as error:
        if on_error is not None:
            on_error(error)
        return files, folders
    for entry in listed:
        if entry.name.startswith("."):
            continue
        try:
            if entry.is_dir():
                folders.append(entry)
            elif entry.is_file():
                files[entry.name] = entry
        except OSError:  # a symlink that leads round in a circle
            continue
    return files, folders


def _follow(path: str, seen: set[str]) -> bool:
    """Whether to enter a symlinked folder: not one above it, not a target that was entered already."""
    target = os.path.realpath(path)
    above = os.path.realpath(os.path.dirname(path))
    if target in seen or above == target or above.startswith(target.rstrip("/") + "/"):
        return False
    seen.add(target)
    return True


@dataclass
class ScanCache:
    """What files said when they were last read, by kind of reading and path.

    Not for several threads at once. Two processes may share a file: the last one to save wins, and nothing wrong
    is ever read because each entry is checked against the file it came from.
    """

    path: str | None = None
    known: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    now_ns: Callable[[], int] = time.time_ns
    hits: int = 0
    misses: int = 0
    _used: dict[str, dict[str, list[Any]]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: str) -> ScanCache:
        """The cache in the file ``path``; an empty one when it is missing, damaged, or could be somebody else's."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
                    return cls(path)
                content = json.loads(file.read())
            if content["format"] != FORMAT or not isinstance(content["files"], dict):
                return cls(path)
            return cls(path, content["files"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return cls(path)

    def value(self, path: str, kind: str, read: Callable[[], JsonValue], status: os.stat_result) -> JsonValue:
        """What ``read`` says about the file ``path``, from memory when the file is the one seen then."""
        identity = [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]
        entry = self.known.get(kind, {}).get(path)
        if isinstance(entry, list) and len(entry) == 2 and entry[0] == identity:
            self.hits += 1
            self._used.setdefault(kind, {})[path] = entry
            return entry[1]  # type: ignore[no-any-return]
        self.misses += 1
        started = self.now_ns()
        value = read()
        if started - max(status.st_mtime_ns, status.st_ctime_ns) > SETTLED_NS:
            self._used.setdefault(kind, {})[path] = [identity, value]
        return value

    def save(self) -> str | None:
        """Write what was used since :meth:`open`, private to us; what was not used is forgotten.

        A cache that cannot be written is no failure: the reason is returned, None when all is well.
        """
        if self.path is None or (not self.misses and self._count(self._used) == self._count(self.known)):
            return None
        temporary = f"{self.path}.{os.getpid()}.tmp"
        try:
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(json.dumps({"format": FORMAT, "files": self._used}, separators=(",", ":")))
            os.replace(temporary, self.path)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            return f"The cache {self.path} cannot be written: {error.strerror}"
        self.known = self._used
        self._used = {}
        self.hits = self.misses = 0
        return None

    @staticmethod
    def _count(entries: Mapping[str, Mapping[str, object]]) -> int:
        return sum(len(files) for files in entries.values())


def to_json(value: PhpValue) -> JsonValue:
    """A PHP value for a cache file: PHP lists become lists, other arrays objects."""
    if not isinstance(value, dict):
        return value
    if value and all(key == index for index, key in enumerate(value)):
        return [to_json(item) for item in value.values()]
    return {str(key): to_json(item) for key, item in value.items()}


def from_json(value: JsonValue) -> PhpValue:
    """The PHP value that :func:`to_json` was given."""
    if isinstance(value, dict):
        return array_from_json(value)
    if isinstance(value, list):
        return {index: from_json(item) for index, item in enumerate(value)}
    return value


def array_from_json(value: Mapping[str, JsonValue]) -> PhpArray:
    """The PHP array of a JSON object."""
    return {as_key(key): from_json(item) if isinstance(item, dict | list) else item for key, item in value.items()}
