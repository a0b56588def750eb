"""Folders and files that the aegir user may not read: the error names them, and is never told as a defect."""

from __future__ import annotations

from pathlib import Path

import pytest
from trials import OTHER, Trial, bound_by_modes

from tests.modes import mode_of


def refused(trial: Trial, *words: str, path: Path) -> None:
    """A command fails because of a path that is closed, and names it in an error that it knows."""
    status, said = trial.program(*words, wrapper=bound_by_modes())
    assert status == 1, said
    assert str(path) in said, said
    for code in ("PROVISION_DEFECT", "PROVISION_INTERNAL", "Traceback"):
        assert code not in said, said


def again(trial: Trial, site: int, task: int, path: Path) -> None:
    """The task has not been claimed, or has failed and says why; then it works."""
    if trial.status(task) != 0:
        assert str(path) in trial.log(task)
        assert "PROVISION_INTERNAL" not in trial.hosting.errors(task)
        task = trial.hosting.front.queue_task(site, "verify")
    assert trial.queue(task) == 0, trial.log(task)


def test_a_sites_folder(trial: Trial) -> None:
    site, folder = trial.installed()
    task = trial.hosting.front.queue_task(site, "verify")
    with mode_of(folder, 0):
        trial.fails(task, "PROVISION_PHP_DATA", str(folder), run=trial.unprivileged)
        refused(trial, f"@{folder.name}", "provision-verify", path=folder)
        refused(trial, f"@{folder.name}", "provision-install", path=folder)
    trial.succeeds(site, "verify", folder.name)


@pytest.mark.parametrize("place", ["sites", "docroot"])
def test_the_folders_around_it(trial: Trial, place: str) -> None:
    site, folder = trial.installed()
    task, path = trial.hosting.front.queue_task(site, "verify"), getattr(trial, place)
    with mode_of(path, 0):
        refused(trial, f"@{folder.name}", "provision-verify", path=path)
        if place == "docroot":
            refused(trial, "provision-save", f"@{folder.name}", path=path)
        assert trial.unprivileged(task) == 1
    assert "PROVISION_INTERNAL" not in trial.hosting.errors(task)
    trial.succeeds(site, "verify", folder.name)


@pytest.mark.parametrize("name", ["", "journal", "locks"])
def test_our_own_folders(trial: Trial, name: str) -> None:
    site, folder = trial.installed()
    task = trial.hosting.front.queue_task(site, "verify")
    path = trial.state / name
    with mode_of(path, 0):
        refused(trial, f"@{folder.name}", "provision-verify", path=path)
        if name != "locks":
            refused(trial, "recover", "--list", path=path)
        refused(trial, "hosting-task", str(task), path=path)
    again(trial, site, task, path)


@pytest.mark.parametrize("name", ["", "journal"])
def test_our_own_folders_and_the_queue(trial: Trial, name: str) -> None:
    site, _ = trial.installed()
    task = trial.hosting.front.queue_task(site, "verify")
    with mode_of(trial.state / name, 0):
        refused(trial, "hosting-tasks", path=trial.state / name)
    again(trial, site, task, trial.state / name)


def test_a_journal_of_somebody_else(trial: Trial) -> None:
    journal = trial.state / "journal/1-of-root"
    journal.mkdir(parents=True)
    (journal / "journal.jsonl").write_text("")
    with mode_of(journal, 0):
        refused(trial, f"@{OTHER}", "provision-verify", path=journal)
    (journal / "journal.jsonl").unlink()
    journal.rmdir()


def test_sites_php(trial: Trial) -> None:
    site, folder = trial.installed()
    path = trial.sites / "sites.php"
    there = path.exists()
    if not there:
        path.write_text("<?php\n")
    task = trial.hosting.front.queue_task(site, "verify")
    with mode_of(path, 0):
        trial.fails(task, "PROVISION_PHP_DATA", str(path), run=trial.unprivileged)
    if not there:
        path.unlink()
    trial.succeeds(site, "verify", folder.name)


@pytest.mark.parametrize("words", [["hosting-tasks"], ["hosting-dispatch"], ["@server_master", "provision-verify"]])
def test_the_folder_of_alias_files(trial: Trial, words: list[str]) -> None:
    folder = trial.hosting.installation.drush_dir
    with mode_of(folder, 0):
        refused(trial, *words, path=folder)
