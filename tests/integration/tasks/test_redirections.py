"""Redirections of a site to names that are none of its aliases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hosting_system import Hosting

from provision_py.commands.verify_site import verify_site
from provision_py.errors import ContextError
from provision_py.sandbox.webserver import WebServer

SITE, OTHER = "one.example.test", "www.one.example.test"


def verify(hosting: Hosting, **options: Any) -> None:
    session = hosting.session()
    session.store.save(SITE, options)
    with session.journaled("provision-verify", SITE):
        verify_site(session, session.store.site(SITE))


@pytest.mark.parametrize("major", [7, 10])
@pytest.mark.parametrize("aliases", [{}, {0: f"*.{SITE}"}])
def test_nginx_shows_the_site_at_the_target(
    hosting_on: Callable[..., Hosting], nginx: WebServer, aliases: dict[int, str], major: int
) -> None:
    hosting = hosting_on(nginx)
    hosting.installed(SITE, major=major)

    verify(hosting, aliases=aliases, redirection=OTHER)

    assert hosting.fetch_until(301, "/", SITE).headers["location"] == f"http://{OTHER}/"
    page = hosting.fetch_until(200, "/", OTHER)
    assert page.status == 200
    assert f"| {SITE}</title>" in page.text


def test_another_sites_name_is_not_taken_by_a_wildcard(hosting: Hosting) -> None:
    site, _ = hosting.installed(SITE)
    platform = int(str(hosting.site_row(site)["platform"]))
    other = hosting.front.add_site(OTHER, platform, hosting.front.db_server)
    assert hosting.run(hosting.queued(other, "install")).status == 1, hosting.said()

    with pytest.raises(ContextError, match=f"The name {OTHER} belongs to @{OTHER}"):
        verify(hosting, aliases={0: f"*.{SITE}"}, redirection=OTHER)
    verify(hosting, aliases={}, redirection=OTHER)

    assert f"| {OTHER}</title>" in hosting.fetch_until(200, "/", OTHER).text
