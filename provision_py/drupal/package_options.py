"""Packages as Provision stores them in the drushrc.php of a platform or a site.

The structures are those that PHP's front end and Provision read, so that they can take over again
(reference: backend.md sections 8.1 and 8.3). Not stored are a theme's engine (``owner``, ``prefix``,
``template``) and a system row's ``owner``, ``bootstrap`` and ``weight``: nothing reads them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from provision_py.drupal.model import Package, PlatformPackages, SitePackages
from provision_py.php.values import PhpArray, php_list

LOCAL_PLATFORM = -1
"""The platform of a package that lies in a site's own directory."""


def platform_options(packages: PlatformPackages, sites: Sequence[str]) -> PhpArray:
    """All options of ``sites/all/drush/drushrc.php``: ``sites``, ``profiles``, ``packages``."""
    return {
        "sites": php_list(sites),
        "profiles": php_list(packages.profiles),
        "packages": to_option(packages),
    }


def to_option(packages: PlatformPackages) -> PhpArray:
    """The ``packages`` option of a platform."""
    # What lies in sites/all belongs to two groups; it is one and the same value in both.
    made: dict[int, PhpArray] = {}

    def entry(package: Package) -> PhpArray:
        if id(package) not in made:
            made[id(package)] = _entry(package)
        return made[id(package)]

    def sections(group: Sequence[Package]) -> PhpArray:
        return {
            kind: {package.short_name: entry(package) for package in group if package.kind == kind}
            for kind in ("modules", "themes")
        }

    base = sections(packages.base)
    for kind in ("platforms", "profiles"):
        base[kind] = {package.short_name: entry(package) for package in packages.base if package.kind == kind}
    return {
        "base": base,
        "sites-all": sections(packages.sites_all),
        "profiles": {name: sections(inside) for name, inside in packages.profiles.items()},
    }


def site_option(packages: SitePackages) -> PhpArray:
    """The ``packages`` option of a site."""
    kinds = ("platforms", "profiles", "modules", "themes")
    return {
        kind: {package.short_name: _site_entry(package) for package in packages.packages if package.kind == kind}
        for kind in kinds
    }


def _entry(package: Package) -> PhpArray:
    """One package of a platform."""
    if package.kind == "platforms":
        return _platform_entry(package)
    if package.kind == "profiles":
        return _profile_entry(package)
    entry: PhpArray = {
        "filename": package.filename,
        "basename": os.path.basename(package.filename),
        "name": package.short_name if package.filename.endswith(".module") else package.name,
        "info": package.info,
    }
    if package.kind == "modules":
        entry["schema_version"] = _schema_version(package)
    entry["version"] = package.version
    return entry


def _site_entry(package: Package) -> PhpArray:
    """One package of a site; from Drupal 8 on the values of the info file stand beside ours, as Provision has it."""
    if package.kind == "platforms":
        return _platform_entry(package)
    if package.kind == "profiles":
        return {**_profile_entry(package), "status": package.status}
    local: PhpArray = {"platform": LOCAL_PLATFORM} if package.local else {}
    if _is_yml(package):
        entry: PhpArray = {**package.info, "version": package.version, "filename": package.filename, **local}
        entry["status"] = package.status
        if package.kind == "modules":
            entry["schema_version"] = package.schema_version
        return entry
    return {
        "filename": package.filename,
        "name": package.short_name,
        "type": package.kind.removesuffix("s"),
        "status": str(package.status or 0),
        "schema_version": _schema_version(package),
        "info": package.info,
        **local,
        "version": package.version,
    }


def _platform_entry(package: Package) -> PhpArray:
    return {
        "short_name": package.short_name,
        "version": package.version,
        "description": f"Code base of Drupal {package.version}",
    }


def _profile_entry(package: Package) -> PhpArray:
    entry: PhpArray = {"name": package.name if _is_yml(package) else package.short_name, "info": package.info}
    entry["filename"] = package.filename
    if _is_yml(package):
        entry["path"] = os.path.dirname(package.filename)
    entry["version"] = package.version
    return entry


def _schema_version(package: Package) -> int | str:
    """A text when it comes from an update function or from the row of an installed module, else the number 0."""
    installed = package.kind == "modules" and package.status == 1
    return str(package.schema_version) if package.schema_version > 0 or installed else 0


def _is_yml(package: Package) -> bool:
    return package.filename.endswith(".info.yml")
