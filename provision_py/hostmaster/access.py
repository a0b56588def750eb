"""Who may see and edit a node: the rows of ``node_access``, written anew at every save of a node.

Rules: client/hosting_client.access.inc (hosting_client_node_access_records) and Drupal's node_access_acquire_grants.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.features import Features, load_features
from provision_py.hostmaster.nodes import Node, find_node, load_node
from provision_py.hostmaster.variables import ADMIN_CLIENT, nid_variable


@dataclass(frozen=True)
class Grant:
    """One row of ``node_access``: members of ``gid`` in ``realm`` may view, and perhaps update."""

    realm: str
    gid: int
    update: bool


EVERYONE = Grant("all", 0, update=False)


def rewrite_access(db: Database, nid: int, features: Features | None = None) -> None:
    """Put the right rows for a node of any type in place of what is there.

    For servers the PHP code looks, by a slip, for sites whose database server is the last *platform* of the server,
    and so forgets the clients of its databases as soon as it has a platform; here they are always counted.
    Without the module hosting_client a published node gets Drupal's default row.
    """
    node = load_node(db, nid)
    wanted = grants_of(db, node, features or load_features(db))
    db.execute(queries.DELETE_ACCESS, {"nid": nid})
    for grant in wanted:
        db.insert(queries.INSERT_ACCESS, {"nid": nid, "gid": grant.gid, "realm": grant.realm, "update": grant.update})


def grants_of(db: Database, node: Node, features: Features) -> tuple[Grant, ...]:
    """The rows that a node should have."""
    found: tuple[Grant, ...] = ()
    if features.has_module("hosting_client"):
        if node.type == "task":
            rid = db.value(queries.TASK_TARGET, {"nid": node.nid})
            target = find_node(db, int(rid)) if rid else None
            owned = _owned_grants(db, target, "hosting task", features) if target else ()
            found = tuple(Grant(grant.realm, grant.gid, update=False) for grant in owned)
        else:
            found = _owned_grants(db, node, f"hosting {node.type}", features)
    if found:
        return found
    return (EVERYONE,) if node.status else ()


def _owned_grants(db: Database, node: Node, realm: str, features: Features) -> tuple[Grant, ...]:
    """Grants by the rule of the node's type; none for types that have no rule."""
    admin = nid_variable(db, ADMIN_CLIENT) or 1
    match node.type:
        case "site":
            # A damaged site without its row is the admins' alone; its tasks must be able to fail.
            site = db.row(queries.SITE, {"nid": node.nid})
            owners = (int(site["client"]), admin) if site else (admin,)
            return tuple(Grant(realm, gid, update=True) for gid in dict.fromkeys(owners))
        case "client":
            return tuple(Grant(realm, gid, update=True) for gid in dict.fromkeys((node.nid, admin)))
        case "platform":
            viewers: Iterable[int] = platform_clients(db, node.nid, features)
        case "server":
            viewers = _server_clients(db, node.nid, features)
        case _:
            return ()
    seen = dict.fromkeys(gid for gid in viewers if gid != admin)
    return (*(Grant(realm, gid, update=False) for gid in seen), Grant(realm, admin, update=True))


def platform_clients(db: Database, nid: int, features: Features) -> tuple[int, ...]:
    """Clients (node ids) that may use a platform: those named for it, or all when none is named.

    The fork names nobody for an open platform.
    """
    named = tuple(int(row["cid"]) for row in db.rows(queries.PLATFORM_CLIENTS, {"nid": nid}))
    if named or features.fork:
        return named
    return tuple(int(row["nid"]) for row in db.rows(queries.CLIENTS))


def _server_clients(db: Database, nid: int, features: Features) -> tuple[int, ...]:
    """Clients with access to a platform on a web server, or with a site on a database server."""
    gids: list[int] = []
    for platform in db.rows(queries.SERVER_PLATFORMS, {"nid": nid}):
        gids += platform_clients(db, int(platform["nid"]), features)
    gids += (int(row["client"]) for row in db.rows(queries.DB_SERVER_CLIENTS, {"nid": nid}))
    return tuple(dict.fromkeys(gids))
