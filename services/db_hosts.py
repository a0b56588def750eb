"""By which names a database server knows the machines that connect to it: it says so itself, also when it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from provision_py.contexts.model import Server
from provision_py.errors import DatabaseError
from provision_py.system import fanout

_DENIED_HOST = re.compile(r"Access denied for user '[^']*'@'([^']*)'|Host '([^']*)' is not allowed to connect")


def refused_host(answer: str) -> str | None:
    """The client's host in a server's refusal of a login; None when it names none."""
    found = _DENIED_HOST.search(answer)
    return (found.group(1) or found.group(2)) if found else None


def parse_client_host(answer: str, where: str) -> str:
    """The client's host in a server's answer to a login: ``user@host``, or a refusal that names it."""
    refused = refused_host(answer)
    if refused is not None:
        return refused
    plain = re.fullmatch(r"\s*[^@\s]*@([A-Za-z0-9._:%-]+)\s*", answer)
    if plain:
        return plain.group(1)
    raise DatabaseError(
        f"The database server's answer names no client host: {answer[:200]}",
        where=where,
        hint="Let that machine reach the database server, or set db_grant_hosts of the database server",
    )


def seen_from(
    web_servers: Sequence[Server], probe: Callable[[Server], str], where: str
) -> dict[str, tuple[str, ...]]:
    """The hosts by which the web servers are known, by their names. ``probe`` logs in from one and gives the answer.

    All are asked side by side. Raises one ProvisionError that names each that failed.
    """
    found, failures = fanout.each(web_servers, lambda server: (parse_client_host(probe(server), f"@{server.name}"),))
    if failures:
        raise fanout.combined(failures, lambda server: f"@{server.name}", where)
    return {server.name: hosts for server, hosts in found}
