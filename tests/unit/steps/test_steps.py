"""Steps on real files: applied, undone, and taken up after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provision_py.errors import HostError, LockedError, ProvisionError, ServiceError
from provision_py.steps.files import ApplyFiles, EnsureDirectories
from provision_py.steps.journal import Journal, JournalState, open_journal, read_journal
from provision_py.steps.rollout import Member, Rollout
from provision_py.steps.runner import recover, run_steps, undo_all
from provision_py.steps.step import UNDO, DatabaseAdmin, Note, Record, World, undoes
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import Host
from provision_py.system.local import LocalHost
from provision_py.system.locks import FileLock
from provision_py.tasklog import MemorySink, TaskLog


@dataclass
class LocalWorld:
    """A world of one machine, without databases."""

    root: Path
    log: TaskLog = field(default_factory=TaskLog)

    def host(self, server: str) -> Host:
        return LocalHost()

    def database_admin(self, server: str) -> DatabaseAdmin:
        raise HostError(f"no database server {server}")

    def reload_lock(self, server: str) -> Path:
        return self.root / "locks" / server


@dataclass(frozen=True)
class Fail:
    description: str = "Fail"
    kind: str = "nothing"

    def prepare(self, world: World, vault: Path) -> Record:
        return {}

    def apply(self, world: World, record: Record, note: Note) -> None:
        raise ProvisionError("it failed")


@undoes("nothing")
def _undo_nothing(world: World, record: object) -> None:
    """Nothing was done."""


def snapshot(root: Path) -> dict[str, tuple[int, str]]:
    def content(path: Path) -> str:
        if path.is_symlink():
            return f"-> {os.readlink(path)}"
        return path.read_text() if path.is_file() else ""

    return {str(p.relative_to(root)): (p.lstat().st_mode, content(p)) for p in sorted(root.rglob("*"))}


def test_undo_restores_files_directories_and_links(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "old").mkdir(parents=True)
    (tree / "old/kept.conf").write_text("former")
    (tree / "old/kept.conf").chmod(0o440)
    (tree / "old/gone.conf").write_text("to be removed")
    (tree / "link").symlink_to("old")
    before = snapshot(tree)
    steps = [
        EnsureDirectories("s", [Directory(f"{tree}/old", 0o2775), Directory(f"{tree}/new/deep", 0o700)],
                          [Link(f"{tree}/link", "new"), Link(f"{tree}/other", "old")]),
        ApplyFiles("s", [
            ConfigFile(f"{tree}/old/kept.conf", "changed", 0o644),
            ConfigFile(f"{tree}/old/gone.conf", None),
            ConfigFile(f"{tree}/new/deep/made.conf", "made", 0o600),
        ]),
        Fail(),
    ]  # fmt: skip
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with pytest.raises(ProvisionError, match="it failed"):
            run_steps(steps, journal, world)
        assert (tree / "old/kept.conf").read_text() == "changed"
        assert (tree / "new/deep/made.conf").stat().st_mode & 0o777 == 0o600
        assert not (tree / "old/gone.conf").exists()
        assert undo_all(journal, world)
    after = snapshot(tree)
    after.pop("new", None)  # a parent folder that was made on the way holds nothing and may stay
    assert after == before
    assert list((tmp_path / "journal").iterdir()) == []


def test_undo_leaves_a_directory_that_somebody_put_files_into(tmp_path: Path) -> None:
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([EnsureDirectories("s", [Directory(f"{tmp_path}/made", 0o755)])], journal, world)
        (tmp_path / "made/upload.txt").write_text("somebody's")
        assert undo_all(journal, world)
    assert (tmp_path / "made/upload.txt").read_text() == "somebody's"


def test_unchanged_files_are_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a.conf"
    path.write_text("same")
    path.chmod(0o644)
    inode = path.stat().st_ino
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([ApplyFiles("s", [ConfigFile(str(path), "same", 0o640)])], journal, LocalWorld(tmp_path))
        journal.commit()
    assert path.stat().st_ino == inode
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_rejected_configuration_is_put_back_and_never_loaded(tmp_path: Path) -> None:
    vhost = tmp_path / "vhost"
    vhost.write_text("good")
    test = ["sh", "-c", f'grep -q good {vhost} || {{ echo "bad line in {vhost}" >&2; exit 1; }}']
    reload = ["touch", f"{tmp_path}/reloaded"]
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with pytest.raises(ServiceError, match="bad line in") as caught:
            run_steps([Rollout([Member("s", [ConfigFile(str(vhost), "broken")], test, reload)])], journal, world)
        assert vhost.read_text() == "good"
        undo_all(journal, world)
    assert caught.value.code == "PROVISION_CONFIG_TEST_FAILED"
    assert vhost.read_text() == "good"
    assert not (tmp_path / "reloaded").exists()


def test_undoing_a_loaded_configuration_loads_the_former_one(tmp_path: Path) -> None:
    vhost, loaded = tmp_path / "vhost", tmp_path / "loaded"
    vhost.write_text("former")
    step = Rollout([Member("s", [ConfigFile(str(vhost), "new")], ["true"], ["cp", str(vhost), str(loaded)])])
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with pytest.raises(ProvisionError, match="it failed"):
            run_steps([step, Fail()], journal, world)
        assert loaded.read_text() == "new"
        undo_all(journal, world)
    assert loaded.read_text() == "former"


def test_what_one_member_rejects_is_put_back_on_all(tmp_path: Path) -> None:
    def member(name: str, test: list[str]) -> Member:
        (tmp_path / name).write_text("former")
        return Member(name, [ConfigFile(f"{tmp_path}/{name}", "new")], test, ["touch", f"{tmp_path}/{name}.loaded"])

    step = Rollout([member("a", ["true"]), member("b", ["false"]), member("c", ["sh", "-c", "echo no >&2; exit 1"])])
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with pytest.raises(ServiceError, match=r"2 web servers failed\..* rejects its configuration"):
            run_steps([step], journal, world)
        assert [(tmp_path / name).read_text() for name in "abc"] == ["former"] * 3
        assert undo_all(journal, world)
    assert list(tmp_path.glob("*.loaded")) == []


def test_each_member_is_told_with_what_it_failed_at(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    step = Rollout(
        [
            Member("a", [ConfigFile(f"{tmp_path}/a", "new")], ["false"], ["true"]),
            Member("b", [ConfigFile(f"{tmp_path}/file/b", "new")], ["true"], ["true"]),
        ]
    )
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with pytest.raises(ServiceError, match=r"rejects its configuration: .* did not take its files: ") as caught:
            run_steps([step], journal, world)
        assert undo_all(journal, world)
    assert caught.value.what.startswith("2 web servers failed. ")
    assert not (tmp_path / "a").exists()


def test_undoing_gives_back_what_another_process_has_written_while_we_waited(tmp_path: Path) -> None:
    vhost = tmp_path / "vhost"
    vhost.write_text("former")
    step = Rollout([Member("s", [ConfigFile(str(vhost), "new")], None, None)])
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        with ThreadPoolExecutor() as pool, FileLock(world.reload_lock("s")):
            running = pool.submit(run_steps, [step], journal, world)
            time.sleep(0.2)
            vhost.write_text("theirs")
        running.result()
        assert vhost.read_text() == "new"
        assert undo_all(journal, world)
    assert vhost.read_text() == "theirs"


def test_a_missing_folder_is_made_and_goes_again(tmp_path: Path) -> None:
    path = f"{tmp_path}/subdir.d/host/one.conf"
    (tmp_path / "subdir.d").mkdir()
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([Rollout([Member("s", [ConfigFile(path, "new")], None, None)])], journal, world)
        assert (tmp_path / "subdir.d/host").stat().st_mode & 0o777 == 0o700
        assert undo_all(journal, world)
    assert list((tmp_path / "subdir.d").iterdir()) == []


KILLED = """
    import os, signal, sys
    from pathlib import Path
    sys.path.insert(0, {here!r})
    from test_steps import LocalWorld
    from provision_py.steps.files import ApplyFiles
    from provision_py.steps.journal import open_journal
    from provision_py.steps.runner import run_steps
    from provision_py.system.configfile import ConfigFile
    root = Path({root!r})
    with open_journal(root / "journal", command="provision-verify", context="@x", task=7, run="r1") as journal:
        run_steps([ApplyFiles("s", [ConfigFile(f"{{root}}/a", "new"), ConfigFile(f"{{root}}/b", "new")])],
                  journal, LocalWorld(root))
        if {commit!r}:
            journal.commit()
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("commit", [False, True])
def test_a_killed_command_is_undone_at_the_next_start_unless_it_was_committed(tmp_path: Path, commit: bool) -> None:
    (tmp_path / "a").write_text("former")
    script = textwrap.dedent(KILLED).format(here=str(Path(__file__).parent), root=str(tmp_path), commit=commit)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert (tmp_path / "a").read_text() == "new"
    recovered = recover(tmp_path / "journal", LocalWorld(tmp_path))
    if commit:
        assert recovered == []
        assert (tmp_path / "b").read_text() == "new"
    else:
        assert [(r.state.task, r.state.run, r.undone) for r in recovered] == [(7, "r1", True)]
        assert (tmp_path / "a").read_text() == "former"
        assert not (tmp_path / "b").exists()
    assert list((tmp_path / "journal").iterdir()) == []


