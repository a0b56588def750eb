"""Directories, modes and links of sites and platforms."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision_py.drupal.layout import (
    client_backups_directory,
    client_directory,
    client_link,
    platform_directories,
    site_directories,
    site_files,
    site_path,
)
from provision_py.drupal.model import CodeBase
from provision_py.errors import DrupalError
from provision_py.system.configfile import Directory, Link

CODE = CodeBase("/p", "/p/web", "10.1.0", 10)
URI = "site.example.test"


def test_site_directories() -> None:
    found = {
        entry.path.removeprefix(f"/p/web/sites/{URI}"): entry for entry in site_directories(CODE, URI, "www-data")
    }
    assert found[""] == Directory(f"/p/web/sites/{URI}", 0o755, None)
    for name in ("/themes", "/modules", "/libraries", "/vendor"):
        assert (found[name].mode, found[name].group) == (0o2775, None)
    for name in ("/files", "/files/css", "/files/civicrm/persist", "/private/temp", "/private/config/sync"):
        assert (found[name].mode, found[name].group) == (0o2775, "www-data")
    assert len(found) == 34


@pytest.mark.parametrize("major", [7, 8, 9, 10, 11])
def test_parents_come_before_what_is_in_them(major: int) -> None:
    code = CodeBase("/p", "/p", f"{major}.0", major)
    seen = {"/p/sites"}
    for entry in site_directories(code, URI, "www-data"):
        assert os.path.dirname(entry.path) in seen
        assert entry.path not in seen
        seen.add(entry.path)


def test_platform_directories_leave_the_code_base_alone() -> None:
    assert platform_directories(CODE) == (Directory("/p/web/sites/all/drush", 0o755),)


def test_files_with_secrets_are_never_for_everybody() -> None:
    files = site_files(CODE, URI, "www-data")
    assert {os.path.basename(file.path): file.group for file in files} == {
        "settings.php": "www-data",
        "local.settings.php": "www-data",
        "drushrc.php": None,
    }
    assert {file.mode for file in files} == {0o440}


def test_client_links() -> None:
    assert client_directory("/var/aegir", "clientone") == Directory("/var/aegir/clients/clientone", 0o750)
    assert client_backups_directory("/a", "c") == Directory("/a/clients/c/backups", 0o750)
    assert client_link("/a", "c", CODE, URI) == Link(f"/a/clients/c/{URI}", f"/p/web/sites/{URI}")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../x", "a\0b", "a\nb"])
def test_names_that_are_no_folder_names(name: str) -> None:
    with pytest.raises(DrupalError) as caught:
        site_path(CODE, name)
    assert caught.value.code == "PROVISION_SITE_NAME"
    with pytest.raises(DrupalError):
        client_directory("/a", name)


def test_recorded_modes(reference: Path) -> None:
    """A site that Provision made has these directories, modes and groups, as deep as they were recorded."""
    top = "/var/aegir/platforms/d7/sites/std1.example.test"
    recorded = {}
    for line in (reference / "modes.txt").read_text().splitlines():
        mode, owner, path = line.split(" ", 2)
        if mode.startswith("d"):
            recorded["/" + path.strip("'")] = (mode[1:], owner.split(":")[1])
    code = CodeBase("/var/aegir/platforms/d7", "/var/aegir/platforms/d7", "7.105", 7)
    shown = {0o755: "rwxr-xr-x", 0o2775: "rwxrwsr-x"}
    ours = {
        entry.path: (shown[entry.mode], entry.group or "aegir")
        for entry in site_directories(code, "std1.example.test", "www-data")
        if entry.path.removeprefix(top).count("/") <= 2
    }
    assert len(ours) > 20
    assert {path: mode for path, mode in recorded.items() if path == top or path.startswith(top + "/")} == ours
