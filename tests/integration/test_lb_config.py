"""Load balancer configurations in the real programs: their own tests, and traffic to private web servers."""

from __future__ import annotations

import re
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from balancers import (
    FORM,
    HAPROXY,
    SESSION,
    STREAM_MODULE,
    Lab,
    installed,
    nginx_settings,
    running_lab,
    write_site,
)

from provision_py.php.values import PhpValue
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, free_port
from provision_py.sandbox.nginx import start_nginx
from tests.conftest import needed


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with running_lab(tmp_path_factory.mktemp("home"), ("web1", "web2")) as lab:
        yield lab


@pytest.fixture
def lab(shared_lab: Lab) -> Iterator[Lab]:
    yield shared_lab
    shared_lab.stop_all()


BALANCERS = ["haproxy", "nginx"]
WISHES: list[dict[str, str]] = [
    {},
    {"tls": "none"},
    {"tls": "pass", "uploads": "shared"},
    {"tls": "terminate", "uploads": "@web2", "drain": "@web1"},
    {"backup": "web2"},
    {"check": "/check?x=(1)&y=z;*"},
]


@pytest.fixture(params=BALANCERS)
def program(request: pytest.FixtureRequest) -> str:
    return installed(str(request.param))


@pytest.mark.parametrize("wishes", WISHES, ids=str)
def test_the_programs_accept_their_configuration(lab: Lab, program: str, wishes: dict[str, str]) -> None:
    files = lab.files(program, **wishes)
    if program == "haproxy":
        argv = [programs.find(HAPROXY), "-c", "-f", str(files["haproxy.cfg"])]
    elif "stream.conf" in files and not STREAM_MODULE.exists():
        with needed():
            raise programs.MissingProgramError("nginx's stream module", "libnginx-mod-stream")
    else:
        if not lab.sandbox.accounts.is_root:
            # nginx takes the ports for its test, and only root may take these.
            for file in files.values():
                file.write_text(re.sub(r"(listen .*?)\b(80|443)\b", r"\g<1>20\2", file.read_text()))
        argv = [programs.find(programs.NGINX), "-t", "-c", str(nginx_settings(lab.sandbox, files))]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_haproxy_accepts_it_behind_debians_own_settings(lab: Lab) -> None:
    own = Path("/etc/haproxy/haproxy.cfg")
    with needed():
        argv = [programs.find(HAPROXY), "-c", "-f", str(own), "-f", str(lab.files("haproxy")["haproxy.cfg"])]
    if not own.exists():
        pytest.skip("this is no Debian")
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_all_members_serve_and_learn_who_asks_and_how(lab: Lab, program: str) -> None:
    balancer = lab.start(program)
    assert balancer.said_by("/") == {"web1", "web2"}
    forged = {"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test"}
    assert balancer.get("/", forged).text.split("|")[1:] == ["http", "http", "127.0.0.1", "", "GET"]
    assert "set-cookie" not in balancer.get("/").headers


def test_https_ends_at_the_balancer(lab: Lab, program: str) -> None:
    balancer = lab.start(program)
    _, scheme, proto, *_ = balancer.get_https("/").split("|")
    assert (scheme, proto) == ("http", "https")
    # The members show this one by https themselves and would redirect what comes by http.
    _, scheme, proto, *_ = balancer.get_https("/", host="b.example.test").split("|")
    assert (scheme, proto) == ("https", "https")


def test_https_passes_through(lab: Lab, program: str) -> None:
    if program == "nginx" and not STREAM_MODULE.exists():
        with needed():
            raise programs.MissingProgramError("nginx's stream module", "libnginx-mod-stream")
    balancer = lab.start(program, tls="pass", uploads="shared")
    members = {balancer.get_https("/").split("|")[0] for _ in range(6)}
    assert len(members) == 1, "a visitor, known by the address, stays with a member"
    assert balancer.get_https("/").split("|")[1:3] == ["https", ""]
    seen = ssl.get_server_certificate(("127.0.0.1", balancer.https_port))
    assert seen.strip() in (lab.certificates / "default.pem").read_text()


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", SESSION),
        ("/user/login", {}),
        ("/de/user", {}),
        ("/admin/config", {}),
        ("/?q=admin/reports", {}),
    ],
)
def test_sessions_stay_with_their_member(lab: Lab, program: str, path: str, headers: dict[str, str]) -> None:
    balancer = lab.start(program)
    first: Counter[str] = Counter()
    for _ in range(12):
        answer = balancer.get(path, dict(headers))
        member = answer.headers["set-cookie"].partition("provision_member=")[2].partition(";")[0]
        first[member] += 1
        cookies = "; ".join(filter(None, [headers.get("Cookie"), f"provision_member={member}"]))
        again = [balancer.get(path, {"Cookie": cookies}) for _ in range(4)]
        assert all("set-cookie" not in one.headers for one in again)
        logged_in = f"{SESSION['Cookie']}; provision_member={member}"
        assert balancer.said_by("/", {"Cookie": logged_in}, times=4) == {member}
    assert set(first) == {"web1", "web2"}


