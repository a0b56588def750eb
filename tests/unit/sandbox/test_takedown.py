from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox import base, demo, takedown
from provision_py.sandbox.base import STATE_FILE, Sandbox
from provision_py.sandbox.processes import launch
from provision_py.sandbox.takedown import only_one

REPOSITORY = Path(takedown.__file__).parents[2]


def down(folder: Path) -> int:
    return takedown.main(["--folder", str(folder)])


def test_without_a_demo_nothing_is_said_to_be_gone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert down(tmp_path / ".sandbox") == 0
    assert capsys.readouterr().out == "There is no demo.\n"


def test_the_sandbox_is_removed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sandbox = Sandbox.create(tmp_path / "plain", keep=True)
    with pytest.raises(HostError, match="not empty"):
        Sandbox.create(tmp_path / "plain", keep=True)
    assert down(sandbox.path) == 0
    assert not sandbox.path.exists()
    assert capsys.readouterr().out == "The demo is gone.\n"


def test_a_folder_that_is_no_sandbox_is_left_alone_and_its_removal_explained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "precious").write_text("")
    assert down(tmp_path) == 1
    assert (tmp_path / "precious").exists()
    assert f"rm -rf {tmp_path}" in capsys.readouterr().err


def test_a_file_in_the_place_of_the_sandbox_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("precious")
    assert down(tmp_path / "file") == 1
    assert demo.main(["--folder", str(tmp_path / "file")]) == 1
    assert (tmp_path / "file").read_text() == "precious"
    assert capsys.readouterr().err.count("There is no sandbox") == 2


def test_a_sandbox_whose_maker_was_stopped_at_its_first_step_is_removed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / f".{STATE_FILE}").write_text('{"own')
    (tmp_path / "c").symlink_to(tmp_path / "nowhere")
    for name in "abc":
        assert down(tmp_path / name) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_sandbox_is_one_from_its_first_file_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(sandbox: Sandbox) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Sandbox, "_save", stopped)
        Sandbox.create(tmp_path / "box", keep=True)
    assert down(tmp_path / "box") == 0
    assert not (tmp_path / "box").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has what others may not end")
def test_the_demo_of_another_user_is_refused_with_a_reason(tmp_path: Path) -> None:
    sandbox = Sandbox.create(tmp_path / "box", keep=True)
    sandbox.launch("server", ["/bin/sleep", "60"])
    child = os.fork()
    if child == 0:
        os.setuid(65534)
        try:
            sandbox.remove()
        except HostError as error:
            os._exit(7 if "Operation not permitted" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert sandbox.running()
    assert down(sandbox.path) == 0


def down_as_another(folder: Path) -> subprocess.CompletedProcess[str]:
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-S"]
    argv += ["-m", "provision_py.sandbox.takedown", "--folder", str(folder)]
    return subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A folder that every account may enter, in it a demo of root's that nobody else may look into."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        yield Path(place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may act as somebody else")
@pytest.mark.parametrize("made", ["whole", "stopped at its first step", "behind a link", "behind a closed folder"])
def test_whose_the_demo_is_and_what_to_do_is_said_to_another_user(open_place: Path, made: str) -> None:
    folder = open_place / "box"
    place = folder
    if made.startswith("behind"):
        (open_place / "elsewhere").mkdir(mode=0o700 if "closed" in made else 0o755)
        place = open_place / "elsewhere/box"
        folder.symlink_to(place)
    if made.startswith("stopped"):
        place.mkdir(mode=0o711)
    else:
        Sandbox.create(place, keep=True)
    before = sorted(open_place.rglob("*"))
    done = down_as_another(folder)
    assert (done.returncode, done.stdout) == (1, "")
    said = f"demo: The demo is root's, nobody cannot remove it ({folder}). Run make demo-down as root\n"
    assert done.stderr == said
    assert sorted(open_place.rglob("*")) == before
    assert down(folder) == 0
    assert not place.exists()


def test_a_removal_that_fails_can_be_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox = Sandbox.create(tmp_path / "box", keep=True)
    sandbox.folder("data")

    def busy(path: Path) -> None:
        raise OSError(39, "Directory not empty", str(path))

    with monkeypatch.context() as patch, pytest.raises(HostError, match="Directory not empty"):
        patch.setattr(base.shutil, "rmtree", busy)
        sandbox.remove()
    assert down(sandbox.path) == 0
    assert not sandbox.path.exists()


def test_what_works_in_the_sandbox_without_a_record_is_ended_with_its_children(tmp_path: Path) -> None:
    sandbox = Sandbox.create(tmp_path / "box", keep=True)
    bystander = launch(["/bin/sleep", "60"], log=tmp_path / "log")
    script = "env -i sleep 60 & echo $! >child; trap '' TERM; while :; do echo >>busy; sleep 0.01; done"
    stray = launch(["/bin/sh", "-c", f"cd {sandbox.path}; {script}"], log=tmp_path / "log", env=sandbox.mark)
    while len(stray.children()) < 2:
        pass
    family = stray.family()
    sandbox.remove()
    assert not [record for record in family if record.is_running()]
    assert not sandbox.path.exists()
    assert bystander.is_running()
    base.terminate([bystander])


def test_two_at_once_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Sandbox.create(tmp_path / "box", keep=True).path
    with only_one(folder):
        assert demo.main(["--folder", str(folder)]) == 1
        assert down(folder) == 1
    assert capsys.readouterr().err.count("Another make demo is at work") == 2
    assert down(folder) == 0
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_python_is_needed(tmp_path: Path) -> None:
    sandbox = Sandbox.create(tmp_path / "box", keep=True)
    argv = [sys.executable, "-S", "-m", "provision_py.sandbox.takedown", "--folder", str(sandbox.path)]
    done = subprocess.run(argv, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("The demo is gone.\n", "")
    assert not sandbox.path.exists()
