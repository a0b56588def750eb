"""What records say of one server, whichever step wrote them."""

from __future__ import annotations

import pytest

from provision_py.steps.journal import Begun
from provision_py.steps.leftovers import left_on, names, servers_named

FORMER = [{"path": "/etc/a", "kind": None, "parent": True}, {"path": "/etc/b", "kind": "file", "copy": "/vault/x"}]
ROLLOUT = {
    "members": [
        {"server": "server_web1", "former": FORMER, "test": ["nginx", "-t"], "reload": None},
        {"server": "server_web2", "former": FORMER[:1], "test": None, "reload": None},
    ],
    "reloaded": True,
}
SYNC = {"path": "/var/aegir/platforms/d", "roots": ["/var/aegir"], "new": ["server_web2", "web3"]}
BACK = {"tree": {"path": "/p/sites/a", "sites": []}, "servers": ["server_web1", "server_web2"]}
DATABASE = {"server": "server_db", "name": "site1", "user": "u1", "existed": False, "new_accounts": ["web1", "web2"]}
GRANTS = {"server": "server_db", "user": "u1", "missing": ["web2"]}
NOTED = {"path": "/p", "kept": {"server_web2": "/p.old", "server_web1": "/p.old"}}

RECORDS = {
    "files": ({"server": "web3", "former": FORMER}, ["web3"], {"web3": ("/etc/a", "/etc/b")}),
    "rollout": (
        ROLLOUT,
        ["server_web1", "server_web2"],
        {"server_web1": ("/etc/a", "/etc/b"), "server_web2": ("/etc/a",)},
    ),
    "sync": (
        SYNC,
        ["server_web2"],
        {"server_web2": ("/var/aegir/platforms/d",), "web3": ("/var/aegir/platforms/d",)},
    ),
    "sync back": (BACK, ["server_web1", "server_web2"], {"server_web1": ("/p/sites/a",)}),
    "database": (DATABASE, ["server_db"], {"server_db": ("database site1", "account u1@web1", "account u1@web2")}),
    "grants": (GRANTS, ["server_db"], {"server_db": ("account u1@web2",)}),
    "keys": (NOTED, ["server_web2", "server_web1"], {"server_web2": ()}),
    "nothing": ({}, [], {}),
}


@pytest.mark.parametrize("kind", RECORDS)
def test_servers_of_a_record(kind: str) -> None:
    record, told, things = RECORDS[kind]
    assert list(servers_named(record)) == told
    for server in ("server_web1", "server_web2", "web3", "server_db", "server_other"):
        assert names(record, server) == (server in told or server in things)
    for server, expected in things.items():
        (left,) = left_on([Begun("some", "Do it", record)], {server})
        assert (left.server, left.step, left.things) == (server, "Do it", expected)


def test_a_server_is_not_found_in_other_texts() -> None:
    record = {"server": "server_web10", "path": "/config/server_web1/vhost.d"}
    assert not names(record, "server_web1")
    assert left_on([Begun("files", "Write", record)], {"server_web1"}) == []


def test_what_is_left_in_words() -> None:
    steps = [Begun("files", "Write files", {"server": "web3", "former": FORMER}), Begun("x", "Nothing", {}),
             Begun("plugin", "Do more", {"server": "web3"})]  # fmt: skip
    assert [str(left) for left in left_on(steps, {"web3"})] == [
        "@web3: Write files (/etc/a, /etc/b)", "@web3: Do more",
    ]  # fmt: skip
