"""Where PHP listens for nginx, and what an nginx can do: asked on the web server itself, kept in its alias file."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provision_py.contexts.model import Server
from provision_py.errors import HostError
from provision_py.php.values import PhpValue
from provision_py.services import web_quoting
from provision_py.services.http_properties import NGINX_PROGRAMS, is_program_on
from provision_py.system.host import Host

#: The port of php-fpm where it uses one (Provision knows no other).
PHP_FPM_PORT = "127.0.0.1:9000"

#: Debian's name for the socket of whichever version is the default.
DEBIAN_SOCKET = "/run/php/php-fpm.sock"

_OLD_SOCKET = "/var/run/php5-fpm.sock"
_FOLDERS = ("/run/php", "/var/run/php", "/run/php-fpm")
_BASIC_MODE_FILE = "/etc/nginx/basic_nginx.conf"
_BOA_FILE = "/data/conf/global.inc"


def newest_socket(names: Sequence[str]) -> str | None:
    """The file name among ``names`` that is a php-fpm socket, of the highest PHP version; None when none is."""
    sockets = [name for name in names if re.search(r"fpm.*\.sock$", name) or name == "www.sock"]
    return max(sockets, key=lambda name: ([int(part) for part in re.findall(r"\d+", name)], name), default=None)


def detect_php_fpm(host: Host) -> dict[str, PhpValue]:
    """``phpfpm_mode`` and, for a socket, ``phpfpm_socket`` of a web server."""
    if host.stat(_OLD_SOCKET) is not None:
        return {"phpfpm_mode": "socket", "phpfpm_socket": _OLD_SOCKET}
    for folder in _FOLDERS:
        try:
            name = newest_socket(host.listdir(folder)) if host.stat(folder) is not None else None
        except HostError:
            continue
        if name is not None:
            return {"phpfpm_mode": "socket", "phpfpm_socket": f"{folder}/{name}"}
    return {"phpfpm_mode": "port"}


def nginx_facts(version_output: str) -> dict[str, PhpValue]:
    """The ``nginx_…`` properties that follow from the output of ``nginx -V``, as 0 and 1."""
    found = re.search(r"nginx/(\d+)\.(\d+)\.(\d+)", version_output)
    version = tuple(int(part) for part in found.groups()) if found else (0, 0, 0)
    return {
        "nginx_is_modern": int(version >= (1, 1, 8)),
        "nginx_has_etag": int(version >= (1, 3, 3)),
        "nginx_has_http2": int("http_v2_module" in version_output),
        "nginx_has_gzip": int("http_gzip_static_module" in version_output),
        "nginx_has_upload_progress": int("upload" in version_output),
    }


def detect_nginx(host: Host) -> dict[str, PhpValue]:
    """The properties of an nginx server that can only be learned on the server itself.

    Without an nginx there, its flags are left out. Raises HostError when the server cannot be asked.
    """
    facts: dict[str, PhpValue] = {
        "nginx_config_mode": "basic" if host.stat(_BASIC_MODE_FILE) is not None else "extended"
    }
    program = next(filter(is_program_on(host), NGINX_PROGRAMS), None)
    if program is not None:
        done = host.run([program, "-V"])
        facts |= nginx_facts(done.stdout + done.stderr)
    facts |= detect_php_fpm(host)
    facts["satellite_mode"] = "boa" if host.stat(_BOA_FILE) is not None else "vanilla"
    return facts


def setting(server: Server, name: str) -> PhpValue:
    """A property of a server, whether a service type declares it or somebody added it to the alias file."""
    value = server.properties.get(name)
    return server.extra.get(name) if value is None else value


def explicit_address(server: Server) -> str | None:
    """The ``phpfpm_socket`` of a server as ``unix:/path`` or ``host:port``; None when it has none.

    Raises ServiceError for what is neither a path nor an address.
    """
    value = setting(server, "phpfpm_socket")
    if not value:
        return None
    text = str(value).removeprefix("unix:")
    if text.startswith("/"):
        path = web_quoting.config_path(text)
        if " " in path or ":" in path:
            raise web_quoting.refuse("This path of php-fpm's socket", path, "Use a path without blanks and colons")
        return f"unix:{path}"
    name, colon, port = text.rpartition(":")
    if not colon:
        raise web_quoting.refuse("This address of php-fpm", text, "Write /path/of/the.sock, or host:port")
    return f"{web_quoting.host_name(name)}:{web_quoting.port(port)}"


def address(server: Server) -> str:
    """Where PHP listens on this server, as nginx writes it: ``unix:/path`` or ``host:port``."""
    explicit = explicit_address(server)
    if explicit is not None:
        return explicit
    return f"unix:{DEBIAN_SOCKET}" if setting(server, "phpfpm_mode") == "socket" else PHP_FPM_PORT


def socket_path(server: Server) -> str:
    """The path of the socket where PHP listens on this server, empty where it is an address or not known."""
    text = str(setting(server, "phpfpm_socket") or "").removeprefix("unix:")
    if text:
        return text if text.startswith("/") else ""
    return DEBIAN_SOCKET if setting(server, "phpfpm_mode") == "socket" else ""


def keep_chosen(server: Server, facts: Mapping[str, PhpValue], host: Host) -> dict[str, PhpValue]:
    """``facts`` about php-fpm without those that somebody chose otherwise for ``server`` and that hold.

    An address with a port holds, a socket as long as it is there.
    """
    kept = {"phpfpm_socket": None, **facts}
    explicit = explicit_address(server)
    if explicit is None:
        return kept
    path = explicit.removeprefix("unix:")
    if path == explicit:
        return kept | {"phpfpm_mode": "port", "phpfpm_socket": setting(server, "phpfpm_socket")}
    if host.stat(path) is not None:
        return kept | {"phpfpm_mode": "socket", "phpfpm_socket": path}
    return kept
