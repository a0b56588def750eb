"""Walk a code base and remember what its files said.

Reading and parsing thousands of info files costs seconds, asking the system whether they changed costs
milliseconds. :class:`ScanCache` keeps, per file and per folder, what was found in it together with its identity
(times, size, inode); any difference makes it read that file or folder again.
"""

from __future__ import annotations

import json
import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeAlias

from provision_py.drupal.info import as_key
from provision_py.drupal.questions import Questions
from provision_py.errors import HostError
from provision_py.php.values import PhpArray, PhpValue
from provision_py.system.cachefile import read_cache, write_cache
from provision_py.system.identity import FileIdentity

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"

FORMAT = 1
"""Raise it when what is kept, or how it is computed, changes; older caches are then ignored."""

MAX_DEPTH = 40
SUFFIXES = (".info", ".info.yml", ".module", ".install", ".po")
"""Ends of the names of files that may matter; all others are passed over."""
ALWAYS_SKIPPED = frozenset({"CVS", "node_modules", "bower_components"})


@dataclass(frozen=True)
class Folder:
    """A folder of the walk: its path and the names of its files that may matter, sorted."""

    path: str
    files: Sequence[str]


def walk(
    root: str,
    cache: ScanCache,
    *,
    skip: frozenset[str] = frozenset(),
    on_error: Callable[[OSError], None] | None = None,
) -> Iterator[Folder]:
    """The folders with files at and below ``root``, upper ones first, in order of their names.

    Names with a leading dot, those in ``skip`` and folders of package managers are left out. Symlinks to folders
    are followed, each target once, and never to a folder above itself. A ``config`` folder is skipped with
    ``skip`` unless it lies directly in ``modules`` (Drupal 8's own rule: there it is the module of that name).
    """
    level, seen = [root], {cache.questions.real(root)}
    skipped = skip | ALWAYS_SKIPPED
    for _depth in range(MAX_DEPTH):
        below: list[str] = []
        for path in level:
            try:
                files, folders, links = _listing(path, cache)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                if on_error is not None:
                    on_error(error)
                continue
            if links:
                files, folders = _with_links(path, files, folders, links, seen, cache.questions)
            if files:
                yield Folder(path, files)
            for name in folders:
                if name not in skipped or (name == "config" and path.endswith("/modules")):
                    below.append(f"{path}/{name}")
        level = below
        if not level:
            return


def _listing(path: str, cache: ScanCache) -> tuple[list[str], list[str], list[str]]:
    """Names of one folder: files that may matter, folders, and symlinks, each sorted.

    A folder's times change whenever a name in it comes, goes or is replaced; what a symlink points to can change
    without, so that is looked up anew each time.
    """
    value = cache.value(path, "folder", _read_folder, cache.questions.stat(path))
    if not value:
        return [], [], []
    if not isinstance(value, list) or len(value) != 3:
        cache.questions.sound = False
        return _listing(path, ScanCache())
    return value[0], value[1], value[2]  # type: ignore[return-value] # written by _listing


def _read_folder(path: str) -> JsonValue:
    files: list[JsonValue] = []
    folders: list[JsonValue] = []
    links: list[JsonValue] = []
    with os.scandir(path) as entries:
        for entry in sorted(entries, key=attrgetter("name")):
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                links.append(entry.name)
            elif entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif entry.name.endswith(SUFFIXES) and entry.is_file(follow_symlinks=False):
                files.append(entry.name)
    return [files, folders, links] if files or folders or links else 0


def _with_links(
    path: str, files: list[str], folders: list[str], links: list[str], seen: set[str], ask: Questions
) -> tuple[list[str], list[str]]:
    """Files and folders of one folder with those added that its symlinks lead to."""
    for name in links:
        target = f"{path}/{name}"
        if ask.is_folder(target):
            if _follow(target, seen, ask):
                folders = [*folders, name]
        elif name.endswith(SUFFIXES) and ask.is_file(target):
            files = [*files, name]
    return sorted(files), sorted(folders)


def _follow(path: str, seen: set[str], ask: Questions) -> bool:
    """Whether to enter a symlinked folder: not one above it, not a target that was entered already."""
    target = ask.real(path)
    above = ask.real(os.path.dirname(path))
    if target in seen or above == target or above.startswith(target.rstrip("/") + "/"):
        return False
    seen.add(target)
    return True


@dataclass
class ScanCache:
    """What files said when they were last read, by kind of reading and path.

    Give each platform a cache file of its own, because :meth:`save` forgets what a scan did not use; a site's scan
    may use its platform's without saving. One object is for one thread. Several processes may share a file: the
    last one to save wins, and nothing wrong is ever read because each entry is checked against what it came from.
    """

    path: str | None = None
    known: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    now_ns: Callable[[], int] = time.time_ns
    hits: int = 0
    misses: int = 0
    questions: Questions = field(default_factory=Questions)
    _used: defaultdict[str, dict[str, list[Any]]] = field(default_factory=lambda: defaultdict(dict))

    @classmethod
    def open(cls, path: str) -> ScanCache:
        """The cache in the file ``path``; an empty one when it is missing, damaged, or could be somebody else's."""
        try:
            content = json.loads(read_cache(path) or b"{}")
            known = content["known"] if content["format"] == FORMAT else {}
            return cls(path, {kind: dict(entries) for kind, entries in known.items()})
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return cls(path)

    def value(self, path: str, kind: str, read: Callable[[str], JsonValue], status: os.stat_result) -> JsonValue:
        """What ``read`` says about ``path``, from memory when that is the file or folder seen then."""
        identity = [status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino]
        known = self.known.get(kind)
        entry = known.get(path) if known else None
        if isinstance(entry, list) and len(entry) == 2 and entry[0] == identity:
            self.hits += 1
            self._keep(kind, path, entry)
            return entry[1]  # type: ignore[no-any-return] # of JSON
        self.misses += 1
        started = self.now_ns()
        kept = False
        try:
            value = read(path)
            kept = FileIdentity(*identity).settled(started)
        finally:
            self.questions.sound &= kept
        if kept:
            self._keep(kind, path, [identity, value])
        return value

    def _keep(self, kind: str, path: str, entry: list[Any]) -> None:
        former = self._used[kind].setdefault(path, entry)
        if former is not entry:
            self.questions.sound &= former[0] == entry[0]
            self._used[kind][path] = entry

    def identities(self) -> dict[str, list[int]] | None:
        """Paths of the files and folders that were asked for since :meth:`open`, with their identities.

        None when one of them changed meanwhile.
        """
        found: dict[str, list[int]] = {}
        for entries in self._used.values():
            for path, (identity, _value) in entries.items():
                if found.setdefault(path, identity) != identity:
                    return None
        return found

    def save(self) -> str | None:
        """Write what was used since :meth:`open`, private to us; what was not used is forgotten.

        A cache that cannot be written is no failure: the reason is returned, None when all is well.
        """
        if self.path is None or (not self.misses and self._count(self._used) == self._count(self.known)):
            return None
        content = json.dumps({"format": FORMAT, "known": self._used}, separators=(",", ":"))
        try:
            write_cache(self.path, [content.encode("ascii")])
        except HostError as error:
            return error.what
        self.known = self._used
        self._used = defaultdict(dict)
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
    return {as_key(key): item if isinstance(item, str) else from_json(item) for key, item in value.items()}
