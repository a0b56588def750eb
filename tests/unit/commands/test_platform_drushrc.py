"""When the drushrc.php of a platform is left alone."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from provision_py.commands.platformdrushrc import MODE, Standing, Written, standing
from provision_py.system.identity import FileIdentity, regular_file

WRITTEN = Written("source", "content", 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "drushrc.php"
    path.write_text("text")
    path.chmod(MODE)
    return path


def look(path: Path) -> os.stat_result | None:
    return regular_file(str(path))


def seen(path: Path) -> Written:
    return replace(WRITTEN, identity=FileIdentity.of(path.stat()))


def test_the_file_that_was_seen_is_trusted(file: Path) -> None:
    assert standing(seen(file), "source", look(file)) is Standing.SAME


def test_without_an_identity_its_content_has_to_tell(file: Path) -> None:
    assert standing(WRITTEN, "source", look(file)) is Standing.PERHAPS


def test_nothing_known_or_another_source_means_that_it_is_written(file: Path) -> None:
    assert standing(None, "source", look(file)) is Standing.OTHER
    assert standing(seen(file), "new source", look(file)) is Standing.OTHER
    assert standing(replace(seen(file), source=""), "", look(file)) is Standing.OTHER, (
        "what has no name is never known"
    )


def test_a_missing_file_a_symlink_and_another_mode(file: Path) -> None:
    known = seen(file)
    file.chmod(0o644)
    assert standing(known, "source", look(file)) is Standing.OTHER
    other = file.with_name("other")
    file.rename(other)
    assert standing(known, "source", look(file)) is Standing.OTHER
    file.symlink_to(other)
    assert standing(known, "source", look(file)) is Standing.OTHER


def test_an_edit_of_the_same_size_with_the_old_time_is_not_trusted(file: Path) -> None:
    known, status = seen(file), file.stat()
    time.sleep(0.02)  # the clock of the file system ticks
    file.chmod(0o644)
    file.write_text("edit")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    file.chmod(MODE)
    assert standing(known, "source", look(file)) is Standing.PERHAPS


def test_another_file_with_the_same_size_and_time_is_not_trusted(file: Path) -> None:
    known, status = seen(file), file.stat()
    other = file.with_name("other")
    other.write_text("edit")
    other.chmod(MODE)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(file)
    assert standing(known, "source", look(file)) is Standing.PERHAPS


def test_another_size_is_another_file(file: Path) -> None:
    known = seen(file)
    file.chmod(0o644)
    file.write_text("longer text")
    file.chmod(MODE)
    assert standing(known, "source", look(file)) is Standing.OTHER
