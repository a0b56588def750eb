"""What is built and locked: a wheel is one whole package, the lock files hold hashes and no index."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
LOCKS = [TOP / "requirements.lock", TOP / "requirements-dev.lock"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's files, as a clone has them, symlinks included."""
    folder = tmp_path_factory.mktemp("source") / "project"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "dist", "build", "tests", "docs")
    shutil.copytree(TOP, folder, symlinks=True, ignore=unwanted)
    return folder


def build(source: Path, target: str, folder: Path) -> Path:
    argv = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(argv, cwd=source, check=True, capture_output=True)
    (built,) = folder.iterdir()
    return built


def expected_files(source: Path) -> set[str]:
    """Every file below the package, the linked folders' included."""
    files = set()
    for folder in (source / "provision_py", *(source / name for name in ("contexts", "services", "templates"))):
        prefix = "" if folder.name == "provision_py" else "provision_py/"
        for path in folder.rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                files.add(prefix + str(path.relative_to(source)))
    return files


def test_a_wheel_holds_every_file_of_the_package(source: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(build(source, "wheel", tmp_path)) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == expected_files(source)
    assert {"provision_py/contexts/model.py", "provision_py/services/base.py"} <= names


def test_a_wheel_built_from_the_source_archive_is_the_same(source: Path, tmp_path: Path) -> None:
    archive = build(source, "sdist", tmp_path / "sdist")
    subprocess.run(["tar", "-xzf", str(archive)], cwd=tmp_path, check=True)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.name.startswith("provision_py-"))
    with zipfile.ZipFile(build(unpacked, "wheel", tmp_path / "wheel")) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert names == expected_files(source)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_file_has_hashes_for_everything_and_names_no_index(lock: Path) -> None:
    text = lock.read_text()
    requirements = re.split(r"\n(?=[a-z0-9])", text.partition("\n#    make lock\n")[2])
    assert len(requirements) > 5
    assert [entry for entry in requirements if "--hash=sha256:" not in entry or "==" not in entry] == []
    assert re.search(r"https?:|file:|--index|--find-links|--extra-index", text) is None


def test_what_runs_is_locked_to_the_same_versions_in_both_files() -> None:
    runtime, development = (set(re.findall(r"^[a-z0-9.-]+==\S+", lock.read_text(), re.MULTILINE)) for lock in LOCKS)
    assert runtime < development
