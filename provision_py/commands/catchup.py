"""Brings a member of a cluster or pack what it has missed while it was down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from provision_py.commands import absence, farm, memberpages
from provision_py.commands.session import Session
from provision_py.commands.sitefiles import SiteFiles
from provision_py.commands.sitestate import SiteState
from provision_py.commands.verify_platform import PlatformCode, roll_out_platform
from provision_py.contexts.model import Context, Platform, Server, Site
from provision_py.drupal.codebase import detect
from provision_py.errors import ProvisionError


def catch_up(session: Session, verified: Server) -> None:
    """Bring each member what it has missed. For the verify of a server or group whose own configuration is in place.

    Only what belongs to a group that is verified, or anything to a server that is verified itself: nothing else works
    on that meanwhile. Raises ProvisionError; then the member misses what it missed before.
    """
    for member in session.http(verified).config_servers():
        names = absence.missed(session, member)
        if names:
            _bring(session, verified, member, names)


def _bring(session: Session, verified: Server, member: Server, names: Sequence[str]) -> None:
    contexts, settled = _read(session, member, names)
    concerned = [context for context in contexts if _belongs(context, verified, member)]
    settled |= {context.name for context in concerned if isinstance(context, Server)}
    with _alone(session, member):
        for platform in (context for context in concerned if isinstance(context, Platform)):
            settled |= _bring_platform(session, platform)
        for site in (context for context in concerned if isinstance(context, Site)):
            settled |= _bring_site(session, site, member)
    absence.forget(session, member, sorted(settled))


def _read(session: Session, member: Server, names: Sequence[str]) -> tuple[list[Context], set[str]]:
    """The contexts that the member still serves, and the names of those that it need not have any more."""
    contexts: list[Context] = []
    settled = {name for name in names if not session.store.exists(name)}
    for name in (name for name in names if name not in settled):
        try:
            context = session.store.load(name)
            serves = member.name in absence.members_of(session, context)
        except ProvisionError as error:
            _put_off(session, name, error)
            continue
        if serves:
            contexts.append(context)
        else:
            session.log.info(f"@{name} is no longer on @{member.name}: what was missed of it is not needed")
            settled.add(name)
    return contexts, settled


def _belongs(context: Context, verified: Server, member: Server) -> bool:
    web_server = context if isinstance(context, Server) else context.web_server
    return verified.name in (web_server.name, member.name)


@contextmanager
def _alone(session: Session, member: Server) -> Iterator[None]:
    """Of any group, nobody but this member is worked on."""
    others = frozenset(session.store.names()) - {member.name}
    former, session.absent = session.absent, others
    try:
        yield
    finally:
        session.absent = former


def _bring_platform(session: Session, platform: Platform) -> set[str]:
    try:
        code = detect(platform.root)
    except ProvisionError as error:
        return _put_off(session, platform.name, error)
    farm.push_platform(session, platform, code)
    roll_out_platform(session, PlatformCode(platform, code))
    return _brought(session, platform)


def _bring_site(session: Session, site: Site, member: Server) -> set[str]:
    try:
        code = detect(site.platform.root)
        credentials = SiteState.read(site).credentials(site)
        hosts = farm.grant_hosts(session, site)
        files = SiteFiles(session, site, code, credentials)
        files.vhost_files(session.http(member))  # what cannot be rendered is found before anything is changed
    except ProvisionError as error:
        return _put_off(session, site.name, error)
    farm.grant_members(session, site, credentials, hosts)
    farm.push_site(session, site, code, new=True)
    files.roll_out()
    for problem in memberpages.patiently(lambda: memberpages.look(session, site, member)).problems:
        session.log.warning(f"@{member.name} does not show {site.uri} as it should: {problem}")
    return _brought(session, site)


def _brought(session: Session, context: Context) -> set[str]:
    session.log.success(f"What had been missed of @{context.name} was brought")
    return {context.name}


def _put_off(session: Session, name: str, error: ProvisionError) -> set[str]:
    """One broken site must not keep a member from all others."""
    told = f"What was missed of @{name} cannot be brought: {error}. Its own verify brings it"
    session.log.warning(told, code=error.code)
    return set()
