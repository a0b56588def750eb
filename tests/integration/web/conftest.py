"""Web servers with sites in every state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from provision_py.sandbox.webserver import WebServer
from web.hosting import Hosting, new_hosting
from web.tree import make_drupal_7, make_drupal_10


@pytest.fixture(scope="session", params=["apache with its module", "apache with php-fpm", "nginx with php-fpm"])
def web_server(request: pytest.FixtureRequest) -> WebServer:
    fixture = {"apache with its module": "apache", "apache with php-fpm": "apache_fpm", "nginx with php-fpm": "nginx"}
    found = request.getfixturevalue(fixture[request.param])
    assert isinstance(found, WebServer)
    return found


@pytest.fixture
def make_hosting() -> Iterator[Callable[..., Hosting]]:
    """Makes Aegir roots of one test."""
    with ExitStack() as stack:
        yield lambda *given, **properties: stack.enter_context(new_hosting(*given, **properties))


@pytest.fixture(scope="module")
def hosting(web_server: WebServer) -> Iterator[Hosting]:
    """Sites of Drupal 7 and 10 in every state."""
    with new_hosting(web_server) as hosting:
        _fill(hosting)
        web_server.serve(hosting.root)
        yield hosting


def _fill(hosting: Hosting) -> None:
    challenges = hosting.root / "config/letsencrypt.d/well-known/acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token-1_A").write_text("public challenge")
    seven_root = hosting.root / "platforms/seven"
    seven = make_drupal_7(seven_root)
    ten_root = hosting.root / "platforms/ten"
    ten = make_drupal_10(ten_root)
    platform_7 = hosting.platform("platform_seven", seven_root, seven, 7)
    platform_10 = hosting.platform("platform_ten", ten_root, ten, 10)
    hosting.site(platform_7, seven, "seven.test", aliases=("www.seven.test",))
    hosting.site(platform_10, ten, "ten.test", aliases=("www.ten.test", "TEN.test"))
    hosting.site(
        platform_7, seven, "moved.test", aliases=("www.moved.test", "other.moved.test"), redirection="www.moved.test"
    )
    hosting.site(platform_10, ten, "own.test", aliases=("www.own.test", "*.wild.own.test"), redirection="own.test")
    hosting.site(platform_7, seven, "off.test", aliases=("www.off.test",), redirection="www.off.test", enabled=False)
    files = seven / "sites/seven.test/files"
    (files / "robots.txt").write_text("public robots of the site")
    (files / "favicon.ico").write_text("public favicon of the site")
