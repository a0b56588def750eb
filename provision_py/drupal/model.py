"""Packages: modules, themes, profiles and Drupal itself, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from provision_py.php.values import PhpArray
from provision_py.system.host import Secret


@dataclass(frozen=True)
class CodeBase:
    """A Drupal code base on disk.

    ``root`` is the folder named by the user, ``docroot`` the one with ``index.php`` (the same, or a subfolder);
    ``version`` the full version string (``7.105``, ``10.3.6``), ``major`` its first number.
    """

    root: str
    docroot: str
    version: str
    major: int


@dataclass(frozen=True)
class Package:
    """One module, theme, profile or the platform package ``drupal``.

    ``kind`` is the section it stands in: ``modules``, ``themes``, ``profiles``, ``platforms``. ``version`` is None
    when the info file has none. ``status`` is None in a platform's list (it means something on sites only).
    ``local`` marks a package that lies in the site's own directory (stored as platform -1).
    """

    kind: str
    short_name: str
    name: str
    filename: str
    version: str | None
    description: str = ""
    old_short_name: str = ""
    schema_version: int = 0
    status: int | None = None
    local: bool = False
    languages: tuple[str, ...] = ()
    info: PhpArray = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class PlatformPackages:
    """Packages of a platform in the groups of Provision's ``packages`` option.

    ``base`` and ``sites_all`` hold packages; ``profiles`` maps a profile's short name to the packages inside it.
    """

    base: tuple[Package, ...]
    sites_all: tuple[Package, ...]
    profiles: Mapping[str, tuple[Package, ...]]


@dataclass(frozen=True)
class SitePackages:
    """Packages of one site: what it can use and what is enabled there."""

    packages: tuple[Package, ...]


@dataclass(frozen=True)
class Credentials:
    """What a site needs to reach its database (``db_*`` options of the site's drushrc.php)."""

    host: str
    port: int
    name: str
    user: str
    password: Secret
    driver: str = "mysql"
