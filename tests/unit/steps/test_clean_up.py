"""What is kept for an undo goes once the command is committed, by whoever finds that out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from test_steps import LocalWorld

from provision_py.errors import HostError
from provision_py.steps.journal import Journal, open_journal
from provision_py.steps.runner import clean_up, recover, run_steps
from provision_py.steps.step import Note, Record, World, cleans_up, undoes
from provision_py.tasklog import MemorySink, TaskLog


@dataclass(frozen=True)
class Keep:
    """Makes a file, and another one that stands for what undoing it would need."""

    path: Path
    description: str = "Keep something"
    kind: str = "test-keep"

    def prepare(self, world: World, vault: Path) -> Record:
        return {"path": str(self.path)}

    def apply(self, world: World, record: Record, note: Note) -> None:
        self.path.touch()
        self.path.with_suffix(".kept").touch()


@undoes("test-keep")
def _undo(world: World, record: Mapping[str, Any]) -> None:
    Path(record["path"]).unlink(missing_ok=True)
    Path(record["path"]).with_suffix(".kept").unlink(missing_ok=True)


@cleans_up("test-keep")
def _clean_up(world: World, record: Mapping[str, Any]) -> None:
    if Path(record["path"]).name == "away":
        raise HostError("The server is away", where="web1")
    Path(record["path"]).with_suffix(".kept").unlink(missing_ok=True)


def killed(root: Path, *, committed: bool) -> None:
    """A command ran as far as that, and its process died."""
    with pytest.raises(KeyboardInterrupt), open_journal(root, command="test", context="@s") as journal:
        run_steps([Keep(root.parent / "one")], journal, LocalWorld(root.parent))
        if committed:
            Journal.commit(journal)
            journal.committed = False  # so that its folder stays
        raise KeyboardInterrupt


@pytest.mark.parametrize("committed", [True, False])
def test_recovery_cleans_up_after_a_commit_and_undoes_without(tmp_path: Path, committed: bool) -> None:
    root = tmp_path / "journal"
    killed(root, committed=committed)
    recover(root, LocalWorld(tmp_path))
    assert (tmp_path / "one").exists() is committed
    assert not (tmp_path / "one.kept").exists()
    assert list(root.iterdir()) == []


def test_recovery_cleans_up_what_the_front_end_has_accepted(tmp_path: Path) -> None:
    root = tmp_path / "journal"
    killed(root, committed=False)
    recover(root, LocalWorld(tmp_path), lambda state: None)
    assert (tmp_path / "one.kept").exists()
    recover(root, LocalWorld(tmp_path), lambda state: True)
    assert (tmp_path / "one").exists()
    assert not (tmp_path / "one.kept").exists()


def test_a_server_that_is_away_stops_nothing(tmp_path: Path) -> None:
    sink = MemorySink()
    world = LocalWorld(tmp_path, TaskLog([sink]))
    with open_journal(tmp_path / "journal", command="test", context="@s") as journal:
        run_steps([Keep(tmp_path / "away"), Keep(tmp_path / "one")], journal, world)
        journal.commit()
        clean_up(journal.begun, world)
    assert not (tmp_path / "one.kept").exists()
    assert (tmp_path / "away.kept").exists()
    assert ["The server is away" in entry.message for entry in sink.entries] == [True]
