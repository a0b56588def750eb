"""The packages of one site: what it could use, what is enabled there, which database schema each has.

What is enabled is in the site's database. These functions get it as plain data and add what the files say
(reference: backend.md section 8.3, frontend.md section 7.2 shape B).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

from provision_py.drupal.extensions import MODULE, THEME, Extensions
from provision_py.drupal.info import is_hidden
from provision_py.drupal.layout import site_path
from provision_py.drupal.model import CodeBase, Package, SitePackages
from provision_py.drupal.platform_packages import base_parents, drupal_package, profile_parents
from provision_py.drupal.scan import ScanCache

UNINSTALLED_SCHEMA = -1
"""Drupal's schema version of a module that is not installed."""

_SECTIONS = {"module": MODULE, "theme": THEME}


def site_packages_d7(
    code: CodeBase,
    uri: str,
    profile: str,
    system_rows: Iterable[Mapping[str, object]],
    *,
    cache: ScanCache | None = None,
) -> SitePackages:
    """The packages of a Drupal 7 site from the rows of its ``system`` table.

    A row needs ``name``, ``type``, ``filename`` (relative to the docroot), ``status`` and ``schema_version``;
    numbers may be texts, texts may be bytes. Left out are profiles (the site's own stands in its section),
    hidden modules, and rows whose file name leads out of the docroot.
    """
    extensions = Extensions(code, ScanCache() if cache is None else cache)
    found: dict[tuple[str, str], Package] = {}
    for row in system_rows:
        package = _package_of_row(extensions, row)
        if package is not None:
            found[package.kind, package.short_name] = package
    own = _profiles(extensions, uri).get(profile)
    return _site(code, own[0] if own else None, found.values())


def site_packages_d8(
    code: CodeBase,
    uri: str,
    profile: str,
    core_extension: Mapping[str, object],
    installed_schema: Mapping[str, int],
    *,
    cache: ScanCache | None = None,
) -> SitePackages:
    """The packages of a site of Drupal 8 or later.

    ``core_extension`` is the site's ``core.extension`` configuration: ``module`` and ``theme`` map the names of
    what is enabled to weights. ``installed_schema`` maps modules to schema versions (the ``system.schema``
    collection of the key-value store); a module that is not in it has -1, Drupal's sign for not installed.
    """
    extensions = Extensions(code, ScanCache() if cache is None else cache)
    own = _profiles(extensions, uri).get(profile)
    parents = [*base_parents(code), site_path(code, uri)]
    if own:  # between the core's packages and the contributed ones, as Drupal has it
        parents.insert(1, own[1])
    enabled = {section: _names(core_extension.get(kind)) for kind, section in _SECTIONS.items()}
    found = []
    for package in extensions.in_folders(parents):
        on = package.short_name in enabled[package.kind]
        schema = installed_schema.get(package.short_name, UNINSTALLED_SCHEMA) if package.kind == MODULE else 0
        found.append(_placed(replace(package, status=int(on), schema_version=int(schema)), code))
    return _site(code, own[0] if own else None, found)


def is_local(relative: str) -> bool:
    """Whether a path relative to the docroot lies in the directory of one site."""
    parts = relative.split("/")
    return len(parts) > 2 and parts[0] == "sites" and parts[1] != "all"


def _profiles(extensions: Extensions, uri: str) -> dict[str, tuple[Package, str]]:
    """All profiles that a site may have been installed with, hidden ones too."""
    code = extensions.code
    return extensions.profiles((*profile_parents(code), f"{site_path(code, uri)}/profiles"))


def _site(code: CodeBase, profile: Package | None, packages: Iterable[Package]) -> SitePackages:
    """Drupal itself, the site's profile (None: it is missing) and its other packages."""
    own = () if profile is None else (replace(profile, status=1),)
    return SitePackages((drupal_package(code), *own, *packages))


def _package_of_row(extensions: Extensions, row: Mapping[str, object]) -> Package | None:
    name, kind, relative = (_text(row.get(key)) for key in ("name", "type", "filename"))
    if kind not in _SECTIONS or not name or "/" in name or relative.endswith(".profile") or not _is_inside(relative):
        return None
    filename = f"{extensions.code.docroot}/{relative}"
    info = extensions.info_7(f"{os.path.dirname(filename)}/{name}.info", defaults=True)
    if kind == "module" and is_hidden(info):
        return None
    package = extensions.package(_SECTIONS[kind], name, os.path.realpath(filename), info)
    return replace(
        package,
        status=_number(row.get("status")),
        schema_version=max(0, _number(row.get("schema_version"))),
        local=is_local(relative),
    )


def _placed(package: Package, code: CodeBase) -> Package:
    relative = package.filename.removeprefix(code.docroot + "/")
    return replace(package, filename=os.path.realpath(package.filename), local=is_local(relative))


def _is_inside(relative: str) -> bool:
    return bool(relative) and not os.path.isabs(relative) and ".." not in relative.split("/") and "\0" not in relative


def _names(value: object) -> frozenset[str]:
    return frozenset(str(name) for name in value) if isinstance(value, Mapping) else frozenset()


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else "" if value is None else str(value)


def _number(value: object) -> int:
    try:
        return int(_text(value))
    except ValueError:
        return 0
