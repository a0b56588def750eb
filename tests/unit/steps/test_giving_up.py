"""Undoing without a server that is gone: on its own files nothing is done, on all others everything."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provision_py.errors import HostError, ProvisionError
from provision_py.steps import givenup
from provision_py.steps.databases import undo_database
from provision_py.steps.files import ApplyFiles, EnsureDirectories
from provision_py.steps.journal import JournalState, open_journal, read_journal
from provision_py.steps.leftovers import Left
from provision_py.steps.rollout import Member, Rollout
from provision_py.steps.runner import recover, run_steps, undo_all
from provision_py.steps.step import DatabaseAdmin
from provision_py.steps.sync import undo_sync, undo_sync_back
from provision_py.steps.without import WithoutServers
from provision_py.system.configfile import ConfigFile, Directory
from provision_py.system.host import Host
from provision_py.system.local import LocalHost
from provision_py.tasklog import TaskLog


@dataclass
class World:
    """Machines of which some are away."""

    root: Path
    away: set[str] = field(default_factory=set)
    log: TaskLog = field(default_factory=TaskLog)

    def host(self, server: str) -> Host:
        if server in self.away:
            raise HostError(f"@{server} cannot be reached", where=server, code="PROVISION_SSH_UNREACHABLE")
        return LocalHost()

    def database_admin(self, server: str) -> DatabaseAdmin:
        raise HostError(f"no database server {server}")

    def reload_lock(self, server: str) -> Path:
        return self.root / "locks" / server


def begun(world: World) -> Path:
    """A command on two servers that was interrupted; its journal."""

    def files(server: str) -> list[ConfigFile]:
        return [ConfigFile(f"{world.root}/{server}/site.conf", "new")]

    for server in ("w1", "w2"):
        (world.root / server).mkdir()
        (world.root / server / "site.conf").write_text("former")
    steps = [
        EnsureDirectories("w1", [Directory(f"{world.root}/w1/made", 0o755)]),
        ApplyFiles("w2", [ConfigFile(f"{world.root}/w2/other.conf", "new")], description="Write w2 alone"),
        Rollout([Member(server, files(server), None, ["true"]) for server in ("w1", "w2")]),
    ]
    journals = world.root / "state/journal"
    with open_journal(journals, command="verify", context="site") as journal:
        run_steps(steps, journal, world)
    (path,) = journals.iterdir()
    return path


def test_why_an_undo_failed_is_on_record(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = begun(world)
    world.away = {"w2"}
    (left,) = recover(path.parent, world)
    assert not left.undone
    state = read_journal(path)
    assert state.id == path.name
    assert state.failure is not None
    assert state.failure.code == "PROVISION_SSH_UNREACHABLE"
    assert "@w2 cannot be reached" in state.failure.what
    world.away = set()
    (done,) = recover(path.parent, world)
    assert done.undone
    assert not path.exists()


def test_a_failure_is_forgotten_with_its_step(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = begun(world)
    world.away = {"w1"}

    class Other(World):
        def host(self, server: str) -> Host:
            if server == "w2" and not (tmp_path / "w2/other.conf").exists():
                return LocalHost()
            return super().host(server)

    recover(path.parent, world)
    assert read_journal(path).failure is not None
    world.away = set()
    recover(path.parent, world, undo=lambda journal, _: (journal.undone(), False)[1])
    assert read_journal(path).failure is None


def test_all_but_what_belongs_on_a_server_is_undone(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = begun(world)
    world.away = {"w2"}
    (done,) = recover(path.parent, WithoutServers(world, frozenset({"w2"})))
    assert done.undone
    assert not path.exists()
    assert (tmp_path / "w1/site.conf").read_text() == "former"
    assert not (tmp_path / "w1/made").exists()
    assert (tmp_path / "w2/site.conf").read_text() == "new"
    assert (tmp_path / "w2/other.conf").read_text() == "new"
    assert not world.log.failed


def test_another_server_that_is_away_still_keeps_its_undo_owed(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = begun(world)
    world.away = {"w1", "w2"}
    (done,) = recover(path.parent, WithoutServers(world, frozenset({"w2"})))
    assert not done.undone
    assert len(read_journal(path).begun) == 3
    world.away = {"w2"}
    (done,) = recover(path.parent, WithoutServers(world, frozenset({"w2"})))
    assert done.undone
    assert (tmp_path / "w1/site.conf").read_text() == "former"


def test_databases_and_trees_on_a_server_that_is_gone(tmp_path: Path) -> None:
    """Its context may have been removed: it is not even looked for."""
    world = WithoutServers(World(tmp_path, away={"db", "w2"}), frozenset({"db", "w2"}))
    record = {"server": "db", "name": "d", "user": "d", "existed": False, "new_accounts": ["h"]}
    undo_database(world, record)
    undo_database(world, record | {"database_made": True})
    undo_sync(world, {"path": str(tmp_path), "roots": [str(tmp_path)], "new": ["w2"]})
    tree = {"path": str(tmp_path), "exclude_sites": False, "sites": [], "exclude": []}
    undo_sync_back(world, {"tree": tree, "roots": [str(tmp_path)], "options": {}, "servers": ["w2"]})
    assert world.host("w2").stat(str(tmp_path)) is None
    with pytest.raises(HostError, match="gone"):
        world.host("w2").read("/etc/passwd")
    with pytest.raises(ProvisionError):
        WithoutServers(World(tmp_path), frozenset()).database_admin("db")


def test_what_is_given_up_is_kept_where_only_we_can_read_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    path = begun(world)
    state: JournalState = read_journal(path)
    file = givenup.keep(tmp_path / "state", state, [Left("w2", "Write w2 alone", ("/a", "/ü\udcff"))])
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    told = json.loads(file.read_text(encoding="utf-8", errors="surrogateescape"))
    assert told["left"] == [{"server": "w2", "step": "Write w2 alone", "things": ["/a", "/ü\udcff"]}]
    assert (told["journal"], told["command"], told["context"], told["task"]) == (path.name, "verify", "site", None)
    assert givenup.kept(tmp_path / "state", state) == [Left("w2", "Write w2 alone", ("/a", "/ü\udcff"))]
    givenup.put_away(tmp_path / "state", state, path)
    shutil.rmtree(path)
    kept = {one.name for one in file.parent.iterdir()}
    assert kept == {"given-up.json", "journal.jsonl", "vault"}
    assert any((file.parent / "vault").iterdir()), "former contents of files can still be looked at"
    givenup.forget(tmp_path / "state", state)
    assert not file.parent.exists()
    assert givenup.kept(tmp_path / "state", state) == []


def test_undoing_goes_on_where_the_failure_cannot_be_kept(tmp_path: Path) -> None:
    world = World(tmp_path, away=set())
    path = begun(world)
    world.away = {"w2"}
    with open_journal(tmp_path / "other", command="verify", context="site") as journal:
        journal.begun = list(read_journal(path).begun)
        journal.path = tmp_path / "no/such/folder"
        assert not undo_all(journal, world)
