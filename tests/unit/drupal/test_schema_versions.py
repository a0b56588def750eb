"""The highest update of a module, read from PHP source."""

from __future__ import annotations

from pathlib import Path

import pytest
import trees

from provision_py.drupal.scan import ScanCache, walk
from provision_py.drupal.schema_versions import highest_update, included_files, update_numbers


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (trees.updates("views", 7000, 7301, 7302), [7000, 7301, 7302]),
        ("function views_update_7001(&$sandbox) {", [7001]),
        ("  function\n  views_update_7001 (\n", [7001]),
        ("function &views_update_7001() {", [7001]),
        ("FUNCTION Views_Update_7001() {", [7001]),
        ("// function views_update_7009() {", []),
        (" * function views_update_7009() {", []),
        ("# function views_update_7009() {", []),
        ("function views_update_7001_helper() {", []),
        ("function _views_update_7001() {", []),
        ("function my_views_update_7001() {", []),
        ("function views_ui_update_7001() {", []),
        ("views_update_7001();", []),
        ("function views_post_update_name() {", []),
        ("function views_update_last_removed() {\n  return 8201;\n}", [8201]),
        ("function views_update_last_removed(): int {\n  // Of 2.x.\n  return 8201;\n}", [8201]),
        ("function views_update_last_removed() {}\nfunction other() { return 5; }", []),
        ("function views_update_99999999999999999999() {", []),
    ],
)
def test_update_numbers(source: str, expected: list[int]) -> None:
    assert update_numbers("<?php\n" + source, "views") == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("include_once 'a.inc';", ["a.inc"]),
        ('require dirname(__FILE__) . "/inc/a.inc";', ["inc/a.inc"]),
        ("require_once(__DIR__ . '/a.install.inc');", ["a.install.inc"]),
        ("module_load_include('inc', 'views', 'includes/updates');", ["includes/updates.inc"]),
        ("module_load_include('install', 'views');", ["views.install"]),
        ("module_load_include('inc', 'other', 'includes/updates');", []),
        ("// include 'a.inc';", []),
        ("$included = 'a.inc';", []),
    ],
)
def test_included_files(source: str, expected: list[str]) -> None:
    assert included_files("<?php\n" + source, "views") == expected


def highest(root: Path, files: dict[str, str | bytes], docroot: Path | None = None) -> int | None:
    trees.write(root, files)
    cache = ScanCache()
    folder = next(walk(f"{root}/views", cache))
    return highest_update(folder, "views", str(docroot or root), cache)


def test_no_install_file(tmp_path: Path) -> None:
    assert highest(tmp_path, {"views/views.module": trees.updates("views", 7001)}) is None


def test_install_file_without_updates(tmp_path: Path) -> None:
    assert highest(tmp_path, {"views/views.install": "<?php\n"}) is None


def test_highest_not_last(tmp_path: Path) -> None:
    assert highest(tmp_path, {"views/views.install": trees.updates("views", 7000, 7302, 7301)}) == 7302


def test_included_files_count(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "views/views.install": trees.updates("views", 1) + "require_once __DIR__ . '/more.inc';\n",
        "views/more.inc": trees.updates("views", 7444) + "require_once __DIR__ . '/views.install';\n",
    }
    assert highest(tmp_path, files) == 7444


def test_update_file_in_includes_counts(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "views/views.install": "<?php\n",
        "views/includes/views.install.update.inc": trees.updates("views", 7433),
    }
    assert highest(tmp_path, files) == 7433


@pytest.mark.parametrize("name", [".", "..", "missing.inc", "../../../../../../etc/passwd", "/etc/passwd", "sub"])
def test_odd_includes_are_passed_over(tmp_path: Path, name: str) -> None:
    source = trees.updates("views", 7001) + f"include '{name}';\n"
    assert highest(tmp_path, {"views/views.install": source, "views/sub/x": ""}) == 7001


def test_files_outside_of_the_docroot_are_not_read(tmp_path: Path) -> None:
    docroot = tmp_path / "docroot"
    files: dict[str, str | bytes] = {
        "views/views.install": trees.updates("views", 7001) + "include '../../outside.inc';\n",
        "../outside.inc": trees.updates("views", 7999),
    }
    assert highest(docroot, files, docroot) == 7001


def test_old_line_ends_and_odd_bytes(tmp_path: Path) -> None:
    source = trees.updates("views", 7001, 7002).replace("\n", "\r").encode() + b"\r// \xe9\xff\r"
    assert highest(tmp_path, {"views/views.install": source}) == 7002
