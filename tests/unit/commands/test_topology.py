"""Topologies from records, and their forms. Broken and hostile records are drawn too."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from provision_py.commands import check, sitecheck
from provision_py.commands.check import MemberState
from provision_py.commands.checkresults import CheckResult, MemberResult, decode, read_results, write_result
from provision_py.commands.session import new_session
from provision_py.commands.topology import read_topology
from provision_py.commands.topology import run as run_topology
from provision_py.commands.topologydata import MemberNode, Problem, Topology, only, topology
from provision_py.commands.topologymermaid import as_mermaid
from provision_py.commands.topologysvg import as_svg
from provision_py.commands.topologytext import as_data, as_text
from provision_py.contexts.model import Server
from provision_py.errors import UsageError
from provision_py.php.values import PhpArray, php_list
from provision_py.services.plugins import Plugins

HOSTILE = '<b>"x"</b>\n&\x1b[31m`]|#;'


def server(**more: Any) -> PhpArray:
    return {"context_type": "server", "remote_host": "host.test", **more}  # type: ignore[dict-item] # names are texts


RECORDS: dict[str, PhpArray] = {
    "server_master": server(http_service_type="nginx"),
    "web1": server(http_service_type="apache", remote_host="web1.test"),
    "web2": server(http_service_type="nginx", remote_host="web2.test"),
    "db": server(db_service_type="mysql", http_service_type="NONE"),
    "mail": server(remote_host="mail.test"),
    "cluster": server(http_service_type="cluster", cluster_web_servers=php_list(["@web2", "@web1", "@gone"])),
    "pack": server(http_service_type="pack", slave_web_servers="@web2", master_web_servers=php_list(["@web1"])),
    "d7": {"context_type": "platform", "root": "/p/d7", "web_server": "@cluster"},
    "d8": {"context_type": "platform", "root": "/p/d8", "web_server": "@pack"},
    "own": {"context_type": "platform", "root": "/p/own"},
    "lost": {"context_type": "platform", "root": "/p/lost", "web_server": "@nowhere"},
    "a.test": {"context_type": "site", "uri": "a.test", "platform": "@d7", "db_server": "@db"},
    "b.test": {"context_type": "site", "uri": "b.test", "platform": "@d8", "db_server": "@db", "site_enabled": False},
    "c.test": {"context_type": "site", "uri": "c.test", "platform": "@gone", "db_server": "@db"},
    "d.test": {"context_type": "site", "uri": "d.test", "platform": "@own"},
    "also_a": {"context_type": "site", "uri": "a.test", "drush_aliases": php_list(["also_a"]), "platform": "@d7"},
    "odd": {"context_type": "cabbage"},
}


def checked(time: int, **told: Sequence[str]) -> CheckResult:
    """What ``check`` keeps when it is told this of the servers."""
    states = [MemberState(name, f"{name}.test", tuple(problems)) for name, problems in told.items()]
    return replace(check._result(states), time=time)


def verified(time: int, **told: Sequence[str]) -> CheckResult:
    """What a verify keeps."""
    return sitecheck.result([Server(name, f"{name}.test", "/var/aegir", "aegir") for name in told], told, time)


CHECKS = {
    "a.test": checked(1_700_000_000, web2=["it answers 500", "its clock is late"], web1=[]),
    "b.test": verified(10**30, web1=[], web2=["its clock is late"]),
    "d.test": checked(1_700_000_100, server_master=[]),
}
WHOLE = topology(RECORDS, broken=[Problem("bad", "PHP syntax error")], checks=CHECKS, databases={"a.test": "adb"})
FORMS = [as_text, as_svg, as_mermaid, lambda one: json.dumps(as_data(one))]


def test_groups_and_their_members() -> None:
    cluster, pack = WHOLE.server("cluster"), WHOLE.server("pack")
    assert cluster is not None and pack is not None
    assert [member.name for member in cluster.members] == ["web2", "web1", "gone"]
    assert pack.members == (MemberNode("web1", "master"), MemberNode("web2", "slave"))
    assert [one.name for one in WHOLE.web_servers()] == ["cluster", "pack", "server_master"]
    assert [one.name for one in WHOLE.db_servers()] == ["db"]
    assert [one.name for one in WHOLE.other_servers()] == ["mail"]


def test_what_is_broken_is_named_and_hides_nothing_else() -> None:
    assert [(one.context, one.message) for one in WHOLE.problems] == [
        ("bad", "PHP syntax error"),
        ("c.test", "Its platform @gone cannot be read or is not there"),
        ("cluster", "Its member @gone cannot be read or is not there"),
        ("lost", "Its web server @nowhere cannot be read or is not there"),
        ("odd", "It is neither server, platform nor site but cabbage"),
    ]
    assert [one.name for one in WHOLE.lost_platforms()] == ["lost"]
    assert [one.name for one in WHOLE.lost_sites()] == ["c.test"]


def test_members_that_cannot_be_members_are_broken() -> None:
    records = {
        "c": server(http_service_type="cluster", cluster_web_servers=php_list(["@c", "@p", "@mail", "@web1"])),
        "p": server(http_service_type="pack", master_web_servers="@web1", slave_web_servers="@c"),
        **{name: RECORDS[name] for name in ("mail", "web1")},
    }
    whole = topology(records)
    assert [(one.context, one.message) for one in whole.problems] == [
        ("c", "It is a member of itself"),
        ("c", "Its member @mail offers no http service"),
        ("c", "Its member @p is a group itself (pack)"),
        ("p", "Its slave @c is a group itself (cluster)"),
    ]
    for form in FORMS:
        assert "is a member of itself" in form(whole)


def test_what_is_lost_stands_under_what_it_lacks() -> None:
    texts = list(etree.fromstring(as_svg(WHOLE).encode()).itertext())
    order = [
        texts.index(text)
        for text in ("Platforms without a web server", "@lost", "Sites without a platform", "c.test")
    ]
    assert order == sorted(order)
    only_site = topology({name: RECORDS[name] for name in ("c.test", "db")})
    for form in (as_text, as_svg):
        assert "without a web server" not in form(only_site)
        assert "Sites without a platform" in form(only_site)


def test_nothing_is_missed_of_what_is_gone() -> None:
    missed = {"web1": ["d7", "deleted"], "web2": ["deleted"], "mail": ["bad"]}
    whole = topology(RECORDS, broken=[Problem("bad", "PHP syntax error")], missed=missed)
    assert whole.missed == {"web1": ["d7"], "mail": ["bad"]}
    assert whole.state_of("web2") == ""
    assert "deleted" not in as_text(whole)


def test_an_extra_alias_of_a_site_is_no_site() -> None:
    assert [site.name for site in WHOLE.sites_on("d7")] == ["a.test"]


def test_only_sites_are_checked_and_others_are_as_the_worst_of_theirs() -> None:
    assert WHOLE.state_of("web2", "cluster") == WHOLE.state_of("cluster") == WHOLE.state_of("d7") == "failed"
    assert WHOLE.state_of("web2", "pack") == WHOLE.state_of("pack") == WHOLE.state_of("d8") == "warning"
    assert WHOLE.state_of("web1", "cluster") == WHOLE.state_of("web1", "pack") == "ok"
    assert WHOLE.state_of("server_master") == WHOLE.state_of("own") == "ok"
    assert WHOLE.state_of("web2") == WHOLE.state_of("lost") == WHOLE.state_of("gone", "cluster") == ""


def test_of_many_sites_some_are_told() -> None:
    uris = [f"{letter}.test" for letter in "aefghi"]
    records = RECORDS | {uri: {**RECORDS["a.test"], "uri": uri} for uri in uris}
    checks = {uri: checked(number, web1=[], web2=["it answers 500"]) for number, uri in enumerate(uris)}
    whole = topology(records, checks={**checks, "i.test": checked(9, web1=[], web2=[])})
    found = whole.check_of("web2", "cluster")
    assert found == CheckResult("failed", 4, "a.test, e.test, f.test and 2 more: it answers 500")
    assert whole.check_of("web1", "cluster") == CheckResult("ok", 9)
    checks = {uri: checked(0, web2=[f"it answers {number}"]) for number, uri in enumerate(uris)}
    found = topology(records, checks=checks).check_of("web2", "cluster")
    told = "a.test: it answers 0; e.test: it answers 1; f.test: it answers 2; and 3 more"
    assert found == CheckResult("failed", 0, told)


def test_a_database_server_is_not_what_its_web_server_is() -> None:
    hub: PhpArray = RECORDS["server_master"] | {"db_service_type": "mysql"}
    whole = topology(
        RECORDS | {"server_master": hub}, checks={"d.test": checked(0, server_master=["it answers 500"])}
    )
    assert whole.state_of("server_master") == "failed"
    text = as_text(whole)
    assert "@server_master  host.test  hub, nginx, mysql  [failed, " in text
    assert "  @server_master  host.test  mysql, 1 site\n" in text
    assert as_svg(whole).count("it answers 500") == 1
    assert len(re.search(r"class (.*) failed", as_mermaid(whole))[1].split(",")) == 3  # type: ignore[index]


def test_a_server_that_has_missed_something_is_to_be_looked_at() -> None:
    whole = topology(RECORDS, checks=CHECKS, missed={"web2": ["a.test", "d7"], "web1": ["d7"], "db": ["d7"]})
    assert whole.state_of("web2", "cluster") == "failed"
    assert whole.state_of("web2") == whole.state_of("web1", "cluster") == "warning"
    text = as_text(whole)
    assert (
        "[failed, 2023-11-14 22:13 UTC: a.test: it answers 500; its clock is late; has missed @a.test, @d7]" in text
    )
    assert "@web1  member  web1.test  apache  [ok, 2023-11-14 22:13 UTC; has missed @d7]" in text
    assert "@db  host.test  mysql, 3 sites  [has missed @d7]" in text
    assert "has missed @d7" in as_svg(whole)
    assert "warning" in as_mermaid(topology(RECORDS, missed={"web1": ["d7"]}))
    assert '"missed": {"0": "a.test", "1": "d7"}' in json.dumps(as_data(whole))
    assert only(whole, ["mail"]).missed == {}


def test_text() -> None:
    assert as_text(WHOLE) == (
        """\
