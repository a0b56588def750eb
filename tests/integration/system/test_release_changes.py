"""Changes of trees on several machines: what arrives, what is left alone, and what undo gives back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from provision_py.steps.release import ReleaseTree
from provision_py.system import staging
from provision_py.system.rsync import SyncOptions, Tree, Uploads
from system.machines import Other, put
from system.released_trees import ODD, PLATFORM, Two, change, state_of, synced


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
