"""The checks of ``check``, done by commands that change a site: what each of its web servers can do, and shows."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from provision_py.commands import memberfacts
from provision_py.commands.checkresults import OK, WARNING, CheckResult, MemberResult, write_result
from provision_py.commands.memberfacts import Facts
from provision_py.commands.pagecheck import PageCheck
from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.drupal.model import Credentials


@dataclass
class SiteCheck:
    """Accompanies one command on one site. What it finds is kept for ``topology``, as ``check`` keeps it."""

    session: Session
    site: Site
    servers: Sequence[Server]
    pages: PageCheck
    told: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def begin(cls, session: Session, site: Site, *, fresh: bool = False) -> SiteCheck:
        """Look what the web servers show, before anything is changed."""
        servers = session.http(site.web_server).config_servers()
        return cls(session, site, servers, PageCheck.begin(session, site, servers, fresh=fresh))

    def ask_members(self, credentials: Credentials, content: Mapping[str, Facts]) -> None:
        """Ask for what the site needs on its servers: database, disk, and clocks and PHP that are alike.

        Those that were ``content`` with everything before are not asked again. What is wrong is a warning: whether
        the site fails because of it, its page will show.
        """

        def ask(server: Server) -> Facts:
            known = content.get(server.name)
            return known or memberfacts.ask(self.session, self.site, server, credentials, has_site=False)

        for name, told in memberfacts.doubts(self.session, self.servers, ask).items():
            self.told.setdefault(name, []).extend(told)

    def finish(self, changed: Collection[str]) -> None:
        """Look again, now that all have loaded their configuration. Raises ServiceError, see PageCheck."""
        for name, seen in self.pages.finish(changed).items():
            self.told.setdefault(name, []).extend(map(str, seen.problems))
        write_result(self.session.state, self.site.name, result(self.servers, self.told, int(time.time())))


def result(servers: Sequence[Server], told: Mapping[str, Sequence[str]], now: int) -> CheckResult:
    """What was found of a site that works: a warning for every server of which something was told."""
    members = {
        server.name: MemberResult(WARNING if told.get(server.name) else OK, "; ".join(told.get(server.name, ())))
        for server in servers
    }
    doubtful = [name for name, one in members.items() if one.state != OK]
    message = f"to be looked at on {', '.join(doubtful)}" if doubtful else ""
    return CheckResult(WARNING if doubtful else OK, now, message, members)
