"""Verify of a group of web servers: are its members different machines?"""

from __future__ import annotations

from provision_py.commands.session import Session
from provision_py.contexts.model import Server
from provision_py.services.http_group import HttpGroup
from provision_py.system import fanout

#: What tells machines apart. Cloned images share a machine's id and often its host keys, but no two kernels that have
#: booted share a boot id. Containers of one kernel have networks or roots of their own; machines that were resumed
#: from one snapshot have names of their own.
_IDENTITY = "cat /proc/sys/kernel/random/boot_id && readlink /proc/self/ns/net && stat -c %d:%i / && uname -n"

TIMEOUT = 20.0


def check_names(session: Session, server: Server) -> None:
    """What needs no connection. Raises ContextError."""
    group = session.http(server)
    if isinstance(group, HttpGroup):
        group.check_machines()
        for name in group.named_twice():
            session.log.warning(f"@{name} is named twice among the members of @{server.name}; once is enough")


def check_machines(session: Session, server: Server) -> None:
    """Ask members that are not left out which machines they are. One that does not tell is taken for another one.

    Raises ContextError when two are the same, HostError for members that cannot be asked.
    """
    group = session.http(server)
    if not isinstance(group, HttpGroup):
        return
    members = group.config_servers()
    if len(members) < 2 or all(session.is_here(member) for member in members):
        return
    found, failures = fanout.each(members, lambda member: _identity(session, member))
    if failures:
        raise fanout.combined(failures, lambda member: f"@{member.name}", f"@{server.name}")
    group.check_machines({member.name: identity for member, identity in found if identity})


def _identity(session: Session, member: Server) -> str:
    done = session.host_of(member).run(["sh", "-c", _IDENTITY], timeout=TIMEOUT, check=False)
    return done.stdout if done.returncode == 0 else ""
