"""What the answers of web servers mean."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from provision_py.commands.memberfacts import (
    FREE_SPACE,
    Facts,
    Serving,
    answered,
    differences,
    question,
    weighed,
)
from provision_py.contexts.model import Platform, Server, Site
from provision_py.drupal.model import Credentials
from provision_py.system.host import Completed, Secret

FOLDER = "/var/aegir/platforms/p/sites/one.test"
HUB = Server("server_master", "hub.test", "/var/aegir", "aegir")
PLATFORM = Platform("p", "/var/aegir/platforms/p", HUB, HUB)
CREDENTIALS = Credentials(host="db.test", port=3306, user="one", password=Secret("secret"), name="one")
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


def told(**servers: Facts) -> dict[str, tuple[str, ...]]:
    return differences(list(servers.items()))


def facts(called: str, serving: str | None = None, kind: str = "fpm", php: str = "8.2") -> Facts:
    known = None if serving is None else Serving(kind, frozenset(serving.split()))
    return Facts(php=php, extensions=frozenset(called.split()), serving=known)


def test_extensions_are_compared_with_those_that_any_has() -> None:
    both, gd, intl = facts("gd intl"), facts("gd"), facts("intl")
    assert told() == told(a=both, b=both) == told(a=gd) == {}
    assert told(a=both, b=gd) == {"b": ("its PHP lacks intl, which @a has",)}
    assert told(a=gd, b=both, c=both) == {"a": ("its PHP lacks intl, which @b and @c have",)}
    assert told(a=gd, b=intl, c=both) == {
        "a": ("its PHP lacks intl, which @b and @c have",),
        "b": ("its PHP lacks gd, which @a and @c have",),
    }
    many = told(a=facts("x"), b=facts("x gd intl"), c=gd, d=gd, e=gd)
    assert many["a"] == ("its PHP lacks gd, which @b, @c, @d and 1 more have", "its PHP lacks intl, which @b has")
    assert told(a=facts("x y"), b=facts("gd intl x y")) == {"a": ("its PHP lacks gd, intl, which @b has",)}


def test_versions_are_compared_with_that_of_the_first() -> None:
    assert told(a=facts("gd"), b=facts("gd", php="8.1")) == {"b": ("its PHP is 8.1, that of @a 8.2",)}


def test_extensions_of_developers_may_be_on_one_alone() -> None:
    assert told(a=facts("gd", "gd"), b=facts("gd xdebug", "gd pcov"), c=facts("gd", "gd spx")) == {}


def test_what_serves_visitors_is_judged_by_itself() -> None:
    both = facts("gd", "gd")
    assert told(a=both, b=facts("gd", "")) == {"b": ("its php-fpm lacks gd, which @a has",)}
    assert told(a=facts("gd", ""), b=both) == {"a": ("its php-fpm lacks gd, which @b has",)}
    assert told(a=facts("gd", "x"), b=facts("gd", "gd x", "apache2")) == {
        "a": ("its php-fpm lacks gd, which @b has",)
    }
    assert told(a=both, b=facts("gd", "", "apache2")) == {"b": ("its PHP in Apache lacks gd, which @a has",)}
    assert told(a=both, b=facts("x", "gd"), c=facts("gd x", "gd")) == {
        "a": ("its PHP on the command line lacks x, which @b and @c have",),
        "b": ("its PHP on the command line lacks gd, which @a and @c have",),
    }
    # What both lack is said once.
    assert told(a=both, b=facts("x", ""), c=facts("gd x", "gd"))["b"] == ("its PHP lacks gd, which @a and @c have",)


def test_php_that_is_not_known_lacks_nothing() -> None:
    assert told(a=facts("gd", "gd"), b=facts("gd")) == told(a=Facts(php="8.2"), b=facts("gd")) == {}


def served(server: Server) -> tuple[str, str]:
    said = json.loads(question(SITE, server, CREDENTIALS).stdin.reveal())  # type: ignore[union-attr]
    return said["serves"], said["socket"]


def test_servers_are_asked_for_what_serves_there() -> None:
    def server(web: str, **more: str) -> Server:
        return replace(HUB, service_types={"http": web}, properties=more)

    socket = "/run/php/php8.1-fpm.sock"
    assert served(server("nginx_ssl", phpfpm_mode="socket", phpfpm_socket=socket)) == ("fpm", socket)
    assert served(server("nginx", phpfpm_mode="socket")) == ("fpm", "/run/php/php-fpm.sock")
    assert served(server("nginx", phpfpm_mode="port")) == ("fpm", "")
    assert served(server("apache")) == served(server("apache_ssl", phpfpm_mode="socket")) == ("apache", "")
    assert served(server("apache", phpfpm_socket="unix:" + socket)) == ("fpm", socket)
    assert served(server("apache", phpfpm_socket="127.0.0.1:9000")) == ("fpm", "")
    assert served(server("other")) == ("", "")


def test_an_answer_tells_what_serves() -> None:
    answer = {"php": "8.2", "extensions": ["gd"], "serving": {"kind": "apache2", "extensions": ["intl"]}}
    found = weighed(answer | {"time": 0, "resolves": True}, 0, 1, "/var/aegir", "", has_folder=False)
    assert found == facts("gd", "intl", "apache2")
    assert weighed(answer | {"time": 0, "resolves": True, "serving": None}, 0, 1, "/", "", has_folder=False) == facts(
        "gd"
    )
