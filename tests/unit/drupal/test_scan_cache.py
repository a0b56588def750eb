"""The cache of a scan: it is fast because it remembers, and right because it checks."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trees
from hypothesis import given, settings
from hypothesis import strategies as st

from provision_py.drupal.codebase import detect
from provision_py.drupal.model import PlatformPackages
from provision_py.drupal.platform_packages import platform_packages
from provision_py.drupal.scan import ScanCache, array_from_json, from_json, to_json
from provision_py.php.values import PhpValue

Scan = Callable[[], tuple[PlatformPackages, list[str], int]]


def later() -> int:
    """A clock for which every file is old enough to be remembered."""
    return time.time_ns() + 10_000_000_000


@pytest.fixture(params=[7, 8, 11])
def major(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def top(tmp_path: Path, major: int) -> Path:
    return trees.platform(tmp_path / "platform", major)


@pytest.fixture
def scan(tmp_path: Path, top: Path) -> Scan:
    """Scans with the cache file; gives packages, warnings and the number of files that had to be read."""

    def run() -> tuple[PlatformPackages, list[str], int]:
        cache = ScanCache.open(str(tmp_path / "cache/platform.json"))
        cache.now_ns = later
        packages, warnings = platform_packages(detect(str(tmp_path / "platform")), cache=cache)
        read = cache.misses
        assert cache.save() is None
        fresh, fresh_warnings = platform_packages(detect(str(tmp_path / "platform")))
        assert (packages, warnings) == (fresh, fresh_warnings)
        assert [package.info for package in packages.base] == [package.info for package in fresh.base]
        return packages, warnings, read

    return run


def test_second_scan_reads_nothing(scan: Scan) -> None:
    first, _warnings, read = scan()
    assert read > 5
    assert scan() == (first, [], 0)


def test_file_is_private(scan: Scan, tmp_path: Path) -> None:
    scan()
    assert (tmp_path / "cache/platform.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["platform.json"]


def test_changed_file_is_read_again(scan: Scan, top: Path, major: int) -> None:
    scan()
    folder = "modules" if major < 8 else "core/modules"
    trees.write(top, trees.below(folder, trees.module(major, "node", version="99.1")))
    packages, _warnings, read = scan()
    assert "99.1" in {package.version for package in packages.base}
    assert read >= 1


def test_same_size_and_time_but_other_file(scan: Scan, top: Path, major: int) -> None:
    """As rsync or a restore of old times leave it."""
    name = "modules/node/node.info" if major < 8 else "core/modules/node/node.info.yml"
    path = top / name
    scan()
    status = path.stat()
    text = path.read_text()
    replacement = path.with_name("new")
    replacement.write_text(text.replace("Node", "Edon"))
    os.utime(replacement, ns=(status.st_atime_ns, status.st_mtime_ns))
    replacement.replace(path)
    packages, _warnings, read = scan()
    assert read == 2  # the folder and the file
    assert "Edon" in {package.name for package in packages.base}


def test_edited_in_place_with_its_time_put_back(scan: Scan, top: Path, major: int) -> None:
    path = top / ("modules/node/node.info" if major < 8 else "core/modules/node/node.info.yml")
    scan()
    status = path.stat()
    path.write_text(path.read_text().replace("Node", "Edon"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert "Edon" in {package.name for package in scan()[0].base}


def test_new_and_removed_files(scan: Scan, top: Path, major: int) -> None:
    scan()
    trees.write(top, trees.below("sites/all/modules", trees.module(major, "newcomer")))
    assert "newcomer" in {package.short_name for package in scan()[0].sites_all}
    for path in (top / "sites/all/modules/newcomer").iterdir():
        path.unlink()
    assert "newcomer" not in {package.short_name for package in scan()[0].sites_all}


def test_new_updates_are_seen(scan: Scan, top: Path, major: int) -> None:
    scan()
    folder = "modules" if major < 8 else "core/modules"
    trees.write(top, {f"{folder}/node/node.install": trees.updates("node", major * 1000 + 999)})
    assert major * 1000 + 999 in {package.schema_version for package in scan()[0].base}


def test_new_core_version_is_seen_in_modules_that_did_not_change(scan: Scan, top: Path, major: int) -> None:
    scan()
    text = trees.bootstrap_inc("7.999") if major < 8 else trees.drupal_php(f"{major}.99.0")
    trees.write(top, {"includes/bootstrap.inc" if major < 8 else "core/lib/Drupal.php": text})
    wanted = "7.999" if major < 8 else f"{major}.99.0"
    assert {package.version for package in scan()[0].base if package.short_name == "node"} == {wanted}


def test_complaints_are_remembered(scan: Scan, top: Path, major: int) -> None:
    if major < 8:
        trees.write(top, {"modules/big/big.module": "", "modules/big/big.info": "a = b\n" * 100_000})
    else:
        trees.write(top, {"modules/bad/bad.info.yml": "name: [\n"})
    first = scan()
    assert len(first[1]) == 1
    assert scan()[1:] == (first[1], 0)


def test_forgets_what_is_gone(scan: Scan, top: Path, tmp_path: Path, major: int) -> None:
    trees.write(top, trees.below("modules/leaving", trees.module(major, "leaver")))
    scan()
    assert "leaver" in (tmp_path / "cache/platform.json").read_text()
    shutil.rmtree(top / "modules/leaving/leaver")
    scan()
    assert "leaver" not in (tmp_path / "cache/platform.json").read_text()


def test_file_that_changed_just_now_is_not_trusted(tmp_path: Path) -> None:
    """Two changes within one tick of the file system's clock can look like one."""
    path = tmp_path / "file"
    path.write_text("first")
    cache = ScanCache()
    for _ in range(2):
        assert cache.value(str(path), "kind", lambda name: Path(name).read_text(), path.stat()) == "first"
        cache.save()
    assert (cache.hits, cache.misses) == (0, 2)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 1}',
        b'{"format": 1, "known": []}',
        b'{"format": 1, "known": {"folder": 5}}',
        b"\xff\xfe",
        b"[" * 100_000,
    ],
)
def test_damaged_cache_is_ignored(scan: Scan, tmp_path: Path, content: bytes) -> None:
    first, _warnings, read = scan()
    (tmp_path / "cache/platform.json").write_bytes(content)
    assert scan() == (first, [], read)
    assert scan() == (first, [], 0)


