"""A private php-fpm with one pool behind a unix socket."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import HostError
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox

#: A file that a test or a task has just written must be seen by the next request, and errors must be found.
PHP_SETTINGS = {
    "opcache.revalidate_freq": "0",
    "realpath_cache_ttl": "0",
    "display_errors": "off",
    "log_errors": "on",
    "memory_limit": "256M",
    "sendmail_path": "/bin/true",
}


@dataclass(frozen=True)
class PhpFpm:
    """A running php-fpm; ``log`` collects what PHP reports."""

    socket: Path
    log: Path


def start_php_fpm(sandbox: Sandbox, *, name: str = "php-fpm", patience: float = 15.0) -> PhpFpm:
    """Start php-fpm; ``patience`` in seconds. Raises MissingProgramError, HostError."""
    program = programs.find(programs.PHP_FPM)
    address = sandbox.run / f"{name}.sock"
    php_log = sandbox.log(f"{name}-php")
    php_log.touch()
    if sandbox.accounts.is_root:
        php_log.chmod(0o666)
    settings = sandbox.path / f"{name}.conf"
    settings.write_text(_settings(sandbox, name, address, php_log))
    log = sandbox.log(name)
    record = sandbox.launch(name, [program, "--nodaemonize", "--fpm-config", str(settings)])
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(address))
            except OSError:
                if not record.is_running():
                    raise HostError(
                        "php-fpm ended at its start", where=str(log), hint="The file holds the reason"
                    ) from None
                time.sleep(0.02)
                continue
        return PhpFpm(address, php_log)
    sandbox.stop(name)
    raise HostError(f"php-fpm gives no answer in {patience:.0f} s", where=str(log), hint="The file holds the reason")


def _settings(sandbox: Sandbox, name: str, address: Path, php_log: Path) -> str:
    accounts = sandbox.accounts
    lines = [
        "; Private php-fpm of a sandbox",
        "[global]",
        f"pid = {sandbox.run / name}.pid",
        f"error_log = {sandbox.log(name)}",
        "daemonize = no",
        "[sandbox]",
        f"listen = {address}",
        "pm = dynamic",
        "pm.max_children = 4",
        "pm.start_servers = 1",
        "pm.min_spare_servers = 1",
        "pm.max_spare_servers = 2",
        "catch_workers_output = yes",
        "clear_env = yes",
        f"php_admin_value[error_log] = {php_log}",
        *(f"php_admin_value[{key}] = {value}" for key, value in PHP_SETTINGS.items()),
    ]
    if accounts.is_root:
        lines += [f"user = {accounts.web_user}", f"group = {accounts.web_group}"]
        lines += [f"listen.owner = {accounts.web_user}", f"listen.group = {accounts.web_group}", "listen.mode = 0660"]
    else:
        lines += ["listen.mode = 0600"]
    return "\n".join([*lines, ""])
