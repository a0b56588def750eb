"""What a command found and did, as far as the front end wants to know."""

from __future__ import annotations

from dataclasses import dataclass

from provision_py.drupal.model import PlatformPackages, SitePackages


@dataclass(frozen=True)
class Outcome:
    """The data that a finished command hands to the write-back; what a command has not is None.

    ``sites`` are names of site folders found on a platform; ``login_link`` is an absolute URL.
    """

    platform_packages: PlatformPackages | None = None
    site_packages: SitePackages | None = None
    sites: tuple[str, ...] = ()
    db_name: str | None = None
    cron_key: str | None = None
    login_link: str | None = None
