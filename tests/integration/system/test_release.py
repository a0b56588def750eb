"""Changes of trees that are there already, on several machines: all of them, or none, and what was there before."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.steps.release import ReleaseTree
from provision_py.steps.step import CLEAN_UP, UNDO, Record
from provision_py.system import staging
from provision_py.system.rsync import NO_OPTIONS, SyncOptions, Tree, Uploads
from provision_py.system.treeswitch import PROGRAM
from system.conftest import wait_until
from system.test_sync import OneWorld, Other, put, start_other

PLATFORM = "platforms/drupal 7"


@dataclass
class Two:
    """Two other machines with the same roots as this one, and the platform on this one."""

    web1: Other
    web2: Other
    sandbox: Sandbox

    @property
    def all(self) -> tuple[Other, Other]:
        return (self.web1, self.web2)

    @property
    def here(self) -> Path:
        return self.web1.root / PLATFORM

    @property
    def roots(self) -> list[str]:
        return [str(self.web1.root)]

    @property
    def world(self) -> OneWorld:
        return OneWorld(web1=self.web1.host, web2=self.web2.host)

    def step(self, **options: Any) -> ReleaseTree:
        return ReleaseTree(["web1", "web2"], Tree(str(self.here), exclude_sites=True), self.roots, **options)

    def released(self, step: ReleaseTree | None = None) -> Record:
        """Run the step; its record, notes included."""
        record, error = self.tried(step)
        if error is not None:
            raise error
        return record

    def tried(self, step: ReleaseTree | None = None) -> tuple[Record, HostError | None]:
        step = step or self.step()
        record = step.prepare(self.world, self.sandbox.path)
        try:
            step.apply(self.world, record, record.update)
        except HostError as error:
            return record, error
        return record, None

    def undo(self, record: Mapping[str, Any]) -> None:
        UNDO["release"](self.world, record)

    def clean_up(self, record: Mapping[str, Any]) -> None:
        CLEAN_UP["release"](self.world, record)

    def there(self) -> list[dict[bytes, tuple[object, ...]]]:
        return [state_of(other.disk / PLATFORM) for other in self.all]


def state_of(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """Everything below a folder: kind and mode, and of files content and time to the nanosecond, of links target and
    time. Times of folders are not synced."""
    found: dict[bytes, tuple[object, ...]] = {}
    top = os.fsencode(folder)
    for above, folders, files in os.walk(top):
        for name in (*folders, *files, b"."):
            path = os.path.join(above, name)
            state = os.lstat(path)
            what: tuple[object, ...] = (oct(state.st_mode), state.st_uid, state.st_gid)
            if os.path.islink(path):
                what += (os.readlink(path), state.st_mtime_ns)
            elif not os.path.isdir(path):
                what += (Path(os.fsdecode(path)).read_bytes(), state.st_mtime_ns)
            found[os.path.relpath(path, top)] = what
    return found


ODD = (
    "with space",
    "quo'te\"s",
    "new\nline",
    "-dash",
    "ünïcode",
    os.fsdecode(b"no-utf8-\xff\xfe"),
    "\\#012",
    "#hash",
    ";semi",
    "a -> b",
    "tab\there",
    "*?[x]",
    "$(true)`",
    "back\\slash",
    "cr\r",
    "%n",
    "~tilde",
    ":colon",
    "~",
)


@pytest.fixture
def two(sandbox: Sandbox) -> Iterator[Two]:
    root = sandbox.path / "aegir root"
    found = Two(start_other(sandbox, root, "web1"), start_other(sandbox, root, "web2"), sandbox)
    fill(found.here)
    found.released()
    yield found
    for other in found.all:
        other.machine.close()


def fill(here: Path) -> None:
    for name in ("index.php", "modules/node/node.module", "modules/old/deep/old.module", "gone.php", "kept.php",
                 "folder/one", "folder/deep/two", "file", "sites/all/modules/views.module", "sites/one/settings",
                 "locked/inner.php", "modes/file", *(f"odd/{name}" for name in ODD)):  # fmt: skip
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(f"old {name!r}")
    (here / "link").symlink_to("index.php")
    (here / "dead").symlink_to("nowhere")
    (here / "locked").chmod(0o555)
    (here / "modes").chmod(0o2750)
    date_back(here, 100_000)


def date_back(here: Path, seconds: int) -> None:
    """Give what is new another time: rsync takes moments of the same second for the same."""
    now = time.time()
    for above, folders, files in os.walk(here):
        for name in (*folders, *files):
            path = f"{above}/{name}"
            if os.lstat(path).st_mtime > now - 1000 and (os.path.islink(path) or not os.path.isdir(path)):
                os.utime(path, (now - seconds, now - seconds), follow_symlinks=False)


def change(here: Path) -> None:
    """Everything that can happen to a tree."""
    (here / "index.php").write_text("new index")
    (here / "new.php").write_text("new")
    put(here, fresh__folder__deep="x", fresh__two="y")
    (here / "fresh/empty").mkdir()
    (here / "gone.php").unlink()
    shutil.rmtree(here / "modules/old")
    shutil.rmtree(here / "folder")
    (here / "folder").write_text("a file now")
    (here / "file").unlink()
    put(here, file__inner="a folder now", file__deep__er="and more")
    (here / "link").unlink()
    (here / "link").symlink_to("kept.php")
    (here / "dead").unlink()
    (here / "dead").write_text("a file in the place of a link")
    (here / "modules/node").rename(here / "modules/core")
    (here / "modules/node").symlink_to("core/node.module")
    (here / "locked").chmod(0o755)
    (here / "locked/inner.php").write_text("new in a locked folder")
    (here / "locked").chmod(0o555)
    (here / "modes").chmod(0o711)
    (here / "modes/file").chmod(0o600)
    for name in ODD[::2]:
        (here / "odd" / name).write_text("new")
    for name in ODD[1::2]:
        (here / "odd" / name).unlink()
        (here / "odd" / f"{name}.new").write_text("new")
        (here / "odd" / f"{name}.folder").mkdir()
        (here / "odd" / f"{name}.folder" / name).write_text("new")
    date_back(here, 50_000)


def synced(here: Path) -> dict[bytes, tuple[object, ...]]:
    return {path: what for path, what in state_of(here).items() if not path.startswith(b"sites/one")}


class TestChanges:
    def test_all_kinds_of_change_arrive_and_are_undone(self, two: Two) -> None:
        former = two.there()
        assert former == [synced(two.here)] * 2
        change(two.here)
        record = two.released()
        assert record["changed"] == ["web1", "web2"]
        two.clean_up(record)
        assert two.there() == [synced(two.here)] * 2
        two.clean_up(record)

    def test_undo_gives_the_same_tree_back_and_may_be_repeated(self, two: Two) -> None:
        former = two.there()
        change(two.here)
        record = two.released()
        assert two.there() != former
        two.undo(record)
        assert two.there() == former
        two.undo(record)
        assert two.there() == former
        two.clean_up(two.released())
        assert two.there() == [synced(two.here)] * 2

    def test_former_files_are_nobody_elses_business(self, two: Two) -> None:
        change(two.here)
        record = two.released()
        for other in two.all:
            (folder,) = (other.disk / PLATFORM).glob(".provision-py-sync-*")
            assert folder.stat().st_mode & 0o777 == 0o700
            assert (folder / "former/drupal 7").exists() is False
            assert (folder / "former/index.php").read_text() == "old 'index.php'"
        # Another command finds what nobody has taken away.
        (two.here / "index.php").write_text("newer")
        two.clean_up(two.released())
        for other in two.all:
            assert not list((other.disk / PLATFORM).glob(".provision*"))
        two.undo(record)
        assert two.there() == [synced(two.here)] * 2

    def test_nothing_to_do_is_one_run_of_rsync(self, two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(staging, "stage", pytest.fail)
        monkeypatch.setattr(staging, "switch", pytest.fail)
        before = two.there()
        world = two.world
        step = two.step()
        record = step.prepare(world, two.sandbox.path)
        step.apply(world, record, record.update)
        assert record["changed"] == []
        assert [entry.message for entry in world.sink.entries] == [f"{two.here} synced: nothing had changed"] * 2
        assert two.there() == before

    def test_what_changed_is_told(self, two: Two) -> None:
        (two.here / "index.php").write_text("new")
        (two.here / "gone.php").unlink()
        (two.here / "gone too\n").write_text("")
        world = two.world
        step = two.step()
        step.apply(world, step.prepare(world, two.sandbox.path), lambda facts: None)
        assert {entry.host for entry in world.sink.entries} == {"127.0.0.1"}
        assert {entry.message for entry in world.sink.entries} == {f"{two.here} synced: 2 sent, 1 removed"}

    def test_only_the_members_that_need_it_are_changed(self, two: Two) -> None:
        (two.web2.disk / PLATFORM / "index.php").write_text("changed by hand")
        before = two.there()
        record = two.released()
        assert record["changed"] == ["web2"]
        assert state_of(two.web1.disk / PLATFORM) == {**before[0]} == synced(two.here)
        two.undo(record)
        assert two.there() == before

    def test_uploads_sites_and_repositories_are_left_alone(self, two: Two) -> None:
        for other in two.all:
            put(other.disk / PLATFORM, sites__two__settings="two", modules__old__files__x="kept",
                sites__one__files__upload="u")  # fmt: skip
            (other.disk / PLATFORM / "modules/old/.git").mkdir()
        change(two.here)
        before = two.there()
        record = two.released()
        for other in two.all:
            assert other.text(f"{PLATFORM}/sites/two/settings") == "two"
            assert other.text(f"{PLATFORM}/sites/one/files/upload") == "u"
            assert not other.has(f"{PLATFORM}/modules/old/deep")
            assert other.has(f"{PLATFORM}/modules/old/.git")
        two.undo(record)
        assert two.there() == before

    def test_uploads_are_merged_after_the_switch(self, two: Two) -> None:
        site = two.here / "sites/one"
        put(site, files__new="from here", modules__own="code")
        step = ReleaseTree(["web1", "web2"], Tree(str(site), sites=(str(site),)), two.roots, uploads=Uploads.MERGE)
        two.clean_up(two.released(step))
        put(site, files__newer="from here", modules__own="other code")
        put(two.web1.disk / PLATFORM / "sites/one", files__upload="from there")
        record = two.released(step)
        for other in two.all:
            assert other.text(f"{PLATFORM}/sites/one/files/newer") == "from here"
            assert other.text(f"{PLATFORM}/sites/one/modules/own") == "other code"
        two.undo(record)
        for other in two.all:
            assert other.text(f"{PLATFORM}/sites/one/modules/own") == "code"
        assert two.web1.text(f"{PLATFORM}/sites/one/files/upload") == "from there"

    def test_a_folder_that_the_owner_may_not_write_in(self, two: Two) -> None:
        for path in (two.here, two.web1.disk / PLATFORM, two.web2.disk / PLATFORM):
            path.chmod(0o555)
        former = two.there()
        (two.here / "new.php").write_text("new")
        record = two.released()
        two.undo(record)
        assert two.there() == former
        two.clean_up(two.released())
        assert two.there() == [synced(two.here)] * 2
        assert (two.web1.disk / PLATFORM).stat().st_mode & 0o777 == 0o555

    def test_options_that_compare_still_let_files_arrive(self, two: Two) -> None:
        extra = ("--existing", "--update", "--backup", "--chmod=F640", "-8")
        (two.here / "index.php").write_text("new index")
        (two.here / "odd" / ODD[5]).write_text("new")
        (two.here / "new.php").write_text("does not exist there")
        two.clean_up(two.released(two.step(options=SyncOptions(extra=extra))))
        for other in two.all:
            assert other.text(f"{PLATFORM}/index.php") == "new index"
            assert (other.disk / PLATFORM / "odd" / ODD[5]).read_text() == "new"
            assert (other.disk / PLATFORM / "index.php").stat().st_mode & 0o777 == 0o640
            assert not other.has(f"{PLATFORM}/new.php")

    def test_a_link_in_the_place_of_the_tree_there_stays(self, two: Two) -> None:
        for other in two.all:
            (other.disk / PLATFORM).rename(other.disk / "store")
            (other.disk / PLATFORM).symlink_to("../store")
        change(two.here)
        record = two.released()
        two.clean_up(record)
        for other in two.all:
            assert (other.disk / PLATFORM).is_symlink()
            assert state_of(other.disk / "store") == synced(two.here)

    def test_a_link_that_leads_out_there_is_refused(self, two: Two, tmp_path: Path) -> None:
        put(tmp_path, node="kept")
        (two.web2.disk / PLATFORM / "modules/node/node.module").unlink()
        (two.web2.disk / PLATFORM / "modules/node").rmdir()
        (two.web2.disk / PLATFORM / "modules/node").symlink_to(tmp_path)
        before = two.there()
        (two.here / "index.php").write_text("new")
        record, error = two.tried()
        assert error is not None
        two.undo(record)
        assert two.there() == before
        assert os.listdir(tmp_path) == ["node"]

    def test_what_is_in_the_way_there_is_named_and_nothing_changes(self, two: Two) -> None:
        (two.web2.disk / PLATFORM / "folder/.git").mkdir()
        change(two.here)
        former = two.there()
        record, error = two.tried()
        assert error is not None
        assert "could not make way" in error.what and "drupal 7/folder" in error.what
        two.undo(record)
        assert two.there() == former


class TestNewMembers:
    def test_one_without_the_tree_gets_it_and_loses_it(self, two: Two) -> None:
        shutil.rmtree(two.web2.disk / PLATFORM)
        former = two.there()
        change(two.here)
        record = two.released()
        assert (record["new"], record["changed"]) == (["web2"], ["web1"])
        assert two.there() == [
            {**synced(two.here), **kept_by(two.web1)},
            synced(two.here),
        ]
        two.undo(record)
        assert two.there() == former
        assert not two.web2.has(PLATFORM)


def kept_by(other: Other) -> dict[bytes, tuple[object, ...]]:
    """The work folder of a release that is not committed."""
    return {path: what for path, what in state_of(other.disk / PLATFORM).items() if path.startswith(b".provision")}


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


def cut_short(after: int) -> bytes:
    """The program that switches, which kills itself before a change to the file system when it has made so many."""
    calls = ("rename", "link", "mkdir", "rmdir", "chmod")
    text = re.sub(rf"\b({'|'.join(calls)})\(", r"cut_\1(", PROGRAM.read_text())
    head = "".join(f"function cut_{call}(...$with) {{ cut(); return {call}(...$with); }}\n" for call in calls)
    head += f"function cut() {{ static $count = 0; if ($count++ >= {after}) {{ exec('kill -9 ' . getmypid()); }} }}\n"
    return text.replace("<?php\n", f"<?php\n{head}", 1).encode()


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


def waits_for(lock: Path) -> bool:
    inode = lock.stat().st_ino
    return any("->" in line and f":{inode} " in line for line in Path("/proc/locks").read_text().splitlines())
