"""What a host can do for us, whichever way we reach it.

Everything above this layer speaks to a :class:`Host`; the local machine and machines behind ssh are two
implementations of the same small interface.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


class Secret:
    """A text that never shows itself: ``str()``, ``repr()`` and f-strings give stars.

    Call :meth:`reveal` only where the value is handed to the program that needs it.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __str__(self) -> str:
        return "********"

    def __repr__(self) -> str:
        return "Secret('********')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __bool__(self) -> bool:
        return bool(self._value)


@dataclass(frozen=True)
class Program:
    """A program to run, and what it reads."""

    argv: Sequence[str]
    stdin: bytes | Secret = b""


@dataclass(frozen=True)
class Completed:
    """A program that has ended: its exit status and what it printed (text, undecodable bytes escaped).

    ``heard`` is when we heard of it, in unix seconds; 0 where nobody wrote it down.
    """

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str
    heard: float = 0.0


@dataclass(frozen=True)
class FileState:
    """What is at a path, without following a final symlink.

    ``kind`` is ``file``, ``directory``, ``link`` or ``other``; ``mode`` the permission bits (0o7777);
    ``target`` the text of a symlink.
    """

    kind: str
    mode: int
    owner: str
    group: str
    size: int
    target: str | None = None


@dataclass(frozen=True)
class Look:
    """What is at some paths (see :meth:`Host.stat_all`), and the content of the files among those asked for."""

    states: Mapping[str, FileState | None]
    contents: Mapping[str, bytes]


class Host(Protocol):
    """One machine. All paths are absolute; all errors are :class:`provision_py.errors.HostError`."""

    @property
    def name(self) -> str:
        """The name used in logs and errors, e.g. ``web1.example.test``."""
        ...

    @property
    def is_local(self) -> bool: ...

    def ready(self) -> None:
        """See to it that programs can run there."""
        ...

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        env: Mapping[str, str | Secret] | None = None,
        cwd: str | None = None,
        timeout: float | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Run a program. ``env`` is added to a minimal environment (PATH, HOME, LANG), never to ours.

        ``timeout`` is in seconds. With ``check`` a status other than 0 raises ProcessError. ``on_line`` gets
        each line of output (stdout and stderr) as it comes.
        """
        ...

    def run_all(self, programs: Sequence[Program], *, timeout: float | None = None) -> list[Completed]:
        """Run programs one after the other in one round trip, whatever their status; see :meth:`run`.

        A signal's status may be its number and 128. ``timeout`` is for all of them together. Raises ProcessError when
        it is up or one cannot be started.
        """
        ...

    def stat(self, path: str) -> FileState | None:
        """What is at ``path``; None when nothing is."""
        ...

    def stat_all(self, paths: Sequence[str]) -> dict[str, FileState | None]:
        """What is at each of several paths, in one round trip."""
        ...

    def look(self, files: Sequence[str], others: Sequence[str] = ()) -> Look:
        """What is at several paths, and what those of ``files`` hold that are files, in one round trip."""
        ...

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, content: bytes, *, mode: int = 0o644, group: str | None = None) -> None:
        """Write atomically: readers see the old file or the new one; born with its final mode and group."""
        ...

    def mkdir(self, path: str, *, mode: int = 0o755, group: str | None = None) -> bool:
        """Make a directory (parents too, 0755). True when ``path`` was made now. Mode and group are set
        exactly (setgid included) on ``path`` only, whether made now or not."""
        ...

    def symlink(self, target: str, path: str) -> None:
        """Make or replace a symlink, atomically. A file or directory in its place is an error."""
        ...

    def set_access(self, path: str, *, mode: int | None = None, group: str | None = None) -> bool:
        """Set mode and group where they differ. True when something changed. Symlinks are left alone."""
        ...

    def remove(self, path: str) -> bool:
        """Remove a file or symlink. True when there was one; a directory is an error."""
        ...

    def rmdir(self, path: str) -> bool:
        """Remove an *empty* directory. False when it is missing or not empty."""
        ...

    def remove_tree(self, path: str) -> None:
        """Remove a directory with all that is in it, never following symlinks."""
        ...

    def rename(self, old: str, new: str) -> None: ...

    def listdir(self, path: str) -> list[str]: ...
