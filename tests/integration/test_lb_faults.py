"""Members that do not answer, or not with a page, behind real load balancers; and long names."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from balancers import FORM, SESSION, Lab, installed, running_lab

from provision_py.sandbox.base import free_port

BALANCERS = ["haproxy", "nginx"]


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("home"), ("web1", "web2")) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    yield shared_lab
    shared_lab.stop_all()


@pytest.fixture(params=BALANCERS)
def program(request: pytest.FixtureRequest) -> str:
    return installed(str(request.param))


@contextmanager
def deaf(lab: Lab, name: str) -> Iterator[None]:
    """A member whose machine takes no connection and refuses none, as behind a firewall, from now on."""
    server = lab.members[name]
    server.stop()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", server.port))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", server.port))
        yield


def test_a_member_that_does_not_answer_costs_time_and_no_page(tmp_path: Path, program: str) -> None:
    slowest = 0.0
    with running_lab(tmp_path, ("web1", "web2")) as lab, deaf(lab, "web2"):
        balancer = lab.start(program)
        for _ in range(8):
            started = time.monotonic()
            answer = balancer.get("/")
            slowest = max(slowest, time.monotonic() - started)
            assert (answer.status, answer.text.partition("|")[0]) == (200, "web1")
            if slowest > 3:
                break
    assert program == "haproxy" or slowest > 3, "nobody was sent to that member"


def test_a_member_without_php_costs_no_page(lab: Lab, program: str) -> None:
    balancer = lab.start(program)
    lab.answer("web2", "502 gone")
    try:
        # HAProxy has to find it out by its checks, nginx asks the next member at once.
        deadline = time.monotonic() + (20 if program == "haproxy" else 0)
        while (said := {balancer.get("/user/login").text for _ in range(16)}) != {"well"}:
            assert time.monotonic() < deadline, said
    finally:
        lab.answer("web2", "200 well")


def test_a_form_is_not_sent_twice(lab: Lab, program: str) -> None:
    """What a member that gives up had done with it is not known."""
    balancer = lab.start(program)
    lab.answer("web2", "502 gone")
    try:
        said = {balancer.get("/user/login", method="POST").text for _ in range(24)}
        assert said == {"well", "gone"} if program == "nginx" else said <= {"well", "gone"}
    finally:
        lab.answer("web2", "200 well")


def test_a_page_that_fails_everywhere_takes_no_other_one_along(lab: Lab) -> None:
    """nginx counts what it says against each member that was asked for it."""
    balancer = lab.start(installed("nginx"), uploads="@web2")
    for name in lab.members:
        lab.answer(name, "502 crash")
    try:
        assert {balancer.get("/user/login").status for _ in range(8)} == {502}
        assert {balancer.get("/").status for _ in range(8)} == {200}
        assert balancer.said_by("/node/add", FORM, "POST", times=4) == {"web2"}
        assert {balancer.get("/user/login").status for _ in range(4)} == {502}
        assert balancer.get_https("/", host="b.example.test").split("|")[1:3] == ["https", "https"]
    finally:
        for name in lab.members:
            lab.answer(name, "200 well")


def test_maintenance_is_shown(lab: Lab, program: str) -> None:
    balancer = lab.start(program)
    for name in lab.members:
        lab.answer(name, "503 maintenance")
    try:
        assert balancer.get("/user/login").text == "maintenance"
    finally:
        for name in lab.members:
            lab.answer(name, "200 well")


def test_long_headers(lab: Lab, program: str) -> None:
    answer = lab.start(program).get("/wide")
    assert answer.status == 200
    assert len(answer.headers["x-drupal-cache-tags-3"]) > 2000


@pytest.mark.parametrize("letters", [24, 25, 33, 60])
def test_long_names(tmp_path: Path, program: str, letters: int) -> None:
    with running_lab(tmp_path, ("web1",)) as lab:
        lab.cluster = "server_webcluster1hostingexampleorgwithaverylongnameindeed"[:letters]
        store = lab.session.store
        group = {"http_service_type": "cluster", "cluster_web_servers": "@web1"}
        store.save(f"@{lab.cluster}", {"context_type": "server", "remote_host": "cluster", **group})
        platform = {"context_type": "platform", "root": f"{lab.sandbox.path}/long", "web_server": f"@{lab.cluster}"}
        store.save("@long", platform)
        uri = f"{'a' * letters}.example.test"
        site = {"context_type": "site", "platform": "@long", "db_server": "@db", "aliases": "a.example.test"}
        store.save(f"@{uri}", {**site, "uri": uri, "ssl_enabled": 1, "ssl_key": "secure"})
        assert lab.start(program).get("/").status == 200


def test_a_site_that_is_broken_everywhere_takes_no_other_one_along(lab: Lab) -> None:
    """HAProxy asks for one site: no member passes when somebody has removed that."""
    balancer = lab.start(installed("haproxy"), uploads="@web2")
    for name in lab.members:
        lab.answer(name, "404 gone")
    try:
        wait_for(lab, "aegir-cluster-any' has no server available")
        assert balancer.said_by("/") == {"web1", "web2"}
        stuck = {"Cookie": f"{SESSION['Cookie']}; provision_member=web1"}
        assert balancer.said_by("/", stuck, times=4) == {"web1"}
        assert balancer.said_by("/node/add", FORM, "POST", times=4) == {"web2"}
        assert balancer.get_https("/", host="b.example.test").split("|")[1:3] == ["https", "https"]
    finally:
        for name in lab.members:
            lab.answer(name, "200 well")
    wait_for(lab, "aegir-cluster-any/web1 is UP")
    assert balancer.said_by("/") == {"web1", "web2"}


def test_sites_that_are_for_https_alone_are_asked_for_by_it(tmp_path: Path) -> None:
    with running_lab(tmp_path, ("web1", "web2")) as lab:
        lab.session.store.delete("@a.example.test")
        lab.session.store.save("@web2", {"http_ssl_port": free_port()})
        balancer = lab.start(installed("haproxy"))
        wait_for(lab, "aegir-cluster-any/web2 is DOWN")
        assert balancer.get_https("/", host="b.example.test").split("|")[0] == "web1"
        assert "aegir-cluster-any/web1 is DOWN" not in lab.sandbox.log("haproxy-balancer").read_text()


def wait_for(lab: Lab, words: str) -> None:
    """Until HAProxy says so."""
    deadline = time.monotonic() + 20
    while words not in lab.sandbox.log("haproxy-balancer").read_text():
        assert time.monotonic() < deadline, words
        time.sleep(0.1)
