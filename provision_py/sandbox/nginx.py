"""A private nginx, configured as Debian does it."""

from __future__ import annotations

import shutil
from pathlib import Path

from provision_py.errors import HostError
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, start_on_free_port
from provision_py.sandbox.phpfpm import PhpFpm
from provision_py.sandbox.webserver import CONTROL_HOST, WebServer, start_web_server

#: Where nginx keeps request bodies and answers that are too big for memory.
TEMP_FOLDERS = ("client_body", "fastcgi", "proxy", "scgi", "uwsgi")


class Nginx(WebServer):
    """A running nginx."""

    application = "nginx"
    control_name = "nginx"
    test_arguments = ("-t",)
    reload_arguments = ("-s", "reload")

    def include_line(self, target: Path) -> str:
        # nginx passes over a missing file only where the name is a pattern.
        return f'include "{target.parent}/{target.stem}[.]{target.suffix[1:]}";\n'

    def mark_site(self, mark: str) -> str:
        # It listens on Aegir's port from the start, so that nobody takes the port before Aegir's vhosts come.
        lines = [
            "server {",
            f"  listen *:{self.port};",
            f"  server_name {CONTROL_HOST};",
            "  access_log off;",
            f'  return 200 "{mark}";',
            "}",
        ]
        return "\n".join([*lines, ""])


def start_nginx(
    sandbox: Sandbox, *, php_fpm: PhpFpm | None = None, name: str = "nginx", prefer: int | None = None
) -> Nginx:
    """Start nginx, on the port ``prefer`` if that is free; ``php_fpm`` is noted for those who write vhosts.

    Raises MissingProgramError, HostError.
    """
    program = programs.find(programs.NGINX)
    config = sandbox.folder(name)
    sandbox.folder(f"{name}/aegir.d")
    sandbox.folder(f"{name}/temp", user=sandbox.accounts.web_user)
    for file in ("mime.types", "fastcgi_params"):
        _copy_settings(program, file, config)

    def start(port: int) -> Nginx | None:
        server = Nginx(sandbox, name, port, php_fpm)
        settings = config / "nginx.conf"
        settings.write_text(_settings(server))
        base = [program, "-c", str(settings), "-e", str(server.error_log)]
        sandbox.script(server.control, _control(base))
        return server if start_web_server(server, [*base, "-g", "daemon off;"]) else None

    return start_on_free_port(start, prefer=prefer)


def _copy_settings(program: str, file: str, config: Path) -> None:
    for folder in ("/etc/nginx", "/usr/local/etc/nginx", "/usr/local/nginx/conf"):
        if Path(folder, file).is_file():
            shutil.copyfile(Path(folder, file), config / file)
            return
    raise HostError(f"nginx's {file} is missing", where=program, hint="Install it: apt-get install nginx-common")


def _settings(server: Nginx) -> str:
    sandbox = server.sandbox
    lines = [
        "# Private nginx of a sandbox",
        "worker_processes 1;",
        f'pid "{sandbox.run / server.name}.pid";',
        "worker_shutdown_timeout 5s;",
        "events { worker_connections 256; }",
        "http {",
        "  include mime.types;",
        "  default_type application/octet-stream;",
        "  sendfile on;",
        f'  access_log "{sandbox.log(server.name + "-access")}";',
        *(f'  {one}_temp_path "{server.config}/temp/{one}";' for one in TEMP_FOLDERS),
        "  include aegir.d/*.conf;",
        "  include mark.conf;",
        "}",
    ]
    if sandbox.accounts.is_root:
        lines.insert(1, f"user {sandbox.accounts.web_user} {sandbox.accounts.web_group};")
    return "\n".join([*lines, ""])


def _control(base: list[str]) -> str:
    """nginx itself, with this server's settings in place of the machine's."""
    command = " ".join(f"'{argument}'" for argument in base)
    return f'exec {command} "$@"\n'
