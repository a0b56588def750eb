"""What tasks are about: servers, platforms and sites, each read with one statement that names its references too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database, Row
from provision_py.hostmaster.nodes import load_node, missing_node


@dataclass(frozen=True)
class Subject:
    """A server, platform or site, or a node that is neither. Context names are without ``@``, None: there is none.

    ``status`` is that of the object's type (``nodes.ENABLED`` …).
    """

    nid: int
    type: str
    title: str
    context: str | None
    status: int


@dataclass(frozen=True)
class PlatformSubject(Subject):
    """A platform, with the context of its web server."""

    publish_path: str
    makefile: str
    make_working_copy: bool
    web_server: str | None


@dataclass(frozen=True)
class SiteSubject(Subject):
    """A site. ``db_server`` is a node id; ``profile`` and ``client_name`` are the machine names that backends use."""

    language: str
    db_server: int
    db_server_context: str | None
    platform_context: str | None
    profile: str | None
    client_name: str | None


def load_subject(db: Database, nid: int, node_type: str | None = None) -> Subject:
    """The object with this node id; its type is asked for where it is not given. Raises HostmasterError."""
    kind = node_type or load_node(db, nid).type
    row = db.row(_QUERIES.get(kind, queries.OTHER_SUBJECT), {"nid": nid})
    if row is None:
        raise missing_node(db, f"A {kind} with node id {nid}")
    subject = Subject(nid, kind, str(row["title"]), _name(row["context"]), int(row["status"] or 0))
    match kind:
        case "platform":
            return _platform(subject, row)
        case "site":
            return _site(subject, row)
    return subject


_QUERIES: Final = {
    "server": queries.SERVER_SUBJECT,
    "platform": queries.PLATFORM_SUBJECT,
    "site": queries.SITE_SUBJECT,
}


def _platform(subject: Subject, row: Row) -> PlatformSubject:
    return PlatformSubject(
        **vars(subject),
        publish_path=str(row["publish_path"] or ""),
        makefile=str(row["makefile"] or ""),
        make_working_copy=bool(row["make_working_copy"]),
        web_server=_name(row["web_server_context"]),
    )


def _site(subject: Subject, row: Row) -> SiteSubject:
    return SiteSubject(
        **vars(subject),
        language=str(row["language"] or ""),
        db_server=int(row["db_server"] or 0),
        db_server_context=_name(row["db_server_context"]),
        platform_context=_name(row["platform_context"]),
        profile=_name(row["profile_name"]),
        client_name=_name(row["client_name"]),
    )


def _name(value: object) -> str | None:
    return None if value is None else str(value)