@cluster  cluster  [failed, 2023-11-14 22:13 UTC: a.test: wrong on web2]
├─ @web2  member  web2.test  nginx  [failed, 2023-11-14 22:13 UTC: a.test: it answers 500; its clock is late]
├─ @web1  member  web1.test  apache  [ok, 2023-11-14 22:13 UTC]
├─ @gone  member  missing
└─ @d7  /p/d7  [failed, 2023-11-14 22:13 UTC: a.test: wrong on web2]
   └─ a.test  database adb on @db  [failed, 2023-11-14 22:13 UTC: wrong on web2]

@pack  pack  [warning, at 1000000000000000000000000000000: b.test: to be looked at on web2]
├─ @web1  master  web1.test  apache  [ok, at 1000000000000000000000000000000]
├─ @web2  slave  web2.test  nginx  [warning, at 1000000000000000000000000000000: b.test: its clock is late]
└─ @d8  /p/d8  [warning, at 1000000000000000000000000000000: b.test: to be looked at on web2]
   └─ b.test  disabled  database @db  [warning, at 1000000000000000000000000000000: to be looked at on web2]

@server_master  host.test  hub, nginx  [ok, 2023-11-14 22:15 UTC]
└─ @own  /p/own  [ok, 2023-11-14 22:15 UTC]
   └─ d.test  database @server_master  [ok, 2023-11-14 22:15 UTC]

