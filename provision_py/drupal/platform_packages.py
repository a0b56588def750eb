"""The packages of a platform: what every site on it may use, and the sites that lie in it.

Groups and search paths are those of Provision's ``packages`` option (reference: backend.md section 8.1,
frontend.md section 7.2 shape A).
"""

from __future__ import annotations

import os

from provision_py.drupal.extensions import Extensions
from provision_py.drupal.info import is_hidden
from provision_py.drupal.model import CodeBase, Package, PlatformPackages
from provision_py.drupal.scan import ScanCache
from provision_py.errors import DrupalError


def platform_packages(
    code: CodeBase, *, cache: ScanCache | None = None, test_modules: bool = False
) -> tuple[PlatformPackages, list[str]]:
    """The packages of a platform, and a sentence for each file that is broken.

    With a ``cache`` only files that changed are read; the caller saves it. ``test_modules`` adds what lies in
    ``tests`` folders of Drupal 8 and later; no site can enable those, so they are left out by default.
    """
    extensions = Extensions(code, ScanCache() if cache is None else cache, test_modules)
    profiles = {
        name: (package, folder)
        for name, (package, folder) in extensions.profiles(profile_parents(code)).items()
        if not is_hidden(package.info)
    }
    packages = PlatformPackages(
        base=(
            *extensions.in_folders(base_parents(code)),
            *(package for package, _folder in profiles.values()),
            drupal_package(code),
        ),
        sites_all=extensions.in_folders((f"{code.docroot}/sites/all",)),
        profiles={name: extensions.in_folders((folder,)) for name, (_package, folder) in profiles.items()},
    )
    return packages, list(dict.fromkeys(extensions.warnings))


def drupal_package(code: CodeBase) -> Package:
    """The package that stands for Drupal itself."""
    return Package("platforms", "drupal", "drupal", "", code.version)


def sites(code: CodeBase) -> tuple[str, ...]:
    """Names of the folders below ``sites`` with a ``settings.php``, sorted; not ``default``, ``all`` or symlinks.

    ``sites/all/settings.php`` is a file that settings of all sites may share, not a site.
    Raises DrupalError ``DRUSH_NO_SITE`` when the ``sites`` folder cannot be listed.
    """
    folder = f"{code.docroot}/sites"
    try:
        with os.scandir(folder) as entries:
            names = [
                entry.name
                for entry in entries
                if entry.name not in ("default", "all")
                and entry.is_dir(follow_symlinks=False)
                and os.path.isfile(f"{entry.path}/settings.php")
            ]
    except OSError as error:
        raise DrupalError(
            f"The platform's sites cannot be listed: {error.strerror}",
            where=folder,
            hint="Check that the folder exists and may be read",
            code="DRUSH_NO_SITE",
        ) from error
    return tuple(sorted(names))


def base_parents(code: CodeBase) -> tuple[str, ...]:
    """Folders whose modules and themes every site of a platform may use; later ones win."""
    shared = f"{code.docroot}/sites/all"
    if code.major < 8:
        return code.docroot, shared
    return f"{code.docroot}/core", code.docroot, shared


def profile_parents(code: CodeBase) -> tuple[str, ...]:
    """Folders with install profiles; later ones win."""
    own = f"{code.docroot}/profiles"
    return (own,) if code.major < 8 else (f"{code.docroot}/core/profiles", own)
