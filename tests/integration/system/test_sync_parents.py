"""The folders above what is pushed: made where they are missing, and never changed where they are."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.steps.release import ReleaseTree
from provision_py.steps.step import Record
from provision_py.steps.sync import SyncTree
from provision_py.system import transfer
from provision_py.system.rsync import Tree, Uploads
from system.machines import OneWorld, Other, put, start_other

PLATFORM = "platforms/shared"
SITE = f"{PLATFORM}/sites/one"


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Other]:
    """Here the folders above have modes and a group of their own, which on the other machine would lock all out."""
    found = start_other(sandbox, sandbox.path / "aegir root")
    put(found.root, platforms__shared__index="x", platforms__shared__sites__one__files__photo="x")
    for folder in (found.root, *above(found.root)):
        os.chown(folder, -1, 4321)
        folder.chmod(0o2770)
    yield found
    found.machine.close()


def above(root: Path) -> list[Path]:
    return [root / path for path in ("platforms", PLATFORM, f"{PLATFORM}/sites")]


def access(folder: Path) -> tuple[str, int]:
    state = folder.stat()
    return oct(state.st_mode & 0o7777), state.st_gid


def push(other: Other, path: str, uploads: Uploads = Uploads.LEAVE) -> None:
    full = str(other.root / path)
    transfer.push(other.host, Tree(full, sites=(full,)), [str(other.root)], uploads=uploads)


def released(other: Other, path: str, tmp_path: Path) -> Record:
    full = str(other.root / path)
    step = ReleaseTree(["web1"], Tree(full, sites=(full,)), [str(other.root)], uploads=Uploads.MERGE)
    record = step.prepare(OneWorld(web1=other.host), tmp_path)
    step.apply(OneWorld(web1=other.host), record, record.update)
    return record


@pytest.mark.parametrize("again", [False, True])
def test_those_that_are_there_keep_their_modes_and_groups(other: Other, tmp_path: Path, again: bool) -> None:
    put(other.disk, platforms__shared__sites__two__settings="two")
    folders = [other.disk, *above(other.disk)]
    before = [access(folder) for folder in folders]
    released(other, SITE, tmp_path)
    if again:
        put(other.root / SITE, files__late="x", settings="changed")
        released(other, SITE, tmp_path)
        assert other.text(f"{SITE}/files/late") == "x"
    assert other.text(f"{SITE}/files/photo") == "x"
    assert [access(folder) for folder in folders] == before
    assert access(other.disk / SITE) == access(other.root / SITE)


def test_a_file_changes_nothing_above_it_either(other: Other, tmp_path: Path) -> None:
    put(other.root, platforms__shared__names="x")
    put(other.disk, platforms__shared__names="old")
    before = [access(folder) for folder in above(other.disk)[:2]]
    step = SyncTree(["web1"], Tree(str(other.root / PLATFORM / "names")), [str(other.root)])
    record = step.prepare(OneWorld(web1=other.host), tmp_path)
    step.apply(OneWorld(web1=other.host), record, record.update)
    assert other.text(f"{PLATFORM}/names") == "x"
    assert [access(folder) for folder in above(other.disk)[:2]] == before


def test_those_that_are_missing_are_made_for_everybody_to_pass(other: Other) -> None:
    push(other, SITE, Uploads.MERGE)
    assert [access(folder)[0] for folder in above(other.disk)] == ["0o755"] * 3
    assert other.text(f"{SITE}/files/photo") == "x"


def test_those_outside_of_the_roots_are_made_too(other: Other) -> None:
    """The root of a platform that lies elsewhere may be several folders below one that is there."""
    path = str(other.root / PLATFORM)
    transfer.push(other.host, Tree(path), [path])
    assert access(other.disk / "platforms")[0] == "0o755"
    assert other.text(f"{PLATFORM}/index") == "x"


def test_one_that_cannot_be_made_is_named(other: Other) -> None:
    put(other.disk, platforms="a file")
    with pytest.raises(HostError, match=r"mkdir: .*platforms") as caught:
        push(other, SITE)
    assert caught.value.code == "PROVISION_FILE_SYNC_FAILED"
    assert caught.value.where == other.host.name


def test_a_parent_of_another_owner_is_no_obstacle(other: Other) -> None:
    """Nobody may change its mode, and nobody has to: the platform's folder in it is there."""
    folder = other.disk / "platforms"
    (other.disk / PLATFORM).mkdir(parents=True)
    if subprocess.run(["chattr", "+i", str(folder)], capture_output=True).returncode != 0:
        pytest.skip("the file system knows no attributes")
    try:
        push(other, SITE)
        assert other.has(SITE)
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)
