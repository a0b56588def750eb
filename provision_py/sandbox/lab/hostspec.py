"""What the hosts of a lab are to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DOMAIN = "lab.test"
NETWORK = "10.213.77"
FIRST_ADDRESS = 11
MOST_HOSTS = 200

WebKind = Literal["apache", "nginx", "none"]
PhpKind = Literal["module", "fpm"]


@dataclass(frozen=True)
class HostSpec:
    """One host.

    ``web``: its web server. ``php``: how Apache runs PHP (nginx always asks php-fpm). ``database``: whether MariaDB
    runs there. ``prepared``: whether it is ready for Aegir (account, keys, sudo, the web server's include); one that
    is not is a bare machine to which root has access with a key.
    """

    name: str
    web: WebKind = "none"
    php: PhpKind = "module"
    database: bool = False
    prepared: bool = True

    @property
    def full_name(self) -> str:
        return f"{self.name}.{DOMAIN}"

    @property
    def uses_fpm(self) -> bool:
        return self.web == "nginx" or (self.web == "apache" and self.php == "fpm")


def default_hosts(webs: int = 2) -> tuple[HostSpec, ...]:
    """``hub`` with a web server of its own, ``web1`` … Apache and nginx in turn, ``db``."""
    kinds: tuple[WebKind, WebKind] = ("apache", "nginx")
    members = [HostSpec(f"web{number + 1}", web=kinds[number % 2]) for number in range(webs)]
    return (HostSpec("hub", web="nginx"), *members, HostSpec("db", database=True))


def address_of(index: int) -> str:
    return f"{NETWORK}.{FIRST_ADDRESS + index}"


def hosts_file(hosts: tuple[HostSpec, ...]) -> str:
    """``/etc/hosts`` with every host by its full and its short name."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost"]
    lines += [f"{address_of(index)} {host.full_name} {host.name}" for index, host in enumerate(hosts)]
    return "\n".join([*lines, ""])
