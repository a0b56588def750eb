"""What a platform offers to its sites, per major version of Drupal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import trees

from provision_py.drupal.codebase import detect
from provision_py.drupal.model import Package, PlatformPackages
from provision_py.drupal.platform_packages import platform_packages, sites
from provision_py.errors import DrupalError

NEW = [8, 9, 10, 11]


def scanned(root: Path) -> PlatformPackages:
    packages, warnings = platform_packages(detect(str(root)))
    assert warnings == []
    return packages


def find(packages: tuple[Package, ...], kind: str, short_name: str) -> Package:
    (found,) = [package for package in packages if (package.kind, package.short_name) == (kind, short_name)]
    return found


def names(packages: tuple[Package, ...], kind: str) -> set[str]:
    listed = [package.short_name for package in packages if package.kind == kind]
    assert len(listed) == len(set(listed))
    return set(listed)


# -- Drupal 7 --------------------------------------------------------------------------------------------------


def test_groups_of_drupal_7(tmp_path: Path) -> None:
    trees.platform(tmp_path, 7)
    packages = scanned(tmp_path)
    assert names(packages.base, "modules") == {"node", "block", "views", "unversioned"}
    assert names(packages.base, "themes") == {"bartik", "plain"}
    assert names(packages.base, "profiles") == {"standard", "minimal"}
    assert names(packages.base, "platforms") == {"drupal"}
    assert names(packages.sites_all, "modules") == {"views", "unversioned", "block"}
    assert {name: names(inside, "modules") for name, inside in packages.profiles.items()} == {
        "minimal": set(),
        "standard": {"extra"},
    }


def test_each_module_keeps_its_own_version(tmp_path: Path) -> None:
    trees.platform(tmp_path, 7)
    packages = scanned(tmp_path)
    versions = {name: find(packages.base, "modules", name).version for name in ("node", "views", "unversioned")}
    assert versions == {"node": "7.105", "views": "7.x-3.29", "unversioned": None}
    assert find(packages.profiles["standard"], "modules", "extra").version == "7.x-1.0"
    assert find(packages.base, "themes", "bartik").version == "7.105"
    assert find(packages.base, "themes", "plain").version is None


def test_a_module_in_sites_all_replaces_the_cores(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 7)
    block = find(scanned(tmp_path).base, "modules", "block")
    assert (block.name, block.version) == ("Better Block", "7.x-9.9")
    assert block.filename == f"{top}/sites/all/modules/block/block.module"


def test_a_module_further_up_wins_over_its_copy_below(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 7)
    trees.write(top, trees.below("sites/all/modules/a_bundle/modules", trees.module(7, "views", version="7.x-1.0")))
    trees.write(top, trees.below("sites/all/modules", trees.module(7, "views", version="7.x-3.0")))
    assert find(scanned(tmp_path).base, "modules", "views").version == "7.x-3.0"


def test_module_of_drupal_7_in_full(tmp_path: Path) -> None:
    top = trees.platform(tmp_path, 7)
    node = find(scanned(tmp_path).base, "modules", "node")
    assert node == Package("modules", "node", "Node", f"{top}/modules/node/node.module", "7.105", schema_version=7016)
    assert node.info == {
        "name": "Node",
        "core": "7.x",
        "version": "7.105",
        "dependencies": {},
        "description": "",
        "php": "5.2.4",
    }


def test_profiles_of_drupal_7(tmp_path: Path) -> None:
    trees.platform(tmp_path, 7)
    packages = scanned(tmp_path)
    standard, minimal = (find(packages.base, "profiles", name) for name in ("standard", "minimal"))
    assert (standard.filename, standard.old_short_name) == ("./profiles/standard/standard.info", "default")
    assert standard.languages == ("en", "de", "pt-br")
    assert standard.info["languages"] == {0: "en", 1: "de", 2: "pt-br"}
    assert (minimal.old_short_name, minimal.version, minimal.languages) == ("standard", "7.105", ("en",))


def test_profile_that_names_what_it_was_called(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 7)
    trees.write(top, {"profiles/shop/shop.info": "name = Shop\nold_short_name = market\n"})
    assert find(scanned(tmp_path).base, "profiles", "shop").old_short_name == "market"


def test_hidden_themes_of_drupal_7_are_listed(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 7)
    trees.write(top, {"themes/secret/secret.info": "name = Secret\nhidden = TRUE\n"})
    assert names(scanned(tmp_path).base, "themes") == {"secret"}


# -- Drupal 8 and later ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", NEW)
def test_groups(tmp_path: Path, major: int) -> None:
    trees.platform(tmp_path, major)
    packages = scanned(tmp_path)
    assert names(packages.base, "modules") == {"node", "block", "config", "token", "own"}
    assert names(packages.base, "themes") == {"olivero", "own_theme"}
    assert names(packages.base, "profiles") == {"standard", "shop"}
    assert packages.sites_all == ()
    assert {name: names(inside, "modules") for name, inside in packages.profiles.items()} == {
        "standard": set(),
        "shop": {"cart"},
    }


@pytest.mark.parametrize("major", NEW)
def test_versions_and_schemas(tmp_path: Path, major: int) -> None:
    trees.platform(tmp_path, major)
    base = scanned(tmp_path).base
    node, token, own = (find(base, "modules", name) for name in ("node", "token", "own"))
    assert (node.version, token.version, own.version) == (trees.VERSIONS[major], "8.x-1.13", None)
    assert (node.schema_version, token.schema_version) == (major * 1000 + 205, major * 1000)
    assert find(base, "platforms", "drupal").version == trees.VERSIONS[major]
    assert find(base, "profiles", "shop").languages == ("en", "fr")
    assert find(base, "profiles", "shop").version == "2.1.0"
    assert find(base, "modules", "block").description == "Places: blocks"


def test_updates_older_than_the_major_do_not_lower_the_least_schema(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    trees.write(top, trees.below("modules", trees.module(10, "old", install=trees.updates("old", 8001, 8203))))
    assert find(scanned(tmp_path).base, "modules", "old").schema_version == 10000


def test_test_modules_are_listed_when_asked_for(tmp_path: Path) -> None:
    trees.platform(tmp_path, 10)
    packages, warnings = platform_packages(detect(str(tmp_path)), test_modules=True)
    assert warnings == []
    assert "node_test" in names(packages.base, "modules")
    assert "no_module" not in names(packages.base, "modules")  # configuration is no place for code either way


def test_a_module_named_config_is_found_and_configuration_is_not_searched(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 11)
    trees.write(top, trees.below("core/modules", trees.module(11, "config")))
    trees.write(top, trees.below("core/modules/config/config", trees.module(11, "deep")))
    assert names(scanned(tmp_path).base, "modules") == {"config"}


def test_contributed_module_wins_over_the_cores(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 9)
    trees.write(top, trees.below("core/modules", trees.module(9, "ckeditor", version="VERSION")))
    trees.write(top, trees.below("modules/contrib", trees.module(9, "ckeditor", version="1.0.2")))
    assert find(scanned(tmp_path).base, "modules", "ckeditor").version == "1.0.2"


def test_broken_info_file_is_told_and_its_module_is_listed(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    trees.write(top, {"modules/bad/bad.info.yml": "name: Bad\ntype: module\nversion: '1.0'\n oops: [\n"})
    trees.write(top, {"modules/empty/empty.info.yml": ""})
    packages, warnings = platform_packages(detect(str(tmp_path)))
    assert names(packages.base, "modules") == {"bad"}
    assert find(packages.base, "modules", "bad").version == "1.0"
    assert [warning.split(": ")[0] for warning in warnings] == [
        f"{top}/modules/bad/bad.info.yml",
        f"{top}/modules/empty/empty.info.yml",
    ]


def test_numbers_and_lists_where_texts_belong(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    trees.write(top, {"modules/odd/odd.info.yml": "name: 123\ntype: module\nversion: 1.5\ndescription: [a]\n"})
    odd = find(scanned(tmp_path).base, "modules", "odd")
    assert (odd.name, odd.version, odd.description) == ("123", "1.5", "")


def test_types_that_are_no_extension_are_left_out(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    trees.write(top, {"modules/engine/engine.info.yml": "name: Engine\ntype: theme_engine\n"})
    trees.write(top, {"modules/list/list.info.yml": "name: List\n"})
    assert names(scanned(tmp_path).base, "modules") == {"list"}


# -- Both ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("major", [7, 10])
def test_symlinked_folders_are_followed_but_not_in_circles(tmp_path: Path, major: int) -> None:
    top = trees.core(tmp_path / "platform", major)
    trees.write(tmp_path / "shared", trees.below("pack", trees.module(major, "linked")))
    trees.write(top, {"sites/all/modules/readme.txt": ""})
    os.symlink(tmp_path / "shared", top / "sites/all/modules/shared")
    os.symlink(tmp_path / "shared", top / "sites/all/modules/shared_again")
    os.symlink(top, top / "sites/all/modules/up")
    os.symlink("self", top / "sites/all/modules/self")
    assert names(scanned(tmp_path / "platform").sites_all, "modules") == {"linked"}


def test_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 10)
    trees.write(top, {"modules/readme.txt": ""})
    deep = top / "modules"
    for _ in range(3):  # a path longer than the system takes cannot be listed, even by root
        deep = deep / ("d" * 200)
    deep.mkdir(parents=True)
    descriptor = os.open(deep, os.O_RDONLY)
    try:
        for _ in range(18):
            os.mkdir("d" * 200, dir_fd=descriptor)
            below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
    finally:
        os.close(descriptor)
    packages, warnings = platform_packages(detect(str(tmp_path)))
    assert names(packages.base, "platforms") == {"drupal"}
    assert len(warnings) == 1
    assert "cannot be read" in warnings[0]


def test_sites(tmp_path: Path) -> None:
    top = trees.core(tmp_path, 7)
    trees.write(
        top,
        {
            "sites/default/settings.php": "",
            "sites/all/settings.php": "",
            "sites/b.example.test/settings.php": "",
            "sites/A.example.test/settings.php": "",
            "sites/empty.example.test/readme.txt": "",
            "sites/sites.php": "",
        },
    )
    os.symlink("b.example.test", top / "sites/www.b.example.test")
    assert sites(detect(str(tmp_path))) == ("A.example.test", "b.example.test")


def test_sites_without_a_folder(tmp_path: Path) -> None:
    trees.write(tmp_path, {"index.php": "", "includes/bootstrap.inc": trees.bootstrap_inc("7.1")})
    with pytest.raises(DrupalError) as caught:
        sites(detect(str(tmp_path)))
    assert caught.value.code == "DRUSH_NO_SITE"
