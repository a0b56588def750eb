"""``lb-config``: print a load balancer's configuration for a cluster, a pack or a single web server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.errors import ProvisionError, UsageError
from provision_py.php.values import PhpArray, PhpValue
from provision_py.services import loadbalancer, web_quoting
from provision_py.services.loadbalancer import Wishes


def run(session: Session, context: Server, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Shown:
    """Print it. Raises UsageError, ContextError or ServiceError when there is none for these members and wishes."""
    program = _text(options, "for")
    if program not in loadbalancer.PROGRAMS:
        raise UsageError(
            f"{program} is no load balancer that is known here" if program else "For which load balancer?",
            where="--for",
            hint=f"Add {' or '.join(f'--for={name}' for name in loadbalancer.PROGRAMS)}",
        )
    balancer = loadbalancer.balancer(context, session.http, sites_of(session, context), wishes(options))
    _warn(session, context, balancer)
    files = _chosen(loadbalancer.render(balancer, program), _text(options, "file"))
    texts: PhpArray = dict(files.items())
    return Shown({"files": texts}, as_table=lambda: loadbalancer.as_text(files))


def wishes(options: Mapping[str, PhpValue]) -> Wishes:
    """What the command line asks for. Raises ServiceError for a port that is none."""
    given: dict[str, object] = {
        "tls": _text(options, "tls"),
        "uploads": _text(options, "uploads"),
        "drain": _names(options, "drain"),
        "backup": _names(options, "backup"),
        "check_path": _text(options, "check"),
        "certificates": _text(options, "certificates").rstrip("/"),
        "port": web_quoting.port(_text(options, "port")) if options.get("port") else None,
        "https_port": web_quoting.port(_text(options, "https-port")) if options.get("https-port") else None,
    }
    wanted: dict[str, Any] = {field.name: given[field.name] for field in fields(Wishes) if given[field.name]}
    return Wishes(**wanted)


def sites_of(session: Session, server: Server) -> list[Site]:
    """The sites on the platforms of a web server. What cannot be read is left out with a warning."""
    sites = []
    for platform in platforms_of(session, server):
        for name in session.store.sites_on(platform):
            try:
                sites.append(session.store.site(name))
            except ProvisionError as error:
                session.log.warning(f"@{name} is left out: {error}", code=error.code)
    return sites


def platforms_of(session: Session, server: Server) -> list[str]:
    """Names of the platforms that a web server serves, sorted. What cannot be read is left out with a warning."""
    problems: list[ProvisionError] = []
    found = []
    for name in session.store.names_of("platform", problems=problems):
        reference = session.store.record(name).get("web_server")
        if str(reference or "@server_master").removeprefix("@") == server.name:
            found.append(name)
    for problem in problems:
        session.log.warning(f"A context is left out: {problem}", code=problem.code)
    return found


def _warn(session: Session, server: Server, balancer: loadbalancer.Balancer) -> None:
    servers = session.http(server).config_servers()
    names = {member.remote_host for member in servers}
    for member in servers:
        # Several members of one machine, told apart by their ports, are a trial and meant to be so.
        if len(names) > 1 and member.remote_host.lower() in ("localhost", "127.0.0.1", "::1"):
            session.log.warning(
                f"@{member.name} is known as {member.remote_host}: that is right on this machine alone. Give the"
                " server a name that the balancer can resolve"
            )
    place = balancer.upload_member
    if place is not None and place.state != "active":
        session.log.warning(
            f"@{place.name} has the uploads and goes on getting all requests for them. Before you stop it, copy them"
            " to another member and choose that one with --uploads"
        )
    if balancer.check_name is None:
        session.log.warning("There is no site yet whose answer could be checked; members are checked by connecting")
    if balancer.tls == "terminate" and balancer.https_sites:
        without = [member.name for member in balancer.members if member.ssl_port is None]
        for name in without:
            session.log.warning(f"@{name} offers no https and gets no requests for sites that are seen by https")


def _chosen(files: dict[str, str], name: str) -> dict[str, str]:
    if not name:
        return files
    if name not in files:
        raise UsageError(f"There is no file {name}", where="--file", hint=f"There is {' and '.join(files)}")
    return {name: files[name]}


def _text(options: Mapping[str, PhpValue], name: str) -> str:
    value = options.get(name)
    return "" if value is None or isinstance(value, (bool, dict)) else str(value)


def _names(options: Mapping[str, PhpValue], name: str) -> tuple[str, ...]:
    words = _text(options, name).split(",")
    return tuple(word.strip().removeprefix("@") for word in words if word.strip())
