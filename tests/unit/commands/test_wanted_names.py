"""Which names of a site Drupal finds in sites.php."""

from __future__ import annotations

import pytest

from provision_py.commands.sitefiles import wanted_names
from provision_py.contexts.model import Platform, Server, Site

HUB = Server("server_master", "hub.test", "/var/aegir", "aegir")
PLATFORM = Platform("platform_x", "/srv/p", HUB, HUB)


@pytest.mark.parametrize(
    ("aliases", "redirection", "wanted"),
    [
        (("www.a.test",), "www.a.test", {"www.a.test": "a.test"}),
        (("*.b.test",), "www.b.test", {"b.test": "a.test"}),
        ((), "a.test", {}),
        ((), "strange.test", {"strange.test": "a.test"}),
        ((), "known.test", {}),
        ((), "folder.test", {}),
        (("b.test/x",), "b.test/x", {"b.test.x": "a.test"}),
        ((), "c.test/x", {}),
    ],
)
def test_the_target_of_a_redirection(aliases: tuple[str, ...], redirection: str, wanted: dict[str, str]) -> None:
    site = Site("a.test", "a.test", "/srv/p", PLATFORM, HUB, HUB, aliases=aliases, redirection=redirection)

    found = wanted_names(site, {"known.test": "other.test"}, lambda name: name == "folder.test")

    assert found == wanted
