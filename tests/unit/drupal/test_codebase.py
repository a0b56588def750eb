"""Finding Drupal: docroot, version, vendor folder, sites folder."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trees

from provision_py.drupal.codebase import check_sites_folder, detect, minimum_php, vendor_folder, web_root_of
from provision_py.drupal.model import CodeBase
from provision_py.errors import DrupalError


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder that a user without rights can reach, and that user's rights."""
    folder = Path(tempfile.mkdtemp(prefix="codebase-"))
    folder.chmod(0o755)
    yield folder
    if os.getuid() == 0:
        os.seteuid(0)
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)
    shutil.rmtree(folder)


def drop_rights() -> None:
    if os.getuid() == 0:
        os.seteuid(65534)


@pytest.mark.parametrize("major", [7, 8, 9, 10, 11])
@pytest.mark.parametrize("docroot", ["", "docroot", "html", "web"])
def test_docroot_and_version(tmp_path: Path, major: int, docroot: str) -> None:
    top = trees.core(tmp_path, major, docroot=docroot)
    expected = CodeBase(str(tmp_path), str(top), trees.VERSIONS[major], major)
    assert detect(str(tmp_path)) == expected
    assert detect(f"{tmp_path}/") == expected


@pytest.mark.parametrize("version", ["11.x-dev", "8.0.0-rc4", "10.2.0-beta1", "7.x-dev", "7.98"])
def test_versions_that_are_not_plain_numbers(tmp_path: Path, version: str) -> None:
    major = int(version.split(".")[0])
    trees.core(tmp_path, major, version, docroot="")
    assert (detect(str(tmp_path)).version, detect(str(tmp_path)).major) == (version, major)


def test_typed_constant_and_commented_ones(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 11, docroot="")
    text = "<?php\nclass Drupal {\n  // const VERSION = '1.0';\n  final public const string VERSION = '11.2.3';\n}\n"
    trees.write(top, {"core/lib/Drupal.php": text})
    assert detect(str(tmp_path)).version == "11.2.3"


def test_first_alphas_of_8(tmp_path: Path) -> None:
    trees.write(tmp_path, {"index.php": "", "core/includes/bootstrap.inc": trees.bootstrap_inc("8.0-alpha2")})
    assert detect(str(tmp_path)).version == "8.0-alpha2"


def test_docroot_named_by_composer_counts_before_the_usual_names(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10, docroot="public/site")
    trees.core(tmp_path, 9, docroot="web")
    composer = {"extra": {"drupal-scaffold": {"locations": {"web-root": "public/site/"}}}}
    trees.write(tmp_path, {"composer.json": json.dumps(composer)})
    assert detect(str(tmp_path)).docroot == str(top)


def test_index_php_of_something_else_does_not_hide_the_docroot(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    trees.write(tmp_path, {"index.php": "<?php // a landing page\n"})
    assert detect(str(tmp_path)).docroot == str(top)


@pytest.mark.parametrize("web_root", ["../elsewhere", "/etc", "web/../../x", 5, None, "a\0b"])
def test_composer_cannot_lead_out_of_the_project(tmp_path: Path, web_root: object) -> None:
    composer = {"extra": {"drupal-scaffold": {"locations": {"web-root": web_root}}}}
    trees.write(tmp_path, {"composer.json": json.dumps(composer)})
    assert web_root_of(str(tmp_path)) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"extra": []}', '{"extra": {"drupal-scaffold": "x"}}'])
def test_odd_composer_files_are_no_failure(tmp_path: Path, text: str) -> None:
    trees.core(tmp_path, 10)
    trees.write(tmp_path, {"composer.json": text})
    assert detect(str(tmp_path)).docroot == f"{tmp_path}/web"


def test_missing_root() -> None:
    with pytest.raises(DrupalError) as caught:
        detect("/nowhere/at/all")
    assert caught.value.code == "DRUSH_INVALID_DRUPAL_ROOT"
    assert "/nowhere/at/all" in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("root", ["relative/path", "", "/a\0b"])