Platforms without a web server
  @lost  /p/lost

Sites without a platform
  c.test  database @db

Databases
  @db  host.test  mysql, 3 sites

Other servers
  @mail  mail.test

Broken
  @bad: PHP syntax error
  @c.test: Its platform @gone cannot be read or is not there
  @cluster: Its member @gone cannot be read or is not there
  @lost: Its web server @nowhere cannot be read or is not there
  @odd: It is neither server, platform nor site but cabbage
"""
    )


def test_the_drawing_shows_everything() -> None:
    root = etree.fromstring(as_svg(WHOLE).encode())
    texts = [text for text in root.itertext() if text.strip()]
    for name in ("@cluster", "@web1", "@gone", "@d7", "a.test", "b.test (disabled)", "adb on @db", "@mail", "@bad"):
        assert name in texts, name
    assert any("failed, 2023-11-14 22:13 UTC: a.test: it answers 500" in text for text in texts)


def test_programs_are_told_what_members_lack() -> None:
    servers = json.loads(json.dumps(as_data(WHOLE)))["servers"]
    cluster = next(one for one in servers.values() if one["name"] == "cluster")
    assert (cluster["state"], cluster["checked"]) == ("failed", 1_700_000_000)
    assert cluster["members"] == {
        "0": {
            "name": "web2",
            "role": "member",
            "state": "failed",
            "checked": 1_700_000_000,
            "message": "a.test: it answers 500; its clock is late",
        },
        "1": {"name": "web1", "role": "member", "state": "ok", "checked": 1_700_000_000, "message": ""},
        "2": {"name": "gone", "role": "member", "state": "", "checked": None},
    }


def test_nothing_is_drawn_outside_the_drawing() -> None:
    records = dict(RECORDS)
    for number in range(40):
        uri = f"{'long-' * (number % 12)}{number}.test"
        records[uri] = {"context_type": "site", "uri": uri, "platform": "@d7", "db_server": "@db"}
        records[f"web-{number}"] = server(http_service_type="nginx", remote_host=uri)
    names = php_list([f"@web-{number}" for number in range(40)])
    records["big"] = server(http_service_type="cluster", cluster_web_servers=names)
    root = etree.fromstring(as_svg(topology(records)).encode())
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    for box in root.iter("{*}rect"):
        right = float(box.get("x", 0)) + float(box.get("width", 0))
        bottom = float(box.get("y", 0)) + float(box.get("height", 0))
        assert right <= width
        assert bottom <= height


#: A line of the little part of Mermaid's grammar that we use.
MERMAID = re.compile(
    r"flowchart LR|  end"
    r'|  (?:  )?(?:n\d+|empty)(?:\[/"[^"]*"/\]|\[\("[^"]*"\)\]|\["[^"]*"\]|\("[^"]*"\))'
    r'|  subgraph n\d+\["[^"]*"\]'
    r'|  n\d+ (?:-->|-\.->(?:\|"[^"]*"\|)?) n\d+'
    r"|  classDef [a-z]+ [a-z:#0-9,-]+|  class n\d+(?:,n\d+)* [a-z]+"
)


@pytest.mark.parametrize("whole", [WHOLE, Topology(), topology({HOSTILE: server(remote_host=HOSTILE)})])
def test_mermaid_has_no_line_that_is_something_else(whole: Topology) -> None:
    lines = as_mermaid(whole).splitlines()
    assert [line for line in lines if not MERMAID.fullmatch(line)] == []
    assert sum("subgraph" in line for line in lines) == sum(line == "  end" for line in lines)
    made = set(re.findall(r"(n\d+)[\[(]", "\n".join(lines)))
    assert set(re.findall(r"\bn\d+\b", "\n".join(line for line in lines if " n" in line))) <= made


@pytest.mark.parametrize("form", FORMS)
def test_hostile_names_stay_names(form: object) -> None:
    assert callable(form)
    platform: PhpArray = {"context_type": "platform", "root": HOSTILE, "web_server": HOSTILE}
    site: PhpArray = {"context_type": "site", "uri": HOSTILE, "platform": HOSTILE, "db_server": "x"}
    whole = topology(
        {"s": server(remote_host=HOSTILE, http_service_type=HOSTILE), "p": platform, HOSTILE: site},
        broken=[Problem(HOSTILE, HOSTILE)],
        checks={HOSTILE: checked(0, s=[HOSTILE])},
    )
    text = form(whole)
    assert "\x1b" not in text
    if form is as_svg:
        assert not list(etree.fromstring(text.encode()).iter("{*}b"))


@pytest.mark.parametrize("form", FORMS)
def test_the_same_contexts_in_another_order_give_the_same(form: object) -> None:
    assert callable(form)
    other = topology(dict(reversed(RECORDS.items())), broken=[Problem("bad", "PHP syntax error")], checks=CHECKS)
    assert form(other) == form(topology(RECORDS, broken=[Problem("bad", "PHP syntax error")], checks=CHECKS))


def test_a_part_of_it() -> None:
    part = only(WHOLE, ["@pack"])
    assert {one.name for one in part.servers} == {"pack", "web1", "web2", "db"}
    assert [one.name for one in part.platforms] == ["d8"]
    assert [one.name for one in part.sites] == ["b.test"]
    assert part.problems == ()
    member = only(WHOLE, ["web1"])
    assert {one.name for one in member.platforms} == {"d7", "d8"}
    database = only(WHOLE, ["db"])
    assert {one.name for one in database.sites} == {"a.test", "b.test", "c.test"}
    assert "mail" not in {one.name for one in database.servers}
    with pytest.raises(UsageError, match="@d7 is no server"):
        only(WHOLE, ["@d7"])


@pytest.mark.parametrize("form", [as_text, as_svg])
def test_without_contexts(form: object) -> None:
    assert callable(form)
    assert "There are no contexts" in form(Topology())


def test_results_of_checks(tmp_path: Path) -> None:
    assert read_results(tmp_path) == ({}, [])
    folder = tmp_path / "checks"
    folder.mkdir()
    (folder / "a.test.json").write_text('{"time": 5.9, "state": "ok", "later": 1, "members": {"w": {"state": "ok"}}}')
    (folder / "bad.json").write_text("{")
    (folder / "note.txt").write_text("")
    write_result(tmp_path, "b.test", CHECKS["b.test"])
    found, broken = read_results(tmp_path)
    assert found == {
        "a.test": CheckResult("ok", 5, "", {"w": MemberResult("ok")}),
        "b.test": CHECKS["b.test"],
    }
    assert broken == [str(folder / "bad.json")]


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        '{"time": 1}',
        '{"time": 1, "state": "fine"}',
        '{"time": true, "state": "ok"}',
        '{"time": 1, "state": "ok", "members": []}',
        '{"time": 1, "state": "ok", "members": {"a": {"state": "?"}}}',
        '{"time": 1, "state": ["ok"]}',
        '{"time": Infinity, "state": "ok"}',
    ],
)
def test_what_is_no_result(text: str) -> None:
    with pytest.raises(ValueError):
        decode(text)


def test_the_command_reads_what_is_on_disk(tmp_path: Path) -> None:
    drush = tmp_path / ".drush"
    session = new_session(drush, Plugins.load())
    root = str(tmp_path)
    master = {"context_type": "server", "aegir_root": root, "script_user": "aegir", "http_service_type": "nginx"}
    session.store.save("@server_master", master)
    session.store.save("@p", {"context_type": "platform", "root": f"{root}/p"})
    session.store.save("@db", {"context_type": "server", "db_service_type": "mysql"})
    session.store.save("@a.test", {"context_type": "site", "platform": "@p", "db_server": "@db", "uri": "a.test"})
    (drush / "bad.alias.drushrc.php").write_text("<?php\n$aliases['bad'] = array(")
    site = tmp_path / "p/sites/a.test"
    site.mkdir(parents=True)
    (site / "drushrc.php").write_text("<?php\n$options['db_name'] = 'atest';\n")
    write_result(tmp_path / ".provision-py", "a.test", verified(0, server_master=[]))
    (tmp_path / ".provision-py/left-out/server_master").mkdir(parents=True)
    (tmp_path / ".provision-py/left-out/server_master/p").touch()
    (tmp_path / ".provision-py/left-out/db").mkdir()

    found = read_topology(session)

    assert [one.database for one in found.sites] == ["atest"]
    assert found.state_of("a.test") == found.state_of("p") == "ok"
    assert found.check_of("server_master") == CheckResult("ok", 0)
    assert found.missed == {"server_master": ["p"]}
    assert [one.context for one in found.problems] == ["bad"]
    shown = run_topology(session, None, ["@db"], {})
    assert set(shown.others) == {"text", "svg", "mermaid"}
    assert "atest on @db" in shown.others["text"]()
    # Without a master that can be read, everything else is drawn all the same.
    (drush / "server_master.alias.drushrc.php").unlink()
    (drush / "server_master.alias.drushrc.php").write_text("<?php broken")
    again = read_topology(new_session(drush, Plugins.load()))
    assert {one.context for one in again.problems} == {"bad", "server_master", "p"}
    assert [one.uri for one in again.sites] == ["a.test"]
