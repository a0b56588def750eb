"""Questions to a site's web servers that are asked while Drupal works here, in one round trip each: it takes one core
and a while."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from provision_py.commands import farm, memberfacts
from provision_py.commands.memberfacts import Facts
from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.system import fanout, sameness
from provision_py.system.host import Completed, Host, Program

if TYPE_CHECKING:
    from concurrent.futures import Future

#: Seconds for all that one web server is asked.
_TIMEOUT = memberfacts.TIMEOUT + sameness.TIMEOUT


@dataclass(frozen=True)
class Answers:
    """What the servers said, by their names; those that did not answer are left out."""

    #: Where the site has all it needs. Others are worth asking again: a grant may have helped.
    content: Mapping[str, Facts] = field(default_factory=dict)
    #: What they have of the site's files; None: nobody was asked.
    files: sameness.Answers | None = None
    #: How their search for files of aliases that the site has lost has ended.
    former: Mapping[str, Completed] = field(default_factory=dict)


@dataclass(frozen=True)
class Ahead:
    """The answers, each waited for when it is wanted; then what went wrong while asking is raised, too."""

    #: The hosts for which the site may lack a database account, see :func:`provision_py.commands.farm.grant_hosts`.
    grants: Callable[[], tuple[str, ...]]
    answers: Callable[[], Answers]


@contextmanager
def asked_ahead(session: Session, site: Site, code: CodeBase, credentials: Credentials) -> Iterator[Ahead | None]:
    """Ask now; None where all web servers are this machine. What is still being asked at the end is waited for."""
    if not farm.remote(session, session.http(site.web_server).grant_servers()):
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="ahead") as pool:
        answers = pool.submit(_ask, session, site, code, credentials)
        grants = pool.submit(_grants, session, site, answers)
        yield Ahead(grants.result, answers.result)


def _grants(session: Session, site: Site, answers: Future[Answers]) -> tuple[str, ...]:
    # Where the site's login works there is an account for it.
    return farm.grant_hosts(session, site, granted=answers.result().content)


def _ask(session: Session, site: Site, code: CodeBase, credentials: Credentials) -> Answers:
    servers = session.http(site.web_server).config_servers()
    question, holders = farm.site_question(session, site, code)

    def ask(server: Server) -> _Said:
        asked = time.time()
        facts, files, former = _run(
            session.host_of(server),
            memberfacts.question(site, server, credentials),
            question.program if question is not None and server.name in holders else None,
            None if session.is_here(server) else session.http(server).former_site_search(site, credentials),
        )
        known = memberfacts.answered(site, facts, asked) if facts is not None else None
        if known is None:
            known = memberfacts.ask(session, site, server, credentials, has_site=False)
        return _Said(known, files, former)

    found, _ = fanout.each(servers, ask)
    return Answers(
        {server.name: said.facts for server, said in found if not said.facts.problems},
        sameness.answers(question, [(holders[server.name], said.files) for server, said in found if said.files]),
        {server.name: said.former for server, said in found if said.former},
    )


@dataclass(frozen=True)
class _Said:
    facts: Facts
    files: Completed | None
    former: Completed | None


def _run(host: Host, *programs: Program | None) -> list[Completed | None]:
    """How they ended, with None for None."""
    ended = iter(host.run_all([program for program in programs if program is not None], timeout=_TIMEOUT))
    return [None if program is None else next(ended) for program in programs]
