"""The address under which Drupal is asked, and that login links begin with."""

from __future__ import annotations

import pytest

from provision_py.commands.insidedrupal import base_url
from provision_py.contexts.model import Platform, Server, Site


@pytest.mark.parametrize(
    ("redirection", "port", "expected"),
    [
        (None, "80", "http://a.test"),
        (None, None, "http://a.test"),
        (None, "8080", "http://a.test:8080"),
        ("www.a.test", 8080, "http://www.a.test:8080"),
        ("b.test/blog", "80", "http://b.test/blog"),
        ("b.test/blog/two", "8080", "http://b.test:8080/blog/two"),
    ],
)
def test_the_port_stands_behind_the_host(redirection: str | None, port: str | int | None, expected: str) -> None:
    web = Server("server_master", "a.test", "/var/aegir", "aegir", properties={"http_port": port})
    platform = Platform("platform_p", "/p", web, web)
    assert base_url(Site("a.test", "a.test", "/p", platform, web, web, redirection=redirection)) == expected
