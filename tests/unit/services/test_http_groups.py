from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from provision_py.contexts.model import Server
from provision_py.errors import ContextError
from provision_py.php.values import PhpValue, php_list
from provision_py.services.http_cluster import HttpCluster
from provision_py.services.http_group import HttpGroup
from provision_py.services.http_pack import HttpPack


def web(name: str, kind: str | None = "apache") -> Server:
    types = {} if kind is None else {"http": kind}
    return Server(name, f"{name}.test", "/var/aegir", "aegir", service_types=types)


MEMBERS = {name: web(name, kind) for name, kind in (("w1", "apache"), ("w2", "nginx"), ("w3", "apache_ssl"))}


def group(kind: str, **lists: PhpValue) -> Server:
    return replace(web("group", kind), properties=lists, members=MEMBERS)


def names(servers: Sequence[Server]) -> list[str]:
    return [server.name for server in servers]


def test_a_cluster_gives_everything_to_everyone_in_its_order() -> None:
    service = HttpCluster(group("cluster", cluster_web_servers=php_list(["@w2", "@w1", "@w2"])))

    assert names(service.config_servers()) == ["w2", "w1"]
    assert names(service.code_servers()) == ["w2", "w1"]
    assert names(service.grant_servers()) == ["w2", "w1"]


def test_a_pack_gives_code_to_its_masters_alone() -> None:
    service = HttpPack(
        group("pack", master_web_servers=php_list(["@w2", "@w3"]), slave_web_servers=php_list(["@w1", "@w3"]))
    )

    assert names(service.config_servers()) == ["w2", "w3", "w1"]
    assert names(service.code_servers()) == ["w2", "w3"]
    assert names(service.grant_servers()) == ["w2", "w3", "w1"]


def test_a_pack_without_slaves() -> None:
    service = HttpPack(group("pack", master_web_servers="@w1", slave_web_servers={}))

    assert names(service.config_servers()) == ["w1"]


def test_properties_in_their_order() -> None:
    assert [(prop.name, prop.kind) for prop in HttpCluster.server_properties()] == [
        ("cluster_web_servers", "members"),
        ("tolerate_down", "scalar"),
    ]
    assert [(prop.name, prop.kind) for prop in HttpPack.server_properties()] == [
        ("slave_web_servers", "members"),
        ("master_web_servers", "members"),
        ("tolerate_down", "scalar"),
    ]


def test_members_that_are_left_out_get_nothing_and_are_asked_for_nothing() -> None:
    cluster = HttpCluster(group("cluster", cluster_web_servers=php_list(["@w2", "@w1"]))).without(frozenset({"w2"}))
    assert (
        names(cluster.config_servers()) == names(cluster.code_servers()) == names(cluster.grant_servers()) == ["w1"]
    )
    whole = HttpPack(group("pack", master_web_servers="@w1", slave_web_servers=php_list(["@w3", "@w2"])))
    pack = whole.without(frozenset({"w3"}))
    assert (names(pack.code_servers()), names(pack.config_servers())) == (["w1"], ["w1", "w2"])
    pack = whole.without(frozenset({"w1"}))
    assert (names(pack.code_servers()), names(pack.config_servers())) == ([], ["w3", "w2"])
    assert names(whole.config_servers()) == ["w1", "w3", "w2"]


QUESTIONS: list[Callable[[HttpGroup], Sequence[Server]]] = [
    lambda service: service.config_servers(),
    lambda service: service.grant_servers(),
]


@pytest.mark.parametrize("ask", QUESTIONS)
@pytest.mark.parametrize(
    ("member", "message"),
    [(None, "does not exist"), (web("bad", None), "no http service"), (web("bad", "cluster"), "a group itself"),
     (web("bad", "pack"), "a group itself")],
)  # fmt: skip
def test_members_that_cannot_serve(
    ask: Callable[[HttpGroup], Sequence[Server]], member: Server | None, message: str
) -> None:
    members = MEMBERS | ({} if member is None else {"bad": member})
    services: list[HttpGroup] = [
        HttpCluster(replace(group("cluster", cluster_web_servers=php_list(["@w1", "@bad"])), members=members)),
        HttpPack(
            replace(group("pack", master_web_servers="@w1", slave_web_servers=php_list(["@bad"])), members=members)
        ),
    ]
    for service in services:
        with pytest.raises(ContextError, match=message) as caught:
            ask(service)
        assert "@bad" in str(caught.value)


