"""Nodes of the front end: servers, platforms, sites and tasks, their revisions and their contexts.

The writing functions do what Drupal 7's ``node_save`` does to ``node`` and ``node_revision``, column by column; they
expect to run inside a transaction of the caller. All times are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provision_py.errors import HostmasterError
from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database, Row
from provision_py.hostmaster.variables import get_variable, set_variable

#: States of sites, platforms and servers (``hosting_site.module`` and its siblings).
DELETED: Final = -2
DISABLED: Final = -1  # of a site
LOCKED: Final = -1  # of a platform or server
QUEUED: Final = 0
ENABLED: Final = 1

#: The user that the PHP backend acts as while it runs a task.
ADMIN_UID: Final = 1


@dataclass(frozen=True)
class Node:
    """A row of ``node``; ``vid`` is the current revision."""

    nid: int
    vid: int
    type: str
    language: str
    title: str
    uid: int
    status: int
    created: int
    changed: int
    comment: int
    promote: int
    sticky: int


@dataclass(frozen=True)
class SiteRecord:
    """A site: its node and ``hosting_site``. ``client`` … ``profile`` are node ids, 0 for none."""

    node: Node
    client: int
    db_server: int
    db_name: str
    platform: int
    profile: int
    language: str
    last_cron: int
    cron_key: str
    verified: int
    status: int


@dataclass(frozen=True)
class PlatformRecord:
    """A platform: its node and ``hosting_platform``. ``web_server`` is a node id."""

    node: Node
    publish_path: str
    makefile: str
    web_server: int
    verified: int
    status: int
    make_working_copy: bool


@dataclass(frozen=True)
class ServiceRecord:
    """An available service of a server (``hosting_service``)."""

    service: str
    type: str
    restart_cmd: str
    port: int


@dataclass(frozen=True)
class ServerRecord:
    """A server: its node, ``hosting_server`` and its available services by name."""

    node: Node
    human_name: str
    verified: int
    status: int
    services: dict[str, ServiceRecord]


def find_node(db: Database, nid: int, *, lock: bool = False) -> Node | None:
    """A node, or None. With ``lock`` its row stays locked until the transaction ends."""
    row = db.row(queries.LOCK_NODE if lock else queries.NODE, {"nid": nid})
    return None if row is None else node_of(row)


def node_of(row: Row) -> Node:
    """The node of a row that has all columns of one, perhaps among others."""
    fields = {name: row[name] for name in Node.__dataclass_fields__}
    return Node(**{**fields, "vid": row["vid"] or 0})


def load_node(db: Database, nid: int, *, lock: bool = False) -> Node:
    """A node. Raises HostmasterError when there is none."""
    node = find_node(db, nid, lock=lock)
    if node is None:
        raise missing_node(db, f"Node {nid}")
    return node


def load_site(db: Database, nid: int) -> SiteRecord:
    """A site. Raises HostmasterError when the node is missing or not a site."""
    node, row = _load(db, nid, "site", queries.SITE)
    return SiteRecord(
        node=node,
        client=_int(row["client"]),
        db_server=_int(row["db_server"]),
        db_name=_text(row["db_name"]),
        platform=_int(row["platform"]),
        profile=_int(row["profile"]),
        language=_text(row["language"]),
        last_cron=_int(row["last_cron"]),
        cron_key=_text(row["cron_key"]),
        verified=_int(row["verified"]),
        status=_int(row["status"]),
    )


def load_platform(db: Database, nid: int) -> PlatformRecord:
    """A platform. Raises HostmasterError when the node is missing or not a platform."""
    node, row = _load(db, nid, "platform", queries.PLATFORM)
    return PlatformRecord(
        node=node,
        publish_path=_text(row["publish_path"]),
        makefile=_text(row["makefile"]),
        web_server=_int(row["web_server"]),
        verified=_int(row["verified"]),
        status=_int(row["status"]),
        make_working_copy=bool(row["make_working_copy"]),
    )


def load_server(db: Database, nid: int) -> ServerRecord:
    """A server. Raises HostmasterError when the node is missing or not a server."""
    node, row = _load(db, nid, "server", queries.SERVER)
    return ServerRecord(
        node=node,
        human_name=_text(row["human_name"]),
        verified=_int(row["verified"]),
        status=_int(row["status"]),
        services=load_services(db, nid),
    )


def load_services(db: Database, nid: int) -> dict[str, ServiceRecord]:
    """The available services of a server by name."""
    services = (
        ServiceRecord(str(each["service"]), str(each["type"]), _text(each["restart_cmd"]), _int(each["port"]))
        for each in db.rows(queries.SERVICES, {"nid": nid})
    )
    return {service.service: service for service in services}


def insert_node(
    db: Database,
    node_type: str,
    title: str,
    uid: int,
    *,
    now: int,
    acting_uid: int = ADMIN_UID,
    language: str = "und",
    status: int = 1,
    comment: int = 0,
    promote: int = 0,
    sticky: int = 0,
) -> tuple[int, int]:
    """Make a node with its first revision; (nid, vid).

    The caller then inserts the rows of the node type and calls ``rewrite_access``.
    """
    fields: dict[str, object] = {
        "type": node_type,
        "language": language,
        "title": title,
        "uid": uid,
        "status": status,
        "created": now,
        "now": now,
        "comment": comment,
        "promote": promote,
        "sticky": sticky,
        "acting_uid": acting_uid,
    }
    nid = db.insert(queries.INSERT_NODE, fields)
    vid = db.insert(queries.INSERT_REVISION, {**fields, "nid": nid})
    db.execute(queries.FIRST_REVISION, {"nid": nid, "vid": vid})
    return nid, vid


def new_revision(db: Database, node: Node, now: int, acting_uid: int = ADMIN_UID) -> int:
    """Give a node a new revision with the same content and make it the current one; its vid.

    Raises HostmasterError when ``node`` no longer shows the current revision: somebody else was faster.
    """
    vid = db.insert(
        queries.INSERT_REVISION,
        {
            "nid": node.nid,
            "acting_uid": acting_uid,
            "title": node.title,
            "now": now,
            "status": node.status,
            "comment": node.comment,
            "promote": node.promote,
            "sticky": node.sticky,
        },
    )
    moved = db.execute(queries.NEXT_REVISION, {"nid": node.nid, "vid": vid, "former_vid": node.vid, "now": now})
    if moved != 1:
        raise HostmasterError(
            f"Node {node.nid} got another revision meanwhile",
            where=db.settings.where,
            code="PROVISION_HOSTMASTER_CONFLICT",
        )
    return vid


def touch_node(db: Database, nid: int, now: int, acting_uid: int = ADMIN_UID, title: str | None = None) -> None:
    """Mark a node as saved now by a user, without a new revision; pages and lists of the front end look at that."""
    db.execute(queries.TOUCH_NODE, {"nid": nid, "now": now})
    db.execute(queries.TOUCH_REVISION, {"nid": nid, "now": now, "acting_uid": acting_uid})
    if title is not None:
        db.execute(queries.RENAME_NODE, {"nid": nid, "title": title})


# Contexts


def context_name(db: Database, nid: int) -> str | None:
    """The backend's name of a server, platform or site, without ``@``; None when it has none."""
    name = db.value(queries.CONTEXT_NAME, {"nid": nid})
    return None if name is None else str(name)