def test_cache_of_another_format_is_ignored(scan: Scan, tmp_path: Path) -> None:
    path = tmp_path / "cache/platform.json"
    first = scan()
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 0}))
    assert scan() == first


@pytest.mark.parametrize("wrong", [5, None, [], [1], {}, "x", [[1, 2, 3, 4], []]])
def test_entries_of_a_wrong_shape_are_ignored(scan: Scan, tmp_path: Path, wrong: object) -> None:
    path = tmp_path / "cache/platform.json"
    first = scan()
    content = json.loads(path.read_text())
    content["known"] = {kind: dict.fromkeys(files, wrong) for kind, files in content["known"].items()}
    path.write_text(json.dumps(content))
    assert scan() == first


def test_cache_that_others_may_write_is_ignored(scan: Scan, tmp_path: Path) -> None:
    first = scan()
    (tmp_path / "cache/platform.json").chmod(0o666)
    assert scan() == first
    assert (tmp_path / "cache/platform.json").stat().st_mode & 0o777 == 0o600


def test_symlink_in_place_of_the_cache_is_not_followed(scan: Scan, tmp_path: Path) -> None:
    first = scan()
    path = tmp_path / "cache/platform.json"
    target = tmp_path / "target"
    path.rename(target)
    kept = target.read_bytes()
    path.symlink_to(target)
    assert scan() == first
    assert target.read_bytes() == kept
    assert not path.is_symlink()


def test_cache_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    trees.platform(tmp_path / "platform", 7)
    (tmp_path / "in_the_way").write_text("")
    cache = ScanCache.open(str(tmp_path / "in_the_way/cache.json"))
    packages, _warnings = platform_packages(detect(str(tmp_path / "platform")), cache=cache)
    assert packages.base
    assert "cannot be written" in str(cache.save())


def test_unchanged_cache_is_not_written_again(scan: Scan, tmp_path: Path) -> None:
    scan()
    before = (tmp_path / "cache/platform.json").stat()
    scan()
    assert (tmp_path / "cache/platform.json").stat().st_ino == before.st_ino


php_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
    lambda values: st.dictionaries(
        st.integers(-99, 99) | st.text().filter(lambda key: not key.lstrip("-").isdigit()), values, max_size=5
    ),
    max_leaves=20,
)


@settings(deadline=None)
@given(php_values)
def test_php_values_survive_the_cache(value: PhpValue) -> None:
    restored = from_json(json.loads(json.dumps(to_json(value))))
    assert restored == value
    if isinstance(value, dict):
        assert isinstance(restored, dict) and list(restored) == list(value)


def test_numbers_with_leading_zeros_stay_texts() -> None:
    assert array_from_json({"07": 1, "7": 2, "-0": 3}) == {"07": 1, 7: 2, "-0": 3}


def test_symlink_that_comes_to_point_elsewhere(scan: Scan, top: Path, tmp_path: Path, major: int) -> None:
    """The folder with the symlink's target changes, not the one with the symlink."""
    trees.write(tmp_path / "shared", {"readme.txt": ""})
    (top / "sites/all/modules").mkdir(parents=True, exist_ok=True)
    (top / "sites/all/modules/link").symlink_to(tmp_path / "shared/linked")
    scan()
    trees.write(tmp_path / "shared/linked", trees.module(major, "arriving"))
    assert "arriving" in {package.short_name for package in scan()[0].sites_all}
    shutil.rmtree(tmp_path / "shared/linked")
    (tmp_path / "shared/linked").write_text("a file now")
    assert "arriving" not in {package.short_name for package in scan()[0].sites_all}


def test_renamed_folder(scan: Scan, top: Path, major: int) -> None:
    folder = top / "sites/all/modules"
    trees.write(folder, trees.module(major, "moving"))
    before = {package.filename for package in scan()[0].sites_all}
    (folder / "moving").rename(folder / "moved")
    after = {package.filename for package in scan()[0].sites_all}
    assert len(before) == len(after)
    assert any("/moved/" in name for name in after)
    assert not any("/moving/" in name for name in after)
