"""Questions to a site's web servers that are asked while Drupal works here: it takes one core and a while."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from provision_py.commands import farm
from provision_py.commands.session import Session
from provision_py.contexts.model import Site
from provision_py.drupal.model import CodeBase
from provision_py.system import sameness


@dataclass(frozen=True)
class Ahead:
    """The answers, each waited for when it is wanted. Both raise what went wrong while asking."""

    #: The hosts that the site's database accounts are for, see :func:`provision_py.commands.farm.grant_hosts`.
    grants: Callable[[], tuple[str, ...]]
    #: What web servers have of the site's files.
    files: Callable[[], sameness.Answers]


@contextmanager
def asked_ahead(session: Session, site: Site, code: CodeBase) -> Iterator[Ahead | None]:
    """Ask now; None where all web servers are this machine. What is still being asked at the end is waited for."""
    if not farm.remote(session, session.http(site.web_server).grant_servers()):
        yield None
        return
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="ahead") as pool:
        grants = pool.submit(farm.grant_hosts, session, site)
        files = pool.submit(farm.ask_for_site, session, site, code)
        yield Ahead(grants.result, files.result)
