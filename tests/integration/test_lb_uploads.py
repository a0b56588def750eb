"""Where uploads go to and come from behind the real programs, when members are drained, in reserve or many."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from balancers import FORM, SESSION, Lab, installed, running_lab

from provision_py.sandbox.nginx import start_nginx

NAMES = ("web1", "web2", "web3")
FILES = "/sites/a.example.test/files"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster of three members; each has a file, a style sheet and a picture of its own."""
    with running_lab(tmp_path_factory.mktemp("home"), NAMES) as lab:
        for name in NAMES:
            folder = lab.sandbox.path / f"{name}-root{FILES}"
            (folder / f"{name}.txt").write_text(name)
            (folder / f"css/{name}.css").write_text(name)
        yield lab


@pytest.fixture
def lab(three: Lab) -> Iterator[Lab]:
    yield three
    three.stop_all()


@pytest.fixture(params=["haproxy", "nginx"])
def program(request: pytest.FixtureRequest) -> str:
    return installed(str(request.param))


@pytest.mark.parametrize(
    "wishes",
    [{}, {"drain": "@web1"}, {"backup": "@web1"}, {"uploads": "@web2", "drain": "@web2"}, {"drain": "@web3"}],
    ids=str,
)
def test_every_file_is_found_and_forms_with_files_stay_with_their_member(
    lab: Lab, program: str, wishes: dict[str, str]
) -> None:
    balancer = lab.start(program, **wishes)
    for name in NAMES:
        assert balancer.said_by(f"{FILES}/{name}.txt", times=4) == {name}
        assert balancer.said_by(f"{FILES}/css/{name}.css", times=4) == {name}
    assert balancer.get(f"{FILES}/none.txt").status == 404
    place = wishes.get("uploads", "@web1").removeprefix("@")
    for headers in (FORM, FORM | SESSION):
        assert balancer.said_by("/node/add", headers, "POST", times=4) == {place}
    away = {name.removeprefix("@") for name in (wishes.get("drain"), wishes.get("backup")) if name}
    assert balancer.said_by("/") == set(NAMES) - away


def test_uploads_go_to_no_drained_member_while_theirs_is_down(lab: Lab, program: str) -> None:
    balancer = lab.start(program, drain="@web2")
    lab.sandbox.stop("web1")
    try:
        deadline = time.monotonic() + 15
        while balancer.get("/node/add", FORM, "POST").status != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert balancer.said_by("/node/add", FORM, "POST", times=6) == {"web3"}
        for name in ("web2", "web3"):
            assert balancer.said_by(f"{FILES}/{name}.txt", times=4) == {name}
        if program == "haproxy":
            # nginx counts a member that is down among those that are left to ask, and answers 502.
            assert balancer.get(f"{FILES}/none.txt").status == 404
    finally:
        start_nginx(lab.sandbox, name="web1", prefer=lab.members["web1"].port)


def test_uploads_go_to_the_member_that_also_gets_them_by_https(lab: Lab, program: str) -> None:
    """``b.example.test`` is seen by https, which web1 does not offer."""
    lab.session.store.save("@web1", {"http_service_type": "nginx"})
    try:
        balancer = lab.start(program)
        for headers in (FORM, FORM | SESSION):
            assert balancer.said_by("/node/add", headers, "POST", times=4) == {"web2"}
        assert balancer.get_https(f"{FILES}/web3.txt", host="b.example.test") == "web3"
    finally:
        lab.session.store.save("@web1", {"http_service_type": "nginx_ssl", "http_ssl_port": lab.ports["web1"]})
