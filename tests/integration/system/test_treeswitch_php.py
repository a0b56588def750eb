"""The program that exchanges files of a tree, cut off at every change that it makes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from provision_py.system import rsync, treeswitch
from provision_py.system.rsync import Tree
from system.released_trees import change, cut_short, fill, state_of

WORK = f"{rsync.WORK_FOLDERS}test"


@dataclass(frozen=True)
class Prepared:
    """A tree in which changes are staged, and what it is to become."""

    folder: Path
    former: dict[bytes, tuple[object, ...]]
    wanted: dict[bytes, tuple[object, ...]]

    @property
    def tree(self) -> Path:
        return self.folder / "tree"

    def copy(self, to: Path) -> Prepared:
        subprocess.run(["cp", "-a", str(self.folder), str(to)], check=True)
        return Prepared(to, self.former, self.wanted)

    def run(self, what: str, text: bytes | None = None) -> subprocess.CompletedProcess[bytes]:
        argv = ["php", "-n", "--", what, f"{self.tree}/{WORK}", str(self.folder)]
        return subprocess.run(argv, input=text or treeswitch.PROGRAM.read_bytes(), capture_output=True)

    def state(self) -> dict[bytes, tuple[object, ...]]:
        found = state_of(self.tree)
        return {path: what for path, what in found.items() if not path.startswith(WORK.encode())}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("switch") / "here"
    source = tmp_path_factory.mktemp("source") / "tree"
    fill(source)
    folder.mkdir()
    subprocess.run(["cp", "-a", str(source), str(folder)], check=True)
    change(source)
    former = state_of(folder / "tree")
    # What rsync would print and bring, from this folder to that one.
    argv = [one for one in rsync.plan_argv(Tree("/tree"), "h", ["ssh"]) if "relative" not in one][:-3]
    said = subprocess.run([*argv, "--", f"{source}/", f"{folder}/tree/"], capture_output=True, check=True,
                          env={**os.environ, "LC_ALL": "C"}).stdout.decode()  # fmt: skip
    changes = rsync.parse_changes(re.sub(r"(?m)^(.{11}) (?:\./)?", r"\1 tree/", said))
    switch = treeswitch.switch_of(
        [rsync.Change(one.what, treeswitch.unescape(one.path), one.is_directory) for one in changes], "/tree"
    )
    made = Prepared(folder, former, state_of(source))
    assert made.run("open").returncode == 0
    (folder / "tree" / WORK / "plan").write_bytes(switch.plan())
    argv = [*rsync.stage_argv("/tree", "/", "h", ["ssh"])[:-2], f"{source.parent}/", f"{folder}/tree/{WORK}/new/"]
    argv[argv.index("--copy-dest=/")] = f"--copy-dest={folder}"
    subprocess.run(argv, input=switch.files("tree"), check=True, capture_output=True)
    return made


def test_it_does_what_was_planned_and_undoes_it(prepared: Prepared, tmp_path: Path) -> None:
    found = prepared.copy(tmp_path / "copy")
    done = found.run("switch")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert found.state() == found.wanted
    done = found.run("undo")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert found.state() == found.former
    assert WORK not in os.listdir(found.tree)
    assert found.run("undo").returncode == 0
    assert found.run("close").returncode == 0


@pytest.mark.parametrize("what", ["switch", "undo"])
def test_cut_off_anywhere_it_is_undone(prepared: Prepared, tmp_path: Path, what: str) -> None:
    steps = (prepared.tree / WORK / "plan").read_bytes().count(b"\0") // 2
    for after in range(0, 1000, 3):
        found = prepared.copy(tmp_path / "copy")
        if what == "undo":
            assert found.run("switch").returncode == 0
        ended = found.run(what, cut_short(after)).returncode
        assert found.run("undo").returncode == 0, after
        assert found.state() == found.former, after
        subprocess.run(["chmod", "-R", "u+rwX", str(found.folder)], check=True)
        shutil.rmtree(found.folder)
        if ended == 0:
            break
        assert ended == -signal.SIGKILL
    assert after >= steps > 40


def test_what_has_not_arrived_is_not_missed_half_way(prepared: Prepared, tmp_path: Path) -> None:
    found = prepared.copy(tmp_path / "copy")
    (found.tree / WORK / "new/tree/index.php").unlink()
    done = found.run("switch")
    assert done.returncode == 1
    assert b"index.php, which should have arrived" in done.stderr
    assert found.state() == found.former


def test_after_an_undo_nothing_begins(prepared: Prepared, tmp_path: Path) -> None:
    found = prepared.copy(tmp_path / "copy")
    (found.tree / WORK / "undone").touch()
    assert found.run("switch").returncode == 1
    assert found.state() == found.former


def test_a_program_that_is_cut_short_on_its_way_does_nothing(prepared: Prepared, tmp_path: Path) -> None:
    found = prepared.copy(tmp_path / "copy")
    text = treeswitch.PROGRAM.read_bytes()
    for end in range(0, len(text) - 2, 397):
        found.run("switch", text[:end] or b"\n")
        assert found.state() == found.former


def test_a_new_folder_on_another_disk_is_found_beforehand(prepared: Prepared, tmp_path: Path) -> None:
    found = prepared.copy(tmp_path / "copy")
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs other "$0" && exec "$@"', f"{found.tree}/modules"]
    if subprocess.run([*mount, "true"], capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount")
    (found.tree / WORK / "plan").write_bytes(b"put\0index.php\0put\0modules/core\0")
    for what in ("check", "switch"):
        done = subprocess.run([*mount, "php", "-n", "--", what, f"{found.tree}/{WORK}", str(found.folder)],
                              input=treeswitch.PROGRAM.read_bytes(), capture_output=True)  # fmt: skip
        assert b"tree/modules/core: it lies on another disk than the tree, so make it by hand" in done.stderr
    assert found.state() == found.former
