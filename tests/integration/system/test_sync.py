"""Trees on their way to another machine: what arrives, what is kept, what is refused.

The other machine has a disk of its own at the aegir root: its sshd runs where another folder is mounted there. That
needs the right to mount; without it these tests are skipped.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.steps.step import UNDO
from provision_py.steps.sync import FetchTree, RemoveRemoteTree, SyncBack, SyncTree
from provision_py.system import transfer
from provision_py.system.rsync import SyncOptions, Tree, Uploads
from system.conftest import wait_until
from system.machines import OneWorld, Other, put, start_other
from tests.conftest import in_ci

SITE = "sites/one.test"


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Other]:
    found = start_other(sandbox, sandbox.path / "aegir root")
    yield found
    found.machine.close()


@pytest.fixture
def roots(other: Other) -> list[str]:
    return [str(other.root)]


@pytest.fixture
def platform(other: Other) -> Path:
    """A platform with a site, on this machine."""
    path = other.root / "platforms" / "drupal 7"
    for name in ("index.php", ".htaccess", "modules/node/node.module", ".git/config", "modules/files/kept.inc",
                 "sites/all/modules/views/views.module", "sites/default/default.settings.php",
                 f"{SITE}/settings.php", f"{SITE}/files/photo.jpg", f"{SITE}/private/secret.txt",
                 f"{SITE}/modules/own.module"):  # fmt: skip
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(name)
    (path / SITE / "settings.php").chmod(0o440)
    (path / SITE / "files").chmod(0o2770)
    return path


def tree_of_platform(platform: Path) -> Tree:
    return Tree(str(platform), exclude_sites=True)


def tree_of_site(platform: Path) -> Tree:
    return Tree(str(platform / SITE), sites=(str(platform / SITE),))


class TestCode:
    def test_code_arrives_without_sites_and_repositories(
        self, other: Other, platform: Path, roots: list[str]
    ) -> None:
        changes = transfer.push(other.host, tree_of_platform(platform), roots)
        there = "platforms/drupal 7"
        assert other.text(f"{there}/modules/node/node.module") == "modules/node/node.module"
        assert other.has(f"{there}/.htaccess")
        assert other.has(f"{there}/modules/files/kept.inc")
        assert other.has(f"{there}/sites/all/modules/views/views.module")
        assert not other.has(f"{there}/.git")
        assert not other.has(f"{there}/{SITE}")
        assert not other.has(f"{there}/sites/default")
        assert {change.path for change in changes if not change.is_directory} >= {
            str(platform / "index.php")[1:], str(platform / "modules/node/node.module")[1:]}  # fmt: skip

    def test_what_is_gone_here_goes_there_and_nothing_else(
        self, other: Other, platform: Path, roots: list[str]
    ) -> None:
        transfer.push(other.host, tree_of_platform(platform), roots)
        there = other.disk / "platforms/drupal 7"
        put(there, old__php="x", sites__two__settings="two", sites__one__files__a="a")
        put(other.disk, backups__dump="kept")
        (there / ".git").mkdir()
        (platform / "modules/node/node.module").unlink()
        changes = transfer.push(other.host, tree_of_platform(platform), roots)
        removed = {change.path for change in changes if change.what == "removed"}
        assert {Path(path).name for path in removed} == {"node.module", "old", "php"}
        assert other.text("platforms/drupal 7/sites/two/settings") == "two"
        assert other.text("platforms/drupal 7/sites/one/files/a") == "a"
        assert other.has("platforms/drupal 7/.git")
        assert other.has("backups/dump")

    def test_only_what_changed_is_sent(self, other: Other, platform: Path, roots: list[str]) -> None:
        transfer.push(other.host, tree_of_platform(platform), roots)
        assert transfer.push(other.host, tree_of_platform(platform), roots) == []
        (platform / "index.php").write_text("changed for once")
        changes = transfer.push(other.host, tree_of_platform(platform), roots)
        assert [(change.what, change.path) for change in changes] == [("sent", str(platform / "index.php")[1:])]

    def test_modes_and_a_single_file(self, other: Other, platform: Path, roots: list[str]) -> None:
        path = platform / SITE / "settings.php"
        transfer.push(other.host, Tree(str(path)), roots)
        assert (other.disk / f"platforms/drupal 7/{SITE}/settings.php").stat().st_mode & 0o777 == 0o440

    def test_a_folder_without_its_content(self, other: Other, platform: Path, roots: list[str]) -> None:
        put(other.disk, platforms__elsewhere__index="kept")
        transfer.push(other.host, Tree(str(other.root / "platforms"), content=False), roots)
        assert os.listdir(other.disk / "platforms") == ["elsewhere"]

    def test_paths_of_the_drushrc(self, other: Other, platform: Path, roots: list[str]) -> None:
        options = SyncOptions.from_drushrc({"exclude-paths": "modules/node:*.htaccess"})
        transfer.push(other.host, tree_of_platform(platform), roots, options)
        assert not other.has("platforms/drupal 7/modules/node")
        assert not other.has("platforms/drupal 7/.htaccess")
        assert other.has("platforms/drupal 7/index.php")

    def test_a_link_to_a_folder_there_stays_a_link(self, other: Other, platform: Path, roots: list[str]) -> None:
        (other.disk / "store").mkdir()
        (other.disk / "platforms").mkdir()
        (other.disk / "platforms/drupal 7").symlink_to("../store")
        transfer.push(other.host, tree_of_platform(platform), roots)
        assert (other.disk / "platforms/drupal 7").is_symlink()
        assert other.has("store/index.php")


class TestUploads:
    @pytest.fixture
    def uploaded(self, other: Other, platform: Path, roots: list[str]) -> Path:
        """The site's folder on the other machine, where visitors have left files."""
        transfer.push(other.host, tree_of_site(platform), roots, uploads=Uploads.AUTHORITATIVE)
        there = other.disk / "platforms/drupal 7" / SITE
        assert (there / "files/photo.jpg").exists()
        put(there, files__upload="from a visitor", private__upload="from a visitor", modules__old="old")
        (there / "files/photo.jpg").write_text("newer there")
        (platform / SITE / "files/new.jpg").write_text("new here")
        os.utime(there / "files/photo.jpg", (time.time() + 60, time.time() + 60))
        return there

    def test_they_are_left_alone(self, other: Other, platform: Path, roots: list[str], uploaded: Path) -> None:
        transfer.push(other.host, tree_of_site(platform), roots)
        assert (uploaded / "files/upload").read_text() == "from a visitor"
        assert (uploaded / "private/upload").exists()
        assert (uploaded / "files/photo.jpg").read_text() == "newer there"
        assert not (uploaded / "files/new.jpg").exists()
        assert not (uploaded / "modules/old").exists()

    def test_they_are_merged(self, other: Other, platform: Path, roots: list[str], uploaded: Path) -> None:
        transfer.push(other.host, tree_of_site(platform), roots, uploads=Uploads.MERGE)
        assert (uploaded / "files/upload").read_text() == "from a visitor"
        assert (uploaded / "files/photo.jpg").read_text() == "newer there"
        assert (uploaded / "files/new.jpg").read_text() == "new here"
        assert not (uploaded / "modules/old").exists()

    def test_a_restore_replaces_them(self, other: Other, platform: Path, roots: list[str], uploaded: Path) -> None:
        transfer.push(other.host, tree_of_site(platform), roots, uploads=Uploads.AUTHORITATIVE)
        assert sorted(os.listdir(uploaded / "files")) == ["new.jpg", "photo.jpg"]
        assert (uploaded / "files/photo.jpg").read_text() == f"{SITE}/files/photo.jpg"

    def test_they_are_fetched_and_nothing_is_lost_here(
        self, other: Other, platform: Path, roots: list[str], uploaded: Path
    ) -> None:
        transfer.fetch(other.host, str(platform / SITE / "files"), roots)
        here = platform / SITE / "files"
        assert (here / "upload").read_text() == "from a visitor"
        assert (here / "photo.jpg").read_text() == "newer there"
        assert (here / "new.jpg").read_text() == "new here"
        assert transfer.fetch(other.host, str(platform / SITE / "none"), roots) == []

    @pytest.mark.parametrize("tree", ["platform", "platforms", "aegir"])
    def test_a_push_of_too_much_does_not_cost_them(
        self, other: Other, platform: Path, roots: list[str], uploaded: Path, tree: str
    ) -> None:
        path = {"platform": platform, "platforms": platform.parent, "aegir": other.root}[tree]
        transfer.push(other.host, Tree(str(path)), roots)
        assert (uploaded / "files/upload").exists()
        assert (uploaded / "private/upload").exists()
        assert not (uploaded / "modules/old").exists()


