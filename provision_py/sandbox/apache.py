"""A private Apache, configured as Debian does it, with PHP as a module or by php-fpm."""

from __future__ import annotations

import shutil
from pathlib import Path

from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, start_on_free_port
from provision_py.sandbox.phpfpm import PHP_SETTINGS, PhpFpm
from provision_py.sandbox.webserver import CONTROL_HOST, WebServer, start_web_server

#: What Debian enables by itself, and mod_rewrite, which Aegir asks for. Nothing else, so that a vhost that needs
#: more fails here as it would there. ``?`` marks modules that some builds carry inside.
MODULES = [
    "access_compat",
    "alias",
    "auth_basic",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "autoindex",
    "deflate",
    "dir",
    "env",
    "filter",
    "mime",
    "negotiation",
    "reqtimeout",
    "rewrite",
    "setenvif",
    "status",
]

PHP_FILES = r"\.ph(ar|p|tml)$"


class Apache(WebServer):
    """A running Apache."""

    application = "apache"
    control_name = "apachectl"
    test_arguments = ("configtest",)
    reload_arguments = ("graceful",)

    def include_line(self, target: Path) -> str:
        return f'IncludeOptional "{target}"\n'

    def mark_site(self, mark: str) -> str:
        lines = [
            f"<VirtualHost *:{self.port}>",
            f"  ServerName {CONTROL_HOST}",
            f'  ErrorDocument 404 "{mark}"',
            "  Redirect 404 /",
            "</VirtualHost>",
        ]
        return "\n".join([*lines, ""])


def start_apache(sandbox: Sandbox, *, php_fpm: PhpFpm | None = None, name: str = "apache") -> Apache:
    """Start Apache; PHP is answered by ``php_fpm`` where given, else by Apache's own module.

    Raises MissingProgramError, HostError.
    """
    program = programs.find(programs.APACHE)
    config = sandbox.folder(name)
    sandbox.folder(f"{name}/aegir.d")

    def start(port: int) -> Apache | None:
        server = Apache(sandbox, name, port, php_fpm)
        settings = config / "apache2.conf"
        settings.write_text(_settings(server))
        sandbox.script(server.control, _control(server, program, settings))
        return server if start_web_server(server, [program, "-f", str(settings), "-D", "FOREGROUND"]) else None

    return start_on_free_port(start)


def _settings(server: Apache) -> str:
    sandbox = server.sandbox
    mpm = "mpm_event" if server.php_fpm else "mpm_prefork"
    lines = [
        "# Private Apache of a sandbox",
        f'ServerRoot "{server.config}"',
        f"ServerName {CONTROL_HOST}",
        f'PidFile "{sandbox.run / server.name}.pid"',
        f'DefaultRuntimeDir "{sandbox.run}"',
        f'ErrorLog "{server.error_log}"',
        f'CustomLog "{sandbox.log(server.name + "-access")}" "%h %t \\"%r\\" %>s %O \\"%{{Host}}i\\""',
        f"Listen {server.port}",
        *(_load(module) for module in (mpm, *MODULES)),
        "StartServers 2",
        "Timeout 60",
        "KeepAlive On",
        "DirectoryIndex index.html index.php",
        f'TypesConfig "{_mime_types(server.config)}"',
        *_php(server),
        "<Directory />",
        "  Options FollowSymLinks",
        "  AllowOverride None",
        "  Require all denied",
        "</Directory>",
        '<FilesMatch "^\\.ht">',
        "  Require all denied",
        "</FilesMatch>",
        "IncludeOptional aegir.d/*.conf",
        "Include mark.conf",
    ]
    if sandbox.accounts.is_root:
        lines[1:1] = [f"User {sandbox.accounts.web_user}", f"Group {sandbox.accounts.web_group}"]
    return "\n".join([*lines, ""])


def _load(module: str) -> str:
    return f'LoadModule {module}_module "{programs.find_apache_module(f"mod_{module}")}"'


def _mime_types(config: Path) -> Path:
    """Debian's list of types, or a short one where the machine has none."""
    known = Path("/etc/mime.types")
    types = config / "mime.types"
    if known.is_file():
        shutil.copyfile(known, types)
    else:
        types.write_text("text/html html htm\ntext/css css\ntext/plain txt\ntext/javascript js\nimage/png png\n")
    return types


def _php(server: Apache) -> list[str]:
    if server.php_fpm is not None:
        return [
            _load("proxy"),
            _load("proxy_fcgi"),
            f'<FilesMatch "{PHP_FILES}">',
            f'  SetHandler "proxy:unix:{server.php_fpm.socket}|fcgi://localhost"',
            "</FilesMatch>",
        ]
    module = programs.find_apache_module("libphp", "libapache2-mod-php")
    return [
        f'LoadModule php_module "{module}"',
        f'<FilesMatch "{PHP_FILES}">',
        "  SetHandler application/x-httpd-php",
        "</FilesMatch>",
        *(f"php_admin_value {key} {value}" for key, value in PHP_SETTINGS.items()),
        f'php_admin_value error_log "{server.error_log}"',
    ]


def _control(server: Apache, program: str, settings: Path) -> str:
    """Like Debian's apachectl, but for this server; a server that does not run is not started by a reload."""
    pid = server.sandbox.run / f"{server.name}.pid"
    return f"""server='{program}' settings='{settings}'
case "$1" in
configtest | -t) exec "$server" -f "$settings" -t ;;
graceful | reload)
  kill -0 "$(cat '{pid}' 2>/dev/null)" 2>/dev/null || {{ echo "Apache is not running" >&2; exit 1; }}
  exec "$server" -f "$settings" -k graceful ;;
*) exec "$server" -f "$settings" "$@" ;;
esac
"""