def test_root_that_is_no_absolute_path(root: str) -> None:
    with pytest.raises(DrupalError, match="absolute"):
        detect(root)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"index.php": "<?php\n"},
        {"index.php": "<?php\n", "core/lib/Drupal.php": "<?php\nclass Drupal {}\n"},
        {"includes/bootstrap.inc": trees.bootstrap_inc("7.1")},  # no index.php
        {"index.php": "", "core/includes/bootstrap.inc": "define('BACKDROP_VERSION', '1.29');"},
    ],
)
def test_not_drupal(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    trees.write(tmp_path, files)
    with pytest.raises(DrupalError, match="No Drupal was found") as caught:
        detect(str(tmp_path))
    assert caught.value.code == "DRUSH_INVALID_DRUPAL_ROOT"


def test_composer_project_without_its_dependencies_says_what_to_do(tmp_path: Path) -> None:
    trees.write(tmp_path, {"composer.json": "{}"})
    with pytest.raises(DrupalError, match="composer install"):
        detect(str(tmp_path))


@pytest.mark.parametrize(("version", "shown"), [("6.38", "6.38"), ("5.23", "5.23")])
def test_old_drupal_is_refused(tmp_path: Path, version: str, shown: str) -> None:
    trees.write(tmp_path, {"index.php": "", "modules/system/system.module": trees.bootstrap_inc(version)})
    with pytest.raises(DrupalError, match=f"Drupal {shown} is not supported") as caught:
        detect(str(tmp_path))
    assert caught.value.code == "PROVISION_DRUPAL_VERSION"


@pytest.mark.parametrize("version", ["12.0.0", "x.y"])
def test_unknown_versions_are_refused(tmp_path: Path, version: str) -> None:
    trees.core(tmp_path, 11, version)
    with pytest.raises(DrupalError, match="not supported"):
        detect(str(tmp_path))


def test_committed_merge_conflict(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 9, docroot="")
    ours, theirs = "  const VERSION = '9.4.8';\n", "  const VERSION = '9.2.1';\n"
    text = f"<?php\nclass Drupal {{\n<<<<<<< HEAD\n{ours}=======\n{theirs}>>>>>>> x\n}}"
    trees.write(top, {"core/lib/Drupal.php": text})
    with pytest.raises(DrupalError, match="merge conflict"):
        detect(str(tmp_path))


def test_unreadable_root_and_file(as_nobody: Path) -> None:
    trees.core(as_nobody, 10, docroot="a")
    trees.core(as_nobody, 10, docroot="b")
    (as_nobody / "a").chmod(0o000)
    (as_nobody / "b/core/lib/Drupal.php").chmod(0o000)
    drop_rights()
    with pytest.raises(DrupalError, match="cannot be read"):
        detect(str(as_nobody / "a"))
    with pytest.raises(DrupalError, match=r"cannot be read.*Drupal\.php"):
        detect(str(as_nobody / "b"))


def test_sites_folder(as_nobody: Path) -> None:
    trees.core(as_nobody, 10)
    code = detect(str(as_nobody))
    sites = as_nobody / "web/sites"
    assert check_sites_folder(code) == str(sites)
    sites.chmod(0o555)
    drop_rights()
    with pytest.raises(DrupalError) as caught:
        check_sites_folder(code)
    assert caught.value.code == "PROVISION_SITES_DIR_NOT_WRITABLE"
    assert caught.value.hint.endswith(f"chmod u+rwx {sites}" if sites.stat().st_uid else f"chown -R 65534 {sites}")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
@pytest.mark.parametrize(
    ("owner", "mode", "says"), [(65534, 0o555, "chmod u+rwx '"), (1, 0o755, "chown -R 65534 '"), (65534, 0o355, None)]
)
def test_the_hint_about_the_sites_folder_fits_its_owner_and_mode(
    as_nobody: Path, owner: int, mode: int, says: str | None
) -> None:
    trees.core(as_nobody / "a b", 10)
    code = detect(str(as_nobody / "a b"))
    sites = as_nobody / "a b/web/sites"
    os.chown(sites, owner, -1)
    sites.chmod(mode)
    drop_rights()
    if says is None:
        assert check_sites_folder(code) == str(sites)
        return
    with pytest.raises(DrupalError) as caught:
        check_sites_folder(code)
    assert f"{says}{sites}'" in caught.value.hint


def test_missing_sites_folder(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    code = detect(str(tmp_path))
    shutil.rmtree(top / "sites")
    with pytest.raises(DrupalError) as caught:
        check_sites_folder(code)
    assert caught.value.code == "DRUSH_NO_SITE"


def test_vendor_inside_the_docroot(tmp_path: Path) -> None:
    trees.core(tmp_path, 8)
    assert vendor_folder(detect(str(tmp_path))) is None
    trees.write(tmp_path, {"autoload.php": "<?php return require __DIR__ . '/vendor/autoload.php';"})
    trees.write(tmp_path, {"vendor/autoload.php": "<?php\n"})
    assert vendor_folder(detect(str(tmp_path))) == f"{tmp_path}/vendor"


def test_vendor_beside_the_docroot(tmp_path: Path) -> None:
    trees.core(tmp_path, 10)
    trees.write(tmp_path, {"web/autoload.php": "<?php return require __DIR__ . '/../vendor/autoload.php';"})
    trees.write(tmp_path, {"vendor/autoload.php": "<?php\n"})
    assert vendor_folder(detect(str(tmp_path))) == f"{tmp_path}/vendor"
    assert vendor_folder(detect(f"{tmp_path}/web")) == f"{tmp_path}/vendor"


def test_vendor_elsewhere(tmp_path: Path) -> None:
    trees.core(tmp_path, 10)
    trees.write(tmp_path, {"web/autoload.php": "<?php return require __DIR__ . '/../lib/php/autoload.php';"})
    trees.write(tmp_path, {"lib/php/autoload.php": "<?php\n"})
    assert vendor_folder(detect(str(tmp_path))) == f"{tmp_path}/lib/php"


def test_minimum_php(tmp_path: Path) -> None:
    trees.core(tmp_path, 7)
    assert minimum_php(detect(str(tmp_path))) == "5.2.4"


def test_a_file_is_no_code_base(tmp_path: Path) -> None:
    (tmp_path / "drupal.tar.gz").touch()
    with pytest.raises(DrupalError, match="a file, not a folder") as caught:
        detect(str(tmp_path / "drupal.tar.gz"))
    assert caught.value.code == "DRUSH_INVALID_DRUPAL_ROOT"
