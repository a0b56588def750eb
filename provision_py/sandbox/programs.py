"""The programs that a sandbox needs, where Debian puts them and which package brings them."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import HostError

#: Debian keeps daemons where an ordinary user's PATH does not look.
EXTRA_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")


@dataclass(frozen=True)
class Program:
    """A program by its possible names (regular expressions, the first that matches wins) and its package."""

    names: tuple[str, ...]
    package: str

    @property
    def label(self) -> str:
        return self.package if "\\" in self.names[0] else self.names[0]


MARIADBD = Program(("mariadbd", "mysqld"), "mariadb-server")
MARIADB_INSTALL_DB = Program(("mariadb-install-db", "mysql_install_db"), "mariadb-server")
MARIADB_CLIENT = Program(("mariadb", "mysql"), "mariadb-client")
APACHE = Program(("apache2", "httpd"), "apache2")
NGINX = Program(("nginx",), "nginx")
PHP_FPM = Program((r"php-fpm\d+\.\d+", "php-fpm"), "php-fpm")
PHP = Program(("php",), "php-cli")
RSYNC = Program(("rsync",), "rsync")
SSHD = Program(("sshd",), "openssh-server")
SSH_KEYGEN = Program(("ssh-keygen",), "openssh-client")
SUDO = Program(("sudo",), "sudo")
IP = Program(("ip",), "iproute2")


class MissingProgramError(HostError):
    """A program that the sandbox needs is not installed; ``package`` is what Debian calls it."""

    code = "PROVISION_SANDBOX_MISSING"

    def __init__(self, what: str, package: str) -> None:
        super().__init__(f"{what} is not installed", hint=f"Install it: apt-get install {package}")
        self.package = package


def search_path() -> list[Path]:
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep)
    return [Path(folder) for folder in dict.fromkeys([*folders, *EXTRA_FOLDERS]) if folder]


def find(program: Program) -> str:
    """The absolute path of a program; of several versions (``php-fpm8.2``, ``php-fpm8.3``) the newest.

    Raises MissingProgramError.
    """
    for name in program.names:
        if "\\" not in name:
            found = shutil.which(name, path=os.pathsep.join(str(folder) for folder in search_path()))
        else:
            found = _newest(name)
        if found is not None:
            return found
    raise MissingProgramError(program.label, program.package)


def _newest(pattern: str) -> str | None:
    matches = [
        folder / name
        for folder in search_path()
        for name in _names_in(folder)
        if re.fullmatch(pattern, name) and os.access(folder / name, os.X_OK)
    ]
    return str(max(matches, key=lambda path: _numbers(path.name))) if matches else None


def _names_in(folder: Path) -> list[str]:
    """What lies in a folder of the search path; nothing in one that we may not read, as a shell takes it."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _numbers(name: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", name))


def find_apache_module(name: str, package: str = "apache2") -> str:
    """The file of an Apache module, e.g. ``mod_rewrite`` or ``libphp`` (newest).

    Raises MissingProgramError.
    """
    for folder in ("/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/libexec/apache2"):
        found = list(Path(folder).glob(f"{name}*.so" if name == "libphp" else f"{name}.so"))
        if found:
            return str(max(found, key=lambda path: _numbers(path.name)))
    raise MissingProgramError(f"Apache's {name}", package)