class TestRefusals:
    def refused(self, other: Other, path: object, roots: list[str]) -> HostError:
        before = sorted(str(found) for found in other.disk.rglob("*"))
        with pytest.raises(HostError) as caught:
            transfer.push(other.host, Tree(str(path)), roots)
        assert sorted(str(found) for found in other.disk.rglob("*")) == before
        return caught.value

    def test_a_source_that_is_gone_removes_nothing(self, other: Other, platform: Path, roots: list[str]) -> None:
        transfer.push(other.host, Tree(str(platform)), roots)
        shutil.rmtree(platform)
        assert self.refused(other, platform, roots).code == "PROVISION_SYNC_SOURCE_MISSING"
        platform.mkdir()
        assert self.refused(other, platform, roots).code == "PROVISION_SYNC_SOURCE_EMPTY"

    def test_a_file_system_that_is_not_mounted(self, platform: Path, roots: list[str]) -> None:
        fstab = f"server:/x {str(platform.parent).replace(' ', chr(92) + '040')} nfs rw 0 0\n"
        with pytest.raises(HostError, match="is not mounted") as caught:
            transfer.check_source(str(platform), roots, fstab)
        assert caught.value.code == "PROVISION_SYNC_SOURCE_MISSING"

    @pytest.mark.parametrize(
        "path", ["/etc", "/", "", "relative", "{root}/../etc", "{root}x", "{root}/a//b", "{root}/./a"]
    )
    def test_paths_outside(self, other: Other, roots: list[str], path: str) -> None:
        assert self.refused(other, path.replace("{root}", roots[0]), roots).code == "PROVISION_SYNC_OUTSIDE"

    def test_a_link_that_leads_out_here(self, other: Other, roots: list[str], tmp_path: Path) -> None:
        put(tmp_path, secret="x")
        (other.root / "link").symlink_to(tmp_path)
        error = self.refused(other, other.root / "link", roots)
        assert error.code == "PROVISION_SYNC_OUTSIDE"
        assert str(tmp_path) in error.what

    def test_a_link_that_leads_out_there(
        self, other: Other, platform: Path, roots: list[str], tmp_path: Path
    ) -> None:
        put(tmp_path, kept="x")
        (other.disk / "platforms").symlink_to(tmp_path)
        assert self.refused(other, platform, roots).code == "PROVISION_SYNC_OUTSIDE"
        with pytest.raises(HostError, match="leads on") as caught:
            transfer.remove(other.host, f"{roots[0]}/platforms/kept", roots)
        assert caught.value.code == "PROVISION_SYNC_OUTSIDE"
        assert os.listdir(tmp_path) == ["kept"]

    @pytest.mark.parametrize("path", ["{root}", "{parent}", "/", "/etc/passwd"])
    def test_a_root_is_never_removed(self, other: Other, roots: list[str], path: str) -> None:
        put(other.disk, kept="x")
        with pytest.raises(HostError) as caught:
            transfer.remove(other.host, path.format(root=roots[0], parent=os.path.dirname(roots[0])), roots)
        assert caught.value.code == "PROVISION_SYNC_OUTSIDE"
        assert other.has("kept")

    def test_a_root_within_a_root_is_not_removed(self, other: Other, roots: list[str]) -> None:
        put(other.disk, platforms__one__index="kept")
        with pytest.raises(HostError, match="holds all of"):
            transfer.remove(other.host, f"{roots[0]}/platforms", [*roots, f"{roots[0]}/platforms/one"])
        assert other.has("platforms/one/index")


