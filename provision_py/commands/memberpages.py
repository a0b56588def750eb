"""Asks web servers for a site, each by its own address."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.drupal.pages import Kind, Problem, Verdict, examine, examine_redirection
from provision_py.errors import HostError
from provision_py.services.base import Visit
from provision_py.system import web

#: Seconds for which a wrong answer is asked for again: after a graceful reload, workers that have the former
#: configuration still answer for a moment.
PATIENCE = 5.0
#: The same for an answer that is as wrong as it was before.
UNCHANGED_PATIENCE = 1.0
#: Seconds between two requests: the first time, and at most; each pause is half as long again as the one before.
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 0.5


@dataclass(frozen=True)
class Seen:
    """What one web server shows of a site."""

    problems: tuple[Problem, ...] = ()
    title: str = ""

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(problem.kind for problem in self.problems)

    @property
    def is_silent(self) -> bool:
        """Nobody answers there at all."""
        return Kind.SILENT in self.kinds


def look(session: Session, site: Site, server: Server) -> Seen:
    """What ``server`` shows of the site now: one request for its page, and one for a name that is redirected."""
    address = "127.0.0.1" if session.host_of(server).is_local else server.remote_host
    return seen(site, [_ask(site, visit, address) for visit in session.http(server).visits(site)])


def seen(site: Site, verdicts: list[Verdict]) -> Seen:
    """Several answers of one server as one. A site to be installed by hand shows the installer at first."""
    problems = dict.fromkeys(problem for verdict in verdicts for problem in verdict.problems)
    if site.install_method == "manual":
        problems = {problem: None for problem in problems if problem.kind is not Kind.INSTALLER}
    return Seen(tuple(problems), next((verdict.title for verdict in verdicts if verdict.title), ""))


def _ask(site: Site, visit: Visit, address: str) -> Verdict:
    try:
        page = web.get(visit.address or address, visit.port, visit.path, host=visit.host, https=visit.https)
    except HostError as error:
        return Verdict((Problem(Kind.SILENT, error.what[0].lower() + error.what[1:]),))
    if visit.target is not None:
        return Verdict(examine_redirection(page, host=visit.host, target=visit.target, https=visit.to_https))
    verdict = examine(page, host=visit.host, enabled=site.enabled, others=(site.uri, *site.aliases))
    return verdict if visit.path == "/" else below_another(verdict, visit.host)


def below_another(verdict: Verdict, host: str) -> Verdict:
    """A site in a folder of ``host``, which may be another site: whether it is to be seen there is up to that one."""
    problems = (
        Problem(Kind.HIDDEN, f"{problem}, as far as {host} is concerned")
        if problem.kind in (Kind.UNKNOWN, Kind.ELSEWHERE)
        else problem
        for problem in verdict.problems
    )
    return replace(verdict, problems=tuple(problems))


def known(
    ask: Callable[[], Seen],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Seen:
    """What a server shows of a site that it should know: that it does not may be the answer of a worker that has not
    yet ended since a reload a moment ago, so it is asked again for a second."""
    begun = clock()
    while Kind.UNKNOWN in (found := ask()).kinds and clock() - begun < UNCHANGED_PATIENCE:
        sleep(LONGEST_PAUSE / 2)
    return found


def patiently(
    ask: Callable[[], Seen],
    before: frozenset[Kind] = frozenset(),
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Seen:
    """Ask until nothing is wrong, or until what is wrong has been so for long enough; the last answer.

    At least twice: a page that takes too long with cold caches may come at once the next time.
    ``before``: the kinds of problems that there were before already.
    """
    begun, pause, asked = clock(), FIRST_PAUSE, 1
    while (found := ask()).problems:
        patience = UNCHANGED_PATIENCE if found.kinds <= before else PATIENCE
        if asked > 1 and clock() - begun + pause > patience:
            break
        sleep(pause)
        asked += 1
        pause = min(pause * 1.5, LONGEST_PAUSE)
    return found


def compared(found: dict[str, Seen]) -> dict[str, Seen]:
    """What the servers show, with a problem where the title is another one than on the first that has one and shows
    the site as it should."""
    titled = [name for name, one in found.items() if one.title]
    first = next((name for name in titled if not found[name].problems), next(iter(titled), None))
    if first is None:
        return found
    wanted = found[first].title
    return {
        name: replace(one, problems=(*one.problems, _other_title(one.title, first, wanted)))
        if one.title and one.title != wanted
        else one
        for name, one in found.items()
    }


def _other_title(title: str, first: str, wanted: str) -> Problem:
    told = f"its front page is titled “{title[:80]}”, that of @{first} “{wanted[:80]}”"
    return Problem(Kind.ELSEWHERE, told)
