"""What a scan asked the file system, so that the same can be asked again.

A scan is decided by the answers alone. When all of them are the same once more, so is what the scan found, and
nothing has to be read, parsed or built (:mod:`.seal`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Answer: TypeAlias = "str | bool | list[str]"


def subfolders(parent: str) -> list[str]:
    """Names of the folders in a folder, sorted, symlinks to folders too, none with a leading dot."""
    try:
        with os.scandir(parent) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []


ASK: Mapping[str, Callable[[str], Answer]] = {
    "real": os.path.realpath,
    "folder": os.path.isdir,
    "file": os.path.isfile,
    "folders": subfolders,
}


@dataclass
class Questions:
    """Questions and answers of one scan, besides those about files and folders that are in its cache.

    ``sound`` is False once an answer cannot be relied on next time: a file that is too young, one that cannot be
    looked at, one that changed between two questions.
    """

    sound: bool = True
    missing: set[str] = field(default_factory=set)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)

    def stat(self, path: str) -> os.stat_result:
        """As ``os.stat``; a file that is not there is noted. Of others the identity must be kept by the caller."""
        try:
            return os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            self.missing.add(path)
            raise
        except OSError:
            self.sound = False
            raise

    def real(self, path: str) -> str:
        return str(self._ask("real", path))

    def is_folder(self, path: str) -> bool:
        return bool(self._ask("folder", path))

    def is_file(self, path: str) -> bool:
        return bool(self._ask("file", path))

    def folders(self, path: str) -> list[str]:
        answer = self._ask("folders", path)
        return answer if isinstance(answer, list) else []

    def _ask(self, kind: str, path: str) -> Answer:
        answer = ASK[kind](path)
        if self.answers.setdefault((kind, path), answer) != answer:
            self.sound = False
        return answer
