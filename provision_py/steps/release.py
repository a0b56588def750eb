"""The step that changes a tree on other servers, on all of them or on none."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provision_py.steps.step import Note, Record, World, cleans_up, undoes
from provision_py.steps.sync import everywhere, remote_hosts, servers_without, tell
from provision_py.system import rsync, staging, transfer
from provision_py.system.rsync import Change, SyncOptions, Tree, Uploads
from provision_py.system.ssh import SshHost
from provision_py.system.transfer import Merged
from provision_py.system.uploadkinds import Kinds

_AS_IT_WAS = "All web servers have what they had before"
#: Of a switch that failed on one: undoing it comes next, and says itself where it fails.
_GOING_BACK = "All web servers are to get back what they had before"


@dataclass(frozen=True)
class ReleaseTree:
    """Make a folder on other servers what it is here. ``roots`` are the folders that may be changed there.

    What has changed is staged on every server first; only when it has arrived everywhere and may be put in place
    there, every server exchanges it against what it has, by itself and within moments. Undo exchanges it back: former
    files were kept. A server that did not have the folder gets it pushed, which undo removes, without uploads that
    have come there since. Uploads are merged after that, and stay.

    On record beforehand is the name of the folder that holds what is staged and, later, the former files, and as a
    note ``changed``, the servers where there is such a folder, and ``empty``, those of them whose folder had nothing
    in it. It is removed when the command is committed.
    """

    servers: Sequence[str]
    tree: Tree
    roots: Sequence[str]
    options: SyncOptions = field(default_factory=SyncOptions)
    uploads: Uploads = Uploads.LEAVE
    description: str = "Sync files to the web servers"
    kind: str = "release"

    def prepare(self, world: World, vault: Path) -> Record:
        work = f"{self.tree.path}/{rsync.WORK_FOLDERS}{secrets.token_hex(6)}"
        new = servers_without(world, self.servers, self.tree.path, self.roots)
        uploads = rsync.uploads_of(self.tree)
        return {"path": self.tree.path, "roots": list(self.roots), "work": work, "new": new, "uploads": uploads}

    def apply(self, world: World, record: Record, note: Note) -> None:
        hosts = remote_hosts(world, self.servers)
        having = {server: host for server, host in hosts.items() if server not in record["new"]}
        plans = dict(everywhere(having, lambda server: self._plan(having[server]), "was not synced", _AS_IT_WAS))
        changing = {server: having[server] for server, changes in plans.items() if changes}
        empty = [server for server in changing if not staging.names_in_tree(having[server], self.tree.path)]
        note({"changed": list(changing), "empty": empty})
        arriving = {server: host for server, host in hosts.items() if server in changing or server in record["new"]}
        done = None if record["new"] else _AS_IT_WAS
        arrived = everywhere(arriving, lambda server: self._bring(world, arriving[server], record, plans.get(server)),
                             "was not synced", done)  # fmt: skip
        everywhere(changing, lambda server: staging.switch(changing[server], record["work"], self.roots),
                   "did not take its files", _GOING_BACK)  # fmt: skip
        told = {**plans, **dict(arrived)}
        here = transfer.upload_kinds(self.tree) if self.uploads is Uploads.MERGE else {}
        everywhere(hosts, lambda server: self._merge(world, hosts[server], told[server], here),
                   "did not get all uploads")  # fmt: skip

    def _plan(self, host: SshHost) -> Sequence[Change]:
        for leftover in staging.work_folders(host, self.tree.path):
            staging.close(host, leftover)
        # MERGE is a run of its own, after the switch.
        return staging.plan(host, self.tree, self.roots, self.options, self.uploads)

    def _bring(
        self, world: World, host: SshHost, record: Record, changes: Sequence[Change] | None
    ) -> Sequence[Change]:
        progress = self._progress(world, host)
        if changes is None:
            return transfer.push_tree(
                host, self.tree, self.roots, self.options, uploads=self.uploads, progress=progress
            )
        staging.stage(host, self.tree, record["work"], changes, self.options, progress)
        staging.check(host, record["work"], self.roots)
        return changes

    def _progress(self, world: World, host: SshHost) -> transfer.Progress:
        return lambda count: world.log.notice(f"{self.tree.path}: {count} changes so far", host=host.name)

    def _merge(self, world: World, host: SshHost, changes: Sequence[Change], here: Kinds) -> None:
        merged = Merged()
        if self.uploads is Uploads.MERGE:
            merged = transfer.merge(host, self.tree, here, self.options, self._progress(world, host))
        tell(world, host, f"{self.tree.path} synced", [*changes, *merged.changes])
        for path in merged.left:
            world.log.warning(
                f"{path!r} is of another kind than on the hub, such as a file instead of a folder, so it was left as"
                " it is; rename one of them",
                host=host.name,
                code="PROVISION_UPLOAD_KIND",
            )


@undoes("release")
def undo_release(world: World, record: Mapping[str, Any]) -> None:
    changed = remote_hosts(world, record.get("changed", ()))
    new = remote_hosts(world, record["new"])

    def put_back(server: str) -> None:
        if server in changed:
            staging.undo(changed[server], record["work"], was_empty=server in record.get("empty", ()))
        else:
            _take_away(world, new[server], record)

    everywhere({**changed, **new}, put_back, "does not have its former files back")


def _take_away(world: World, host: SshHost, record: Mapping[str, Any]) -> None:
    """Undoing may come late: until then the machine may have served what it had got, and visitors sent files."""
    uploads = record.get("uploads", ())
    for folder in transfer.remove_but_new_uploads(host, record["path"], record["roots"], uploads):
        world.log.warning(
            f"{folder} holds files that are not on the hub, so it was left when the rest was removed; copy what is"
            " of use, or remove it there",
            host=host.name,
            code="PROVISION_UPLOADS_LEFT",
        )


@cleans_up("release")
def forget_former_files(world: World, record: Mapping[str, Any]) -> None:
    hosts = remote_hosts(world, record.get("changed", ()))
    everywhere(hosts, lambda server: staging.close(hosts[server], record["work"]), "was not cleaned up")
