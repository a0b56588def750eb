"""Load balancer configurations in the real programs: their own tests, and traffic to private web servers."""

from __future__ import annotations

import os
import re
import ssl
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provision_py.commands import lb_config
from provision_py.commands.session import Session, new_session
from provision_py.php.values import PhpValue
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, free_port
from provision_py.sandbox.nginx import Nginx, start_nginx
from provision_py.sandbox.webserver import Response, fetch
from provision_py.services.plugins import Plugins

HAPROXY = programs.Program(("haproxy",), "haproxy")
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
SESSION = {"Cookie": "SESS" + "0a" * 16 + "=abc"}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}

#: What a member says: who it is, what it was asked, and what the balancer told it.
MEMBER = """
server {{
  listen *:{port};
  listen *:{ssl_port} ssl;
  ssl_certificate "{certificate}";
  ssl_certificate_key "{certificate}";
  server_name a.example.test;
  location = /user/login {{
    return {check};
  }}
  location /sites/ {{
    root "{root}";
  }}
  location / {{
    return 200 "{name}|$scheme|$http_x_forwarded_proto|$http_x_forwarded_for|$http_x_forwarded_host|$request_method";
  }}
}}
"""


@contextmanager
def needed() -> Iterator[None]:
    """Skip, or in CI fail, when a program is missing."""
    try:
        yield
    except programs.MissingProgramError as missing:
        if os.environ.get("CI", "").lower() not in ("", "0", "false", "no"):
            pytest.fail(str(missing), pytrace=False)
        pytest.skip(str(missing))


@dataclass
class Lab:
    """Two members, and a session whose contexts describe them as the cluster ``@cluster``."""

    sandbox: Sandbox
    session: Session
    members: dict[str, Nginx]
    certificates: Path
    ports: dict[str, int]
    started: list[str] = field(default_factory=list)

    def files(self, program: str, **options: str) -> dict[str, Path]:
        """The configuration, written to files."""
        given = {"for": program, "certificates": str(self.certificates), **options}
        server = self.session.store.server("cluster")
        shown = lb_config.run(
            self.session, server, [], {name.replace("_", "-"): value for name, value in given.items()}
        )
        assert isinstance(shown.data, dict)
        texts = shown.data["files"]
        assert isinstance(texts, dict)
        written = {}
        for name, text in texts.items():
            path = self.sandbox.path / f"balancer-{name}"
            path.write_text(str(text))
            written[str(name)] = path
        return written

    def start(self, program: str, **options: str) -> Balancer:
        """A running balancer. Raises HostError when it refuses its configuration."""
        http, https = free_port(), free_port()
        files = self.files(program, port=str(http), https_port=str(https), **options)
        name = f"{program}-balancer"
        if program == "haproxy":
            argv = [programs.find(HAPROXY), "-db", "-f", str(files["haproxy.cfg"])]
        else:
            argv = [
                programs.find(programs.NGINX),
                "-c",
                str(nginx_settings(self.sandbox, files)),
                "-g",
                "daemon off;",
            ]
        self.sandbox.launch(name, argv)
        self.started.append(name)
        balancer = Balancer(http, https)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                if balancer.get("/").status == 200:
                    return balancer
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(self.sandbox.log(name).read_text())

    def stop_all(self) -> None:
        for name in self.started:
            self.sandbox.stop(name)
        self.started.clear()

    def answer(self, name: str, check: str) -> None:
        """Let a member answer to the address that is checked in this way."""
        write_site(self, name, check)
        self.members[name].reload()