class TestSteps:
    def test_a_first_push_is_undone_and_a_later_one_stays(
        self, other: Other, platform: Path, roots: list[str], tmp_path: Path
    ) -> None:
        world = OneWorld(web1=other.host)
        step = SyncTree(["web1"], tree_of_platform(platform), roots)
        first = step.prepare(world, tmp_path)
        step.apply(world, first, lambda facts: None)
        assert "files sent" not in first and other.has("platforms/drupal 7/index.php")
        assert any("synced: " in entry.message and "sent" in entry.message for entry in world.sink.entries)
        second = step.prepare(world, tmp_path)
        step.apply(world, second, lambda facts: None)
        assert "nothing had changed" in world.sink.entries[-1].message
        UNDO[step.kind](world, second)
        assert other.has("platforms/drupal 7/index.php")
        UNDO[step.kind](world, first)
        assert not other.has("platforms/drupal 7")
        assert other.has("platforms")
        UNDO[step.kind](world, first)

    def test_a_removal_is_undone_from_here(
        self, other: Other, platform: Path, roots: list[str], tmp_path: Path
    ) -> None:
        world = OneWorld(web1=other.host)
        transfer.push(other.host, tree_of_site(platform), roots, uploads=Uploads.MERGE)
        step = RemoveRemoteTree(["web1"], tree_of_site(platform), roots)
        record = step.prepare(world, tmp_path)
        step.apply(world, record, lambda facts: None)
        assert not other.has(f"platforms/drupal 7/{SITE}")
        assert (platform / SITE / "files/photo.jpg").exists()
        UNDO[step.kind](world, record)
        assert other.has(f"platforms/drupal 7/{SITE}/files/photo.jpg")

    def test_what_others_change_too_is_brought_again_where_it_is(
        self, other: Other, platform: Path, roots: list[str], tmp_path: Path
    ) -> None:
        shared = platform / "sites/sites.php"
        shared.write_text("former")
        world, step = OneWorld(web1=other.host), SyncBack(["web1"], Tree(str(shared)), roots)
        record = step.prepare(world, tmp_path)
        transfer.push(other.host, Tree(str(shared)), roots)
        shared.write_text("put back, and changed by another command")
        UNDO[step.kind](world, record)
        assert other.text("platforms/drupal 7/sites/sites.php") == shared.read_text()
        (other.disk / "platforms/drupal 7/sites/sites.php").unlink()
        UNDO[step.kind](world, record)
        assert not other.has("platforms/drupal 7/sites/sites.php")

    def test_a_server_that_is_down_stops_it_before_anything_changes(
        self, other: Other, platform: Path, roots: list[str], tmp_path: Path, sandbox: Sandbox
    ) -> None:
        down = start_other(sandbox, other.root, "down")
        down.machine.sshd.stop()
        world = OneWorld(web1=other.host, web2=down.host)
        step = SyncTree(["web1", "web2"], tree_of_platform(platform), roots)
        with pytest.raises(HostError, match=r"nothing was changed anywhere") as caught:
            step.prepare(world, tmp_path)
        assert caught.value.code == "PROVISION_SSH_UNREACHABLE"
        assert not other.has("platforms")

    def test_fetching(self, other: Other, platform: Path, roots: list[str], tmp_path: Path) -> None:
        world = OneWorld(web1=other.host)
        put(other.disk / "platforms/drupal 7" / SITE, files__upload="x")
        step = FetchTree(["web1"], str(platform / SITE / "files"), roots)
        record = step.prepare(world, tmp_path)
        step.apply(world, record, lambda facts: None)
        UNDO[step.kind](world, record)
        assert (platform / SITE / "files/upload").read_text() == "x"


