"""Locks on contexts, so that tasks which would disturb one another wait and all others run side by side.

Always taken in the order server ▸ platform ▸ site ▸ host names, names sorted, so that no two tasks wait for each
other. A task holds its own object exclusively and what that object stands on shared: site tasks of one platform run
in parallel, a platform's verify waits for them, a server's verify for everything on that server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from provision_py.contexts.model import Context, Platform, Server, Site
from provision_py.system.locks import FileLock

_LONGEST = 255  # bytes of a file's name
_RANKS = {"server": 0, "platform": 1, "site": 2, "name": 3}


@dataclass(frozen=True)
class ContextLock:
    """A lock that a task needs: the kind and name of a context, and whether others may share it.

    The kind ``name`` is a host name: sites of two contexts must not take it at the same time.
    """

    kind: str
    name: str
    shared: bool


def locks_for(context: Context) -> tuple[ContextLock, ...]:
    """The locks of a task on ``context``, in the order in which they are to be taken."""
    wanted = {(lock.kind, lock.name): lock for lock in _wanted(context)}
    return tuple(sorted(wanted.values(), key=lambda lock: (_RANKS[lock.kind], lock.name)))


def _wanted(context: Context) -> Sequence[ContextLock]:
    if isinstance(context, Server):
        members = [ContextLock("server", name, shared=True) for name in context.members]
        return [*members, ContextLock("server", context.name, shared=False)]
    if isinstance(context, Platform):
        return [*_servers(context.web_server), ContextLock("platform", context.name, shared=False)]
    assert isinstance(context, Site)  # noqa: S101 (the union has no other member)
    return [
        *_servers(context.web_server),
        *_servers(context.db_server),
        ContextLock("platform", context.platform.name, shared=True),
        ContextLock("site", context.name, shared=False),
        *[ContextLock("name", name, shared=False) for name in (context.uri, *context.aliases)],
    ]


def _servers(server: Server) -> list[ContextLock]:
    return [ContextLock("server", name, shared=True) for name in (server.name, *server.members)]


@contextmanager
def hold(root: Path, locks: Sequence[ContextLock], *, timeout: float | None) -> Iterator[None]:
    """Hold the locks below folder ``root``. Raises LockedError when one is not free within ``timeout`` seconds."""
    with ExitStack() as stack:
        for lock in locks:
            stack.enter_context(FileLock(root / _file_name(lock), shared=lock.shared, timeout=timeout))
        yield


def _file_name(lock: ContextLock) -> str:
    name = f"{lock.kind}-{quote(lock.name, safe='')}"
    return name if len(name) <= _LONGEST else f"{lock.kind}-{hashlib.sha256(lock.name.encode()).hexdigest()}"
