"""Questions to a site's web servers that are asked while Drupal works here: it takes one core and a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provision_py.commands import farm, memberfacts
from provision_py.commands.memberfacts import Facts
from provision_py.commands.session import Session
from provision_py.contexts.model import Site
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.system import fanout, sameness

if TYPE_CHECKING:
    from concurrent.futures import Future


@dataclass(frozen=True)
class Ahead:
    """The answers, each waited for when it is wanted; then what went wrong while asking is raised, too."""

    #: The hosts for which the site may lack a database account, see :func:`provision_py.commands.farm.grant_hosts`.
    grants: Callable[[], tuple[str, ...]]
    #: What web servers have of the site's files.
    files: Callable[[], sameness.Answers]
    #: Web servers, by name, where the site has all it needs. Others are worth asking again: a grant may have helped.
    content: Callable[[], Mapping[str, Facts]]


@contextmanager
def asked_ahead(session: Session, site: Site, code: CodeBase, credentials: Credentials) -> Iterator[Ahead | None]:
    """Ask now; None where all web servers are this machine. What is still being asked at the end is waited for."""
    if not farm.remote(session, session.http(site.web_server).grant_servers()):
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=3, thread_name_prefix="ahead") as pool:
        content = pool.submit(_content, session, site, credentials)
        files = pool.submit(farm.ask_for_site, session, site, code)
        grants = pool.submit(_grants, session, site, content)
        yield Ahead(grants.result, files.result, content.result)


def _grants(session: Session, site: Site, content: Future[dict[str, Facts]]) -> tuple[str, ...]:
    # Where the site's login works there is an account for it.
    return farm.grant_hosts(session, site, granted=content.result())


def _content(session: Session, site: Site, credentials: Credentials) -> dict[str, Facts]:
    servers = session.http(site.web_server).config_servers()
    found, _ = fanout.each(
        servers, lambda server: memberfacts.ask(session, site, server, credentials, has_site=False)
    )
    return {server.name: facts for server, facts in found if not facts.problems}
