"""Properties of web servers in alias files: names, order and defaults of Provision (backend.md 2.4 and 5.9)."""

from __future__ import annotations

import grp
import os
from collections.abc import Callable, Sequence

from provision_py.contexts.properties import Draft, Property
from provision_py.php.values import PhpArray, PhpValue
from provision_py.system.host import Host

#: Groups that web servers run as on one system or another, the likely ones first (Provision's list).
WEB_GROUPS = ("www-data", "apache", "nginx", "www", "_www", "webservd", "httpd", "nogroup", "nobody")

_SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
_APACHE_CONTROLS = (
    *(f"{folder}/{name}" for folder in _SEARCH_PATH for name in ("apache2ctl", "apachectl")),
    "/usr/apache2/2.2/bin/apachectl",
)
_NGINX_INIT = "/etc/init.d/nginx"
NGINX_PROGRAMS = tuple(f"{folder}/nginx" for folder in _SEARCH_PATH)


#: Ours, of a group or a member: tasks may go on while members are out of reach.
TOLERATE_DOWN = Property("tolerate_down", optional=True)


def restart_command(application: str, is_program: Callable[[str], bool]) -> str:
    """The default ``http_restart_cmd`` of a machine on which ``is_program`` tells what can be executed."""
    if application == "apache":
        control = next(filter(is_program, _APACHE_CONTROLS), "/usr/sbin/apache2ctl")
        return f"sudo {control} graceful"
    if is_program(_NGINX_INIT):
        return f"sudo {_NGINX_INIT} reload"
    return f"sudo {next(filter(is_program, NGINX_PROGRAMS), '/usr/sbin/nginx')} -s reload"


def is_program_on(host: Host) -> Callable[[str], bool]:
    """Whether a path is something that can be executed on ``host``; symlinks count."""

    def check(path: str) -> bool:
        state = host.stat(path)
        return state is not None and (state.kind == "link" or (state.kind == "file" and state.mode & 0o111 != 0))

    return check


def public_properties(application: str) -> Sequence[Property]:
    """Properties of a server that listens itself (Provision/Service/http/public.php)."""

    def below(folder: str) -> Callable[[Draft], PhpValue]:
        return lambda draft: f"{draft.config_path}/{application}{folder}"

    return (
        Property("http_port", lambda draft: 80),
        Property("http_restart_cmd", lambda draft: restart_command(application, _is_local_program)),
        Property("web_group", _web_group),
        Property("web_disable_url", lambda draft: _front_end(draft, "disabled"), derived=True),
        Property("web_maintenance_url", lambda draft: _front_end(draft, "maintenance"), derived=True),
        Property("http_app_path", below(""), derived=True),
        Property("http_pred_path", below("/pre.d"), derived=True),
        Property("http_postd_path", below("/post.d"), derived=True),
        Property("http_platformd_path", below("/platform.d"), derived=True),
        Property("http_vhostd_path", below("/vhost.d"), derived=True),
        Property("http_subdird_path", below("/subdir.d"), derived=True),
        Property("http_platforms_path", lambda draft: f"{draft.aegir_root}/platforms", derived=True),
        TOLERATE_DOWN,
    )


def ssl_server_properties() -> Sequence[Property]:
    """What the ssl types add to a server (Provision/Service/http/ssl.php)."""
    return (
        Property("http_ssl_port", lambda draft: 443),
        Property("ssld_path", lambda draft: f"{draft.aegir_root}/config/ssl.d", derived=True),
        Property("http_ssld_path", lambda draft: f"{draft.config_path}/ssl.d", derived=True),
        Property("ssl_enabled", lambda draft: 1, derived=True),
        Property("ssl_key", lambda draft: "default", derived=True),
    )


def ssl_site_properties() -> Sequence[Property]:
    """What the ssl types add to a site; ``ip_addresses`` maps a server's name to the address of the site there."""
    return (
        Property("ssl_enabled", lambda draft: 0),
        Property("ssl_key"),
        Property("ip_addresses", _empty_array),
    )


#: Ours: where PHP listens for this server, ``/path/of/the.sock`` or ``host:port``. The original guesses each time.
PHP_FPM_SOCKET = Property("phpfpm_socket", optional=True)

#: Ours: whether a verify or install asks the web servers for the site at its end; as the option says where not set.
CHECK_PAGES = Property("provision_check_pages", optional=True)


def nginx_properties(*, subdirs: bool) -> Sequence[Property]:
    """What the nginx types add (Provision/Service/http/nginx.php); ``subdirs`` for the type that knows them."""
    flags = ("nginx_is_modern", "nginx_has_etag", "nginx_has_http2", "nginx_has_gzip", "nginx_has_upload_progress")
    return (
        Property("nginx_config_mode", lambda draft: "extended"),
        *(Property(flag, lambda draft: False) for flag in flags),
        Property("provision_db_cloaking", lambda draft: True),
        Property("phpfpm_mode", lambda draft: "port"),
        *((Property("subdirs_support", lambda draft: False),) if subdirs else ()),
        Property("satellite_mode", lambda draft: "vanilla"),
        PHP_FPM_SOCKET,
    )


def _is_local_program(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _front_end(draft: Draft, page: str) -> str:
    return f"{(draft.master_url or '').rstrip('/')}/hosting/{page}"


def _empty_array(draft: Draft) -> PhpValue:
    empty: PhpArray = {}
    return empty


def _web_group(draft: Draft) -> PhpValue:
    """The master's group; on the master itself the first known group that exists there."""
    if draft.master is not None and draft.master.properties.get("web_group"):
        return draft.master.properties["web_group"]
    existing = {group.gr_name for group in grp.getgrall()}
    return next((name for name in WEB_GROUPS if name in existing), grp.getgrgid(os.getgid()).gr_name)
