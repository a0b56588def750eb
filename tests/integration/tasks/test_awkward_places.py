"""Values that cannot stand in a web server's configuration are refused before anything is done for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hosting_system import Hosting

from provision_py.commands import install
from provision_py.errors import ServiceError
from provision_py.sandbox.platforms import make_platform

ERROR = 2


@pytest.fixture(params=["apache", "nginx"])
def served(request: pytest.FixtureRequest, hosting_on: Callable[..., Hosting]) -> Hosting:
    return hosting_on(request.getfixturevalue(request.param))


def test_a_platform_in_such_a_folder_is_not_verified(served: Hosting) -> None:
    root = served.home / 'platforms/it\'s "odd" d$7'
    make_platform(root, 10)
    assert served.run(served.front.queue_task(served.front.web_server, "verify")).status == 1, served.said()
    platform = served.front.add_platform("Odd", str(root), served.front.web_server)
    task = served.queued(platform, "verify")

    assert served.run(task).status == ERROR
    assert served.errors(task) == ["PROVISION_BAD_VALUE"], served.said()


def test_a_site_with_such_a_value_is_not_begun(served: Hosting) -> None:
    served.prepared()
    before = served.tree()
    session = served.session()
    values = {"context_type": "site", "uri": "one.example.test", "platform": "@platform_Drupal10"}
    session.store.save("one.example.test", values)
    site = replace(session.store.site("one.example.test"), aliases=("free.test/a%b",))
    session.store.delete("one.example.test")

    with (
        pytest.raises(ServiceError, match="folder of an address") as caught,
        session.journaled("provision-install", site.name),
    ):
        install.run(session, site, (), {})

    assert caught.value.code == "PROVISION_BAD_VALUE"
    assert served.tree() == before
    assert "undone" not in served.said(), "nothing had been begun"