def test_recovery_leaves_running_commands_alone(tmp_path: Path) -> None:
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([ApplyFiles("s", [ConfigFile(f"{tmp_path}/a", "new")])], journal, world)
        assert recover(tmp_path / "journal", world) == []
        journal.commit()
    assert (tmp_path / "a").read_text() == "new"


def test_a_failed_undo_is_kept_and_tried_again(tmp_path: Path) -> None:
    world = LocalWorld(tmp_path)
    sink = MemorySink()
    world.log.add_sink(sink)
    broken = True

    @undoes("fragile")
    def _undo(world: World, record: object) -> None:
        if broken:
            raise HostError("the database server is down")

    @dataclass(frozen=True)
    class Fragile(Fail):
        kind: str = "fragile"

    with (
        pytest.raises(ProvisionError, match="it failed"),
        open_journal(tmp_path / "journal", command="test", context="@s", task=3) as journal,
    ):
        try:
            run_steps([Fragile()], journal, world)
        finally:
            assert not undo_all(journal, world)
    assert sink.entries[-1].error == "PROVISION_UNDO_FAILED"
    assert [r.undone for r in recover(tmp_path / "journal", world)] == [False]
    broken = False
    assert [r.undone for r in recover(tmp_path / "journal", world)] == [True]
    assert list((tmp_path / "journal").iterdir()) == []
    del UNDO["fragile"]


