"""Each way in which a pack's machines do not share as they should: what is said of it, and how grave it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provision_py.contexts.model import Server
from provision_py.services.packfacts import Mount, PackFacts
from provision_py.services.packrules import ERROR, HUB, IDS, INFO, MOUNT, READ_ONLY, WARNING, PackFinding, findings

FOLDER = "/var/aegir/platforms"
PACK = Server("pack", "pack", "/var/aegir", "aegir", service_types={"http": "pack"})
ROOT = Mount("/", "ext4", "/dev/vda1", False)
NFS = Mount(FOLDER, "nfs4", f"m1.test:{FOLDER}", False)
FSTAB = f"# nothing\nm1.test:{FOLDER} {FOLDER} nfs rw 0 0\n"


def machine(name: str, **values: Any) -> PackFacts:
    facts = PackFacts(name, f"{name}.test", "aegir", 1001, 1001, "aegir", 33, real={FOLDER: FOLDER}, mounts=(ROOT,))
    return replace(facts, **values)


def master(name: str = "m1", **values: Any) -> PackFacts:
    return machine(name, made={FOLDER: f"{FOLDER}/.provision-probe-{name}"}, **values)


def slave(*, sees: tuple[str, ...] = ("m1",), mount: Mount | None = NFS, **values: Any) -> PackFacts:
    seen = frozenset(f"{FOLDER}/.provision-probe-{name}" for name in sees)
    return machine("s1", **{"seen": seen, "mounts": (ROOT, mount) if mount else (ROOT,), **values})


def decide(
    *slaves: PackFacts, masters: tuple[PackFacts, ...] = (), hub: PackFacts | None = None
) -> list[PackFinding]:
    return findings(PACK, [FOLDER], masters or (master(),), slaves, hub, web_group="www-data")


def test_a_healthy_pack() -> None:
    assert decide(slave(), hub=machine("server_master")) == []


BLIND = {
    "nothing is mounted, as fstab says it should": (
        slave(sees=(), mount=None, fstab=FSTAB),
        f"nothing is mounted at {FOLDER}, and the files there are its own",
        f"Run there, as root: mount {FOLDER}",
    ),
    "nothing is mounted, and fstab does not know of it": (
        slave(sees=(), mount=None),
        f"nothing is mounted at {FOLDER}, and the files there are its own",
        f"To share it by NFS, add to /etc/fstab there: m1.test:{FOLDER} {FOLDER} nfs rw,hard,noatime,nosuid,nodev,"
        f"_netdev,nofail 0 0 and run as root: mount {FOLDER} (provision-py @pack nfs-setup --print has all of it)."
        " Or make @s1 a master",
    ),
    "there is no folder": (slave(sees=(), mount=None, real={}), "nothing is mounted at", "To share it by NFS"),
    "the whole of the root is to be mounted": (
        slave(sees=(), mount=None, fstab="m1.test:/var/aegir /var/aegir nfs rw 0 0"),
        "nothing is mounted",
        "Run there, as root: mount /var/aegir",
    ),
    "another machine's folder is mounted": (
        slave(sees=(), mount=replace(NFS, source=f"other:{FOLDER}")),
        f"what is mounted at {FOLDER} is other:{FOLDER} (nfs4), with other files",
        "To share it by NFS",
    ),
    "a disk of its own is mounted": (
        slave(sees=(), mount=Mount(FOLDER, "ext4", "/dev/vdb1", False)),
        f"what is mounted at {FOLDER} is /dev/vdb1 (ext4), with other files",
        "To share it by NFS",
    ),
}


@pytest.mark.parametrize("case", BLIND)
def test_a_slave_that_does_not_see_the_masters_files(case: str) -> None:
    told, what, hint = BLIND[case]
    (found,) = decide(told)
    assert (found.severity, found.code, found.server) == (ERROR, MOUNT, "s1")
    assert found.what.startswith(f"@s1 does not see {FOLDER} of @m1: {what}")
    assert found.hint.startswith(hint)


def test_a_master_whose_address_means_nothing_elsewhere() -> None:
    (found,) = decide(slave(sees=(), mount=None), masters=(master(address="localhost"),))
    assert "fstab" not in found.hint
    assert f"mount {FOLDER} there" in found.hint


def test_a_platform_below_is_shared_with_its_folder() -> None:
    root = f"{FOLDER}/d10"
    told = slave(sees=(), mount=None, real={})
    (found,) = findings(PACK, [root], [machine("m1", made={root: f"{root}/x"})], [told], web_group="www-data")
    assert found.what == f"@s1 does not see {root} of @m1: nothing is mounted at {FOLDER}"
    assert f" {FOLDER} nfs " in found.hint
    elsewhere = "/srv/d10"
    (found,) = findings(PACK, [elsewhere], [machine("m1", made={elsewhere: "/srv/x"})], [told], web_group="www-data")
    assert f"m1.test:{elsewhere} {elsewhere} nfs " in found.hint


OTHER_WAYS = [
    Mount(FOLDER, "fuse.glusterfs", "g1:/platforms", False),
    Mount(FOLDER, "ext4", "/dev/drbd0", False),
    Mount("/var/aegir", "tmpfs", "volume", False),
    None,
]


@pytest.mark.parametrize("mount", OTHER_WAYS)
def test_files_that_are_shared_another_way_are_fine(mount: Mount | None) -> None:
    (found,) = decide(slave(mount=mount))
    expected = mount or ROOT
    assert found == PackFinding(
        INFO, MOUNT, "s1", f"@s1 sees {FOLDER} by another way than NFS: {expected.source} ({expected.kind})"
    )


def test_nfs_of_the_whole_root_is_nfs() -> None:
    assert decide(slave(mount=Mount("/var/aegir", "nfs", "m1:/var/aegir", False))) == []


def test_a_machine_that_does_not_tell_its_mounts() -> None:
    assert decide(slave(mounts=())) == []


def test_a_mount_that_is_read_only() -> None:
    (found,) = decide(slave(mount=replace(NFS, read_only=True)))
    assert (found.severity, found.code) == (WARNING, READ_ONLY)
    assert "uploads" in found.what
    assert f"mount -o remount,rw {FOLDER}" in found.hint


NUMBERS = {
    "uid": (8001, "the user aegir is 8001 there and 1001 on @m1", "usermod -u 1001 aegir"),
    "gid": (8001, "the group aegir is 8001 there and 1001 on @m1", "groupmod -g 1001 aegir"),
    "web_gid": (48, "the group www-data is 48 there and 33 on @m1", "groupmod -g 33 www-data"),
}


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_differ(number: str) -> None:
    value, what, hint = NUMBERS[number]
    (found,) = decide(slave(**{number: value}))
    assert (found.severity, found.code, found.server) == (ERROR, IDS, "s1")
    assert found.what == f"@s1 takes shared files for somebody else's: {what}"
    assert f": {hint}. " in found.hint


def test_all_numbers_differ() -> None:
    (found,) = decide(slave(uid=1, gid=2, web_gid=None))
    assert "usermod -u 1001 aegir; groupmod -g 1001 aegir; groupadd -g 33 www-data" in found.hint


def test_numbers_matter_only_where_files_are_shared() -> None:
    (found,) = decide(slave(sees=(), uid=8001))
    assert found.code == MOUNT
    other = master("m2", uid=8001)
    assert [one.severity for one in decide(slave(), masters=(master(), other))] == [INFO]
    _, found = decide(slave(sees=("m1", "m2")), masters=(master(), other))
    assert (found.severity, found.code) == (ERROR, IDS)
    assert "8001 on @m2" in found.what


def test_a_hub_with_other_numbers_that_shares_nothing() -> None:
    (found,) = decide(slave(), hub=machine("server_master", uid=5))
    assert (found.severity, found.code, found.hint) == (INFO, IDS, "")
    assert "the user aegir is 5 there and 1001 on @m1" in found.what


def test_a_slave_may_see_any_of_several_masters() -> None:
    (found,) = decide(slave(sees=("m2",)), masters=(master(), master("m2")))
    assert (found.severity, found.server) == (INFO, "m2"), "the slave is not at fault"


def test_masters_with_disks_of_their_own() -> None:
    (found,) = decide(masters=(master(), master("m2")))
    assert (found.severity, found.server, found.hint) == (INFO, "m2", "")
    assert f"@m2 has a disk of its own for {FOLDER}: uploads on @m1 are not seen there" in found.what
    sees = frozenset({f"{FOLDER}/.provision-probe-m1"})
    assert decide(slave(), masters=(master(), master("m2", seen=sees))) == []
    untried = decide(masters=(machine("m1"), master("m2")))
    assert [one.severity for one in untried] == [WARNING]


def test_the_hub_as_a_slave_of_another_machine() -> None:
    (found,) = decide(replace(slave(sees=(), mount=None), server="server_master", here=True))
    assert (found.severity, found.code, found.server) == (WARNING, HUB, "server_master")
    assert "nothing can be mounted there" in found.what
    assert "Make @server_master the master" in found.hint
    assert decide(replace(slave(), here=True)) == [], "a disk that both have is as good"


def test_a_master_where_nothing_can_be_written() -> None:
    (found,) = decide(slave(sees=()), masters=(machine("m1"),))
    assert (found.severity, found.server) == (WARNING, "m1")
    assert "was not tried" in found.what


def test_every_slave_is_told_of() -> None:
    other = replace(slave(sees=(), mount=None), server="s2")
    assert [(one.server, one.code) for one in decide(slave(uid=1), other)] == [("s1", IDS), ("s2", MOUNT)]
