"""The seal on a scan: it holds while a scan would find the same, and breaks with anything that a scan notices."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import trees

from provision_py.drupal import found_packages, seal
from provision_py.drupal.codebase import detect
from provision_py.drupal.found_packages import FoundPackages, find_packages
from provision_py.drupal.model import CodeBase, PlatformPackages
from provision_py.drupal.platform_packages import platform_packages
from provision_py.drupal.scan import ScanCache
from provision_py.drupal.seal import follows
from provision_py.system import identity

Find = Callable[[], FoundPackages]


@pytest.fixture(params=[7, 8, 11])
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def top(tmp_path: Path, major: int) -> Path:
    return trees.platform(tmp_path / "platform", major)


@pytest.fixture
def find(tmp_path: Path, top: Path, monkeypatch: pytest.MonkeyPatch) -> Find:
    """What is found with the caches, compared each time with what a scan without any finds."""
    monkeypatch.setattr(identity, "SETTLED_NS", -(10**12))  # every file is old enough

    def run() -> FoundPackages:
        code = detect(str(tmp_path / "platform"))
        found, problem = find_packages(code, str(tmp_path / "cache/platform"))
        assert problem is None
        packages, warnings = platform_packages(code)
        assert found.load() == packages
        assert [package.info for package in found.load().base] == [package.info for package in packages.base]
        assert list(found.warnings) == warnings
        assert found.count == len({(package.kind, package.short_name) for package in packages.base})
        return found

    return run


@pytest.fixture
def scans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The docroots that were scanned, one entry a scan."""
    seen: list[str] = []

    def scan(code: CodeBase, *, cache: ScanCache) -> tuple[PlatformPackages, list[str]]:
        seen.append(code.docroot)
        return platform_packages(code, cache=cache)

    monkeypatch.setattr(found_packages, "platform_packages", scan)
    return seen


def info(top: Path, major: int) -> Path:
    return top / ("modules/node/node.info" if major < 8 else "core/modules/node/node.info.yml")


def test_what_did_not_change_is_not_scanned(tmp_path: Path, find: Find, scans: list[str]) -> None:
    first = find()
    scans.clear()
    again, _problem = find_packages(detect(str(tmp_path / "platform")), str(tmp_path / "cache/platform"))
    assert (again.digest, again.warnings, again.count) == (first.digest, first.warnings, first.count)
    assert first.digest
    assert scans == []
    assert again.load() is again.load()
    assert len(scans) == 1


