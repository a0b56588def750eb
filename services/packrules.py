"""Whether the machines of a pack share what they should, from what they told, and what to do if not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from provision_py.contexts.model import Server
from provision_py.services.nfs import fstab_line, shared_folders
from provision_py.services.packfacts import Mount, PackFacts
from provision_py.system.addresses import is_loopback
from provision_py.system.mounts import missing_mounts

MOUNT = "PROVISION_PACK_MOUNT"
IDS = "PROVISION_PACK_IDS"
READ_ONLY = "PROVISION_PACK_READ_ONLY"
HUB = "PROVISION_PACK_HUB"

#: A slave that would serve nothing, or files of somebody else, fails the command; what people may want does not.
ERROR, WARNING, INFO = "error", "warning", "info"

_NFS = ("nfs", "nfs4")


@dataclass(frozen=True)
class PackFinding:
    """What is noteworthy of one machine. ``hint`` is what to do about it, empty where it is nothing to mend."""

    severity: str
    code: str
    server: str
    what: str
    hint: str = ""


def findings(
    pack: Server,
    folders: Sequence[str],
    masters: Sequence[PackFacts],
    slaves: Sequence[PackFacts],
    hub: PackFacts | None = None,
    *,
    web_group: str,
) -> list[PackFinding]:
    """All that is noteworthy, by slave. ``folders`` are those that masters should share with slaves.

    A slave has to see the files of one master, whichever, and all of them by that master's numbers: those of the
    users and groups stand on the disk, not their names. ``hub`` is the hub where it is no master.
    """
    found = [finding for master in masters for finding in _untried(master, folders)]
    found += [finding for master in masters[1:] for finding in _apart(masters[0], master, folders)]
    for slave in slaves:
        found += _of_slave(pack, folders, masters, slave, web_group)
    if hub is not None and masters:
        found += _numbers(hub, masters[0], web_group, INFO)
    return found


def _untried(master: PackFacts, folders: Sequence[str]) -> Sequence[PackFinding]:
    closed = [folder for folder in folders if folder not in master.made]
    if not closed:
        return []
    what = f"Whether slaves see {_words(closed)} of @{master.server} was not tried: nothing can be written there"
    hint = f"Let {master.user} write there, and free space if it is full"
    return [PackFinding(WARNING, MOUNT, master.server, what, hint)]


def _apart(first: PackFacts, other: PackFacts, folders: Sequence[str]) -> Sequence[PackFinding]:
    """A master that does not see the first one's files. Its code is as good, its uploads are its own."""
    own = [folder for folder in folders if folder in first.made and first.made[folder] not in other.seen]
    if not own:
        return []
    what = f"@{other.server} has a disk of its own for {_words(own)}: uploads on @{first.server} are not seen there,"
    what += " nor the other way round, unless the balancer sends them all to one (lb-config does)"
    return [PackFinding(INFO, MOUNT, other.server, what)]


def _of_slave(
    pack: Server, folders: Sequence[str], masters: Sequence[PackFacts], slave: PackFacts, web_group: str
) -> Sequence[PackFinding]:
    blind: list[str] = []
    shown: dict[str, list[PackFacts]] = {}
    for folder in folders:
        tried = [master for master in masters if folder in master.made]
        seen = [master for master in tried if master.made[folder] in slave.seen]
        if seen:
            shown[folder] = seen
        elif tried:
            blind.append(folder)
    found = [_blind(pack, blind, masters, slave)] if blind else []
    sharing = {master.server: master for seen in shown.values() for master in seen}
    for master in sharing.values():
        found += _numbers(slave, master, web_group, ERROR)
    return [*found, *_how(slave, list(shown))]


def _blind(pack: Server, folders: Sequence[str], masters: Sequence[PackFacts], slave: PackFacts) -> PackFinding:
    """``share`` is the folder that nfs-setup would share for the first of them."""
    share = shared_folders(pack.aegir_root, folders[:1])[-1]
    names = " or ".join(f"@{master.server}" for master in masters)
    if slave.here:
        return _blind_hub(slave.server, _words(folders), names)
    what = f"@{slave.server} does not see {_words(folders)} of {names}: {_instead(folders[0], share, slave)}"
    return PackFinding(ERROR, MOUNT, slave.server, what, _to_mount(pack, share, masters, slave))


