"""``check``: does every web server of a site really serve it, and can each of them do what the site needs?

What people else do by hand after setting up a cluster: ask each member by its own address for the site, log in to the
database from there, compare clocks, disks and PHP.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from provision_py.commands import memberfacts, memberpages
from provision_py.commands.checkresults import FAILED, OK, CheckResult, MemberResult, write_result
from provision_py.commands.memberfacts import Facts
from provision_py.commands.memberpages import Seen
from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.commands.sitestate import SiteState
from provision_py.contexts.model import Context, Server, Site
from provision_py.errors import UsageError
from provision_py.php.values import PhpValue, php_list
from provision_py.system import fanout


@dataclass(frozen=True)
class MemberState:
    """What was found of one web server. ``problems`` empty: all is well."""

    server: str
    address: str
    problems: tuple[str, ...]
    title: str = ""


def run(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> Shown:
    """Check a site on all its web servers. Exit status 1 when something is wrong."""
    if not isinstance(context, Site):
        raise UsageError("Name the site to check", hint="provision-py @site check")
    states = check_site(session, context)
    write_result(session.state, context.name, _result(states))
    data: PhpValue = php_list(
        {
            "server": state.server,
            "address": state.address,
            "ok": not state.problems,
            "title": state.title,
            "problems": php_list(state.problems),
        }
        for state in states
    )
    failed = any(state.problems for state in states)
    return Shown(data, as_table=lambda: _table(states), status=1 if failed else 0)


def _result(states: Sequence[MemberState]) -> CheckResult:
    members = {one.server: MemberResult(FAILED if one.problems else OK, "; ".join(one.problems)) for one in states}
    failed = [one.server for one in states if one.problems]
    message = f"wrong on {', '.join(failed)}" if failed else ""
    return CheckResult(FAILED if failed else OK, int(time.time()), message, members)


def check_site(session: Session, site: Site) -> list[MemberState]:
    """Ask every web server of the site, side by side. Raises ContextError when no database is on record."""
    credentials = SiteState.read(site).credentials(site)
    servers = session.http(site.web_server).config_servers()

    def look(server: Server) -> tuple[Facts, Seen]:
        facts = memberfacts.ask(session, site, server, credentials)
        return facts, memberpages.patiently(lambda: memberpages.look(session, site, server))

    found, failures = fanout.each(servers, look)
    pages = memberpages.compared({server.name: page for server, (_, page) in found})
    php = memberfacts.differences([(server.name, facts) for server, (facts, _) in found])
    states = {}
    for server, (facts, _) in found:
        page = pages[server.name]
        told = (*map(str, page.problems), *facts.problems, *php.get(server.name, ()))
        states[server.name] = MemberState(server.name, server.remote_host, told, page.title)
    for failure in failures:
        states[failure.item.name] = MemberState(failure.item.name, failure.item.remote_host, (failure.error.what,))
    return [states[server.name] for server in servers]


def _table(states: Sequence[MemberState]) -> str:
    lines = []
    for state in states:
        lines.append(f"@{state.server} ({state.address}): {'; '.join(state.problems) or f'well, “{state.title}”'}")
    return "\n".join(lines) + "\n"
