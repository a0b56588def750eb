"""Packages as drushrc.php keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest
import trees

from provision_py.drupal.codebase import detect
from provision_py.drupal.package_options import platform_options, site_option, to_option
from provision_py.drupal.platform_packages import platform_packages, sites
from provision_py.drupal.site_packages import site_packages_d7, site_packages_d8
from provision_py.php.values import PhpArray, PhpValue

URI = "site.example.test"


def at(value: PhpValue, *keys: int | str) -> PhpValue:
    for key in keys:
        assert isinstance(value, dict)
        value = value[key]
    return value


def keys(value: PhpValue) -> list[int | str]:
    assert isinstance(value, dict)
    return list(value)


def option(root: Path) -> PhpArray:
    return to_option(platform_packages(detect(str(root)))[0])


@pytest.mark.parametrize("major", [7, 10])
def test_sections(tmp_path: Path, major: int) -> None:
    trees.platform(tmp_path, major)
    found = option(tmp_path)
    assert keys(found) == ["base", "sites-all", "profiles"]
    assert keys(found["base"]) == ["modules", "themes", "platforms", "profiles"]
    assert keys(found["sites-all"]) == ["modules", "themes"]
    for name in keys(found["profiles"]):
        assert keys(at(found, "profiles", name)) == ["modules", "themes"]


def test_entries_of_drupal_7(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 7)
    found = option(tmp_path)
    node = at(found, "base", "modules", "node")
    assert keys(node) == ["filename", "basename", "name", "info", "schema_version", "version"]
    assert (at(node, "basename"), at(node, "name"), at(node, "schema_version")) == ("node.module", "node", "7016")
    assert at(found, "base", "modules", "views", "schema_version") == 0
    assert at(found, "base", "modules", "unversioned", "version") is None
    bartik = at(found, "base", "themes", "bartik")
    assert keys(bartik) == ["filename", "basename", "name", "info", "version"]
    assert (at(bartik, "name"), at(bartik, "filename")) == ("Bartik", f"{top}/themes/bartik/bartik.info")
    standard = at(found, "base", "profiles", "standard")
    assert keys(standard) == ["name", "info", "filename", "version"]
    assert (at(standard, "name"), at(standard, "info", "old_short_name")) == ("standard", "default")
    assert at(standard, "info", "languages") == {0: "en", 1: "de", 2: "pt-br"}
    assert at(found, "base", "platforms", "drupal", "short_name") == "drupal"
    assert at(found, "base", "platforms", "drupal", "version") == "7.105"


def test_entries_of_drupal_10(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 10)
    found = option(tmp_path)
    node = at(found, "base", "modules", "node")
    assert keys(node) == ["filename", "basename", "name", "info", "schema_version", "version"]
    assert (at(node, "basename"), at(node, "name"), at(node, "version")) == ("node.info.yml", "Node", "10.3.6")
    shop = at(found, "base", "profiles", "shop")
    assert keys(shop) == ["name", "info", "filename", "path", "version"]
    assert (at(shop, "name"), at(shop, "path")) == ("Shop", f"{top}/profiles/contrib/shop")


def test_all_options_of_a_platform(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 7)
    trees.write(top, {f"sites/{URI}/settings.php": ""})
    code = detect(str(tmp_path))
    found = platform_options(platform_packages(code)[0], sites(code))
    assert keys(found) == ["sites", "profiles", "packages"]
    assert found["sites"] == {0: URI}
    assert found["profiles"] == {0: "minimal", 1: "standard"}
    assert found["packages"] == option(tmp_path)


def test_site_of_drupal_7(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 7)
    trees.write(top, trees.below(f"sites/{URI}/modules", trees.module(7, "private")))
    rows = [
        {
            "type": "module",
            "name": "node",
            "filename": "modules/node/node.module",
            "status": 1,
            "schema_version": 7015,
        },
        {"type": "module", "name": "private", "filename": f"sites/{URI}/modules/private/private.module", "status": 0},
        {"type": "theme", "name": "bartik", "filename": "themes/bartik/bartik.info", "status": 1},
    ]
    found = site_option(site_packages_d7(detect(str(tmp_path)), URI, "standard", rows))
    assert keys(found) == ["platforms", "profiles", "modules", "themes"]
    node = at(found, "modules", "node")
    assert keys(node) == ["filename", "name", "type", "status", "schema_version", "info", "version"]
    assert [at(node, key) for key in ("type", "status", "schema_version")] == ["module", "1", "7015"]
    assert at(found, "modules", "private", "platform") == -1
    assert [at(found, "modules", "private", key) for key in ("status", "schema_version")] == ["0", 0]
    assert at(found, "profiles", "standard", "status") == 1
    assert at(found, "themes", "bartik", "type") == "theme"


def test_site_of_drupal_10(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 10)
    trees.write(top, trees.below(f"sites/{URI}/modules", trees.module(10, "private")))
    enabled = {"module": {"node": 0, "private": 0}, "theme": {"olivero": 0}}
    found = site_option(site_packages_d8(detect(str(tmp_path)), URI, "standard", enabled, {"node": 10201}))
    node = at(found, "modules", "node")
    assert keys(node) == ["name", "type", "version", "filename", "status", "schema_version"]
    assert [at(node, key) for key in ("name", "type", "version", "status", "schema_version")] == [
        "Node",
        "module",
        "10.3.6",
        1,
        10201,
    ]
    assert at(found, "modules", "private", "platform") == -1
    assert "schema_version" not in keys(at(found, "themes", "olivero"))
    assert at(found, "profiles", "standard", "status") == 1
