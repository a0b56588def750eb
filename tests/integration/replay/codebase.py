"""A Drupal 7 on disk that has the packages of recorded rows, and no code that does anything."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from provision_py.drupal.model import Package
from replay.outcomes import packages_of, platform_packages
from replay.rewind import State


def write_code_base(state: State, platform: int, root: Path) -> None:
    """Write the code base of a platform (nid) whose rows name files below ``root``."""
    packages = platform_packages(state, platform)
    (core,) = (package for package in packages.base if package.kind == "platforms")
    _write(root / "index.php", "<?php\n")
    _write(root / "includes/bootstrap.inc", f"<?php\ndefine('VERSION', '{core.version}');\n")
    _write(root / "sites/all/README.txt", "")
    _write(root / "sites/default/default.settings.php", "<?php\n")
    lists = (packages.base, *packages.profiles.values(), *_lists_of_sites(state, platform))
    for package in {(each.kind, each.short_name): each for group in lists for each in group}.values():
        _write_package(package, root)


def _lists_of_sites(state: State, platform: int) -> Iterable[list[Package]]:
    return [packages_of(state, row.number("nid")) for row in state.find("hosting_site", platform=platform)]


def _write_package(package: Package, root: Path) -> None:
    if package.kind == "platforms":
        return
    # file names of profiles are relative to the root
    folder = (root / package.filename).parent
    info = [f"name = {package.name}", f"description = {package.description}", "core = 7.x"]
    if package.version is not None:
        info.append(f"version = {package.version}")
    _write(folder / f"{package.short_name}.info", "\n".join(info) + "\n")
    if package.kind == "modules":
        _write(folder / f"{package.short_name}.module", "<?php\n")
    if package.kind == "profiles":
        _write(folder / f"{package.short_name}.profile", "<?php\n")
    if package.schema_version > 0:
        update = f"function {package.short_name}_update_{package.schema_version}() {{}}"
        _write(folder / f"{package.short_name}.install", f"<?php\n{update}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
