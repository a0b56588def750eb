"""Verify of servers on other machines begins with what ``prepare`` asks: which pieces does the machine lack?"""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.commands.prepare import check
from provision_py.commands.session import Session
from provision_py.contexts.model import Server
from provision_py.errors import HostError, ServiceError
from provision_py.services.http_common import PublicHttp
from provision_py.services.preparation import Preparation, preparation
from provision_py.services.serverfacts import Finding, is_vital
from provision_py.system import fanout

CODE = "PROVISION_NOT_PREPARED"


def check_prepared(session: Session, servers: Sequence[Server]) -> None:
    """Ask all machines side by side, in one round trip each. Missing pieces without which nothing can be brought
    there are errors, others warnings.

    Raises HostError for the last machine that lacks a vital piece, after all others were logged.
    """
    asked = [(server, wanted) for server in servers if (wanted := _wanted(session, server)) is not None]
    found, failures = fanout.each(asked, lambda each: check(session.host_of(each[0]), each[1]))
    if failures:
        raise fanout.combined(failures, lambda each: f"@{each[0].name}", ", ".join(f"@{one.name}" for one in servers))
    errors = [error for (server, _), missing in found for error in _told(session, server, missing)]
    for error in errors[:-1]:
        session.log.error(error)
    if errors:
        raise errors[-1]


def _wanted(session: Session, server: Server) -> Preparation | None:
    """What the machine needs, keys left out: who asks there has come in. None for what is not known to us."""
    service = session.http(server)
    if not isinstance(service, PublicHttp):
        return None
    try:
        return preparation(server, service)
    except ServiceError as error:
        session.log.notice(f"What @{server.name} needs is not looked at: {error}")
        return None


def _told(session: Session, server: Server, missing: Sequence[Finding]) -> Sequence[HostError]:
    """The error for all vital pieces of one machine; the others are logged."""
    for finding in missing:
        if not is_vital(finding):
            session.log.warning(f"@{server.name}: {finding.what}. {finding.hint}", code=CODE)
    vital = [finding for finding in missing if is_vital(finding)]
    if not vital:
        return []
    what = f"@{server.name} is not ready to be a web server: {'; '.join(finding.what for finding in vital)}"
    hints = dict.fromkeys(finding.hint for finding in vital)
    host = session.host_of(server).name
    return [HostError(what, where=host, hint=". ".join(hints), code=CODE)]
