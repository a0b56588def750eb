"""Redirections to names that a site has by a wildcard, does not have, or that are another site's."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from provision_py.sandbox.webserver import WebServer
from web.hosting import Hosting, new_hosting
from web.tree import make_drupal_7


@pytest.fixture(scope="module")
def redirecting(web_server: WebServer) -> Iterator[Hosting]:
    with new_hosting(web_server) as hosting:
        docroot = make_drupal_7(hosting.root / "seven")
        platform = hosting.platform("platform_seven", hosting.root / "seven", docroot, 7)
        hosting.site(platform, docroot, "wild.test", aliases=("*.wild.test",), redirection="www.wild.test")
        hosting.site(platform, docroot, "away.test", redirection="strange.test")
        hosting.site(platform, docroot, "a-former.test", redirection="present.test")
        hosting.site(platform, docroot, "present.test", aliases=("www.present.test",))
        web_server.serve(hosting.root)
        yield hosting


@pytest.mark.parametrize("host", ["wild.test", "any.wild.test", "more.www.wild.test"])
def test_a_redirection_under_a_wildcard_ends(redirecting: Hosting, host: str) -> None:
    sent = redirecting.web.fetch("/node/1?x=y", host=host)

    assert (sent.status, sent.headers["location"]) == (301, "http://www.wild.test/node/1?x=y")
    page = redirecting.web.fetch("/node/1?x=y", host="www.wild.test")
    assert json.loads(page.text)["credentials"]["db_name"] == "wildtest"


def test_a_target_that_is_no_name_of_the_site(redirecting: Hosting) -> None:
    sent = redirecting.web.fetch("/x", host="away.test")

    assert (sent.status, sent.headers["location"]) == (301, "http://strange.test/x")
    page = redirecting.web.fetch("/x", host="strange.test")
    if redirecting.web.application == "nginx":
        assert json.loads(page.text)["credentials"]["db_name"] == "awaytest"
    else:
        assert page.status == 404
    assert redirecting.web.fetch("/x", host="very-strange.test").status == 404


def test_a_target_that_is_another_site_shows_that_one(redirecting: Hosting) -> None:
    sent = redirecting.web.fetch("/x", host="a-former.test")

    assert (sent.status, sent.headers["location"]) == (301, "http://present.test/x")
    page = redirecting.web.fetch("/x", host="present.test")
    assert json.loads(page.text)["credentials"]["db_name"] == "presenttest"
