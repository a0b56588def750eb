"""NFS for a pack: what its masters export and its slaves mount. Pure."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from provision_py.contexts.model import Server
from provision_py.errors import ContextError, UsageError
from provision_py.services import templating, web_quoting
from provision_py.services.http_pack import MASTERS, SLAVES, HttpPack
from provision_py.system.addresses import is_loopback

#: What masters allow (exports(5)) and why.
EXPORT_OPTIONS = (
    ("rw", "uploads and caches are written by every server"),
    ("sync", "what a slave has written is on the master's disk before it goes on"),
    ("no_subtree_check", "files may be renamed while they are open"),
    ("root_squash", "root of a slave is nobody here; Aegir and the web servers use accounts of their own"),
)

#: How slaves mount (nfs(5), mount(8)) and why.
MOUNT_OPTIONS = (
    ("rw", "see above"),
    ("hard", "a request waits while the master is away instead of breaking a file"),
    ("noatime", "reading a page writes nothing"),
    ("nosuid", "no program from there gets rights of its own"),
    ("nodev", "and no file there is a device"),
    ("_netdev", "it is mounted when the network is up"),
    ("nofail", "the machine starts without its master; verify says that the mount is missing"),
)


@dataclass(frozen=True)
class Machine:
    """A server by its context's name and the name or address that others reach it by."""

    name: str
    host: str


@dataclass(frozen=True)
class NfsSetup:
    """Who shares what: ``folders`` of the first master with ``slaves``; other masters have a copy of the code.

    ``left_out`` are slaves on this machine: a mount would cover the code that masters get. ``others`` are the hosts
    of slaves that other packs of the same masters have.
    """

    pack: str
    user: str
    root: str
    masters: tuple[Machine, ...]
    slaves: tuple[Machine, ...]
    folders: tuple[str, ...]
    left_out: tuple[str, ...] = ()
    others: tuple[str, ...] = ()

    @property
    def exports_file(self) -> str:
        """exportfs reads files of that ending there. The pack has one of its own, so that it can be replaced."""
        return f"/etc/exports.d/aegir-{self.pack}.exports"

    def export_options(self) -> str:
        """As they stand behind each client."""
        return ",".join(name for name, _ in EXPORT_OPTIONS)

    def exports(self) -> list[str]:
        """Lines of the exports file, the same on every master."""
        clients = " ".join(f"{slave.host}({self.export_options()})" for slave in self.slaves)
        return [f"{octal_word(folder)} {clients}" for folder in self.folders]

    def fstab(self) -> list[str]:
        """Lines of /etc/fstab, the same on every slave."""
        return [fstab_line(self.masters[0].host, folder) for folder in self.folders]


def nfs_setup(pack: Server, roots: Iterable[str], packs: Iterable[Server] = ()) -> NfsSetup:
    """What the pack's servers need. ``roots`` are the roots of the platforms on it, ``packs`` what packs there are.

    Raises UsageError for a server that is no pack or has no slaves, ContextError for members that cannot be reached
    by their names, ServiceError for paths that cannot stand in a configuration.
    """
    kind = pack.service_types.get("http")
    if kind != HttpPack.type:
        raise UsageError(
            f"@{pack.name} is no pack" + (f" but of the type {kind}" if kind else ""),
            where=f"@{pack.name}, key http_service_type",
            hint="Only a pack shares its masters' disk; a cluster gets its files by rsync",
        )
    service = HttpPack(pack)
    masters = tuple(_machine(pack, server) for server in service.code_servers())
    taken = {machine.host for machine in masters}
    apart = {server.name for server in service.apart()}
    others = [_machine(pack, server) for server in service.config_servers() if server.name not in apart]
    slaves = tuple(machine for machine in others if machine.host not in taken)
    left_out = tuple(sorted(apart - {machine.name for machine in masters}))
    if not slaves:
        raise _nothing_to_share(pack, left_out)
    root = web_quoting.config_path(pack.aegir_root)
    user = web_quoting.account(pack.script_user)
    elsewhere = {host for other in packs if other.name != pack.name for host in _slaves_of(other, taken)}
    folders = shared_folders(root, roots)
    return NfsSetup(pack.name, user, root, masters, slaves, folders, left_out, tuple(sorted(elsewhere)))


def _slaves_of(pack: Server, masters: Container[str]) -> Iterable[str]:
    """The hosts of a pack's slaves if it has one of these as a master."""
    service = HttpPack(pack)
    try:
        shares = any(server.remote_host in masters for server in service.members_of(MASTERS))
        return [server.remote_host for server in service.members_of(SLAVES)] if shares else ()
    except ContextError:
        # Too many rather than too few: a slave of another pack is not to lose its disk.
        return [server.remote_host for server in pack.members.values()]


def _nothing_to_share(pack: Server, left_out: Sequence[str]) -> UsageError:
    where = f"@{pack.name}, key slave_web_servers"
    if left_out:
        return UsageError(
            f"@{left_out[0]} is this machine: a mount would cover the code that the masters get from here",
            where=where,
            hint=f"Make @{left_out[0]} the master and others its slaves, or take it out of the pack",
        )
    return UsageError(
        f"The pack @{pack.name} has no slaves on other machines, so there is nothing to share",
        where=where,
        hint="Add a slave, and save the pack",
    )


def shared_folders(aegir_root: str, roots: Iterable[str]) -> tuple[str, ...]:
    """The folder of all platforms, and the roots of platforms that lie elsewhere, sorted; none below another."""
    folders = [f"{aegir_root}/platforms"]
    for root in sorted(set(roots)):
        if not any(PurePosixPath(root).is_relative_to(folder) for folder in folders):
            folders.append(root)
    return tuple(web_quoting.config_path(folder) for folder in folders)


def render(setup: NfsSetup) -> str:
    """Commands for each machine, as a text for people; what stands there can be run again."""
    return templating.render(
        "nfs/setup.sh.j2", setup=setup, export_options=EXPORT_OPTIONS, mount_options=MOUNT_OPTIONS
    )


def fstab_line(master: str, folder: str) -> str:
    """What mounts a master's folder, by its name or address, at the same place."""
    source = f"[{master}]" if ":" in master else master
    options = ",".join(name for name, _ in MOUNT_OPTIONS)
    return f"{octal_word(f'{source}:{folder}')} {octal_word(folder)} nfs {options} 0 0"


def octal_word(text: str) -> str:
    """A text as one word of /etc/exports and /etc/fstab: what they read as a separator or sign in octal."""
    return re.sub(r"[^A-Za-z0-9_./:@%+,=\[\]~-]", lambda found: _octal(found.group()), text)


def _octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def _machine(pack: Server, server: Server) -> Machine:
    host = web_quoting.host_or_address(server.remote_host)
    if is_loopback(host):
        raise ContextError(
            f"@{server.name} is known as {host}, a name that means another machine on each one",
            where=f"@{pack.name}",
            hint=f"Save @{server.name} with a remote_host that all servers of the pack can resolve",
        )
    return Machine(server.name, host)
