"""The last part of a rollout: every web server of a site is asked for it, and what is wrong now but was not before
undoes the command.

What a server showed before is asked first, because a site that was broken already has to be verified all the same.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from provision_py.commands import memberpages, ownrules
from provision_py.commands.memberpages import Seen
from provision_py.commands.pagejudgement import Judgement, judge
from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.drupal.pages import Kind
from provision_py.errors import ProvisionError, ServiceError
from provision_py.php.values import says_yes
from provision_py.services.http_properties import CHECK_PAGES
from provision_py.system import fanout

#: Seconds after a reload until a right answer says something of the new configuration where the former one gave a
#: right answer too: the workers that have it answer for a moment longer.
SETTLE = 0.5

_LET_IN = f"let the hub's address in, or switch {CHECK_PAGES.name} of the site off"


@dataclass(frozen=True)
class PageCheck:
    """Asks the web servers of a site before a rollout and after it. ``fresh``: the site is being installed."""

    session: Session
    site: Site
    servers: Sequence[Server]
    fresh: bool = False
    before: Mapping[str, Seen] = field(default_factory=dict)
    _warming: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def begin(cls, session: Session, site: Site, servers: Sequence[Server], *, fresh: bool = False) -> PageCheck:
        """Look what the servers show now, before anything is changed. Nobody is asked where that is switched off."""
        if not is_wanted(session, site):
            return cls(session, site, ())

        def look(server: Server) -> Seen:
            if fresh:
                return memberpages.look(session, site, server)
            return memberpages.known(lambda: memberpages.look(session, site, server))

        return cls(session, site, servers, fresh, _of_each(servers, look))

    def warm_up(self) -> None:
        """Ask one server for the page and go on meanwhile: that fills the caches which all share and a command has
        just emptied. The first answer would take long otherwise, and all servers would fill them at the same time."""
        well = next((server for server in self.servers if not self.before[server.name].problems), None)
        if well is not None:
            self._warming.append(threading.Thread(target=self._warm, args=(well,), name="warm up", daemon=True))
            self._warming[-1].start()

    def _warm(self, server: Server) -> None:
        with contextlib.suppress(ProvisionError):
            # A worker that has not yet ended since a reload may not know the site: that warms nothing up.
            memberpages.known(lambda: memberpages.look(self.session, self.site, server))

    def finish(self, changed: Collection[str]) -> dict[str, Seen]:
        """Look again, now that all have loaded their configuration; ``changed`` names those whose files are others.

        What stays wrong but does not speak against the rollout is logged. Raises ServiceError naming each server that
        does not show the site as it should, and why.
        """
        seen = self._looked_again(changed)
        rules = {server.name: self._own_rules(server, seen[server.name], changed) for server in self.servers}
        judged = {
            name: judge(self.before[name], one, fresh=self.fresh, explained=rules[name] is not None)
            for name, one in seen.items()
        }
        failed = [server for server in self.servers if judged[server.name] is Judgement.FAILURE]
        for server in self.servers:
            self._tell(server, seen[server.name], judged[server.name], rules[server.name])
        if failed:
            raise self._failure(failed, seen)
        compared = memberpages.compared(seen)
        for server in self.servers:
            for problem in compared[server.name].problems[len(seen[server.name].problems) :]:
                self.session.log.warning(f"@{server.name}: {problem}", code="PROVISION_MEMBER_DOUBTFUL")
        return compared

    def _looked_again(self, changed: Collection[str]) -> dict[str, Seen]:
        for thread in self._warming:
            thread.join()
        # With cold caches, one goes ahead.
        ahead = 0 if self._warming else 1
        seen: dict[str, Seen] = {}
        for servers in (self.servers[:ahead], self.servers[ahead:]):
            seen |= _of_each(servers, lambda server: self._look_again(server, server.name in changed))
        return seen

    def _look_again(self, server: Server, changed: bool) -> Seen:
        before = self.before[server.name]
        if changed and not before.problems:
            time.sleep(SETTLE)
        if before.is_silent:
            return memberpages.look(self.session, self.site, server)
        return memberpages.patiently(lambda: memberpages.look(self.session, self.site, server), before.kinds)

    def _own_rules(self, server: Server, seen: Seen, changed: Collection[str]) -> str | None:
        """Where rules of an admin are that may be why the hub is not let in any more."""
        if Kind.REFUSED not in seen.kinds - self.before[server.name].kinds:
            return None
        return ownrules.found(self.session, self.site, server, vhost_is_new=server.name in changed)

    def _failure(self, failed: Sequence[Server], seen: Mapping[str, Seen]) -> ServiceError:
        told = "; ".join(f"@{server.name}: {self._compared(server, seen)}" for server in failed)
        hint = "Look at the error logs of the web server and of PHP there and run the task again. "
        if any(Kind.REFUSED in seen[server.name].kinds for server in failed):
            hint += f"Where only some addresses are let in, {_LET_IN}"
        else:
            hint += f"For a site that cannot be asked from here, switch {CHECK_PAGES.name} off"
        return ServiceError(
            f"{self.site.uri} is not served as it should be. {told}",
            where=", ".join(server.remote_host for server in failed),
            hint=hint,
            code="PROVISION_SITE_NOT_SERVED",
        )

    def _compared(self, server: Server, after: Mapping[str, Seen]) -> str:
        before, now = self.before[server.name], _words(after[server.name])
        return f"{now} (before: {_words(before)})" if before.problems else now

    def _tell(self, server: Server, seen: Seen, judgement: Judgement, rules: str | None) -> None:
        if judgement is Judgement.FINE:
            self._tell_what_is_fine(server, seen)
        elif judgement is Judgement.WARNING:
            since = "" if self.fresh and not self.before[server.name].is_silent else ", as before"
            if rules:
                since = f". Rules in {rules} may refuse the hub, which cannot see the page then: {_LET_IN}"
            told = f"@{server.name} does not show {self.site.uri} as it should: {_words(seen)}{since}"
            self.session.log.warning(told, code="PROVISION_SITE_NOT_SERVED")

    def _tell_what_is_fine(self, server: Server, seen: Seen) -> None:
        """Only what was seen: a site may show what is not Drupal, or nothing but a redirection to another one."""
        uri, host = self.site.uri, self.session.host_of(server).name
        visits = self.session.http(server).visits(self.site)
        target = next((visit.target for visit in visits), None)
        if seen.problems:
            self.session.log.notice(f"@{server.name}, asked for {uri}: {_words(seen)}", host=host)
        elif not visits:
            self.session.log.info(f"The web server was not asked for {uri}", host=host)
        elif all(visit.target for visit in visits):
            self.session.log.info(f"The web server redirects {uri} to {target}", host=host)
        elif not self.site.enabled:
            self.session.log.info(f"The web server answers for {uri} as for a disabled site", host=host)
        else:
            self.session.log.info(f"The web server shows {uri}", host=host)


def is_wanted(session: Session, site: Site) -> bool:
    """Whether the servers are to be asked: as the site says, else the option of the same name."""
    own = site.properties.get(CHECK_PAGES.name)
    return session.flag(CHECK_PAGES.name, True) if own is None else says_yes(own)


def _of_each(servers: Sequence[Server], look: Callable[[Server], Seen]) -> dict[str, Seen]:
    """What each server shows. Raises ProvisionError where it cannot even be said what to ask for."""
    found, failures = fanout.each(servers, look)
    if failures:
        raise fanout.combined(failures, lambda server: f"@{server.name}", "")
    return {server.name: seen for server, seen in found}


def _words(seen: Seen) -> str:
    return ", ".join(map(str, seen.problems))
