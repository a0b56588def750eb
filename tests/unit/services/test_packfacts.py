"""What machines of a pack are asked, on a real shell, and how their answers are read."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from provision_py.contexts.model import Server
from provision_py.errors import HostError
from provision_py.services.packfacts import Mount, PackFacts, parse, parse_mount, question

WEB = Server("web", "web.test", "/var/aegir", pwd.getpwuid(os.getuid()).pw_name, service_types={"http": "apache"})
GROUP = grp.getgrgid(os.getgid()).gr_name


def ask(folders: Sequence[str], token: str = "", probes: Sequence[str] = (), group: str = GROUP) -> PackFacts:
    argv, script = question(WEB.script_user, group, folders, token=token, probes=probes)
    done = subprocess.run(argv, input=script, capture_output=True, check=True)
    assert done.stderr == b""
    return parse(done.stdout.decode(), WEB, folders)


def test_a_master_leaves_a_file_that_a_slave_finds(tmp_path: Path) -> None:
    shared, linked, odd = tmp_path / "shared", tmp_path / "linked", tmp_path / "od d'\"\\e"
    shared.mkdir()
    odd.mkdir()
    linked.symlink_to(shared)
    folders = [str(shared), str(linked), str(odd), str(tmp_path / "not/yet/there")]
    master = ask(folders, token="abc")
    assert master.made == {
        folders[0]: f"{shared}/.provision-probe-abc",
        folders[1]: f"{linked}/.provision-probe-abc",
        folders[2]: f"{odd}/.provision-probe-abc",
        folders[3]: f"{tmp_path}/.provision-probe-abc",
    }
    assert Path(master.made[folders[2]]).stat().st_size == 0
    slave = ask(folders, probes=[*master.made.values(), f"{shared}/.provision-probe-other"])
    assert slave.seen == set(master.made.values())
    assert slave.made == {}
    assert slave.real == {folders[0]: folders[0], folders[1]: folders[0], folders[2]: folders[2]}


def test_who_is_who(tmp_path: Path) -> None:
    told = ask([str(tmp_path)])
    assert (told.uid, told.gid, told.group, told.web_gid) == (os.getuid(), os.getgid(), GROUP, os.getgid())
    assert ask([str(tmp_path)], group="nobody-has-this-group").web_gid is None
    assert told.mount_of(str(tmp_path)) is not None
    assert told.mount_of("/proc/self") == Mount("/proc", "proc", "proc", told.mount_of("/proc").read_only)  # type: ignore[union-attr] # /proc is always there


def test_old_files_of_checks_that_were_killed_are_removed(tmp_path: Path) -> None:
    for name, age in (("old", 7200), ("young", 60)):
        probe = tmp_path / f".provision-probe-{name}"
        probe.touch()
        os.utime(probe, (time.time() - age, time.time() - age))
    ask([str(tmp_path)], token="new")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".provision-probe-new", ".provision-probe-young"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_but_whose_sites_can(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "code/sites").mkdir(parents=True)
    for name in ("closed", "code"):
        (tmp_path / name).chmod(0o555)
    folders = [str(tmp_path / "closed"), str(tmp_path / "code")]
    assert ask(folders, token="abc").made == {folders[1]: f"{folders[1]}/sites/.provision-probe-abc"}


def test_an_answer_that_is_cut_short() -> None:
    with pytest.raises(HostError, match="did not say all"):
        parse("uid\t8000\n", WEB, ["/a"])


LINES = {
    "36 35 0:52 / /var/aegir/platforms rw,nosuid shared:1 - nfs4 10.0.0.1:/var/aegir/platforms rw,vers=4.2": Mount(
        "/var/aegir/platforms", "nfs4", "10.0.0.1:/var/aegir/platforms", False
    ),
    "36 35 0:52 / /srv/a\\040b ro,nosuid - nfs hub:/srv/a\\040b rw": Mount("/srv/a b", "nfs", "hub:/srv/a b", True),
    "36 35 0:52 / /x rw master:1 propagate_from:2 - fuse.glusterfs g1:/v ro": Mount(
        "/x", "fuse.glusterfs", "g1:/v", True
    ),
    "36 35 0:52 / /x rw,errors=remount-ro - ext4 /dev/sda1 rw,errors=remount-ro": Mount(
        "/x", "ext4", "/dev/sda1", False
    ),
    "something else": None,
    "": None,
}


@pytest.mark.parametrize("line", LINES)
def test_mounts(line: str) -> None:
    assert parse_mount(line) == LINES[line]


def facts(*mounts: Mount, real: dict[str, str] | None = None) -> PackFacts:
    return PackFacts("w", "w.test", "aegir", 1, 1, "aegir", 33, real=real or {}, mounts=mounts)


def test_the_mount_that_a_folder_is_on() -> None:
    root, first, second = (
        Mount("/", "ext4", "a", False),
        Mount("/v/p", "nfs", "b", False),
        Mount("/v/p", "nfs", "c", False),
    )
    told = facts(root, first, second, Mount("/v/pp", "nfs", "d", False), real={"/link": "/v/p/x"})
    assert told.mount_of("/v/p/x") == second
    assert told.mount_of("/v/p") == second
    assert told.mount_of("/v") == root
    assert told.mount_of("/link") == second
    assert facts().mount_of("/v") is None