def test_uploads_go_to_one_member_and_come_from_there(lab: Lab, program: str) -> None:
    balancer = lab.start(program, uploads="@web2")
    for headers in (FORM, FORM | SESSION, FORM | {"Cookie": SESSION["Cookie"] + "; provision_member=web1"}):
        assert balancer.said_by("/node/add", headers, "POST", times=6) == {"web2"}
    for name in ("web1", "web2"):
        folder = lab.sandbox.path / f"{name}-root/sites/a.example.test/files"
        (folder / "both.txt").write_text(name)
        (folder / f"{name}.txt").write_text(name)
        (folder / f"css/{name}.css").write_text(name)
    files = "/sites/a.example.test/files"
    assert balancer.said_by(f"{files}/both.txt") == {"web2"}
    # What only another member has is found all the same; what nobody has is not.
    assert balancer.said_by(f"{files}/web1.txt", times=4) == {"web1"}
    for name in ("web1", "web2"):
        assert balancer.said_by(f"{files}/css/{name}.css", times=6) == {name}
    assert balancer.get(f"{files}/none.txt").status == 404
    assert balancer.get(f"{files}/css/none.css").status == 404


def test_shared_uploads_come_from_everywhere(lab: Lab, program: str) -> None:
    balancer = lab.start(program, uploads="shared")
    assert balancer.said_by("/node/add", FORM, "POST") == {"web1", "web2"}


def test_a_drained_member_keeps_its_visitors_and_gets_no_new_ones(lab: Lab, program: str) -> None:
    balancer = lab.start(program, drain="@web1")
    assert balancer.said_by("/") == {"web2"}
    assert balancer.said_by("/", SESSION) == {"web2"}
    assert balancer.said_by("/", {"Cookie": SESSION["Cookie"] + "; provision_member=web1"}) == {"web1"}


def test_a_stopped_member_is_taken_out_and_a_backup_stands_in(lab: Lab, program: str, sandbox: Sandbox) -> None:
    with needed():
        third = start_nginx(sandbox, name="web3")
    backup = Lab(lab.sandbox, lab.session, {"web3": third}, lab.certificates, {"web3": free_port()})
    write_site(backup, "web3")
    third.reload()
    options: dict[str, PhpValue] = {"http_service_type": "nginx", "http_port": third.port}
    lab.session.store.save("@web3", {"context_type": "server", "remote_host": "127.0.0.1", **options})
    lab.session.store.save("@cluster", {"cluster_web_servers": "@web2,@web3"})
    try:
        balancer = lab.start(program)
        assert balancer.said_by("/") == {"web2", "web3"}
        sandbox.stop("web3")
        answers = [
            balancer.get(path, headers) for path in ("/", "/user/1") for headers in ({}, SESSION) for _ in "123456"
        ]
        assert {answer.status for answer in answers} == {200}
        assert {answer.text.split("|")[0] for answer in answers} == {"web2"}
        stuck = {"Cookie": SESSION["Cookie"] + "; provision_member=web3"}
        assert balancer.said_by("/", stuck) == {"web2"}
        assert balancer.said_by("/node/add", FORM, "POST") == {"web2"}
        lab.stop_all()
        balancer = lab.start(program, backup="@web2", uploads="shared")
        assert balancer.said_by("/") == {"web2"}
    finally:
        lab.session.store.save("@cluster", {"cluster_web_servers": "@web1,@web2"})
        lab.session.store.delete("@web3")


def test_haproxy_takes_out_a_member_whose_drupal_is_broken(lab: Lab) -> None:
    with needed():
        programs.find(HAPROXY)
    balancer = lab.start("haproxy")
    assert balancer.said_by("/") == {"web1", "web2"}
    lab.answer("web1", "500 broken")
    try:
        assert _soon(lambda: balancer.said_by("/") == {"web2"})
        lab.answer("web1", "200 well")
        assert _soon(lambda: balancer.said_by("/") == {"web1", "web2"})
    finally:
        lab.answer("web1", "200 well")


def _soon(test: Callable[[], bool], patience: float = 20) -> bool:
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if test():
            return True
        time.sleep(0.2)
    return False


def test_wishes_that_cannot_be_met(lab: Lab) -> None:
    wrong: Sequence[tuple[dict[str, str], str]] = [
        ({"tls": "pass"}, "cannot route uploads"),
        ({"tls": "x"}, "no way to treat https"),
        ({"uploads": "web1"}, "no place for uploads"),
        ({"drain": "@web1", "backup": "@web2"}, "No member is left"),
        ({"drain": "@web9"}, "no member of"),
        ({"check": "user"}, "cannot stand"),
        ({"check": "/x' uri /"}, "cannot stand"),
        ({"port": "0"}, "cannot stand"),
        ({"certificates": "relative"}, "cannot stand"),
        ({"file": "other"}, "no file"),
    ]
    for options, message in wrong:
        with pytest.raises(Exception, match=message):
            lab.files("haproxy", **options)