def test_a_journal_cut_short_by_a_kill_is_read_up_to_the_cut(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal", command="test", context="@s", task=4) as journal:
        journal.begin("nothing", "first", {"x": 1})
        with (journal.path / "journal.jsonl").open("a") as file:
            file.write(json.dumps({"event": "begin", "kind": "nothing"})[:20])
        state = read_journal(journal.path)
        assert [step.description for step in state.begun] == ["first"]
        journal.undone()


def test_a_journal_that_cannot_be_written_does_not_stop_the_undoing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Journal, entry: object) -> None:
        raise HostError("Could not write the journal: No space left on device")

    world = LocalWorld(tmp_path)
    files = [ConfigFile(str(tmp_path / name), "new") for name in ("one", "two")]
    with open_journal(tmp_path / "journal", command="test", context="x") as journal:
        run_steps([ApplyFiles("server_master", [file]) for file in files], journal, world)
        monkeypatch.setattr(Journal, "_append", full)
        assert undo_all(journal, world)
    assert not (tmp_path / "one").exists()
    assert not (tmp_path / "two").exists()
    assert list((tmp_path / "journal").iterdir()) == []


def test_a_kind_of_step_that_nobody_knows_is_kept(tmp_path: Path) -> None:
    world = LocalWorld(tmp_path)
    with open_journal(tmp_path / "journal", command="test", context="x") as journal:
        journal.begin("of-a-package", "Do it", {}, "package_that_was_removed.steps")
        assert not undo_all(journal, world)
        assert len(journal.begun) == 1


def test_recovery_leaves_commands_whose_locks_are_held_for_later(tmp_path: Path) -> None:
    world = LocalWorld(tmp_path)
    path = tmp_path / "made"
    pid = os.fork()
    if pid == 0:
        with open_journal(tmp_path / "journal", command="test", context="x") as journal:
            run_steps([ApplyFiles("server_master", [ConfigFile(str(path), "new")])], journal, world)
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)

    def held(state: JournalState) -> FileLock:
        raise LockedError(f"@{state.context} is worked on")

    assert recover(tmp_path / "journal", world, hold=held) == []
    assert recover(tmp_path / "journal", world, concerned=lambda state: state.context == "y") == []
    assert path.exists()
    assert [one.undone for one in recover(tmp_path / "journal", world)] == [True]
    assert not path.exists()