def change_in_place(path: Path) -> None:
    status = path.stat()
    path.write_text(path.read_text().replace("Node", "Edon"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replace_with_old_times(path: Path) -> None:
    status = path.stat()
    other = path.with_name("other")
    other.write_text(path.read_text().replace("Node", "Edon"))
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [change_in_place, replace_with_old_times])
def test_an_edit_of_the_same_size_and_time_breaks_it(
    find: Find, top: Path, major: int, change: Callable[[Path], None]
) -> None:
    first = find()
    change(info(top, major))
    second = find()
    assert second.digest not in ("", first.digest)
    assert "Edon" in {package.name for package in second.load().base}


def test_what_comes_and_goes_breaks_it(find: Find, top: Path, major: int) -> None:
    seen = [find().digest]
    trees.write(top, trees.below("sites/all/modules/deep/er", trees.module(major, "newcomer")))
    found = find()
    assert "newcomer" in {package.short_name for package in found.load().sites_all}
    seen.append(found.digest)
    # in a folder that had nothing of interest until now
    trees.write(top, trees.below("sites/all/modules/deep", trees.module(major, "another")))
    found = find()
    assert "another" in {package.short_name for package in found.load().sites_all}
    seen.append(found.digest)
    shutil.rmtree(top / "sites/all/modules/deep")
    found = find()
    assert "newcomer" not in {package.short_name for package in found.load().sites_all}
    assert len({*seen, found.digest}) == 4


@pytest.mark.parametrize("name", ["node.install", "includes/node.install.update.inc"])
def test_a_file_that_was_missing_breaks_it(find: Find, top: Path, major: int, name: str) -> None:
    folder = info(top, major).parent
    if name != "node.install":
        trees.write(folder, {"node.install": "<?php\n"})
    find()
    trees.write(folder, {name: trees.updates("node", major * 1000 + 999)})
    assert major * 1000 + 999 in {package.schema_version for package in find().load().base}


def test_a_symlink_that_comes_to_lead_somewhere_breaks_it(find: Find, top: Path, tmp_path: Path, major: int) -> None:
    shared = tmp_path / "shared"
    trees.write(shared, {"readme.txt": ""})
    (top / "sites/all/modules").mkdir(parents=True, exist_ok=True)
    (top / "sites/all/modules/link").symlink_to(shared / "linked")
    folder = info(top, major).parent
    trees.write(folder, {"node.install": "<?php\n"})
    (folder / "includes").symlink_to(shared / "includes")
    first = find()
    trees.write(shared / "linked", trees.module(major, "arriving"))
    second = find()
    assert "arriving" in {package.short_name for package in second.load().sites_all}
    trees.write(shared, {"includes/node.install.update.inc": trees.updates("node", major * 1000 + 998)})
    third = find()
    assert major * 1000 + 998 in {package.schema_version for package in third.load().base}
    shutil.rmtree(shared / "linked")
    assert "arriving" not in {package.short_name for package in find().load().sites_all}
    assert len({first.digest, second.digest, third.digest}) == 3


def test_a_profile_that_comes_breaks_it(find: Find, top: Path, major: int) -> None:
    find()
    suffix, text = (".info", "name = New\ncore = 7.x\n") if major < 8 else (".info.yml", "name: New\ntype: profile\n")
    trees.write(top, {f"profiles/newprofile/newprofile{suffix}": text, "profiles/newprofile/newprofile.profile": ""})
    assert "newprofile" in find().load().profiles


def test_another_version_of_drupal_breaks_it(find: Find, top: Path, major: int) -> None:
    first = find()
    text = trees.bootstrap_inc("7.999") if major < 8 else trees.drupal_php(f"{major}.99.0")
    trees.write(top, {"includes/bootstrap.inc" if major < 8 else "core/lib/Drupal.php": text})
    assert find().digest not in ("", first.digest)


def test_another_program_breaks_it(find: Find, monkeypatch: pytest.MonkeyPatch) -> None:
    first = find()
    monkeypatch.setattr(seal, "OWN_SOURCES", "an other release")
    assert find().digest not in ("", first.digest)


def test_warnings_are_given_again(find: Find, top: Path, major: int) -> None:
    if major < 8:
        trees.write(top, {"modules/big/big.module": "", "modules/big/big.info": "a = b\n" * 100_000})
    else:
        trees.write(top, {"modules/bad/bad.info.yml": "name: [\n"})
    first = find()
    assert len(first.warnings) == 1
    assert find().digest == first.digest


def test_files_that_changed_just_now_are_not_sealed(tmp_path: Path) -> None:
    trees.platform(tmp_path / "platform", 7)
    found, problem = find_packages(detect(str(tmp_path / "platform")), str(tmp_path / "cache/platform"))
    assert (found.digest, problem) == ("", None)
    assert not (tmp_path / "cache/platform.seal").exists()


def test_a_seal_that_no_longer_holds_is_removed(find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find()
    assert (tmp_path / "cache/platform.seal").exists()
    next(tmp_path.rglob("node.info*")).touch()
    monkeypatch.setattr(identity, "SETTLED_NS", 1_000_000_000)
    assert find().digest == ""
    assert not (tmp_path / "cache/platform.seal").exists()


def test_folder_that_cannot_be_listed_is_asked_for_each_time(
    tmp_path: Path, top: Path, major: int, find: Find, monkeypatch: pytest.MonkeyPatch
) -> None:
    trees.write(top, trees.below("sites/all/modules", trees.module(major, "shy")))
    listed = os.scandir

    def refused(path: str) -> AbstractContextManager[Iterator[os.DirEntry[str]]]:
        if str(path).endswith("/shy"):
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(os, "scandir", refused)
    found = find()
    assert (found.digest, len(found.warnings)) == ("", 1)
    monkeypatch.setattr(os, "scandir", listed)
    assert "shy" in {package.short_name for package in find().load().sites_all}


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"{}\n",
        lambda content: b"[]\n",
        lambda content: b"null",
        lambda content: content[:-1],
        lambda content: content + b"x",
        lambda content: content.replace(b"\n", b"", 1),
        lambda content: content.replace(b'"paths": ', b'"paths": 1', 1),
        lambda content: b"[" * 100_000,
    ],
)
def test_a_damaged_seal_is_ignored(find: Find, tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    first = find()
    path = tmp_path / "cache/platform.seal"
    path.write_bytes(damage(path.read_bytes()))
    assert find() == first or find().digest == first.digest


def test_a_seal_that_others_may_write_is_ignored(find: Find, tmp_path: Path, scans: list[str]) -> None:
    find()
    path = tmp_path / "cache/platform.seal"
    path.chmod(0o666)
    scans.clear()
    find_packages(detect(str(tmp_path / "platform")), str(tmp_path / "cache/platform"))
    assert len(scans) == 1
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_seal_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    trees.platform(tmp_path / "platform", 7)
    (tmp_path / "in_the_way").write_text("")
    found, problem = find_packages(detect(str(tmp_path / "platform")), str(tmp_path / "in_the_way/platform"))
    assert found.load().base
    assert "cannot be written" in str(problem)


def test_which_missing_files_follow_from_their_folders(tmp_path: Path) -> None:
    top = str(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    known = {top: [1, 2, 3, 4]}
    assert follows(f"{top}/missing", known)
    assert follows(f"{top}/missing/deeper/file", known)
    assert not follows(f"{top}/there/missing", known), "there was not looked at"
    assert not follows(f"{top}/link", known), "what it leads to may come"
    assert not follows(f"{top}/link/file", known)
    assert not follows("/no/such/place", known)
