"""Files that go with their folder, or only when something else has gone; and their return."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_steps import Fail, LocalWorld

from provision_py.errors import ProvisionError
from provision_py.steps.files import ApplyFiles
from provision_py.steps.journal import open_journal
from provision_py.steps.runner import run_steps, undo_all
from provision_py.system.configfile import ConfigFile


def removing(root: Path) -> ApplyFiles:
    """A file of a host's folder, and the vhost that is there for the folder only."""
    files = [
        ConfigFile(f"{root}/host/one.conf", None, with_folder=True),
        ConfigFile(f"{root}/vhost", None, unless_there=f"{root}/host"),
    ]
    return ApplyFiles("s", files)


def made(root: Path, *others: str) -> None:
    (root / "host").mkdir(mode=0o700)
    for name in ("host/one.conf", "vhost", *others):
        (root / name).write_text(name)


def test_the_folder_goes_and_what_is_there_for_it(tmp_path: Path) -> None:
    made(tmp_path)

    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([removing(tmp_path)], journal, LocalWorld(tmp_path))
        journal.commit()

    assert not (tmp_path / "host").exists()
    assert not (tmp_path / "vhost").exists()


def test_what_else_is_in_the_folder_keeps_both(tmp_path: Path) -> None:
    made(tmp_path, "host/two.conf")

    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([removing(tmp_path)], journal, LocalWorld(tmp_path))
        journal.commit()

    assert [path.name for path in (tmp_path / "host").iterdir()] == ["two.conf"]
    assert (tmp_path / "vhost").read_text() == "vhost"


def test_undoing_brings_the_folder_back(tmp_path: Path) -> None:
    made(tmp_path)
    world = LocalWorld(tmp_path)

    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with pytest.raises(ProvisionError, match="it failed"):
            run_steps([removing(tmp_path), Fail()], journal, world)
        assert undo_all(journal, world)

    assert (tmp_path / "host").stat().st_mode & 0o777 == 0o700
    assert [(tmp_path / name).read_text() for name in ("host/one.conf", "vhost")] == ["host/one.conf", "vhost"]
