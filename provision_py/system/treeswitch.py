"""Exchanging files of a tree at once: what rsync would change there, as steps for the program that makes the change.

New files wait in a folder within the tree, which only their owner may enter, so that putting them in place takes
nothing but renames. That is done by ``treeswitch.php``, on the machine where the tree is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision_py.system.rsync import Change
from provision_py.system.shell import encode

PROGRAM = Path(__file__).parent / "treeswitch.php"
_ESCAPED = re.compile(rb"\\#([0-7]{3})")


@dataclass(frozen=True)
class Switch:
    """What is to be done in a tree. Paths are relative to it, the empty one is the tree itself.

    ``staged``: what rsync has to bring. ``steps``: ``put`` (in place of what is there, a folder as a whole), ``drop``
    (a file or link), ``rmdir`` (if it is empty by then), ``mode`` (of a folder), in the order in which they are done.
    """

    staged: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]

    def plan(self) -> bytes:
        """The file that ``treeswitch.php`` reads."""
        return encode("".join(f"{what}\0{path}\0" for what, path in self.steps))

    def files(self, name: str) -> bytes:
        """The list for rsync's ``--files-from`` and ``--from0``, where the tree's name is ``name``."""
        # A folder of this name is brought alone; with a slash at its end its content would come along.
        return encode("".join(f"./{name}/{path}".rstrip("/") + "\0" for path in self.staged))


def unescape(name: str) -> str:
    """A path that rsync printed in the locale ``C``: other bytes than printable ASCII are ``\\#`` and 3 digits."""
    if "\\#" not in name:
        return name
    data = _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), name.encode())
    return data.decode("utf-8", "surrogateescape")


def switch_of(changes: Iterable[Change], tree: str) -> Switch:
    """The steps that make these changes (paths without a slash at the start) of ``tree``, an absolute path.

    New things come first and removals last, except where something else is to take their place.
    """
    top = tree.strip("/")
    found = [(change, change.path[len(top) + 1 :]) for change in changes if _within(change.path, top)]
    made = {path for change, path in found if change.what == "made" and change.is_directory}
    modes = [path for change, path in found if change.what == "access" and change.is_directory]
    files = [path for change, path in found if change.what != "removed" and not change.is_directory]
    # What lies in a new folder comes with it.
    puts = [path for path in (*sorted(made), *files) if os.path.dirname(path) not in made]
    places = set(puts)
    gone = [(path, change.is_directory) for change, path in found if change.what == "removed" and path not in places]
    gone.sort(key=lambda one: (one[1], -one[0].count("/")))  # folders after what was in them
    making_room: list[tuple[str, str]] = []
    others: list[tuple[str, str]] = []
    for path, is_directory in gone:
        step = ("rmdir" if is_directory else "drop", path)
        (others if places.isdisjoint(_above(path)) else making_room).append(step)
    steps = [*making_room, *(("put", path) for path in puts), *others, *(("mode", path) for path in modes)]
    return Switch((*sorted(made), *modes, *files), tuple(steps))


def _within(path: str, top: str) -> bool:
    return path == top or path.startswith(f"{top}/")


def _above(path: str) -> Sequence[str]:
    """The folders that a relative path lies in."""
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
