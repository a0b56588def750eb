"""Who may see and edit a node: the rows of ``node_access``, written anew at every save of a node.

Rules: client/hosting_client.access.inc (hosting_client_node_access_records) and Drupal's node_access_acquire_grants.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.features import Features, load_features
from provision_py.hostmaster.nodes import Node, missing_node, node_of
from provision_py.hostmaster.variables import ADMIN_CLIENT, as_nid, stored_value


@dataclass(frozen=True)
class Grant:
    """One row of ``node_access``: members of ``gid`` in ``realm`` may view, and perhaps update."""

    realm: str
    gid: int
    update: bool


EVERYONE = Grant("all", 0, update=False)


@dataclass(frozen=True)
class OwnedNode:
    """A node with what decides whose it is.

    ``client`` is a site's, None for other types and for a damaged site without its row; ``admin`` the client of the
    admins. Both are node ids.
    """

    node: Node
    client: int | None
    admin: int


def find_owned(db: Database, nid: int) -> OwnedNode | None:
    """A node with its owners, or None."""
    row = db.row(queries.OWNED_NODE, {"nid": nid, "admin": ADMIN_CLIENT})
    if row is None:
        return None
    raw, client = row["admin_client"], row["client"]
    admin = as_nid(ADMIN_CLIENT, None if raw is None else stored_value(db, ADMIN_CLIENT, raw))
    return OwnedNode(node_of(row), None if client is None else int(client), admin or 1)


def rewrite_access(db: Database, nid: int, features: Features | None = None) -> None:
    """Put the right rows for a node of any type in place of what is there.

    For servers the PHP code looks, by a slip, for sites whose database server is the last *platform* of the server,
    and so forgets the clients of its databases as soon as it has a platform; here they are always counted.
    Without the module hosting_client a published node gets Drupal's default row.
    """
    owned = find_owned(db, nid)
    if owned is None:
        raise missing_node(db, f"Node {nid}")
    store_grants(db, nid, _grants_of(db, owned, features or load_features(db)))


def store_grants(db: Database, nid: int, grants: tuple[Grant, ...]) -> None:
    """Let a node have these grants and no others. Nothing is written where it has them."""
    wanted = {(grant.realm, grant.gid, 1, int(grant.update), 0) for grant in grants}
    stored = {tuple(row.values()) for row in db.rows(queries.ACCESS, {"nid": nid})}
    if stored == wanted:
        return
    if stored:
        db.execute(queries.DELETE_ACCESS, {"nid": nid})
    fixed = {"nid": nid, "view": 1, "delete": 0}
    rows = [fixed | {"gid": each.gid, "realm": each.realm, "update": int(each.update)} for each in grants]
    db.insert_many(queries.INSERT_ACCESS, rows)


def grants_of(db: Database, nid: int, features: Features) -> tuple[Grant, ...]:
    """The rows that a node should have; none for one that is not there."""
    owned = find_owned(db, nid)
    return () if owned is None else _grants_of(db, owned, features)


def _grants_of(db: Database, owned: OwnedNode, features: Features) -> tuple[Grant, ...]:
    node = owned.node
    if node.type == "task" and features.has_module("hosting_client"):
        rid = db.value(queries.TASK_TARGET, {"nid": node.nid})
        return task_grants(db, node, find_owned(db, int(rid)) if rid else None, features)
    return _grants(db, node, f"hosting {node.type}", owned, features)


def task_grants(db: Database, task: Node, target: OwnedNode | None, features: Features) -> tuple[Grant, ...]:
    """The rows that a task should have whose object is ``target``: who sees that may see the task, not change it."""
    grants = _grants(db, task, "hosting task", target, features)
    return tuple(Grant(grant.realm, grant.gid, update=False) for grant in grants)


def _grants(db: Database, node: Node, realm: str, owned: OwnedNode | None, features: Features) -> tuple[Grant, ...]:
    found: tuple[Grant, ...] = ()
    if features.has_module("hosting_client") and owned is not None:
        found = _owned_grants(db, owned, realm, features)
    if found:
        return found
    return (EVERYONE,) if node.status else ()


def _owned_grants(db: Database, owned: OwnedNode, realm: str, features: Features) -> tuple[Grant, ...]:
    """Grants by the rule of the node's type; none for types that have no rule."""
    node, admin = owned.node, owned.admin
    match node.type:
        case "site":
            # A damaged site without its row is the admins' alone; its tasks must be able to fail.
            owners = (admin,) if owned.client is None else (owned.client, admin)
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
