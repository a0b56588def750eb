"""Files that are damaged for a while: of another content, moved away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from trials import Trial


@contextmanager
def changed(path: Path, change: Callable[[str], str]) -> Iterator[None]:
    """A file with another content, for a while."""
    content, mode = path.read_text(), path.stat().st_mode
    path.chmod(0o600)
    path.write_text(change(content))
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(0o600)
        path.write_text(content)
        path.chmod(mode)


@contextmanager
def moved(path: Path) -> Iterator[None]:
    """A path that is missing, for a while."""
    away = path.with_name(f"{path.name}.away")
    path.rename(away)
    try:
        yield
    finally:
        away.rename(path)


def alias_file(trial: Trial, name: str) -> Path:
    return trial.hosting.installation.drush_dir / f"{name}.alias.drushrc.php"
