"""What a host of a lab may write: a file system in memory, filled before the host starts."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

#: Folders that a host sees as the machine has them, until it changes something in them for itself.
OVERLAID = ("/etc", "/var", "/usr/local", "/usr/sbin")

#: The home of Aegir: a folder of its own, so that another host can mount parts of it.
AEGIR_HOME = "/var/aegir"


@dataclass(frozen=True)
class Disk:
    """The folder that holds a host's changes, see ``boot.sh``. Paths are those that the host sees."""

    folder: Path

    def locate(self, path: str) -> Path:
        """Where something of the host lies before it starts."""
        pure = PurePosixPath(path)
        if pure.is_relative_to(AEGIR_HOME):
            return self.folder / "own/aegir" / pure.relative_to(AEGIR_HOME)
        layer = "upper" if any(pure.is_relative_to(one) for one in OVERLAID) else "own"
        return self.folder / layer / pure.relative_to("/")

    def make(self, path: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """A folder; what the machine has there shows through."""
        place = self.locate(path)
        self._make_parents(path)
        place.mkdir(exist_ok=True)
        os.chown(place, *owner)
        place.chmod(mode)

    def make_empty(self, path: str, mode: int = 0o755, owner: tuple[int, int] = (0, 0)) -> None:
        """A folder in which nothing of the machine's shows."""
        self.make(path, mode, owner)
        if self.locate(path).is_relative_to(self.folder / "upper"):
            os.setxattr(self.locate(path), "trusted.overlay.opaque", b"y")

    def write(self, path: str, text: str, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> None:
        place = self.locate(path)
        self._make_parents(path)
        with open(place, "w", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(text)
        os.chown(place, *owner)
        place.chmod(mode)

    def link(self, path: str, target: str) -> None:
        self._make_parents(path)
        self.locate(path).symlink_to(target)

    def prepare(self) -> None:
        """The layers; to be called before anything else."""
        for path in OVERLAID:
            self.locate(path).mkdir(parents=True)
        (self.folder / "own/aegir").mkdir(parents=True)

    def _make_parents(self, path: str) -> None:
        """A folder of ours covers the machine's mode and owner as well, so they are taken over."""
        for parent in reversed(PurePosixPath(path).parents):
            place = self.locate(str(parent))
            if place.is_dir():
                continue
            place.mkdir()
            if Path(parent).is_dir():
                there = Path(parent).stat()
                os.chown(place, there.st_uid, there.st_gid)
                place.chmod(there.st_mode & 0o7777)


def account(name: str) -> tuple[int, int]:
    """User and group number of one of the machine's accounts."""
    entry = pwd.getpwnam(name)
    return entry.pw_uid, entry.pw_gid
