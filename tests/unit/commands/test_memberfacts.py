"""What the answers of web servers mean."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision_py.commands.memberfacts import FREE_SPACE, Facts, answered, differences, weighed
from provision_py.contexts.model import Platform, Server, Site
from provision_py.system.host import Completed

FOLDER = "/var/aegir/platforms/p/sites/one.test"
HUB = Server("server_master", "hub.test", "/var/aegir", "aegir")
PLATFORM = Platform("p", "/var/aegir/platforms/p", HUB, HUB)
SITE = Site("one.test", "one.test", PLATFORM.root, PLATFORM, HUB, HUB)


def problems(*, has_folder: bool = True, **changes: Any) -> tuple[str, ...]:
    answer = {"time": 1000.5, "there": True, "free": FREE_SPACE, "resolves": True, "login": None} | changes
    return weighed(answer, 1000.0, 1001.0, FOLDER, "db.test", has_folder=has_folder).problems


def test_a_server_that_has_what_the_site_needs() -> None:
    assert problems() == ()
    assert problems(there=False, has_folder=False) == ()
    assert problems(time=995.1) == problems(time=1005.9) == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"time": 990.0}, "its clock is 10 seconds apart from the hub's"),
        ({"time": 1061.0}, "its clock is 60 seconds apart from the hub's"),
        ({"there": False}, f"it has no folder {FOLDER}"),
        ({"code": False}, "it has no /var/aegir/platforms/p/index.php: verify the platform"),
        ({"free": 5 * 1024 * 1024}, f"only 5 MiB are free for {FOLDER}"),
        ({"resolves": False}, "it does not know the address of the database server db.test"),
        ({"login": "Access denied"}, "the database refuses the site: Access denied"),
    ],
)
def test_what_is_wrong(changes: dict[str, object], told: str) -> None:
    assert problems(**changes) == (told,)


def test_an_answer_that_came_with_others_counts_by_its_own_time() -> None:
    """What else a server was asked for may have taken minutes after it."""

    def facts(clock: float, said: str = "") -> Facts | None:
        answer = {"time": clock, "there": False, "free": FREE_SPACE, "resolves": True, "login": None}
        return answered(SITE, Completed(("php",), 0, said or json.dumps(answer), "", heard=1001.0), 1000.0)

    assert facts(1000.5) == Facts()
    assert facts(1000.5, "PHP Warning: no such extension") is None
    assert facts(1000.5, "[]") is None
    behind = facts(1100.5)
    assert behind is not None
    assert behind.problems == ("its clock is 100 seconds apart from the hub's",)


def test_php_is_compared_with_that_of_the_first() -> None:
    first = Facts(php="8.2", extensions=frozenset({"gd", "intl"}))
    other = Facts(php="8.1", extensions=frozenset({"gd", "xdebug"}))
    assert differences([("a", first), ("b", first)]) == {}
    assert differences([("a", first), ("b", other)]) == {
        "b": ("its PHP is 8.1, that of @a 8.2", "its PHP lacks intl, which @a has")
    }
