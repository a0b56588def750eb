"""Members of a cluster or pack that are out of reach: whether a command goes on without them, and what they miss.

What a member has missed is one empty file each, ``<state>/left-out/<server>/<context>``. Steps write and remove them,
so a command that is undone leaves nothing of it. :mod:`provision_py.commands.catchup` brings the member up to date.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from provision_py.commands import farm
from provision_py.commands.session import Session
from provision_py.contexts.model import Context, Server, Site
from provision_py.errors import ContextError, ProvisionError
from provision_py.php.values import says_yes
from provision_py.services.http_properties import TOLERATE_DOWN
from provision_py.steps.files import ApplyFiles
from provision_py.system import fanout
from provision_py.system.configfile import ConfigFile
from provision_py.system.presence import exists, names_in

FOLDER = "left-out"
OPTION = "tolerate-down"

#: How a machine fails that is down. One that shows another key or lets nobody in is up, and somebody has to look.
DOWN = frozenset({"PROVISION_SSH_UNREACHABLE", "PROVISION_SSH_TIMEOUT", "PROVISION_SSH_LOST"})


def check_reachable(session: Session, context: Context) -> None:
    """Connect to every member before anything is changed anywhere. To be called at the beginning of a command.

    A member that is down, or has missed the platform that a site is on, is left out by the rest of the command where
    that is allowed. Raises HostError or ContextError naming each member that stands in the way, and why.
    """
    session.absent = frozenset()
    members = members_of(session, context)
    _, failures = fanout.each(
        farm.remote(session, list(members.values())), lambda server: session.host_of(server).ready()
    )
    down = {failure.item.name: failure.error for failure in failures}
    problems = down | _behind(session, context, [server for name, server in members.items() if name not in down])
    if not problems:
        _strike_off(session, context, members)
        return
    if not _may_go_on(session, context, members, problems):
        raise _refusal(problems)
    for name, error in problems.items():
        session.log.warning(
            f"@{name} is left out: {error.what}. Verify it when it is up: that brings it what it has missed",
            code="PROVISION_MEMBER_LEFT_OUT",
        )
    session.absent = frozenset(problems)
    files = [ConfigFile(str(_folder(session, name) / context.name), "", mode=0o600) for name in problems]
    session.run(ApplyFiles(session.master.name, files, description="Keep in mind what members miss"))
    _strike_off(session, context, members.keys() - problems.keys())


def missed(session: Session, server: Server) -> list[str]:
    """Names of the contexts that a server was left out of."""
    return names_in(_folder(session, server.name))


def all_missed(state: Path) -> dict[str, list[str]]:
    """Servers that were left out, and of what, both sorted. ``state`` is the session's folder."""
    found = {server: names_in(state / FOLDER / server) for server in names_in(state / FOLDER)}
    return {server: names for server, names in found.items() if names}


def forget(session: Session, server: Server, names: Iterable[str]) -> None:
    """The server has them now."""
    files = [ConfigFile(str(_folder(session, server.name) / name), None) for name in names]
    session.run(ApplyFiles(session.master.name, files, description="Nothing is missed any more"))


def _folder(session: Session, server: str) -> Path:
    return session.state / FOLDER / server


def members_of(session: Session, context: Context) -> Mapping[str, Server]:
    """The web servers that have something of a context, by name, without those that are left out."""
    group = session.http(context if isinstance(context, Server) else context.web_server)
    return {server.name: server for server in (*group.config_servers(), *group.code_servers())}


def _behind(session: Session, context: Context, members: Sequence[Server]) -> dict[str, ProvisionError]:
    """Members that lack the code that a site needs."""
    if not isinstance(context, Site):
        return {}
    platform = context.platform.name
    return {
        server.name: ContextError(
            f"it has not got what was last done to @{platform}, because it was down then",
            where=f"@{server.name}",
            hint=f"Verify @{server.name}, or @{platform}",
            code="PROVISION_MEMBER_BEHIND",
        )
        for server in members
        if platform in missed(session, server)
    }


def _may_go_on(
    session: Session, context: Context, members: Mapping[str, Server], problems: Mapping[str, ProvisionError]
) -> bool:
    web_server = context if isinstance(context, Server) else context.web_server
    everywhere = session.flag(OPTION, False) or says_yes(web_server.properties.get(TOLERATE_DOWN.name))
    for name, error in problems.items():
        if error.code not in DOWN | {"PROVISION_MEMBER_BEHIND"}:
            return False
        if not everywhere and not says_yes(members[name].properties.get(TOLERATE_DOWN.name)):
            return False
    group = session.http(web_server).without(frozenset(problems))
    return bool(group.config_servers() and group.code_servers()) and group.config_servers()[0].name not in problems


def _refusal(problems: Mapping[str, ProvisionError]) -> ProvisionError:
    first = next(iter(problems.values()))
    told = "; ".join(f"@{name}: {error.what}" for name, error in problems.items())
    hint = first.hint
    if all(error.code in DOWN for error in problems.values()):
        hint = f"{hint}. A task of a group goes on without members that are down with the option {OPTION}".lstrip(
            ". "
        )
    return type(first)(f"{told}. Nothing was changed on any server", where=first.where, hint=hint, code=first.code)


def _strike_off(session: Session, context: Context, members: Iterable[str]) -> None:
    """What this command brings to members themselves is missed no longer."""
    for name in members:
        path = _folder(session, name) / context.name
        if exists(path):
            files = [ConfigFile(str(path), None)]
            session.run(ApplyFiles(session.master.name, files, description="Nothing is missed any more"))
