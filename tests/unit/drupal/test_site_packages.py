"""What a site can use and what is enabled there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trees

from provision_py.drupal.codebase import detect
from provision_py.drupal.model import Package, SitePackages
from provision_py.drupal.site_packages import is_local, site_packages_d7, site_packages_d8

URI = "site.example.test"


def by_name(packages: SitePackages, kind: str) -> dict[str, Package]:
    return {package.short_name: package for package in packages.packages if package.kind == kind}


def row(kind: str, name: str, filename: str, status: object = 1, schema: object = 0) -> dict[str, object]:
    return {"type": kind, "name": name, "filename": filename, "status": status, "schema_version": schema}


@pytest.fixture
def seven(tmp_path: Path) -> Path:
    top = trees.platform(tmp_path, 7)
    trees.write(top, trees.below(f"sites/{URI}/modules", trees.module(7, "private", version="7.x-0.1")))
    return top


def test_rows_of_drupal_7(seven: Path) -> None:
    rows = [
        row("module", "node", "modules/node/node.module", "1", "7015"),
        row("module", "views", "sites/all/modules/contrib/views/views.module", 0, -1),
        row("module", "private", f"sites/{URI}/modules/private/private.module", 1, 0),
        row("module", "standard", "profiles/standard/standard.profile", 1, 0),
        row("module", "node_test", "modules/node_test/node_test.module", 1, 0),
        row("theme", "bartik", "themes/bartik/bartik.info", 1, -1),
        row("theme_engine", "phptemplate", "themes/engines/phptemplate/phptemplate.engine"),
    ]
    packages = site_packages_d7(detect(str(seven)), URI, "standard", rows)
    assert set(by_name(packages, "modules")) == {"node", "views", "private"}
    assert set(by_name(packages, "themes")) == {"bartik"}
    node, views, private = (by_name(packages, "modules")[name] for name in ("node", "views", "private"))
    assert node == Package(
        "modules", "node", "Node", f"{seven}/modules/node/node.module", "7.105", schema_version=7015, status=1
    )
    assert (views.status, views.schema_version, views.version, views.local) == (0, 0, "7.x-3.29", False)
    assert (private.status, private.local, private.version) == (1, True, "7.x-0.1")
    bartik = by_name(packages, "themes")["bartik"]
    assert (bartik.name, bartik.status, bartik.schema_version) == ("Bartik", 1, 0)


@pytest.mark.parametrize("profile", ["standard", "testing"])
def test_profile_and_core_of_drupal_7(seven: Path, profile: str) -> None:
    packages = site_packages_d7(detect(str(seven)), URI, profile, [])
    assert set(by_name(packages, "profiles")) == {profile}
    assert by_name(packages, "profiles")[profile].status == 1
    assert by_name(packages, "platforms")["drupal"].version == "7.105"


def test_profile_that_the_platform_does_not_have(seven: Path) -> None:
    assert by_name(site_packages_d7(detect(str(seven)), URI, "gone", []), "profiles") == {}


def test_row_of_a_module_whose_files_are_gone(seven: Path) -> None:
    rows = [row("module", "gone", "sites/all/modules/gone/gone.module", 1, 7100)]
    gone = by_name(site_packages_d7(detect(str(seven)), URI, "standard", rows), "modules")["gone"]
    assert (gone.name, gone.version, gone.status, gone.schema_version) == ("gone", None, 1, 7100)


def test_bytes_and_odd_values_in_rows(seven: Path) -> None:
    rows: list[dict[str, object]] = [
        row(b"module", b"node", b"modules/node/node.module", b"1", b"7015"),  # type: ignore[arg-type] # as the database gives them
        {"type": "module", "name": "block", "filename": "modules/block/block.module"},
        row("module", "extra", "profiles/standard/modules/extra/extra.module", "x", None),
    ]
    modules = by_name(site_packages_d7(detect(str(seven)), URI, "standard", rows), "modules")
    assert {name: (module.status, module.schema_version) for name, module in modules.items()} == {
        "node": (1, 7015),
        "block": (0, 0),
        "extra": (0, 0),
    }


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("x", "/etc/passwd"),
        ("x", "../../etc/x.module"),
        ("x", "modules/../../x.module"),
        ("x", ""),
        ("../x", "modules/node/node.module"),
        ("", "modules/node/node.module"),
        ("x", "a\0b.module"),
    ],
)
def test_rows_that_lead_out_of_the_docroot(seven: Path, name: str, filename: str) -> None:
    packages = site_packages_d7(detect(str(seven)), URI, "standard", [row("module", name, filename)])
    assert by_name(packages, "modules") == {}


def test_real_paths_are_given(seven: Path) -> None:
    (seven / "sites/all/modules/contrib").rename(seven.parent / "shared_contrib")
    os.symlink(seven.parent / "shared_contrib", seven / "sites/all/modules/contrib")
    rows = [row("module", "views", "sites/all/modules/contrib/views/views.module")]
    views = by_name(site_packages_d7(detect(str(seven)), URI, "standard", rows), "modules")["views"]
    assert views.filename == f"{seven.parent}/shared_contrib/views/views.module"


@pytest.mark.parametrize("major", [8, 9, 10, 11])
def test_site_of_drupal_8_and_later(tmp_path: Path, major: int) -> None:
    top = trees.platform(tmp_path, major)
    trees.write(top, trees.below(f"sites/{URI}/modules", trees.module(major, "private", version="1.0.0")))
    trees.write(top, trees.below("sites/other.example.test/modules", trees.module(major, "foreign")))
    enabled = {
        "module": {"node": 0, "private": 5, "shop": 1000, "cart": 0, "hidden_one": 0, "gone": 0},
        "theme": {"olivero": 0},
        "profile": "shop",
    }
    installed = {"node": major * 1000 + 3, "private": 8000, "token": -1}
    packages = site_packages_d8(detect(str(tmp_path)), URI, "shop", enabled, installed)
    modules = by_name(packages, "modules")
    assert {name: (module.status, module.schema_version) for name, module in modules.items()} == {
        "node": (1, major * 1000 + 3),
        "block": (0, -1),
        "config": (0, -1),
        "token": (0, -1),
        "own": (0, -1),
        "cart": (1, -1),
        "private": (1, 8000),
    }
    assert [name for name, module in modules.items() if module.local] == ["private"]
    assert modules["node"].version == trees.VERSIONS[major]
    assert modules["private"].filename == f"{top}/sites/{URI}/modules/private/private.info.yml"
    themes = by_name(packages, "themes")
    assert {name: (theme.status, theme.schema_version) for name, theme in themes.items()} == {
        "olivero": (1, 0),
        "own_theme": (0, 0),
    }
    (shop,) = by_name(packages, "profiles").values()
    assert (shop.short_name, shop.status, shop.version) == ("shop", 1, "2.1.0")
    assert set(by_name(packages, "platforms")) == {"drupal"}


def test_modules_of_other_profiles_are_not_the_sites(tmp_path: Path) -> None:
    trees.platform(tmp_path, 10)
    packages = site_packages_d8(detect(str(tmp_path)), URI, "standard", {"module": {}, "theme": {}}, {})
    assert "cart" not in by_name(packages, "modules")


def test_hidden_profile_of_a_site_is_listed(tmp_path: Path) -> None:
    trees.platform(tmp_path, 10)
    packages = site_packages_d8(detect(str(tmp_path)), URI, "testing", {}, {})
    assert set(by_name(packages, "profiles")) == {"testing"}


def test_the_sites_own_copy_wins(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 10)
    trees.write(top, trees.below(f"sites/{URI}/modules", trees.module(10, "token", version="9.9.9")))
    token = by_name(site_packages_d8(detect(str(tmp_path)), URI, "standard", {}, {}), "modules")["token"]
    assert (token.version, token.local) == ("9.9.9", True)


@pytest.mark.parametrize(
    ("path", "local"),
    [
        ("sites/a.example.test/modules/x/x.module", True),
        ("sites/default/modules/x/x.module", True),
        ("sites/all/modules/x/x.module", False),
        ("modules/x/x.module", False),
        ("sites/x.module", False),
        ("profiles/sites/a/x.module", False),
    ],
)
def test_is_local(path: str, local: bool) -> None:
    assert is_local(path) is local
