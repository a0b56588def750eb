"""A lab host's web server and PHP, set up in Debian's layout as an administrator would do it."""

from __future__ import annotations

import re
from pathlib import Path

from provision_py.errors import HostError
from provision_py.sandbox import programs
from provision_py.sandbox.apache import MODULES, PHP_FILES
from provision_py.sandbox.lab.disk import Disk, account
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.phpfpm import PHP_SETTINGS

PAGE = "<?php print gethostname();\n"

APACHE_CONTROL = "/usr/sbin/apache2ctl"
NGINX_CONTROL = "/usr/sbin/nginx"

#: What the Aegir account may run as root on a prepared host.
SUDO_COMMANDS = (APACHE_CONTROL, NGINX_CONTROL, "/etc/init.d/nginx")


def restart_command(host: HostSpec) -> str:
    """What goes into the server's ``http_restart_cmd``."""
    if host.web == "apache":
        return f"sudo {APACHE_CONTROL} graceful"
    return f"sudo {NGINX_CONTROL} -s reload"


def php_version() -> str:
    """The version whose php-fpm the hosts run, e.g. ``8.2``. Raises MissingProgramError."""
    found = re.search(r"\d+\.\d+", Path(programs.find(programs.PHP_FPM)).name)
    if found is None:
        raise HostError("php-fpm is not Debian's", where=programs.find(programs.PHP_FPM))
    return found.group()


def php_socket() -> str:
    return f"/run/php/php{php_version()}-fpm.sock"


def write_web_server(disk: Disk, host: HostSpec) -> None:
    """Everything that the host's web server and its PHP need, and the host's own page."""
    disk.make_empty("/var/www")
    disk.write("/var/www/html/index.php", PAGE)
    disk.make("/var/log/apache2", 0o750)
    disk.make("/var/log/nginx", 0o755, account("www-data"))
    if host.web == "none":
        return
    _write_php(disk)
    if host.web == "apache":
        _write_apache(disk, host)
        start, pid = f"{APACHE_CONTROL} start", "/run/apache2/apache2.pid"
    else:
        _write_nginx(disk, host)
        start, pid = NGINX_CONTROL, "/run/nginx.pid"
    _write_control(disk, "web", start, pid)
    fpm = programs.find(programs.PHP_FPM)
    _write_control(disk, "php", fpm if host.uses_fpm else "", f"/run/php/php{php_version()}-fpm.pid")


def _write_control(disk: Disk, name: str, start: str, pid: str) -> None:
    """``/etc/lab/web`` and ``/etc/lab/php``: start and stop, and return when that has happened."""
    body = f"""#!/bin/sh
# Starts or stops the {name} server of this host.
[ -n '{start}' ] || exit 0
case "$1" in
start) {start} </dev/null ;;
stop)
  pid=$(cat '{pid}' 2>/dev/null) || exit 0
  kill "$pid" || exit 0
  while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done ;;
*) exit 2 ;;
esac
"""
    disk.write(f"/etc/lab/{name}", body, 0o755)


def _write_apache(disk: Disk, host: HostSpec) -> None:
    for folder in ("mods-enabled", "conf-enabled", "sites-enabled"):
        disk.make_empty(f"/etc/apache2/{folder}")
    names = [f"mpm_{'event' if host.uses_fpm else 'prefork'}", *MODULES]
    names += ["proxy", "proxy_fcgi"] if host.uses_fpm else [f"php{php_version()}"]
    names += ["headers"] if host.prepared else []
    for name in names:
        for suffix in ("load", "conf"):
            file = f"/etc/apache2/mods-available/{name}.{suffix}"
            if Path(file).exists():
                disk.link(f"/etc/apache2/mods-enabled/{name}.{suffix}", f"../mods-available/{name}.{suffix}")
            elif suffix == "load":
                package = "libapache2-mod-php" if name.startswith("php") else "apache2"
                raise programs.MissingProgramError(f"Apache's module {name}", package)
    disk.write("/etc/apache2/ports.conf", "Listen 80\n")
    disk.write("/etc/apache2/conf-enabled/name.conf", f"ServerName {host.full_name}\n")
    if host.uses_fpm:
        handler = f'SetHandler "proxy:unix:{php_socket()}|fcgi://localhost"'
        disk.write("/etc/apache2/conf-enabled/php.conf", f'<FilesMatch "{PHP_FILES}">\n  {handler}\n</FilesMatch>\n')
    if host.prepared:
        disk.write("/etc/apache2/conf-enabled/aegir.conf", "IncludeOptional /var/aegir/config/apache.conf\n")
    lines = [
        "<VirtualHost *:80>",
        f"  ServerName {host.full_name}",
        f"  ServerAlias {host.name}",
        "  DocumentRoot /var/www/html",
        "  DirectoryIndex index.php",
        "</VirtualHost>",
    ]
    disk.write("/etc/apache2/sites-enabled/000-default.conf", "\n".join([*lines, ""]))


def _write_nginx(disk: Disk, host: HostSpec) -> None:
    for folder in ("conf.d", "sites-enabled"):
        disk.make_empty(f"/etc/nginx/{folder}")
    if host.prepared:
        # nginx passes over a missing file only where the name is a pattern.
        disk.write("/etc/nginx/conf.d/aegir.conf", "include /var/aegir/config/nginx[.]conf;\n")
    lines = [
        "server {",
        "  listen 80;",
        f"  server_name {host.full_name} {host.name};",
        "  root /var/www/html;",
        "  index index.php;",
        r"  location ~ \.php$ {",
        "    include fastcgi_params;",
        "    fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
        f"    fastcgi_pass unix:{php_socket()};",
        "  }",
        "}",
    ]
    disk.write("/etc/nginx/sites-enabled/default", "\n".join([*lines, ""]))


def _write_php(disk: Disk) -> None:
    settings = [f"{key} = {value}" for key, value in PHP_SETTINGS.items()]
    folder = f"/etc/php/{php_version()}"
    for kind in ("apache2", "fpm"):
        if Path(folder, kind).is_dir():
            disk.write(f"{folder}/{kind}/conf.d/99-lab.ini", "\n".join([*settings, ""]))
    disk.make("/run/php")
    disk.make_empty(f"{folder}/fpm/pool.d")
    pool = [
        "[www]",
        "user = www-data",
        "group = www-data",
        f"listen = {php_socket()}",
        "listen.owner = www-data",
        "listen.group = www-data",
        "pm = dynamic",
        "pm.max_children = 4",
        "pm.start_servers = 1",
        "pm.min_spare_servers = 1",
        "pm.max_spare_servers = 2",
    ]
    disk.write(f"{folder}/fpm/pool.d/www.conf", "\n".join([*pool, ""]))
