"""Where a site's and a platform's directories lie and which modes they have.

One table says it all; applying it, only where something differs, is the host's business. Modes are those of the
last upstream release (reference: backend.md sections 1.2, 1.4 and 1.5, column U). They are the same for every
supported Drupal: a site keeps its directories when it moves to a platform of another major version.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provision_py.drupal.model import CodeBase
from provision_py.errors import DrupalError
from provision_py.system.configfile import Directory, Link

SITE_MODE = 0o755
CODE_MODE = 0o2775
"""Folders for code of one site: the backend's group may write, new files inherit the group."""
DATA_MODE = 0o2775
"""Folders that Drupal writes to: the web server's group may write, new files inherit the group."""
CLIENT_MODE = 0o750

SITE_CODE = ("themes", "modules", "libraries", "vendor")
SITE_DATA = (
    "files",
    "files/tmp",
    "files/images",
    "files/pictures",
    "files/css",
    "files/js",
    "files/advagg_css",
    "files/advagg_js",
    "files/ctools",
    "files/imagecache",
    "files/locations",
    "files/xmlsitemap",
    "files/deployment",
    "files/styles",
    "files/feeds",
    "files/civicrm",
    "files/civicrm/ConfigAndLog",
    "files/civicrm/custom",
    "files/civicrm/dynamic",
    "files/civicrm/persist",
    "private",
    "private/files",
    "private/files/backup_migrate",
    "private/files/backup_migrate/manual",
    "private/files/backup_migrate/scheduled",
    "private/files/feeds",
    "private/temp",
    "private/config",
    "private/config/sync",
)

_FOLDER_NAME = re.compile(r"[^/\0\r\n]+")


@dataclass(frozen=True)
class FileAccess:
    """Mode and group (None: leave it) that a file of a site has whenever it exists."""

    path: str
    mode: int
    group: str | None = None


def site_path(code: CodeBase, uri: str) -> str:
    """The directory of a site. Raises DrupalError ``PROVISION_SITE_NAME`` for a name that is no folder name."""
    return f"{code.docroot}/sites/{_folder_name(uri)}"


def site_directories(code: CodeBase, uri: str, web_group: str) -> tuple[Directory, ...]:
    """The directories of a site, parents first; only those that Drupal writes to belong to ``web_group``."""
    site = site_path(code, uri)
    return (
        Directory(site, SITE_MODE),
        *(Directory(f"{site}/{name}", CODE_MODE) for name in SITE_CODE),
        *(Directory(f"{site}/{name}", DATA_MODE, web_group) for name in SITE_DATA),
    )


def site_files(code: CodeBase, uri: str, web_group: str) -> tuple[FileAccess, ...]:
    """Files of a site that hold settings or credentials. Only the first two are read by the web server."""
    site = site_path(code, uri)
    return (
        FileAccess(f"{site}/settings.php", 0o440, web_group),
        FileAccess(f"{site}/local.settings.php", 0o440, web_group),
        FileAccess(f"{site}/drushrc.php", 0o440),
    )


def platform_directories(code: CodeBase) -> tuple[Directory, ...]:
    """The directories that verifying a platform makes sure of; all else keeps the modes it came with."""
    return (Directory(f"{code.docroot}/sites/all/drush", SITE_MODE),)


def client_directory(aegir_root: str, client: str) -> Directory:
    """The folder with the links to one client's sites."""
    return Directory(f"{aegir_root}/clients/{_folder_name(client)}", CLIENT_MODE)


def client_link(aegir_root: str, client: str, code: CodeBase, uri: str) -> Link:
    """The link to a site in its client's folder."""
    return Link(f"{client_directory(aegir_root, client).path}/{_folder_name(uri)}", site_path(code, uri))


def client_backups_directory(aegir_root: str, client: str) -> Directory:
    """The folder with the links to one client's backups."""
    return Directory(f"{client_directory(aegir_root, client).path}/backups", CLIENT_MODE)


def _folder_name(name: str) -> str:
    if name in (".", "..") or not _FOLDER_NAME.fullmatch(name):
        raise DrupalError(
            "This cannot be the name of a folder",
            where=repr(name),
            hint="Site and client names are single folder names",
            code="PROVISION_SITE_NAME",
        )
    return name
