"""A machine that is gone for good, as :class:`provision_py.system.host.Host`: nothing is or can be done there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from provision_py.errors import HostError
from provision_py.system.host import Completed, FileState, Look, Program, Secret


@dataclass(frozen=True)
class GoneHost:
    """Undoing on it succeeds without doing anything, so that what belongs to other machines is undone all the same.

    Whoever puts it in the place of a machine tells what is left there.
    """

    name: str

    @property
    def is_local(self) -> bool:
        return False

    def ready(self) -> None:
        """Nothing."""

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
        return Completed(tuple(argv), 0, "", "")

    def run_all(self, programs: Sequence[Program], *, timeout: float | None = None) -> list[Completed]:
        return [self.run(program.argv) for program in programs]

    def stat(self, path: str) -> FileState | None:
        return None

    def stat_all(self, paths: Sequence[str]) -> dict[str, FileState | None]:
        return dict.fromkeys(paths)

    def look(self, files: Sequence[str], others: Sequence[str] = ()) -> Look:
        return Look(self.stat_all([*files, *others]), {})

    def read(self, path: str) -> bytes:
        """Raises HostError: there is nothing to read."""
        raise HostError(f"{path} was on a machine that is gone", where=self.name)

    def write(self, path: str, content: bytes, *, mode: int = 0o644, group: str | None = None) -> None:
        """Nothing."""

    def mkdir(self, path: str, *, mode: int = 0o755, group: str | None = None) -> bool:
        return False

    def symlink(self, target: str, path: str) -> None:
        """Nothing."""

    def set_access(self, path: str, *, mode: int | None = None, group: str | None = None) -> bool:
        return False

    def remove(self, path: str) -> bool:
        return False

    def rmdir(self, path: str) -> bool:
        return False

    def remove_tree(self, path: str) -> None:
        """Nothing."""

    def rename(self, old: str, new: str) -> None:
        """Nothing."""

    def listdir(self, path: str) -> list[str]:
        return []
