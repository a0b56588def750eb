"""Sites that the front end learns of from the backend: found on a platform, or described by an alias file.

Rules: platform/hosting_platform.drush.inc, site/hosting_site.drush.inc, client/hosting_client.module (reference
sections 7.5 and 7.7).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from provision_py.drupal.model import Package, SitePackages
from provision_py.errors import HostmasterError
from provision_py.hostmaster import writeback_queries as sql
from provision_py.hostmaster.access import rewrite_access
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.features import Features
from provision_py.hostmaster.nodes import Node, find_node, insert_node, load_node, nid_of_context, register_context
from provision_py.hostmaster.outcome import ImportedSite
from provision_py.hostmaster.package_sync import sync_site_packages
from provision_py.hostmaster.site_aliases import AutomaticNames, rewrite_aliases
from provision_py.hostmaster.tasks import create_task
from provision_py.hostmaster.variables import DEFAULT_CLIENT, DEFAULT_DB_SERVER, get_variable, nid_variable

IMPORT_ERROR = "HOSTING_SITE_IMPORT_ERROR"

_UNAME_LENGTH = 16
_SITE_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]|[._](?![._])){0,252}(?<![._-])")


@dataclass(frozen=True)
class FoundSites:
    """``new`` are names that the front end does not know yet; ``unusable`` are folders that cannot be sites of it."""

    new: tuple[str, ...] = ()
    unusable: tuple[str, ...] = ()


def select_sites(db: Database, names: Iterable[str], features: Features) -> FoundSites:
    """Sort out the site folders of a platform.

    The original takes a folder with capitals as it is, and its verify then makes a second folder in lower case; such
    a folder is left to people here.
    """
    new: list[str] = []
    unusable: list[str] = []
    for name in dict.fromkeys(names):
        if _is_known(db, name, features):
            continue
        (new if _SITE_NAME.fullmatch(name) else unusable).append(name)
    return FoundSites(tuple(new), tuple(unusable))


def _is_known(db: Database, name: str, features: Features) -> bool:
    if db.row(sql.SITE_OF_NAME, {"name": name}) is not None or nid_of_context(db, name) is not None:
        return True
    return features.has_module("hosting_alias") and db.row(sql.SITE_OF_ALIAS, {"name": name}) is not None


def add_found_sites(
    db: Database,
    platform: int,
    names: Mapping[str, AutomaticNames],
    packages: Iterable[Package],
    features: Features,
    *,
    now: int,
) -> list[tuple[str, str]]:
    """Make a site node with a queued import for each name; ``packages`` are those of the platform itself."""
    base = SitePackages(tuple(packages))
    lines = []
    for name, automatic in names.items():
        node = _insert_site(db, platform, name, automatic, features, now=now)
        sync_site_packages(db, node.nid, base, platform=platform, now=now)
        lines.append(("success", f"Found site {name} on the platform; its import is queued"))
    return lines


def _insert_site(
    db: Database, platform: int, name: str, automatic: AutomaticNames, features: Features, *, now: int
) -> Node:
    nid, vid = insert_node(db, "site", name, 0, now=now, language="")
    key = {"vid": vid, "nid": nid}
    db.insert(
        sql.INSERT_SITE,
        {
            **key,
            "client": nid_variable(db, DEFAULT_CLIENT) or 0,
            "db_server": nid_variable(db, DEFAULT_DB_SERVER) or 0,
            "platform": platform,
        },
    )
    register_context(db, nid, name)
    if features.has_module("hosting_ssl") and features.has_table("hosting_ssl_site"):
        db.insert(sql.ADD_SITE_SSL, key)
    node = load_node(db, nid)
    if features.has_module("hosting_alias"):
        rewrite_aliases(db, node, automatic)
    create_task(db, nid, "import", {}, now=now)
    rewrite_access(db, nid, features)
    return node


def place_imported_site(db: Database, node: Node, site: ImportedSite, features: Features, *, now: int) -> None:
    """Write what the alias file says about a site into its row.

    Raises HostmasterError (HOSTING_SITE_IMPORT_ERROR) when the front end does not know the server, the platform or
    the install profile.
    """
    db_server = _known_context(db, site.db_server, "server")
    platform = _known_context(db, site.platform, "platform")
    db.execute(
        sql.PLACE_SITE,
        {
            "vid": node.vid,
            "client": _client(db, site.client_name, features, now=now),
            "db_server": db_server,
            "platform": platform,
            "profile": _profile(db, platform, site.profile),
            "language": site.language or "en",
        },
    )


def _known_context(db: Database, name: str, node_type: str) -> int:
    nid = nid_of_context(db, name)
    node = None if nid is None else find_node(db, nid)
    if node is None or node.type != node_type:
        raise HostmasterError(
            f"The site belongs to {node_type} @{name.removeprefix('@')}, which the front end does not know",
            where=db.settings.where,
            hint=f"Add the {node_type} to the front end first",
            code=IMPORT_ERROR,
        )
    return node.nid


def _profile(db: Database, platform: int, name: str) -> int:
    # Drupal 6 and earlier called the standard profile "default".
    for candidate in (name, "standard") if name == "default" else (name,):
        nid = db.value(sql.PROFILE_ON_PLATFORM, {"platform": platform, "name": candidate})
        if nid is not None:
            return int(nid)
    raise HostmasterError(
        f"The install profile {name} of the site is not known on its platform",
        where=db.settings.where,
        hint="Verify the platform, then import again",
        code=IMPORT_ERROR,
    )


def _client(db: Database, name: str | None, features: Features, *, now: int) -> int:
    """The node of a client by its machine name; made when it is new. The default client when there is no name.

    The original looks for the name as given and stores it cleaned, so that a second site of the same client fails.
    """
    default = nid_variable(db, DEFAULT_CLIENT) or 0
    if not name:
        return default
    prefix = get_variable(db, "hosting_client_prefix", "")
    uname = machine_name(name, prefix if isinstance(prefix, str) else "")
    for candidate in dict.fromkeys((name, uname)):
        nid = db.value(sql.CLIENT_OF_NAME, {"uname": candidate})
        if nid is not None:
            return int(nid)
    if not uname:
        return default
    nid, vid = insert_node(db, "client", name[:255], 1, now=now, language="")
    db.insert(sql.INSERT_CLIENT, {"vid": vid, "nid": nid, "uname": uname})
    rewrite_access(db, nid, features)
    return nid


def machine_name(name: str, prefix: str = "") -> str:
    """A client's machine name: ASCII word characters in lower case, the prefix in front, at most 16 characters."""
    stem = re.sub(r"[^A-Za-z0-9_]", "", name.removeprefix(prefix) if prefix else name)
    return f"{prefix}{stem}".lower()[:_UNAME_LENGTH] if stem else ""
