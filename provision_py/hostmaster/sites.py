"""Saving a site: what every save of a site's node does besides the columns that a task changes.

Order and rules: reference section 6.9 (hosting_site.nodeapi.inc, hosting_ssl.nodeapi.inc, hosting_alias.module).
Columns that a task did not change are never written, so that a cron run or a form beside us loses nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from provision_py.hostmaster import writeback_queries as sql
from provision_py.hostmaster.access import rewrite_access
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.features import Features
from provision_py.hostmaster.nodes import DELETED, Node, load_platform, touch_node
from provision_py.hostmaster.site_aliases import AutomaticNames, rewrite_aliases


@dataclass(frozen=True)
class SiteChange:
    """Columns of ``hosting_site`` that a task changes; None leaves one alone. ``verified`` in unix seconds."""

    status: int | None = None
    verified: int | None = None
    db_name: str | None = None
    cron_key: str | None = None


def save_site(
    db: Database,
    node: Node,
    change: SiteChange,
    automatic: AutomaticNames,
    features: Features,
    *,
    now: int,
    more_aliases: Iterable[str] = (),
    redirection: str | None = None,
) -> None:
    """Save a site's node without a new revision and without queueing a verify."""
    db.execute(
        sql.CHANGE_SITE,
        {
            "vid": node.vid,
            "status": change.status,
            "verified": change.verified,
            "db_name": change.db_name or None,
            "cron_key": change.cron_key or None,
        },
    )
    if features.has_module("hosting_ssl") and features.has_table("hosting_ssl_site"):
        _save_encryption(db, node, deleted=change.status == DELETED)
    if features.has_module("hosting_alias"):
        rewrite_aliases(db, node, automatic, more=more_aliases, redirection=redirection)
    touch_node(db, node.nid, now)
    rewrite_access(db, node.nid, features)


def add_backup(
    db: Database, site: int, platform: int, description: str, filename: str | None, size: int | None, *, now: int
) -> None:
    """Note a backup of a site (nid) on a platform (nid), if one was made; ``size`` in bytes."""
    if not filename:
        return
    db.insert(
        sql.ADD_BACKUP,
        {
            "site": site,
            "web_server": load_platform(db, platform).web_server,
            "description": description,
            "filename": filename,
            "size": size or 0,
            "now": now,
        },
    )


def _save_encryption(db: Database, node: Node, *, deleted: bool) -> None:
    """Keep the site's encryption row in order; a deleted site gives up a certificate that no other site uses."""
    key = {"vid": node.vid, "nid": node.nid}
    row = db.row(sql.SITE_SSL, key)
    if row is None:
        db.insert(sql.ADD_SITE_SSL, key)
        return
    certificate = {"cid": int(row["ssl_key"]), "nid": node.nid}
    if not certificate["cid"]:
        return
    if deleted and db.row(sql.OTHER_SITE_WITH_CERTIFICATE, certificate) is None:
        db.execute(sql.REMOVE_CERTIFICATE, certificate)
        db.execute(sql.REMOVE_CERTIFICATE_ADDRESSES, certificate)
    if not row["ssl_enabled"]:
        db.execute(sql.UNLINK_CERTIFICATE, key)
