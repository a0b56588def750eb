"""Which names mean this machine (provision.inc, provision_is_local_host)."""

from __future__ import annotations

import functools
import socket

_LOOPBACK = frozenset({"127.0.0.1", "127.0.1.1", "::1"})
_LOOPBACK_NAMES = _LOOPBACK | {"localhost", "ip6-localhost"}


def is_loopback(host: str) -> bool:
    """Whether a name or address means another machine on each one."""
    return host.lower().rstrip(".") in _LOOPBACK_NAMES


@functools.lru_cache(maxsize=256)
def is_local(host: str) -> bool:
    """Whether a host name is this machine: by name, or because its address is one of ours.

    Other addresses of the loopback network (127.0.0.2 …) count as other machines, as they do for the original.
    Our own full name is not asked for: that takes two more questions to the name service, seconds each where it is
    slow, and the name leads to one of our addresses anyway.
    """
    name = host.lower().rstrip(".")
    return is_local_by_name(name) or any(_is_ours(family, address) for family, address in _resolve(name))


def is_local_by_name(host: str) -> bool:
    """Whether that much is known without asking the name service."""
    return host.lower().rstrip(".") in {"", "localhost", "127.0.0.1", "::1", socket.gethostname().lower()}


def _resolve(name: str) -> list[tuple[int, str]]:
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
    except OSError:
        return []
    return [(int(family), str(address[0])) for family, _, _, _, address in found]


def _is_ours(family: int, address: str) -> bool:
    if address in _LOOPBACK:
        return True
    if address.startswith("127."):
        return False
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True
