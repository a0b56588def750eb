"""What a command found and did, as far as the front end wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from provision_py.drupal.found_packages import FoundPackages
from provision_py.drupal.model import PlatformPackages, SitePackages


@dataclass(frozen=True)
class ImportedSite:
    """What the alias file of a site says about it, for a site that the front end does not know yet.

    ``db_server`` and ``platform`` are context names without ``@``; ``redirection`` is a host name or None.
    """

    db_server: str
    platform: str
    profile: str
    client_name: str | None = None
    language: str = "en"
    cron_key: str = ""
    aliases: tuple[str, ...] = ()
    redirection: str | None = None


@dataclass(frozen=True)
class Outcome:
    """The data that a finished command hands to the write-back; what a command has not is None.

    ``sites`` are names of site folders found on a platform; ``login_link`` is an absolute URL; ``backup_file`` is
    the path of a backup that the command made and ``backup_size`` its size in bytes.
    """

    platform_packages: PlatformPackages | FoundPackages | None = None
    site_packages: SitePackages | None = None
    sites: tuple[str, ...] = ()
    db_name: str | None = None
    cron_key: str | None = None
    login_link: str | None = None
    backup_file: str | None = None
    backup_size: int | None = None
    imported: ImportedSite | None = None
