"""Releases that fail half-way: all machines have the change, or none, and undo gives the former trees back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.steps.release import ReleaseTree
from provision_py.steps.step import UNDO, Record
from provision_py.system import staging
from provision_py.system.rsync import NO_OPTIONS, Tree, Uploads
from system.conftest import wait_until
from system.machines import Other, put
from system.released_trees import PLATFORM, Two, change, cut_short, state_of, synced


def test_what_visitors_have_sent_to_a_new_machine_survives_undoing(two: Two) -> None:
    """Its undoing may come late: it goes on serving what it has got."""
    site = f"{PLATFORM}/sites/own 'x' *[y]"
    put(two.web1.root / site, settings="s", modules__own="m", files__photo="p", files__css__a="a", private__note="n")
    (two.web1.root / site).chmod(0o555)
    world, path = two.world, str(two.web1.root / site)
    step = ReleaseTree(["web1", "web2"], Tree(path, sites=(path,)), two.roots, uploads=Uploads.MERGE)
    record = step.prepare(world, two.sandbox.path)
    step.apply(world, record, record.update)
    put(two.web2.disk / site, files__visitor="from a visitor", files__css__late="x")
    UNDO["release"](world, record)
    UNDO["release"](world, record)
    assert not two.web1.has(site)
    left = [str(file.relative_to(two.web2.disk / site)) for file in (two.web2.disk / site).rglob("*")]
    assert sorted(left) == ["files", "files/css", "files/css/a", "files/css/late", "files/photo", "files/visitor"]
    told = [entry for entry in world.sink.entries if entry.error == "PROVISION_UPLOADS_LEFT"]
    assert {entry.host for entry in told} == {two.web2.host.name}
    record = step.prepare(world, two.sandbox.path)
    step.apply(world, record, record.update)
    assert two.web2.has(f"{site}/modules/own") and two.web2.has(f"{site}/files/visitor")


def test_uploads_behind_a_link_keep_it(two: Two) -> None:
    site, elsewhere = f"{PLATFORM}/sites/linked.test", two.web2.root / "uploads"
    for root in (two.web1.root, two.web2.disk):
        put(root, uploads__photo="p")
    put(two.web1.root / site, settings="s")
    (two.web1.root / site / "files").symlink_to(elsewhere)
    world, path = two.world, str(two.web1.root / site)
    step = ReleaseTree(["web2"], Tree(path, sites=(path,)), two.roots)
    record = step.prepare(world, two.sandbox.path)
    step.apply(world, record, record.update)
    shutil.rmtree(two.web2.disk / site / "files")
    (two.web2.disk / site / "files").symlink_to(elsewhere)
    put(two.web2.disk, uploads__visitor="from a visitor")
    UNDO["release"](world, record)
    assert (two.web2.disk / site / "files").readlink() == elsewhere
    assert two.web2.has("uploads/visitor") and not two.web2.has(f"{site}/settings")


class TestFaults:
    def test_a_connection_that_breaks_while_staging(self, two: Two) -> None:
        former = two.there()
        change(two.here)
        (two.here / "big.bin").write_bytes(os.urandom(60_000_000))

        def break_when_it_comes() -> None:
            folder = two.web2.disk / PLATFORM
            if wait_until(lambda: any(p.stat().st_size for p in folder.glob(".provision*/new/*/.big.bin.*"))):
                two.web2.machine.break_connections()

        breaker = threading.Thread(target=break_when_it_comes)
        breaker.start()
        record, error = two.tried()
        breaker.join()
        assert error is not None
        assert error.code == "PROVISION_SSH_LOST"
        assert "was not synced" in error.what and "All web servers have what they had before" in error.what
        two.undo(record)
        assert two.there() == former
        two.clean_up(two.released())
        assert two.there() == [synced(two.here)] * 2

    def test_a_disk_that_is_full(self, two: Two) -> None:
        change(two.here)
        (two.here / "big.bin").write_bytes(os.urandom(6_000_000))
        former = two.there()[0]
        with small_disk(two.web2) as disk:
            assert state_of(disk) == former
            record, error = two.tried()
            assert error is not None
            assert error.hint == f"The disk of {two.web2.host.name} is full: free some space and try again"
            assert "All web servers have what they had before" in error.what
            two.undo(record)
            assert two.there()[0] == former
            assert state_of(disk) == former
        two.clean_up(two.released())
        assert two.there() == [synced(two.here)] * 2

    def test_a_machine_that_cannot_take_its_files_is_found_before_any_other_has_taken_them(self, two: Two) -> None:
        former = two.there()
        put(two.here / "modules", added__x="new")
        (two.here / "index.php").write_text("new index")
        with other_disk(two.web2, "modules"):
            record, error = two.tried()
            assert error is not None and "another disk" in str(error)
            assert "All web servers have what they had before" in error.what
            assert [other.text(f"{PLATFORM}/index.php") for other in two.all] == ["old 'index.php'"] * 2
            two.undo(record)
        assert two.there() == former

    @pytest.mark.parametrize("after", [0, 1, 3, 8, 20, 40])
    def test_a_switch_that_ends_half_way(self, two: Two, after: int) -> None:
        former = two.there()
        change(two.here)
        record = staged(two)
        for other in two.all:
            half_switched(other, record["work"], after)
        two.undo(record)
        assert two.there() == former
        two.undo(record)
        two.clean_up(two.released())
        assert two.there() == [synced(two.here)] * 2

    @pytest.mark.parametrize("after", [1, 5, 30])
    def test_an_undo_that_ends_half_way(self, two: Two, after: int) -> None:
        former = two.there()
        change(two.here)
        record = two.released()
        for other in two.all:
            half_switched(other, record["work"], after, "undo")
        two.undo(record)
        assert two.there() == former

    def test_nothing_between_staging_and_switching(self, two: Two) -> None:
        former = two.there()
        change(two.here)
        record = staged(two)
        two.undo(record)
        assert two.there() == former
        with pytest.raises(HostError):
            staging.switch(two.web1.host, record["work"], two.roots)
        assert two.there() == former

    def test_a_switch_goes_on_when_its_connection_breaks(self, two: Two) -> None:
        change(two.here)
        record = staged(two)
        lock = two.web1.disk / PLATFORM / Path(record["work"]).name / "lock"
        holder = subprocess.Popen(["flock", str(lock), "sh", "-c", "echo held; read x"], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
        assert holder.stdout and holder.stdout.readline() == "held\n"
        failed: list[HostError] = []

        def switch() -> None:
            try:
                staging.switch(two.web1.host, record["work"], two.roots)
            except HostError as error:
                failed.append(error)

        switching = threading.Thread(target=switch)
        switching.start()
        assert wait_until(lambda: waits_for(lock))
        two.web1.machine.break_connections()
        switching.join()
        assert failed[0].code == "PROVISION_SSH_LOST"
        holder.communicate("\n")
        assert wait_until(lambda: not (two.web1.disk / PLATFORM / "gone.php").exists())
        former = synced_before_change(two)
        staging.undo(two.web1.host, record["work"])
        assert state_of(two.web1.disk / PLATFORM) == former

    @pytest.mark.parametrize("mount_point", ["gone", "empty"])
    def test_an_undo_waits_for_a_disk_that_is_away(self, two: Two, mount_point: str) -> None:
        former = two.there()
        change(two.here)
        record = two.released()
        there = two.web2.disk / PLATFORM
        away = there.rename(there.with_name("away"))
        if mount_point == "empty":
            there.mkdir()
        with pytest.raises(HostError, match=r"find anything in .*drupal 7; its disk may not be mounted"):
            two.undo(record)
        assert two.there()[0] == former[0]
        if mount_point == "empty":
            there.rmdir()
        away.rename(there)
        two.undo(record)
        assert two.there() == former

    def test_an_undo_of_a_folder_that_was_empty_may_be_repeated(self, two: Two) -> None:
        there = two.web2.disk / PLATFORM
        shutil.rmtree(there)
        there.mkdir()
        former = two.there()
        record = two.released()
        assert two.there()[1] != former[1]
        two.undo(record)
        two.undo(record)
        assert two.there() == former
        # Also where nothing was begun: the process died before.
        two.undo({**record, "work": f"{record['work']}-never-made"})
        assert two.there() == former

    def test_a_member_without_php_is_named(self, two: Two) -> None:
        change(two.here)
        former = two.there()
        hide = f"mount --bind /bin/false {os.path.realpath(shutil.which('php') or '')}"
        in_mounts_of(two.web2, ["sh", "-c", hide])
        record, error = two.tried()
        assert error is not None
        assert "could not be changed" in error.what
        assert two.there()[1] == former[1]
        assert record["changed"] == ["web1", "web2"]


def synced_before_change(two: Two) -> dict[bytes, tuple[object, ...]]:
    """The other machine, which was staged but not switched."""
    found = state_of(two.web2.disk / PLATFORM)
    return {path: what for path, what in found.items() if not path.startswith(b".provision")}


def staged(two: Two) -> Record:
    """All is staged on both, and the process dies."""
    step = two.step()
    record = step.prepare(two.world, two.sandbox.path)
    for other in two.all:
        changes = staging.plan(other.host, step.tree, two.roots, NO_OPTIONS, Uploads.LEAVE)
        staging.stage(other.host, step.tree, record["work"], changes, NO_OPTIONS)
    return {**record, "changed": ["web1", "web2"]}


def half_switched(other: Other, work: str, after: int, what: str = "switch") -> None:
    """Let a switch or an undo be killed after so many changes to the file system."""
    done = in_mounts_of(other, ["php", "-n", "--", what, work, str(other.root)], cut_short(after))
    assert done.returncode == -signal.SIGKILL, done.stderr


def in_mounts_of(other: Other, argv: list[str], text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    server = other.machine.sshd.sandbox.running()[other.machine.sshd.name]
    enter = ["nsenter", "--mount", "--target", str(server.pid), "--"]
    return subprocess.run([*enter, *argv], input=text, capture_output=True, check=False)


@contextmanager
def small_disk(other: Other) -> Iterator[Path]:
    """Its platform on a disk with 1 MB or so; where that is to be seen from here."""
    script = (
        'cp -a "$0" "$1" && mount -t tmpfs -o size=2m small "$0" && cp -a "$1/." "$0"'
        ' && chmod --reference="$1" "$0" && chown --reference="$1" "$0"'
    )
    folder = f"{other.root}/{PLATFORM}"
    done = in_mounts_of(other, ["sh", "-c", script, folder, f"{other.root}/copy"])
    assert done.returncode == 0, done.stderr
    server = other.machine.sshd.sandbox.running()[other.machine.sshd.name]
    yield Path(f"/proc/{server.pid}/root{folder}")
    in_mounts_of(other, ["umount", "-l", folder])


@contextmanager
def other_disk(other: Other, name: str) -> Iterator[None]:
    """A folder of its platform lies on a disk of its own, with what it has."""
    script = 'cp -a "$0" "$1" && mount -t tmpfs -o size=2m other "$0" && cp -a "$1/." "$0"'
    folder = f"{other.root}/{PLATFORM}/{name}"
    done = in_mounts_of(other, ["sh", "-c", script, folder, f"{other.root}/copy"])
    assert done.returncode == 0, done.stderr
    yield
    in_mounts_of(other, ["umount", "-l", folder])


def waits_for(lock: Path) -> bool:
    inode = lock.stat().st_ino
    return any("->" in line and f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())