def _blind_hub(server: str, folders: str, masters: str) -> PackFinding:
    what = f"@{server} does not see {folders} of {masters}, and nothing can be mounted there: it holds the code that"
    what += " masters get. Pages are served, but not what visitors upload to others"
    hint = f"Make @{server} the master, or take it out of the pack. Until then let the balancer send uploads to one"
    return PackFinding(WARNING, HUB, server, what, f"{hint} member (lb-config does)")


def _instead(folder: str, share: str, slave: PackFacts) -> str:
    """What is there in place of the shared folder."""
    mount = slave.mount_of(folder)
    if mount is not None and (mount.kind in _NFS or PurePosixPath(mount.point).is_relative_to(share)):
        return f"what is mounted at {mount.point} is {mount.source} ({mount.kind}), with other files"
    own = ", and the files there are its own" if folder in slave.real else ""
    return f"nothing is mounted at {share}{own}"


def _to_mount(pack: Server, share: str, masters: Sequence[PackFacts], slave: PackFacts) -> str:
    forgotten = missing_mounts(share, slave.fstab, {mount.point for mount in slave.mounts}.__contains__)
    if forgotten:
        return f"Run there, as root: mount {forgotten[0]}"
    master = masters[0]
    how = f"mount {share} there"
    if not is_loopback(master.address):
        how = f"add to /etc/fstab there: {fstab_line(master.address, share)} and run as root: mount {share}"
    told = f"provision-py @{pack.name} nfs-setup --print has all of it"
    return f"To share it by NFS, {how} ({told}). Or make @{slave.server} a master"


def _numbers(one: PackFacts, other: PackFacts, web_group: str, severity: str) -> Sequence[PackFinding]:
    """Differences of the numbers of ``one`` from those of ``other``."""
    there, todo = [], []
    if one.uid != other.uid:
        there.append(f"the user {one.user} is {_number(one.uid)} there and {_number(other.uid)} on @{other.server}")
        todo.append(f"usermod -u {other.uid} {one.user}")
    if one.gid != other.gid:
        there.append(f"the group {one.group} is {_number(one.gid)} there and {_number(other.gid)} on @{other.server}")
        todo.append(f"groupmod -g {other.gid} {one.group}")
    if one.web_gid != other.web_gid and other.web_gid is not None:
        there.append(f"the group {web_group} is {_number(one.web_gid)} there and {other.web_gid} on @{other.server}")
        todo.append(f"{'groupadd' if one.web_gid is None else 'groupmod'} -g {other.web_gid} {web_group}")
    if not there:
        return []
    what = f"@{one.server} takes shared files for somebody else's: {', '.join(there)}"
    if severity != ERROR:
        what = f"@{one.server} has other numbers, which matters once it shares files too: {', '.join(there)}"
        return [PackFinding(severity, IDS, one.server, what)]
    hint = f"Run there, as root and while nothing of {one.user} runs: {'; '.join(todo)}. Then give the account and"
    hint += " the web server their own files outside of the shared folder again (chown, chgrp)"
    return [PackFinding(severity, IDS, one.server, what, hint)]


def _how(slave: PackFacts, folders: Sequence[str]) -> list[PackFinding]:
    """How a slave sees what it sees."""
    found: list[PackFinding] = []
    mounts: dict[Mount, str] = {}
    for folder in folders:
        mount = slave.mount_of(folder)
        if mount is not None:
            mounts.setdefault(mount, folder)
    for mount, folder in mounts.items():
        if mount.read_only:
            what = f"@{slave.server} may only read {folder} ({mount.point}): uploads that arrive there fail"
            hint = f"Take ro out of /etc/fstab there and run as root: mount -o remount,rw {mount.point}. Or let the"
            hint += " balancer send uploads to a master (lb-config --uploads=member)"
            found.append(PackFinding(WARNING, READ_ONLY, slave.server, what, hint))
        if mount.kind not in _NFS:
            what = f"@{slave.server} sees {folder} by another way than NFS: {mount.source} ({mount.kind})"
            found.append(PackFinding(INFO, MOUNT, slave.server, what))
    return found


def _number(value: int | None) -> str:
    return "unknown" if value is None else str(value)


def _words(folders: Sequence[str]) -> str:
    return (
        ", ".join(folders) if len(folders) <= 3 else f"{', '.join(folders[:2])} and {len(folders) - 2} more folders"
    )
