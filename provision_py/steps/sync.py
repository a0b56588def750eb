"""Steps that carry trees to other servers and remove them there, on all servers at once.

Servers on this machine are passed over: what is here is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from provision_py.errors import HostError
from provision_py.steps.step import Note, Record, World, undoes
from provision_py.system import fanout, rsync, transfer
from provision_py.system.rsync import Change, SyncOptions, Tree, Uploads
from provision_py.system.ssh import SshHost


@dataclass(frozen=True)
class SyncTree:
    """Make a file on other servers what it is here. ``roots`` are the folders that may be changed there.

    Undo: where it did not exist, it is removed again, as long as it lies below a root; where it existed, what was
    pushed stays. For files that several contexts share: see :class:`SyncBack`. Trees have
    :class:`provision_py.steps.release.ReleaseTree`.
    """

    servers: Sequence[str]
    tree: Tree
    roots: Sequence[str]
    options: SyncOptions = field(default_factory=SyncOptions)
    uploads: Uploads = Uploads.LEAVE
    description: str = "Sync files to the web servers"
    kind: str = "sync"

    def prepare(self, world: World, vault: Path) -> Record:
        new = servers_without(world, self.servers, self.tree.path, self.roots)
        return {"path": self.tree.path, "roots": list(self.roots), "new": new}

    def apply(self, world: World, record: Record, note: Note) -> None:
        hosts = remote_hosts(world, self.servers)

        def push(server: str) -> None:
            host = hosts[server]
            changes = transfer.push(
                host, self.tree, self.roots, self.options, uploads=self.uploads,
                progress=lambda count: world.log.notice(f"{self.tree.path}: {count} changes so far", host=host.name),
            )  # fmt: skip
            tell(world, host, f"{self.tree.path} synced", changes)

        everywhere(hosts, push, "was not synced")


@undoes("sync")
def undo_sync(world: World, record: Mapping[str, Any]) -> None:
    hosts = remote_hosts(world, record["new"])

    def remove(server: str) -> None:
        transfer.remove(hosts[server], record["path"], record["roots"], ours=True)

    everywhere(hosts, remove, "was not cleaned up")


@dataclass(frozen=True)
class SyncBack:
    """Changes nothing. Undo makes a file or tree on other servers what it is here by then, uploads left alone.

    To be the first step of a command that changes a file here which others change too, and syncs it: what the steps
    after it have changed here is undone before, and what others have changed meanwhile stays. Servers that do not
    have it then get nothing.
    """

    servers: Sequence[str]
    tree: Tree
    roots: Sequence[str]
    options: SyncOptions = field(default_factory=SyncOptions)
    description: str = "Remember which web servers have the names of sites"
    kind: str = "sync_back"

    def prepare(self, world: World, vault: Path) -> Record:
        servers = list(remote_hosts(world, self.servers))
        return {
            "tree": asdict(self.tree), "roots": list(self.roots), "options": asdict(self.options), "servers": servers,
        }  # fmt: skip

    def apply(self, world: World, record: Record, note: Note) -> None:
        """Nothing: the steps that follow do the work."""


@undoes("sync_back")
def undo_sync_back(world: World, record: Mapping[str, Any]) -> None:
    tree = _tree(record["tree"])
    if not os.path.lexists(tree.path):
        return
    options = SyncOptions(**{name: tuple(value) for name, value in record["options"].items()})
    hosts = remote_hosts(world, record.get("servers", record.get("having", ())))

    def put_back(server: str) -> None:
        if hosts[server].stat(tree.path) is not None:
            transfer.push(hosts[server], tree, record["roots"], options)

    everywhere(hosts, put_back, "did not get its former files back")


@dataclass(frozen=True)
class FetchTree:
    """Bring here what other servers have at ``path`` and is missing or older here, one server after another.

    Nothing is deleted, so there is nothing to undo: what was fetched stays.
    """

    servers: Sequence[str]
    path: str
    roots: Sequence[str]
    options: SyncOptions = field(default_factory=SyncOptions)
    description: str = "Fetch files from the web servers"
    kind: str = "fetch"

    def prepare(self, world: World, vault: Path) -> Record:
        return {"path": self.path}

    def apply(self, world: World, record: Record, note: Note) -> None:
        for host in remote_hosts(world, self.servers).values():
            tell(world, host, f"{self.path} fetched", transfer.fetch(host, self.path, self.roots, self.options))


@undoes("fetch")
def undo_fetch(world: World, record: Mapping[str, Any]) -> None:
    """What was fetched stays."""


@dataclass(frozen=True)
class RemoveRemoteTree:
    """Remove a site's or platform's tree on other servers; never a root, nor anything outside of the roots.

    To be one of the last steps, before the tree is removed here: undo pushes again what is still here, with the
    uploads. What only that server had is lost.
    """

    servers: Sequence[str]
    tree: Tree
    roots: Sequence[str]
    description: str = "Remove files on the web servers"
    kind: str = "remove_remote"

    def prepare(self, world: World, vault: Path) -> Record:
        hosts = remote_hosts(world, self.servers)

        def look(server: str) -> bool:
            transfer.check_target(hosts[server], self.tree.path, self.roots)
            return hosts[server].stat(self.tree.path) is not None

        found = everywhere(hosts, look, "cannot be reached, so nothing was removed anywhere")
        existed = [server for server, there in found if there]
        return {"tree": asdict(self.tree), "roots": list(self.roots), "existed": existed}

    def apply(self, world: World, record: Record, note: Note) -> None:
        hosts = remote_hosts(world, self.servers)

        def remove(server: str) -> None:
            if transfer.remove(hosts[server], self.tree.path, self.roots):
                world.log.info(f"{self.tree.path} removed", host=hosts[server].name)

        everywhere(hosts, remove, "did not remove it")


@undoes("remove_remote")
def undo_remove_remote(world: World, record: Mapping[str, Any]) -> None:
    tree = _tree(record["tree"])
    if not os.path.lexists(tree.path):
        return
    hosts = remote_hosts(world, record["existed"])
    everywhere(
        hosts,
        lambda server: transfer.push(hosts[server], tree, record["roots"], uploads=Uploads.MERGE),
        "did not get its files back",
    )


def _tree(saved: Mapping[str, Any]) -> Tree:
    lists = {name: tuple(saved.get(name, ())) for name in ("sites", "exclude", "include")}
    return Tree(**{**saved, **lists})


def remote_hosts(world: World, servers: Sequence[str]) -> dict[str, SshHost]:
    """The hosts of those servers that are on other machines, each machine once."""
    found: dict[str, SshHost] = {}
    for server in dict.fromkeys(servers):
        host = world.host(server)
        if isinstance(host, SshHost) and host not in found.values():
            found[server] = host
    return found


def servers_without(world: World, servers: Sequence[str], path: str, roots: Sequence[str]) -> list[str]:
    """Look at a tree before it is synced: here, and on the servers; those that do not have it. Raises HostError when
    it must not be synced from here or to one of them."""
    hosts = remote_hosts(world, servers)
    if hosts:
        transfer.check_source(path, roots)

    def look(server: str) -> bool:
        transfer.check_target(hosts[server], path, roots)
        return hosts[server].stat(path) is not None

    found = everywhere(hosts, look, "cannot be synced, so nothing was changed anywhere")
    return [server for server, existed in found if not existed]


def everywhere(
    hosts: Mapping[str, SshHost], work: Callable[[str], Any], failing: str, done: str | None = None
) -> list[tuple[str, Any]]:
    """The same on all servers at once. Raises one HostError that names every server that failed, and why; ``done``
    says what has become of the others, None: those that it was done on are named."""
    found, failures = fanout.each(hosts, work)
    if failures:
        first = failures[0].error
        told = "; ".join(f"{hosts[failure.item].name} {failing}: {failure.error.what}" for failure in failures)
        if done is None:
            done = f"Done on {', '.join(hosts[server].name for server, _ in found)}" if found else ""
        raise HostError(
            f"{told}. {done}" if done else told, where=first.where, hint=first.hint, code=first.code
        ) from first
    return found


def tell(world: World, host: SshHost, what: str, changes: Sequence[Change]) -> None:
    said = rsync.summary(changes)
    world.log.info(f"{what}: {said}" if said else f"{what}: nothing had changed", host=host.name)
