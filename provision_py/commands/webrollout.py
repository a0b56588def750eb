"""Brings configuration to the web servers of a context: each member renders its own, all change as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from provision_py.commands import farm
from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.services.base import HttpService
from provision_py.services.certificates import Certificate, ensure_certificates
from provision_py.steps.files import remember, restore
from provision_py.steps.rollout import Member, Rollout
from provision_py.steps.step import Note, Record, World, undoes
from provision_py.system import fanout
from provision_py.system.configfile import ConfigFile
from provision_py.system.host import Host

#: What is to be written on a server besides its configuration, and what is to be written here then.
OwnFiles = tuple[Sequence[ConfigFile], ConfigFile]


def roll_out(
    session: Session,
    web_server: Server,
    render: Callable[[HttpService], Sequence[ConfigFile]],
    *,
    site: Site | None = None,
    own: Mapping[str, OwnFiles] | None = None,
    former: Callable[[HttpService, Host], Sequence[ConfigFile]] = lambda service, host: (),
    description: str = "Write the web server's configuration",
) -> frozenset[str]:
    """Render for every member of ``web_server`` and change them all; names of those whose files have changed.

    ``site`` None: it is the server's own configuration that changes, and certificates are the server's. ``own`` goes
    to servers on other machines besides, by their names. ``former`` is asked on each machine for what was there
    before and is to go.
    """
    members: list[tuple[HttpService, Member]] = []
    own = own or {}
    for server in session.http(web_server).config_servers():
        service = session.http(server)
        certificates = service.site_certificates(site) if site else service.server_certificates()
        for certificate in certificates:
            session.run(PlaceCertificate(session.master.name, server.name, certificate, site.uri if site else None))
        files = render(service)
        theirs, record = own.get(server.name, ((), None))
        loading = Member(server.name, [*theirs, *files], service.test_command(), service.reload_command())
        members.append((service, loading))
        hub = farm.hub_copy(session, session.host_of(server))
        if hub is not None:
            members.append((service, Member(hub, [*files, *([record] if record else [])], None, None)))
    step = Rollout(_with_former(session, members, former), description)
    session.run(step)
    return frozenset(step.changed)


def _with_former(
    session: Session,
    members: Sequence[tuple[HttpService, Member]],
    former: Callable[[HttpService, Host], Sequence[ConfigFile]],
) -> list[Member]:
    def ask(part: tuple[HttpService, Member]) -> Member:
        service, member = part
        return replace(member, files=(*member.files, *former(service, session.host(member.server))))

    asked, failures = fanout.each(members, ask)
    if failures:
        raise fanout.combined(failures, lambda part: f"@{part[1].server}", "")
    return [member for _, member in asked]


@dataclass(frozen=True)
class PlaceCertificate:
    """Make a certificate where it is missing and copy it to a web server. Undo puts the server's copy back."""

    hub: str
    server: str
    certificate: Certificate
    uri: str | None
    description: str = "Place the certificate"
    kind: str = "certificate"

    def prepare(self, world: World, vault: Path) -> Record:
        host = world.host(self.server)
        paths = list(self.certificate.target_files)
        if self.uri is not None:
            paths.append(self.certificate.receipt(self.uri))
        return {"server": self.server, "former": [remember(host, path, vault) for path in paths]}

    def apply(self, world: World, record: Record, note: Note) -> None:
        host = world.host(self.server)
        if ensure_certificates(world.host(self.hub), host, self.certificate, uri=self.uri):
            world.log.info(f"{self.description} {self.certificate.key}", host=host.name)


@undoes("certificate")
def undo_certificate(world: World, record: Mapping[str, Any]) -> None:
    for former in reversed(record["former"]):
        restore(world.host(record["server"]), former, world.log)