class TestConnections:
    def test_two_connections_whatever_is_done_on_them(self, other: Other, platform: Path, roots: list[str]) -> None:
        other.host.run(["true"])
        threads = [
            threading.Thread(target=transfer.push, args=(other.host, Tree(str(platform / name)), roots))
            for name in ("modules", "sites/all", "sites/default")
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        transfer.push(other.host, tree_of_site(platform), roots, uploads=Uploads.MERGE)
        other.host.write(f"{roots[0]}/file", b"x")
        assert other.machine.sshd.connections() == 2

    def test_a_connection_that_breaks_in_mid_rsync(self, other: Other, platform: Path, roots: list[str]) -> None:
        transfer.push(other.host, tree_of_platform(platform), roots)
        big = platform / "modules" / "big.bin"
        big.write_bytes(os.urandom(60_000_000))
        (platform / "index.php").unlink()

        def break_when_it_comes() -> None:
            folder = other.disk / "platforms/drupal 7/modules"
            if wait_until(lambda: any(path.stat().st_size for path in folder.glob(".big.bin.*"))):
                other.machine.break_connections()

        breaker = threading.Thread(target=break_when_it_comes)
        breaker.start()
        with pytest.raises(HostError) as caught:
            transfer.push(other.host, tree_of_platform(platform), roots)
        breaker.join()
        assert caught.value.code == "PROVISION_SSH_LOST"
        assert other.has("platforms/drupal 7/index.php"), "nothing is removed before all else has arrived"
        transfer.push(other.host, tree_of_platform(platform), roots)
        assert (other.disk / "platforms/drupal 7/modules/big.bin").stat().st_size == 60_000_000
        assert not other.has("platforms/drupal 7/index.php")

    def test_the_master_connection_ends_with_the_session(self, other: Other) -> None:
        command = other.host.multiplexer.command()
        path = command[command.index("-S") + 1]
        assert os.path.exists(path)
        assert os.stat(os.path.dirname(path)).st_mode & 0o777 == 0o700
        other.host.close()
        assert wait_until(lambda: not os.path.exists(path))

    def test_twenty_thousand_files_that_have_not_changed(self, other: Other, roots: list[str]) -> None:
        tree = other.root / "platforms" / "large"
        for folder in range(200):
            (tree / f"{folder}").mkdir(parents=True)
            for number in range(100):
                (tree / f"{folder}" / f"{number}").touch()
        shutil.copytree(tree, other.disk / "platforms" / "large", copy_function=shutil.copy2)
        transfer.push(other.host, Tree(str(tree)), roots)
        started = time.monotonic()
        assert transfer.push(other.host, Tree(str(tree)), roots) == []
        assert time.monotonic() - started < 10


def test_rsync_that_is_missing_there_is_named(other: Other, platform: Path, roots: list[str]) -> None:
    options = SyncOptions(extra=("--rsync-path=no-such-rsync",))
    with pytest.raises(HostError, match="could not be synced") as caught:
        transfer.push(other.host, tree_of_platform(platform), roots, options)
    assert "Install rsync on" in caught.value.hint


def test_a_folder_of_the_same_disk_that_is_mounted_elsewhere(tmp_path: Path) -> None:
    """Such a mount has no device of its own."""
    disk, point = tmp_path / "disk", tmp_path / "my point"
    for folder in (disk, point):
        folder.mkdir()
    program = (
        "import sys; from provision_py.system.mounts import missing_mounts\n"
        "line = f'{sys.argv[1]} {sys.argv[2]} none bind 0 0'.replace('my point', 'my\\\\040point')\n"
        "print(missing_mounts(sys.argv[2], line))"
    )
    look = [sys.executable, "-c", program, str(disk), str(point)]
    without = subprocess.run(look, capture_output=True, text=True, check=True).stdout
    assert without == f"['{point}']\n"
    mounted = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount --bind "$0" "$1" && shift && exec "$@"',
        str(disk),
        str(point),
    ]
    done = subprocess.run([*mounted, *look], capture_output=True, text=True, check=False)
    if done.returncode and not in_ci():
        pytest.skip("no right to mount")
    assert done.stdout == "[]\n", done.stderr