def test_groups_without_members() -> None:
    with pytest.raises(ContextError, match="no members"):
        HttpCluster(group("cluster", cluster_web_servers={})).config_servers()
    with pytest.raises(ContextError, match="no members"):
        HttpPack(group("pack", master_web_servers={}, slave_web_servers="@w1")).config_servers()


def test_groups_render_nothing() -> None:
    service = HttpCluster(group("cluster", cluster_web_servers="@w1"))

    assert (service.server_files(), service.server_directories(), service.test_command()) == ((), (), None)


def test_members_that_are_one_machine() -> None:
    again = replace(MEMBERS["w1"], name="again", remote_host="W1.test.")
    members = {**MEMBERS, "again": again}
    cluster = HttpCluster(replace(group("cluster", cluster_web_servers=php_list(["@w1", "@again"])), members=members))
    with pytest.raises(ContextError, match="@w1 and @again are the same machine") as caught:
        cluster.check_machines()
    assert caught.value.code == "PROVISION_GROUP_MEMBER"
    HttpCluster(group("cluster", cluster_web_servers=php_list(["@w1", "@w2", "@w1"]))).check_machines()


def test_members_that_are_one_machine_by_two_names() -> None:
    cluster = HttpCluster(group("cluster", cluster_web_servers=php_list(["@w1", "@w2", "@w3"])))
    cluster.check_machines({"w1": "some", "w2": "other"})
    with pytest.raises(ContextError, match=r"@w1 and @w3 are the same machine \(w1.test and w3.test\)") as caught:
        cluster.check_machines({"w1": "some", "w2": "other", "w3": "some"})
    assert caught.value.code == "PROVISION_GROUP_MEMBER"


def test_the_hub_and_a_member_that_turns_out_to_be_the_hub() -> None:
    here = {"server_master": replace(web("server_master"), remote_host="hub.invalid"), "w1": MEMBERS["w1"]}
    members = php_list(["@server_master", "@w1"])
    cluster = HttpCluster(replace(group("cluster", cluster_web_servers=members), members=here))
    cluster.check_machines()
    with pytest.raises(ContextError, match="the same machine"):
        cluster.check_machines({"server_master": "hub", "w1": "hub"})


def test_two_web_servers_on_the_hub() -> None:
    here = {
        "server_master": replace(web("server_master"), remote_host="hub.invalid"),
        "local": replace(web("local"), remote_host="127.0.0.1"),
    }
    lists = {"master_web_servers": php_list(["@server_master"]), "slave_web_servers": php_list(["@local"])}
    pack = HttpPack(replace(group("pack", **lists), members=here))
    pack.check_machines()
    pack.check_machines({"server_master": "hub", "local": "hub"})


@pytest.mark.parametrize(
    ("masters", "slaves", "apart"),
    [
        (["w1"], ["w2", "w3"], []),
        (["w1", "w2"], ["w3"], ["w2"]),
        (["server_master"], ["w1", "local"], []),
        (["server_master", "local"], ["w1"], []),
        (["server_master", "w1"], ["w2"], ["w1"]),
        (["w1"], ["w2", "server_master"], ["server_master"]),
        (["w1"], ["local"], ["local"]),
        (["w1", "server_master"], ["local"], ["server_master", "local"]),
    ],
)
def test_members_of_a_pack_that_do_not_see_the_first_masters_disk(
    masters: list[str], slaves: list[str], apart: list[str]
) -> None:
    here = {
        "server_master": replace(web("server_master"), remote_host="hub.invalid"),
        "local": replace(web("local"), remote_host="127.0.0.1"),
    }
    lists = {"master_web_servers": php_list(masters), "slave_web_servers": php_list(slaves)}
    pack = HttpPack(replace(group("pack", **lists), members={**MEMBERS, **here}))
    assert names(pack.apart()) == apart


def test_a_pack_whose_masters_are_left_out_has_no_disk() -> None:
    lists: dict[str, PhpValue] = {"master_web_servers": "@w1", "slave_web_servers": "@w2"}
    pack = HttpPack(group("pack", **lists)).without(frozenset({"w1"}))
    assert isinstance(pack, HttpPack)
    assert pack.apart() == ()


def test_members_that_are_named_twice() -> None:
    assert HttpCluster(group("cluster", cluster_web_servers=php_list(["@w2", "w1", "@w2"]))).named_twice() == ("w2",)
    pack = group("pack", master_web_servers=php_list(["@w1"]), slave_web_servers=php_list(["@w1", "@w2"]))
    assert HttpPack(pack).named_twice() == ("w1",)
    assert HttpPack(group("pack", master_web_servers="@w1", slave_web_servers="@w2")).named_twice() == ()
