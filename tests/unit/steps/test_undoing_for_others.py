"""What can be put back by an account that may not do all that others have done, and locks that others do not need."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from test_steps import LocalWorld

from provision_py.errors import LockedError
from provision_py.steps.journal import open_journal
from provision_py.steps.rollout import Member, Rollout
from provision_py.steps.runner import run_steps, undo_all
from provision_py.system.configfile import ConfigFile
from provision_py.system.locks import FileLock

#: Runs as an account that owns the folder, and is not in the group of what is there.
PROGRAM = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_steps import LocalWorld
from provision_py.steps.files import ApplyFiles, EnsureDirectories, SetAccess
from provision_py.steps.journal import open_journal
from provision_py.steps.runner import run_steps, undo_all
from provision_py.system.configfile import ConfigFile, Directory
from provision_py.tasklog import MemorySink, TaskLog

import concurrent.futures.thread
os.setgroups([33]); os.setgid(65534); os.setuid(65534)
root, sink = Path(sys.argv[2]), MemorySink()
steps = [
    ApplyFiles("s", [ConfigFile(f"{root}/vhost", "new")]),
    EnsureDirectories("s", [Directory(f"{root}/files", 0o2770, "33")]),
    SetAccess("s", [(f"{root}/own", 0o600, "33")]),
]
world = LocalWorld(root, TaskLog([sink]))
with open_journal(root / "journal", command="test", context="@s") as journal:
    run_steps(steps, journal, world)
    print(undo_all(journal, world))
print(sum("could not be given" in entry.message for entry in sink.entries))
"""


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that every account can reach, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        os.chown(folder, 65534, 65534)
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="what is there belongs to root")
def test_a_group_that_cannot_be_given_again_is_left_and_told(root: Path) -> None:
    (root / "files").mkdir()
    for name in ("vhost", "own"):
        (root / name).write_text("former")
    for name, mode in (("files", 0o750), ("own", 0o644)):
        (root / name).chmod(mode)
        os.chown(root / name, 65534, 0)
    argv = [sys.executable, "-c", PROGRAM, str(Path(__file__).parent), str(root)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["True", "3"], done.stderr
    assert (root / "vhost").read_text() == "former"
    assert [(root / name).stat().st_mode & 0o7777 for name in ("files", "own")] == [0o750, 0o644]


def test_copies_on_the_hub_keep_no_other_rollout_waiting(tmp_path: Path) -> None:
    """Each belongs to a member, whose lock is held."""

    def rollout(member: str) -> Rollout:
        files = [ConfigFile(f"{tmp_path}/{member}", "new")]
        copies = [ConfigFile(f"{tmp_path}/{member}.copy", "new")]
        return Rollout([Member(member, files, ["true"], ["true"]), Member("server_master", copies, None, None)])

    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with rollout("one").hold(world):
            with pytest.raises(LockedError), FileLock(world.reload_lock("one"), timeout=0):
                pass
            run_steps([rollout("other")], journal, world)
        with FileLock(world.reload_lock("server_master")):
            assert undo_all(journal, world)
    assert not (tmp_path / "other").exists()
    assert not (tmp_path / "other.copy").exists()


def test_a_hub_that_is_a_member_is_locked_whatever_copies_lie_there(tmp_path: Path) -> None:
    def member(server: str, name: str, loads: bool) -> Member:
        command = ["true"] if loads else None
        return Member(server, [ConfigFile(f"{tmp_path}/{name}", "new")], command, command)

    world = LocalWorld(tmp_path)
    own, copy = member("server_master", "own", True), member("server_master", "copy", False)
    rollout = Rollout([own, member("other", "theirs", True), copy])
    taken = FileLock(world.reload_lock("server_master"), timeout=0)
    with rollout.hold(world), pytest.raises(LockedError), taken:
        pass
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([rollout], journal, world)
        with ThreadPoolExecutor() as pool, FileLock(world.reload_lock("server_master")):
            undoing = pool.submit(undo_all, journal, world)
            time.sleep(0.2)
            assert (tmp_path / "own").exists(), "it waits"
        assert undoing.result()
    assert not (tmp_path / "own").exists()
