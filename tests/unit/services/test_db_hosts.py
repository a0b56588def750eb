"""From which hosts web servers connect to a database: many are asked at once, and all that fail are named."""

from __future__ import annotations

import threading

import pytest

from provision_py.contexts.model import Server
from provision_py.errors import DatabaseError, HostError, ProvisionError
from provision_py.services.db_hosts import seen_from
from provision_py.services.db_mysql import DbMysql


def web(name: str) -> Server:
    return Server(name, f"{name}.test", "/var/aegir", "aegir", service_types={"http": "apache"})


WEBS = [web("web3"), web("web1"), web("web2")]
DB = DbMysql(
    Server("db", "db.test", "/var/aegir", "aegir", service_types={"db": "mysql"}, properties={"db_port": "3306"})
)


def test_all_are_asked_at_the_same_time_and_told_in_their_order() -> None:
    everybody = threading.Barrier(len(WEBS), timeout=10)

    def probe(server: Server, host: str, port: int) -> str:
        everybody.wait()
        return f"Access denied for user 'probe'@'{server.name.upper()}.seen' (using password: NO) {host} {port}"

    assert DB.grant_hosts(WEBS, probe=probe) == ("web3.seen", "web1.seen", "web2.seen")


def test_two_that_are_seen_as_one_get_one_account() -> None:
    assert DB.grant_hosts(WEBS, probe=lambda *_: "x@gateway") == ("gateway",)


def test_every_one_that_fails_is_named() -> None:
    def probe(server: Server) -> str:
        if server.name == "web1":
            raise HostError("php is not there", hint="Install it")
        return "No route to host" if server.name == "web3" else "x@web2"

    with pytest.raises(ProvisionError) as caught:
        seen_from(WEBS, probe, "@db")
    assert caught.value.what == (
        "@web3: The database server's answer names no client host: No route to host; @web1: php is not there"
    )
    assert (type(caught.value), caught.value.where, caught.value.code) == (
        DatabaseError, "@db", "PROVISION_DB_CONNECT_FAIL",
    )  # fmt: skip


def test_one_that_fails_is_told_as_it_is() -> None:
    error = HostError("gone", where="web1.test", code="PROVISION_SSH_LOST")

    def probe(server: Server) -> str:
        if server.name == "web1":
            raise error
        return "x@host"

    with pytest.raises(HostError) as caught:
        seen_from(WEBS, probe, "@db")
    assert caught.value is error
