"""A Drupal 7 on disk that has the packages of recorded rows: without code that does anything, or one that runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from provision_py.drupal.model import Package
from provision_py.sandbox.platforms import make_platform
from replay.outcomes import packages_of, platform_packages
from replay.rewind import State

#: What says which packages there are; in a stand-in these files are the recorded ones and not its own.
_DECLARING = (".info", ".install", ".profile")


def write_code_base(state: State, platform: int, root: Path) -> None:
    """Write the code base of a platform (nid) whose rows name files below ``root``."""
    packages = platform_packages(state, platform)
    (core,) = (package for package in packages.base if package.kind == "platforms")
    _write(root / "index.php", "<?php\n")
    _write(root / "includes/bootstrap.inc", f"<?php\ndefine('VERSION', '{core.version}');\n")
    _write(root / "sites/all/README.txt", "")
    _write(root / "sites/default/default.settings.php", "<?php\n")
    lists = (packages.base, *packages.profiles.values(), *_lists_of_sites(state, platform))
    for package in _merged(each for group in lists for each in group):
        _write_package(package, root)


def write_stand_in(state: State, platform: int, root: Path) -> None:
    """The same with the code of :func:`make_platform`, which can be installed and started."""
    write_code_base(state, platform, root)
    (core,) = (package for package in platform_packages(state, platform).base if package.kind == "platforms")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        make_platform(source, 7, version=core.version)
        for file in source.rglob("*"):
            if file.is_file() and file.suffix not in _DECLARING:
                target = root / file.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, target)


def let_profile_enable(packages: Iterable[Package], root: Path) -> None:
    """Make the profile in these packages of a site enable what is enabled there.

    The real profiles reach that with dependencies of dependencies and with code.
    """
    enabled = [package for package in packages if package.status == 1]
    (profile,) = (package.short_name for package in enabled if package.kind == "profiles")
    folder = root / "profiles" / profile
    with (folder / f"{profile}.info").open("a") as info:
        info.writelines(f"dependencies[] = {each.short_name}\n" for each in enabled if each.kind == "modules")
    themes = ", ".join(f"'{each.short_name}'" for each in enabled if each.kind == "themes")
    sql = f"UPDATE {{system}} SET status = 1 WHERE type = 'theme' AND name IN ({themes})"
    _write(folder / f"{profile}.install", f'<?php\nfunction {profile}_install() {{ db_query("{sql}"); }}\n')


def _merged(packages: Iterable[Package]) -> Iterable[Package]:
    """One of each package, as its files say: the lists of sites have no schema version of what is not enabled, and
    the list of the platform has Drupal's own version for what has none.
    """
    found: dict[tuple[str, str], Package] = {}
    for package in packages:
        known = found.setdefault((package.kind, package.short_name), package)
        version = None if known.version is None else package.version
        schema = max(known.schema_version, package.schema_version)
        found[package.kind, package.short_name] = replace(package, version=version, schema_version=schema)
    return found.values()


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
