"""Platforms whose code is built by the verify: composer and drush makefiles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hosting_system import Hosting

from provision_py.sandbox.platforms import make_platform


@pytest.fixture
def prepared(hosting: Hosting) -> Hosting:
    for server in (hosting.front.web_server, hosting.front.db_server):
        assert hosting.run(hosting.front.queue_task(server, "verify")).status == 1, hosting.said()
    return hosting


def composer_project(root: Path, name: str) -> None:
    """A composer-built platform whose vendor folder is missing, and one package that comes from a folder."""
    make_platform(root, 10, docroot="web")
    shutil.rmtree(root / "vendor")
    package = root / "packages" / "one"
    package.mkdir(parents=True)
    (package / "composer.json").write_text(json.dumps({"name": "test/one", "version": "1.0.0"}))
    composer = {
        "name": f"test/{name}",
        "repositories": [{"type": "path", "url": "packages/one"}, {"packagist.org": False}],
        "require": {"test/one": "1.0.0"},
        "autoload": {"classmap": ["web/core/lib"]},
        "extra": {"drupal-scaffold": {"locations": {"web-root": "web/"}}},
    }
    (root / "composer.json").write_text(json.dumps(composer))


@pytest.mark.skipif(shutil.which("composer") is None, reason="composer is not installed")
def test_a_missing_vendor_folder_is_installed_by_composer(prepared: Hosting) -> None:
    root = prepared.home / "platforms" / "built"
    composer_project(root, "built")
    platform = prepared.front.add_platform("Built", str(root), prepared.front.web_server)
    finished = prepared.run(prepared.queued(platform, "verify"))
    assert finished.status == 1, prepared.said()
    assert (root / "vendor/autoload.php").exists()
    assert (root / "vendor/test/one").exists()
    said = [entry.text for entry in prepared.entries if "composer" in entry.text]
    assert any("the vendor folder is missing" in text for text in said)


@pytest.mark.skipif(shutil.which("composer") is None, reason="composer is not installed")
def test_a_composer_that_fails_fails_the_task_in_its_own_words(prepared: Hosting) -> None:
    root = prepared.home / "platforms" / "broken"
    composer_project(root, "broken")
    (root / "packages/one/composer.json").write_text(json.dumps({"name": "test/one", "version": "2.0.0"}))
    platform = prepared.front.add_platform("Broken", str(root), prepared.front.web_server)
    nid = prepared.queued(platform, "verify")
    assert prepared.run(nid).status == 2
    assert prepared.errors(nid) == ["PROVISION_COMPOSER"]
    assert not (root / "web/sites/all/drush/drushrc.php").exists()
    assert any("test/one" in str(row["message"]) for row in prepared.log(nid) if row["type"] == "error")


@pytest.mark.skipif(shutil.which("composer") is None, reason="composer is not installed")
def test_of_a_composer_that_fails_the_reason_is_shown_and_not_the_list_behind_it(prepared: Hosting) -> None:
    root = prepared.home / "platforms" / "broken"
    composer_project(root, "broken")
    composer = json.loads((root / "composer.json").read_text())
    composer["require"]["ext-nonexisting"] = "*"
    (root / "composer.json").write_text(json.dumps(composer))
    platform = prepared.front.add_platform("Broken", str(root), prepared.front.web_server)
    nid = prepared.queued(platform, "verify")
    assert prepared.run(nid).status == 2
    (message,) = [str(row["message"]) for row in prepared.log(nid) if row["error"] == "PROVISION_COMPOSER"]
    assert "Install the platform's packages with composer: composer ended with status 2" in message
    assert "ext-nonexisting * but it is missing" in message
    assert "php.ini" not in message


DRUSH = """#!/bin/sh
# Stands for drush 8: `drush @none make --yes [options] MAKEFILE ROOT`
for last; do :; done
if [ -e {home}/fail ]; then mkdir -p "$last/half"; echo "cannot fetch drupal" >&2; exit 1; fi
cp -a {home}/ready "$last"
"""


def test_a_missing_platform_is_built_from_its_makefile(
    prepared: Hosting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_platform(tmp_path / "ready", 7)
    (tmp_path / "drush").write_text(DRUSH.format(home=tmp_path))
    (tmp_path / "drush").chmod(0o755)
    (tmp_path / "site.make").write_text("core = 7.x\napi = 2\n")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin")
    root = prepared.home / "platforms" / "made"
    platform = prepared.front.add_platform(
        "Made", str(root), prepared.front.web_server, makefile=str(tmp_path / "site.make")
    )
    (tmp_path / "fail").touch()
    nid = prepared.queued(platform, "verify")
    assert prepared.run(nid).status == 2
    assert prepared.errors(nid) == ["DRUSH_MAKE_FAILED"]
    assert not root.exists(), "what a failed build left is removed"
    (tmp_path / "fail").unlink()
    assert prepared.run(prepared.front.queue_task(platform, "verify")).status == 1, prepared.said()
    assert (root / "index.php").exists()