def nid_of_context(db: Database, name: str) -> int | None:
    """The node of a context name (with or without ``@``), or None. Letter case does not count, as in the database."""
    nid = db.value(queries.CONTEXT_NID, {"name": name.removeprefix("@")})
    return None if nid is None else int(nid)


def register_context(db: Database, nid: int, name: str) -> None:
    """Name a node's context, anew or for the first time, and give it the path ``hosting/c/NAME``.

    A former path stays, as in the front end (hosting_context_register, hosting.module). Raises DuplicateError when
    another node has the name.
    """
    if db.execute(queries.RENAME_CONTEXT, {"nid": nid, "name": name}) == 0:
        db.insert(queries.INSERT_CONTEXT, {"nid": nid, "name": name})
    path = f"hosting/c/{name}"
    db.execute(queries.DELETE_ALIASES_OF_PATH, {"alias": path})
    db.insert(queries.INSERT_URL_ALIAS, {"source": f"node/{nid}", "alias": path})
    _allow_node_paths(db)


def delete_context(db: Database, nid: int) -> None:
    """Forget a node's context name and all its paths (hosting_context_delete, hosting.module)."""
    db.execute(queries.DELETE_ALIASES_OF_SOURCE, {"source": f"node/{nid}"})
    db.execute(queries.DELETE_CONTEXT, {"nid": nid})


def _allow_node_paths(db: Database) -> None:
    """Drupal looks for aliases only of paths whose first part is on this list; rebuilt by PHP when it is missing."""
    listed = get_variable(db, "path_alias_whitelist")
    if isinstance(listed, dict) and "node" not in listed:
        set_variable(db, "path_alias_whitelist", {**listed, "node": True})


def _load(db: Database, nid: int, node_type: str, sql: str) -> tuple[Node, Row]:
    node = load_node(db, nid)
    row = db.row(sql, {"nid": nid}) if node.type == node_type else None
    if row is None:
        raise missing_node(db, f"A {node_type} with node id {nid}")
    return node, row


def missing_node(db: Database, what: str) -> HostmasterError:
    """The error for something that ``what`` names and the front end does not have."""
    return HostmasterError(
        f"{what} does not exist in the front end", where=db.settings.where, code="PROVISION_HOSTMASTER_NO_NODE"
    )


def _int(value: object) -> int:
    return 0 if value is None else int(str(value))


def _text(value: object) -> str:
    return "" if value is None else str(value)
