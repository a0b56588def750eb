"""Private web servers as members of a cluster, and real load balancers in front of them."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provision_py.commands import lb_config
from provision_py.commands.session import Session, new_session
from provision_py.php.values import PhpValue
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, free_port
from provision_py.sandbox.nginx import Nginx, start_nginx
from provision_py.sandbox.webserver import Response, fetch
from provision_py.services.plugins import Plugins
from tests.conftest import needed

HAPROXY = programs.Program(("haproxy",), "haproxy")
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

#: Headers of a visitor who is logged in, and of one who sends a file.
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
  location = /wide {{
    {wide}
    return 200 "{name}";
  }}
  location /sites/ {{
    root "{root}";
  }}
  location / {{
    return 200 "{name}|$scheme|$http_x_forwarded_proto|$http_x_forwarded_for|$http_x_forwarded_host|$request_method";
  }}
}}
"""


@dataclass
class Lab:
    """The members, and a session whose contexts describe them as the cluster of this name."""

    sandbox: Sandbox
    session: Session
    members: dict[str, Nginx]
    certificates: Path
    ports: dict[str, int]
    started: list[str] = field(default_factory=list)
    cluster: str = "cluster"

    def files(self, program: str, **options: str) -> dict[str, Path]:
        """The configuration, written to files."""
        given = {"for": program, "certificates": str(self.certificates), **options}
        server = self.session.store.server(self.cluster)
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


@contextmanager
def running_lab(home: Path, names: Sequence[str]) -> Iterator[Lab]:
    """Members of these names, with the site; ``home`` is the folder for a session's contexts."""
    sandbox = Sandbox.create(prefix="provision-py-test-")
    try:
        with needed():
            members = {name: start_nginx(sandbox, name=name) for name in names}
        session = new_session(home / ".drush", Plugins.load())
        lab = Lab(sandbox, session, members, sandbox.path / "certificates", {name: free_port() for name in members})
        make_certificate(lab.certificates)
        store_contexts(lab)
        for name, server in members.items():
            write_site(lab, name)
            server.reload()
        yield lab
    finally:
        sandbox.remove()


def installed(program: str) -> str:
    """The balancer of this name, ``haproxy`` or ``nginx``, where it is installed."""
    with needed():
        programs.find(HAPROXY if program == "haproxy" else programs.NGINX)
    return program


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
        wide="\n    ".join(f'add_header X-Drupal-Cache-Tags-{number} "{"node:1 " * 400}";' for number in range(4)),
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
    group = {"http_service_type": "cluster", "cluster_web_servers": ",".join(f"@{name}" for name in lab.members)}
    store.save("@cluster", {"context_type": "server", "remote_host": "cluster", **group})
    store.save("@db", {"context_type": "server", "remote_host": "db.example.test", "db_service_type": "mysql"})
    store.save("@platform", {"context_type": "platform", "root": f"{root}/platform", "web_server": "@cluster"})
    site = {"context_type": "site", "platform": "@platform", "db_server": "@db"}
    store.save("@a.example.test", {**site, "uri": "a.example.test", "aliases": "*.wild.example.test"})
    store.save("@b.example.test", {**site, "uri": "b.example.test", "ssl_enabled": 2, "ssl_key": "secure"})