@dataclass(frozen=True)
class Balancer:
    port: int
    https_port: int

    def get(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Response:
        body = b"" if method == "POST" else None
        return fetch(self.port, path, host="a.example.test", headers=headers, method=method, body=body, timeout=10)

    def said_by(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET", times: int = 12
    ) -> set[str]:
        """Which members answer to that many requests."""
        return {self.get(path, headers, method).text.split("|")[0] for _ in range(times)}

    def get_https(self, path: str, host: str = "a.example.test") -> str:
        argv = ["curl", "-sk", "--max-time", "10", "--resolve", f"{host}:{self.https_port}:127.0.0.1"]
        url = f"https://{host}:{self.https_port}{path}"
        return subprocess.run([*argv, url], capture_output=True, text=True, check=True).stdout


def nginx_settings(sandbox: Sandbox, files: dict[str, Path]) -> Path:
    """A whole nginx configuration around the balancer's files."""
    folder = sandbox.folder("balancer", user=sandbox.accounts.web_user)
    lines = [f"load_module {STREAM_MODULE};"] if "stream.conf" in files else []
    if sandbox.accounts.is_root:
        lines.append(f"user {sandbox.accounts.web_user} {sandbox.accounts.web_group};")
    lines += [f'pid "{sandbox.run}/balancer.pid";', f'error_log "{sandbox.log("balancer-errors")}";']
    lines += ["worker_processes 2;", "events { worker_connections 256; }", "http {", "  access_log off;"]
    kinds = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")
    lines += [f'  {kind}_temp_path "{folder}/{kind}";' for kind in kinds]
    lines += [f'  include "{files["http.conf"]}";', "}"]
    if "stream.conf" in files:
        lines.append(f'include "{files["stream.conf"]}";')
    path = sandbox.path / "balancer.conf"
    path.write_text("\n".join([*lines, ""]))
    return path


def write_site(lab: Lab, name: str, check: str = "200 well") -> None:
    server = lab.members[name]
    root = lab.sandbox.path / f"{name}-root"
    (root / "sites/a.example.test/files/css").mkdir(parents=True, exist_ok=True)
    text = MEMBER.format(
        port=server.port,
        ssl_port=lab.ports[name],
        certificate=lab.certificates / "default.pem",
        name=name,
        root=root,
        check=check,
    )
    (server.config / "aegir.d/site.conf").write_text(text)


def make_certificate(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    key, certificate = folder.parent / "key.pem", folder.parent / "certificate.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=a.example.test",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    for name in ("default", "secure"):
        (folder / f"{name}.pem").write_text(certificate.read_text() + key.read_text())


@pytest.fixture(scope="module")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    sandbox = Sandbox.create(prefix="provision-py-test-")
    try:
        with needed():
            members = {name: start_nginx(sandbox, name=name) for name in ("web1", "web2")}
        session = new_session(tmp_path_factory.mktemp("home") / ".drush", Plugins.load())
        lab = Lab(sandbox, session, members, sandbox.path / "certificates", {name: free_port() for name in members})
        make_certificate(lab.certificates)
        store_contexts(lab)
        for name, server in members.items():
            write_site(lab, name)
            server.reload()
        yield lab
    finally:
        sandbox.remove()


def store_contexts(lab: Lab) -> None:
    store = lab.session.store
    root = str(lab.sandbox.path)
    store.save("@server_master", {"context_type": "server", "aegir_root": root, "script_user": "aegir"})
    for name, server in lab.members.items():
        options: dict[str, PhpValue] = {
            "http_service_type": "nginx_ssl",
            "http_port": server.port,
            "http_ssl_port": lab.ports[name],
        }
        store.save(f"@{name}", {"context_type": "server", "remote_host": "127.0.0.1", **options})
    group = {"http_service_type": "cluster", "cluster_web_servers": "@web1,@web2"}
    store.save("@cluster", {"context_type": "server", "remote_host": "cluster", **group})
    store.save("@db", {"context_type": "server", "remote_host": "db.example.test", "db_service_type": "mysql"})
    store.save("@platform", {"context_type": "platform", "root": f"{root}/platform", "web_server": "@cluster"})
    site = {"context_type": "site", "platform": "@platform", "db_server": "@db"}
    store.save("@a.example.test", {**site, "uri": "a.example.test", "aliases": "*.wild.example.test"})
    store.save("@b.example.test", {**site, "uri": "b.example.test", "ssl_enabled": 2, "ssl_key": "secure"})


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
    with needed():
        programs.find(HAPROXY if request.param == "haproxy" else programs.NGINX)
    return str(request.param)


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
        ({"uploads": "@web1", "drain": "@web1"}, "no place for uploads"),
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
