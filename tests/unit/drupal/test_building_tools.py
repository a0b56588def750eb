"""When composer and drush make must run, and how."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trees

from provision_py.drupal.composer import composer_install, composer_project
from provision_py.drupal.makefile import make_platform
from provision_py.drupal.toolrun import ToolRun
from provision_py.errors import DrupalError


def everywhere(program: str) -> str | None:
    return f"/usr/bin/{program}"


def nowhere(program: str) -> str | None:
    return None


def packages(**versions: str) -> str:
    return json.dumps(
        {"packages": [{"name": f"drupal/{name}", "version": version} for name, version in versions.items()]}
    )


def project(root: Path, lock: str | None = None, installed: str | None = None, vendor: str = "vendor") -> Path:
    trees.write(root, {"composer.json": "{}", f"{vendor}/autoload.php": "<?php\n"})
    if lock is not None:
        trees.write(root, {"composer.lock": lock})
    if installed is not None:
        trees.write(root, {f"{vendor}/composer/installed.json": installed})
    return root


def test_no_composer_project(tmp_path: Path) -> None:
    assert composer_install(str(tmp_path), which=nowhere) is None
    assert composer_install(str(tmp_path), always=True, which=nowhere) is None


def test_missing_vendor_folder(tmp_path: Path) -> None:
    trees.write(tmp_path, {"composer.json": "{}"})
    run = composer_install(str(tmp_path), which=everywhere)
    argv = ("composer", "install", "--no-interaction", "--no-progress", "--no-dev")
    assert run == ToolRun(argv, str(tmp_path), "the vendor folder is missing")


def test_vendor_folder_of_an_interrupted_run(tmp_path: Path) -> None:
    trees.write(tmp_path, {"composer.json": "{}", "vendor/a/b.php": ""})
    assert composer_install(str(tmp_path), which=everywhere) is not None


def test_vendor_folder_with_another_name(tmp_path: Path) -> None:
    project(tmp_path, vendor="lib/php")
    trees.write(tmp_path, {"composer.json": '{"config": {"vendor-dir": "lib/php"}}'})
    assert composer_install(str(tmp_path), which=everywhere) is None


@pytest.mark.parametrize(
    ("lock", "installed", "needed"),
    [
        (None, None, False),
        (packages(core="10.1.6"), packages(core="10.1.6"), False),
        (packages(core="10.1.6"), packages(core="10.1.6", dev_tool="1.0"), False),
        (packages(core="10.1.6"), json.dumps(json.loads(packages(core="10.1.6"))["packages"]), False),  # composer 1
        (packages(core="10.1.7"), packages(core="10.1.6"), True),
        (packages(core="10.1.6", token="1.0"), packages(core="10.1.6"), True),
        (packages(core="10.1.6"), None, True),
        (packages(), None, False),
    ],
)
def test_lock_file_against_what_is_installed(
    tmp_path: Path, lock: str | None, installed: str | None, needed: bool
) -> None:
    project(tmp_path, lock, installed)
    assert (composer_install(str(tmp_path), which=everywhere) is not None) is needed


def test_reason_names_what_differs(tmp_path: Path) -> None:
    project(tmp_path, packages(a="2", b="2", c="1"), packages(a="1", b="1", c="1"))
    run = composer_install(str(tmp_path), which=everywhere)
    assert run is not None
    assert run.reason == "drupal/a and 1 more not installed as composer.lock says"


def test_always_and_another_command(tmp_path: Path) -> None:
    project(tmp_path)
    run = composer_install(str(tmp_path), always=True, command="php '/opt/my composer' install", which=everywhere)
    assert run is not None
    assert run.argv == ("php", "/opt/my composer", "install")


def test_missing_program_matters_only_when_it_is_needed(tmp_path: Path) -> None:
    project(tmp_path)
    assert composer_install(str(tmp_path), which=nowhere) is None
    with pytest.raises(DrupalError) as caught:
        composer_install(str(tmp_path), always=True, which=nowhere)
    assert caught.value.code == "PROVISION_COMPOSER"


@pytest.mark.parametrize("command", ["", "  ", "composer 'install"])
def test_malformed_command(tmp_path: Path, command: str) -> None:
    project(tmp_path)
    with pytest.raises(DrupalError, match="malformed"):
        composer_install(str(tmp_path), always=True, command=command, which=everywhere)


@pytest.mark.parametrize("name", ["composer.json", "composer.lock"])
def test_broken_files(tmp_path: Path, name: str) -> None:
    project(tmp_path, packages(a="1"), packages(a="1"))
    trees.write(tmp_path, {name: "<<<<<<< HEAD\n{}"})
    with pytest.raises(DrupalError, match=name.replace(".", r"\.")) as caught:
        composer_install(str(tmp_path), which=everywhere)
    assert caught.value.code == "PROVISION_COMPOSER"


def test_project_around_the_docroot(tmp_path: Path) -> None:
    trees.write(tmp_path, {"composer.json": "{}", "web/index.php": "", "other/index.php": ""})
    assert composer_project(f"{tmp_path}/web") == str(tmp_path)
    assert composer_project(f"{tmp_path}/web/") == str(tmp_path)
    assert composer_project(f"{tmp_path}/other") is None
    assert composer_project(f"{tmp_path}/other", str(tmp_path)) == str(tmp_path)


def test_project_that_declares_another_docroot(tmp_path: Path) -> None:
    composer = {"extra": {"drupal-scaffold": {"locations": {"web-root": "public/"}}}}
    trees.write(tmp_path, {"composer.json": json.dumps(composer), "web/index.php": ""})
    assert composer_project(f"{tmp_path}/web") is None
    assert composer_project(f"{tmp_path}/public") == str(tmp_path)


def test_make(tmp_path: Path) -> None:
    makefile = tmp_path / "build/drupal.make"
    trees.write(tmp_path, {"build/drupal.make": "core = 7.x\n"})
    run = make_platform(str(makefile), f"{tmp_path}/new", which=everywhere)
    assert run is not None
    assert run.argv == ("/usr/bin/drush", "@none", "make", "--yes", str(makefile), f"{tmp_path}/new")
    assert run.cwd == f"{tmp_path}/build"
    copy = make_platform(str(makefile), f"{tmp_path}/new", working_copy=True, which=everywhere)
    assert copy is not None
    assert "--working-copy" in copy.argv


def test_makefile_on_the_web(tmp_path: Path) -> None:
    run = make_platform("https://example.test/a.make", f"{tmp_path}/not/yet/there", which=everywhere)
    assert run is not None
    assert run.cwd == str(tmp_path)


def test_nothing_to_make(tmp_path: Path) -> None:
    assert make_platform("", f"{tmp_path}/new", which=nowhere) is None
    assert make_platform("/missing.make", str(tmp_path), which=nowhere) is None


@pytest.mark.parametrize("makefile", ["/missing/file.make", "relative.make", "--version", "/"])
def test_makefile_that_is_not_there(tmp_path: Path, makefile: str) -> None:
    with pytest.raises(DrupalError, match="makefile does not exist") as caught:
        make_platform(makefile, f"{tmp_path}/new", which=everywhere)
    assert caught.value.code == "DRUSH_MAKE_FAILED"


def test_no_drush(tmp_path: Path) -> None:
    trees.write(tmp_path, {"a.make": ""})
    with pytest.raises(DrupalError, match="drush 8") as caught:
        make_platform(f"{tmp_path}/a.make", f"{tmp_path}/new", which=nowhere)
    assert caught.value.code == "DRUSH_MAKE_FAILED"
