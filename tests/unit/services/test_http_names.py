"""The names and folders under which a site is served, and how to see that it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from http_contexts import CREDENTIALS, TYPES, server, site

from provision_py.php.values import PhpValue
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_common import Names, PublicHttp, site_names
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.services.subdirectories import subdirectories
from provision_py.system.local import LocalHost


def test_names_without_redirection() -> None:
    names = site_names(site(aliases=("www.a.test", "A.TEST", "www.a.test", "b.test/sub")))

    assert (names.served, names.redirected, names.target) == (("a.test", "www.a.test"), (), None)


def test_names_with_redirection() -> None:
    names = site_names(site(aliases=("www.a.test", "b.test"), redirection="WWW.a.test"))

    assert (names.served, names.redirected) == (("www.a.test",), ("a.test", "b.test"))
    assert names.target == "www.a.test"


def test_a_redirection_to_a_strange_name_takes_nobody_elses_name() -> None:
    names = site_names(site(redirection="other.test"))

    assert (names.served, names.redirected) == ((), ("a.test",))


def test_a_redirection_to_a_name_that_a_wildcard_covers_is_served() -> None:
    names = site_names(site(aliases=("*.shop.test",), redirection="www.shop.test"))

    assert (names.served, names.redirected) == (("www.shop.test",), ("a.test", "*.shop.test"))
    assert names.strange_target is None
    assert site_names(site(aliases=("*.shop.test",), redirection="shop.test")).served == ()
    assert site_names(site(aliases=("*.shop.test",), redirection="www.shop.test/sub")).served == ()


def test_folders_of_other_hosts() -> None:
    found = subdirectories(site(aliases=("b.test/x/y", "B.test/x/y/", "www.a.test", "b.test/")))

    assert [(one.host, one.path, one.file_name) for one in found] == [("b.test", "x/y", "x_y.conf")]


@pytest.mark.parametrize("kind", TYPES)
def test_parents_whose_vhosts_do_not_look_for_folders(kind: type[PublicHttp], tmp_path: Path) -> None:
    service = kind(replace(server(kind.type), aegir_root=str(tmp_path)))
    below = site(aliases=("seen.test/one", "blind.test/one", "blind.test/two", "nobody.test/one", "www.a.test"))
    for name in ("seen.test", "blind.test"):
        vhost = Path(service.vhost_path(name))
        vhost.parent.mkdir(parents=True, exist_ok=True)
        vhost.write_text(service.site_files(site(name=name, uri=name), CREDENTIALS)[0].content or "")
    vhost = Path(service.vhost_path("blind.test"))
    vhost.write_text(vhost.read_text().replace("/subdir.d/blind.test/", "/subdir.d/seen.test/"))

    assert service.blind_parents(below, LocalHost()) == ["blind.test"]
    assert service.blind_parents(site(), LocalHost()) == []


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, [("a.test", "/", None)]),
        ({"aliases": ("www.a.test",)}, [("a.test", "/", None)]),
        ({"redirection": "a.test"}, [("a.test", "/", None)]),
        (
            {"aliases": ("*.b.test", "www.a.test"), "redirection": "www.a.test"},
            [("www.a.test", "/", None), ("a.test", "/", "www.a.test")],
        ),
        (
            {"aliases": ("b.test/shop",), "redirection": "b.test/shop"},
            [("b.test", "/shop/", None), ("a.test", "/", "b.test/shop")],
        ),
        # Shown by somebody else: there is no page to see here.
        ({"redirection": "elsewhere.test"}, [("a.test", "/", "elsewhere.test")]),
        ({"enabled": False, "aliases": ("www.a.test",), "redirection": "www.a.test"}, [("a.test", "/", None)]),
    ],
)
@pytest.mark.parametrize("service", TYPES)
def test_how_to_see_that_a_site_is_served(
    service: type[PublicHttp], fields: dict[str, object], wanted: list[tuple[str, str, str | None]]
) -> None:
    visits = service(server()).visits(site(**fields))

    assert [(visit.host, visit.path, visit.target) for visit in visits] == wanted
    assert {(visit.port, visit.https, visit.to_https, visit.address) for visit in visits} == {
        (80, False, False, None)
    }


@pytest.mark.parametrize("service", [HttpApacheSsl, HttpNginxSsl])
def test_a_site_that_is_to_be_seen_by_https_alone(service: type[PublicHttp]) -> None:
    properties: dict[str, PhpValue] = {"ssl_enabled": "2", "ssl_key": "a", "ip_addresses": {"@server_web1": "::1"}}
    web = server(http_ssl_port=8443)
    page, redirected = service(web).visits(site(properties=properties))

    assert (page.host, page.port, page.https, page.address, page.target) == ("a.test", 8443, True, "::1", None)
    assert (redirected.host, redirected.port, redirected.https) == ("a.test", 80, False)
    assert (redirected.target, redirected.to_https) == ("a.test", True)
    # Both ways, by http alone, disabled: http shows it.
    for others in ({"ssl_enabled": "1"}, {"ssl_key": None}, {"ssl_enabled": 0}):
        (page,) = service(web).visits(site(properties=properties | others))
        assert (page.port, page.https) == (80, False)
    (page,) = service(web).visits(site(properties=properties, enabled=False))
    assert (page.port, page.https) == (80, False)


def test_a_port_stands_behind_the_host_of_a_target() -> None:
    assert Names((), ("a.test",), "b.test").target_at(":81") == "b.test:81"
    assert Names((), ("a.test",), "b.test/sub/one").target_at(":81") == "b.test:81/sub/one"
    assert Names((), ("a.test",), "b.test/sub").target_at("") == "b.test/sub"
