"""What a load balancer is worked out to be. The real programs read the result in the integration tests."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from provision_py.contexts.model import Platform, Server, Site
from provision_py.errors import ServiceError, UsageError
from provision_py.php.values import PhpValue, php_list
from provision_py.services import loadbalancer, web_quoting
from provision_py.services.base import HttpService
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_cluster import HttpCluster
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_pack import HttpPack
from provision_py.services.loadbalancer import Balancer, Wishes, balancer, render

TYPES: dict[str, Callable[[Server], HttpService]] = {
    "apache_ssl": HttpApacheSsl,
    "nginx": HttpNginx,
    "cluster": HttpCluster,
    "pack": HttpPack,
}
MASTER = Server("server_master", "hub.test", "/var/aegir", "aegir")


def web(name: str, kind: str = "nginx", **properties: PhpValue) -> Server:
    return Server(name, f"{name}.test", "/var/aegir", "aegir", service_types={"http": kind}, properties=properties)


W1, W2 = web("w1", http_port="8080"), web("w2", "apache_ssl", http_ssl_port=8443)
CLUSTER = replace(web("c.l-1", "cluster", cluster_web_servers=php_list(["@w1", "@w2"])), members={"w1": W1, "w2": W2})
PACK = replace(web("p1", "pack", master_web_servers="@w1", slave_web_servers="@w2"), members={"w1": W1, "w2": W2})


def http(server: Server) -> HttpService:
    return TYPES[server.service_types["http"]](server)


def site(uri: str, **fields: Any) -> Site:
    platform = Platform("platform_d7", "/var/aegir/platforms/d7", CLUSTER, MASTER)
    return replace(Site(uri, uri, platform.root, platform, MASTER, MASTER), **fields)


def made(server: Server = CLUSTER, *sites: Site, **wishes: Any) -> Balancer:
    return balancer(server, http, sites, Wishes(**wishes))


def test_members_with_their_ports() -> None:
    found = made()
    assert [member.address for member in found.members] == ["w1.test:8080", "w2.test:80"]
    assert [member.ssl_port for member in found.members] == [None, 8443]
    assert [member.name for member in found.ssl_members] == ["w2"]


@pytest.mark.parametrize(
    ("host", "address"), [("::1", "[::1]:80"), ("10.0.0.1", "10.0.0.1:80"), ("WEB.test", "web.test:80")]
)
def test_addresses(host: str, address: str) -> None:
    assert made(replace(web("w"), remote_host=host)).members[0].address == address


def test_where_uploads_lie_when_nobody_says() -> None:
    assert made().upload_member == made().members[0]
    assert made(PACK).upload_member is None
    assert made(W1).upload_member is None
    assert made(PACK, uploads="@w2").upload_order[0].name == "w2"


SECURE = site("b.test", properties={"ssl_enabled": 1, "ssl_key": "b"})


def test_uploads_by_http_and_by_https_go_to_one_member() -> None:
    found = made(CLUSTER, SECURE)
    assert found.upload_member is not None
    assert found.upload_member.name == "w2", "w1 offers no https"
    with pytest.raises(UsageError, match="@w1 offers no https"):
        made(CLUSTER, SECURE, uploads="@w1")
    for found in (made(CLUSTER, SECURE, tls="none"), made(CLUSTER, site("a.test"))):
        assert found.upload_member == found.members[0]


def test_the_only_member_with_https_is_not_drained() -> None:
    with pytest.raises(UsageError, match="No other member offers https"):
        made(CLUSTER, SECURE, drain=("w2",))
    assert made(CLUSTER, SECURE, tls="none", drain=("w2",)).members[1].state == "drain"
    for program in loadbalancer.PROGRAMS:
        assert render(made(CLUSTER, SECURE, backup=("w2",)), program)


def test_a_pack_with_disks_of_their_own() -> None:
    two_masters = replace(PACK, properties={"master_web_servers": php_list(["@w1", "@w2"])})
    hub = replace(web("server_master"), remote_host="hub.invalid")
    hub_as_slave = replace(
        PACK,
        properties={"master_web_servers": "@w2", "slave_web_servers": "@server_master"},
        members={"w2": W2, "server_master": hub},
    )
    for pack, place in ((two_masters, "w1"), (hub_as_slave, "w2")):
        found = made(pack)
        assert found.upload_member is not None
        assert found.upload_member.name == place
        assert made(pack, uploads="shared").upload_member is None


@pytest.mark.parametrize("uploads", ["", "@w1"])
@pytest.mark.parametrize("option", ["drain", "backup"])
def test_uploads_do_not_move_with_the_state_of_their_member(option: str, uploads: str) -> None:
    found = made(uploads=uploads, **{option: ("w1",)})
    assert found.upload_member is not None
    assert found.upload_member.name == "w1"
    assert [member.name for member in found.upload_order] == ["w1", "w2"]


def test_drained_members_are_the_last_to_stand_in_for_that_of_the_uploads() -> None:
    third = web("w3")
    lists = php_list(["@w1", "@w2", "@w3"])
    cluster = replace(CLUSTER, properties={"cluster_web_servers": lists}, members={**CLUSTER.members, "w3": third})
    assert [member.name for member in made(cluster, drain=("w2",)).upload_order] == ["w1", "w3", "w2"]
    assert [member.name for member in made(cluster, drain=("w2",), backup=("w3",)).upload_order] == ["w1", "w3", "w2"]


def test_one_port_is_enough_without_https() -> None:
    assert made(tls="none", port=443).tls == "none"


def test_how_https_is_treated_when_nobody_says() -> None:
    assert made().tls == "terminate"
    assert made(W1).tls == "none"


def test_the_site_to_check() -> None:
    off = site("a.test", enabled=False)
    secure = site("b.test", properties={"ssl_enabled": 2, "ssl_key": "b"})
    moved = site("c.test", aliases=("www.c.test",), redirection="www.c.test")
    gone = site("d.test", redirection="elsewhere.test")
    assert made().check_name is None
    assert made(CLUSTER, off, gone).check_name is None
    assert made(CLUSTER, moved, secure, off, gone).check_name == "www.c.test"
    assert made(CLUSTER, secure).check_name == "b.test"
    assert [made(CLUSTER, *sites).checks_https for sites in ((), (moved, secure), (secure,))] == [False, False, True]


def test_sites_that_members_show_by_https() -> None:
    found = made(CLUSTER, site("b.test", properties={"ssl_enabled": "1", "ssl_key": "k"}), site("a.test"))
    assert [one.names for one in found.https_sites] == [("b.test",)]
    assert found.certificate_names == ("k",)


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"tls": "pass", "uploads": "member"}, "cannot route uploads"),
        ({"tls": "pass", "uploads": "shared", "drain": ("w2",)}, "offers https"),
        ({"tls": "both"}, "no way to treat"),
        ({"port": 8080, "https_port": 8080}, "both have the port 8080"),
        ({"port": 443}, "both have the port 443"),
        ({"tls": "pass", "uploads": "shared", "https_port": 80}, "both have the port 80"),
        ({"uploads": "@w9"}, "no place"),
        ({"uploads": "w1"}, "no place"),
        ({"backup": ("w1", "w2")}, "No member is left"),
        ({"drain": ("cluster",)}, "no member of"),
    ],
)
def test_wishes_that_cannot_be_met(wishes: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        made(**wishes)


@pytest.mark.parametrize("path", ["", "user", "/a b", "/a'b", '/a"', "/a\nb", "/é", "/a\\"])
def test_addresses_to_check_that_are_none(path: str) -> None:
    with pytest.raises(ServiceError, match="cannot stand"):
        made(check_path=path)


def test_programs() -> None:
    with pytest.raises(UsageError, match="varnish is no load balancer"):
        render(made(), "varnish")
    assert list(render(made(), "haproxy")) == ["haproxy.cfg"]
    assert list(render(made(), "nginx")) == ["http.conf"]
    both = render(made(tls="pass", uploads="shared"), "nginx")
    assert list(both) == ["http.conf", "stream.conf"]
    text = loadbalancer.as_text(both)
    assert text.index("==== http.conf") < text.index("==== stream.conf")


def test_names_for_variables_are_short_and_differ() -> None:
    names = ["c.l-1", "server_webcluster1exampleorg", "server_webcluster1exampleorh", "s" * 24, "s" * 25]
    slugs = [replace(made(), name=name).slug for name in names]
    assert slugs[0] == "c_l_1"
    assert slugs[3] == "s" * 24
    assert len(set(slugs)) == len(names)
    assert all(re.fullmatch(r"\w{1,24}", slug) for slug in slugs)


@pytest.mark.parametrize("program", loadbalancer.PROGRAMS)
def test_drupal_is_told_to_believe_no_balancer_that_lets_https_through(program: str) -> None:
    """What visitors claim by https is not touched then."""
    secure = site("b.test", properties={"ssl_enabled": "1", "ssl_key": "k"})
    for tls, told in (("terminate", True), ("none", True), ("pass", False)):
        texts = render(made(CLUSTER, secure, tls=tls, uploads="shared"), program)
        assert ("reverse_proxy" in "".join(texts.values())) is told


@pytest.mark.parametrize("tls", ["terminate", "pass", "none"])
def test_room_for_long_names_is_made_where_they_stand(tls: str) -> None:
    found = [
        made(
            CLUSTER,
            site(f"{letters}.test", properties={"ssl_enabled": "1", "ssl_key": "k"}),
            tls=tls,
            uploads="shared",
        )
        for letters in ("a" * 41, "a" * 42)
    ]
    assert [one.has_long_names for one in found] == [False, tls == "terminate"]


@pytest.mark.parametrize("program", loadbalancer.PROGRAMS)
def test_the_same_contexts_give_the_same_text(program: str) -> None:
    one, two = site("a.test"), site("b.test", properties={"ssl_enabled": 1, "ssl_key": "b"})
    assert render(made(CLUSTER, one, two), program) == render(made(CLUSTER, two, one), program)


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        (
            loadbalancer.SESSION,
            ["SESS" + "a" * 32 + "=x", "a=b; SSESS" + "0" * 32 + "="],
            ["SESSION=1", "xSESS" + "a" * 32],
        ),
        (
            loadbalancer.ACCOUNT_PATH,
            ["/user", "/user/login", "/admin/x", "/de/user?x", "/folder/admin"],
            ["/users", "/", "/a/b/admin", "/administrator"],
        ),
        (
            loadbalancer.ACCOUNT_QUERY,
            ["/?q=user", "/?a=1&q=admin/x", "/index.php?q=user&x"],
            ["/?q=users", "/?xq=user"],
        ),
        (
            loadbalancer.FILES,
            ["/sites/a.test/files/x", "/files/x", "/sub/sites/a/files/b/c", "/system/files/p"],
            ["/sites/a/modules/files.js", "/sites/a/filesx/b", "/a/b/files/c"],
        ),
        (loadbalancer.AGGREGATES, ["/sites/a/files/css/x.css", "/files/js/y"], ["/sites/a/files/x.css", "/css/x"]),
    ],
)
def test_what_is_told_apart(pattern: str, yes: list[str], no: list[str]) -> None:
    assert [text for text in yes if not re.search(pattern, text)] == []
    assert [text for text in no if re.search(pattern, text)] == []


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("web1.test:80", "web1.test:80"),
        ("", "''"),
        ("a b", "'a b'"),
        ("a'b", "'a'\\''b'"),
        ('"$HOME" \\', "'\"$HOME\" \\'"),
        ("#x", "'#x'"),
    ],
)
def test_words_of_haproxy(value: str, word: str) -> None:
    assert web_quoting.haproxy_word(value) == word


def test_no_line_breaks_for_haproxy() -> None:
    with pytest.raises(ServiceError):
        web_quoting.haproxy_word("a\nbind *:1")
