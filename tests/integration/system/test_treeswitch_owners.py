"""The program that exchanges files of a tree, where something in the tree belongs to somebody else."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision_py.system import rsync, treeswitch
from system.machines import put
from system.released_trees import state_of

US = 4321
WORK = f"{rsync.WORK_FOLDERS}test"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


@dataclass(frozen=True)
class Owned:
    """A tree that belongs to one user of the machine, and the program, run by him."""

    folder: Path

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def run(self, what: str) -> str:
        """What it says about its failure; empty when there was none."""
        argv = ["setpriv", f"--reuid={US}", f"--regid={US}", "--clear-groups", "php", "-n", "--", what,
                f"{self.tree}/{WORK}", str(self.folder)]  # fmt: skip
        done = subprocess.run(argv, input=treeswitch.PROGRAM.read_bytes(), capture_output=True)
        assert bool(done.returncode) == bool(done.stderr)
        return done.stderr.decode()

    def stage(self, plan: str, **files: str) -> None:
        """Steps, each ``what path``, and what is to be put."""
        assert self.run("open") == ""
        steps = [step.replace(" ", "\0", 1) + "\0" for step in plan.split(", ")]
        (self.tree / WORK / "plan").write_text("".join(steps))
        put(self.tree / WORK / "new/tree", **files)
        give(self.tree / WORK)

    def state(self) -> dict[bytes, tuple[object, ...]]:
        return {path: what for path, what in state_of(self.tree).items() if not path.startswith(WORK.encode())}


def give(path: Path) -> None:
    for one in (path, *path.rglob("*")):
        os.chown(one, US, US, follow_symlinks=False)


@pytest.fixture
def owned() -> Iterator[Owned]:
    folder = Path(tempfile.mkdtemp(prefix="provision-py-owners-"))
    folder.chmod(0o755)
    put(folder / "tree", index="old", modules__one="old", modules__two="old")
    give(folder)
    yield Owned(folder)
    shutil.rmtree(folder)


def closed(owned: Owned) -> None:
    put(owned.tree, evil__one="theirs")
    (owned.tree / "evil").chmod(0o755)
    os.chown(owned.tree / "evil", 0, 0)


def passable(owned: Owned) -> None:
    closed(owned)
    (owned.tree / "evil").chmod(0o711)


def guarded(owned: Owned) -> None:
    put(owned.tree, evil__one="theirs")
    os.chown(owned.tree / "evil", 0, 0)
    (owned.tree / "evil").chmod(0o1777)


REFUSED: dict[str, tuple[Callable[[Owned], object], str, str]] = {
    "a file in their folder is gone": (
        closed, "drop evil/one, rmdir evil", "write in {tree}/evil: Permission denied"),
    "a file in their folder is new": (closed, "put evil/new", "write in {tree}/evil: Permission denied"),
    "a folder in their folder is gone": (closed, "rmdir evil/x", "write in {tree}/evil: Permission denied"),
    "the mode of their folder": (passable, "mode evil", "set the mode of {tree}/evil: Operation not permitted"),
    "their file in a folder for all": (
        guarded, "put evil/one", "replace or remove {tree}/evil/one: Operation not permitted"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_found_before_anything_is(owned: Owned, name: str) -> None:
    prepare, steps, said = REFUSED[name]
    prepare(owned)
    before = owned.state()
    owned.stage(f"put index, drop modules/one, {steps}", index="new", evil__new="new", evil__one="new")
    expected = f"Could not {said.format(tree=owned.tree)}\n"
    assert owned.run("check") == expected
    assert owned.state() == before
    assert owned.run("switch") == expected
    assert owned.state() == before
    assert owned.run("undo") == ""
    assert owned.state() == before
    assert WORK not in os.listdir(owned.tree)


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_an_empty_folder_of_theirs_is_removed(owned: Owned, mode: int) -> None:
    (owned.tree / "evil").mkdir(mode=mode)
    before = owned.state()
    owned.stage("put index, rmdir evil", index="new")
    assert owned.run("check") == "" == owned.run("switch")
    assert not (owned.tree / "evil").exists()
    assert owned.run("undo") == ""
    # Nobody but they could make it theirs again.
    assert (owned.tree / "evil").stat().st_mode & 0o777 == mode
    assert {**owned.state(), b"evil": None, b"evil/.": None} == {**before, b"evil": None, b"evil/.": None}


@pytest.mark.parametrize("mode", [0o755, 0o700])
def test_a_folder_of_theirs_with_something_in_it_stays(owned: Owned, mode: int) -> None:
    closed(owned)
    (owned.tree / "evil").chmod(mode)
    before = owned.state()
    owned.stage("put index, rmdir evil", index="new")
    assert owned.run("switch") == ""
    assert (owned.tree / "index").read_text() == "new"
    assert owned.run("undo") == ""
    assert owned.state() == before


def test_what_may_be_written_for_another_reason_is_changed(owned: Owned) -> None:
    put(owned.tree, group__one="old", group__two="old")
    for path, owner in (("group", 0), ("group/one", 0), ("group/two", 0)):
        os.chown(owned.tree / path, owner, US)
    (owned.tree / "group").chmod(0o775)
    before = owned.state()
    owned.stage("put group/one, drop group/two, mode group", group__one="new")
    (owned.tree / WORK / "new/tree/group").chmod(0o775)
    assert owned.run("check") == "" == owned.run("switch")
    assert os.listdir(owned.tree / "group") == ["one"]
    assert owned.run("undo") == ""
    assert owned.state() == before


def test_an_undo_leaves_alone_what_the_switch_did_not_touch(owned: Owned) -> None:
    """A folder that was given away after the switch had begun and had nothing more to do there."""
    owned.stage("put index, rmdir modules", index="new")
    assert owned.run("switch") == ""
    os.chown(owned.tree / "modules", 0, 0)
    (owned.tree / "modules").chmod(0o711)
    assert owned.run("undo") == ""
    assert (owned.tree / "index").read_text() == "old"
    assert WORK not in os.listdir(owned.tree)
