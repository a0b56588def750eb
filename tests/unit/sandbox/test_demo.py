from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.errors import DrupalError, HostError
from provision_py.sandbox.demo import copy_code, main, make_sandbox, up, whole_code_base
from provision_py.sandbox.frontend import TaskRow, reduced
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.queue_run import failures, plain, print_table
from provision_py.sandbox.takedown import take_down


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("docroot", ["", "web"])
def test_a_code_base_is_copied_without_its_sites_and_left_alone(tmp_path: Path, docroot: str) -> None:
    source = make_platform(tmp_path / "code", 10, docroot=docroot)
    sites = source.docroot / "sites"
    (sites / "old.example.test/files").mkdir(parents=True)
    (sites / "old.example.test/settings.php").write_text("<?php\n")
    (sites / "default").mkdir(exist_ok=True)
    (sites / "default/settings.php").write_text("<?php\n")
    (sites / "default").chmod(0o555)
    before = tree(source.root)
    copy_code(source.root, tmp_path / "copy")
    left_out = {name for name in before if "old.example.test/" in name or name.endswith("default/settings.php")}
    assert len(left_out) == 2
    assert tree(tmp_path / "copy") == {name: text for name, text in before.items() if name not in left_out}
    assert tree(source.root) == before


def test_for_the_docroot_of_a_composer_project_the_project_is_taken(tmp_path: Path) -> None:
    project = make_platform(tmp_path / "project", 10, docroot="web")
    assert whole_code_base(project.docroot) == whole_code_base(project.root) == project.root
    plain = make_platform(tmp_path / "plain", 10)
    assert whole_code_base(plain.docroot) == plain.root


def test_a_docroot_whose_project_is_not_recognised_is_refused(tmp_path: Path) -> None:
    project = make_platform(tmp_path / "project", 10, docroot="web")
    project.docroot.rename(project.root / "public")
    (project.root / "composer.json").unlink(missing_ok=True)
    with pytest.raises(HostError, match="whole project"):
        whole_code_base(project.root / "public")


def test_a_folder_without_drupal_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(DrupalError):
        up(tmp_path / "sandbox", tmp_path)
    assert not (tmp_path / "sandbox").exists()
    (tmp_path / "drupal.tar.gz").touch()
    for name, says in {"none": "no such code base", "drupal.tar.gz": "a file, not a folder"}.items():
        assert main(["--folder", str(tmp_path / "sandbox"), "--drupal", str(tmp_path / name)]) == 1
        said = capsys.readouterr().err
        assert says in said and "makefile" not in said


def test_a_folder_that_servers_cannot_use_becomes_a_link_to_one_that_they_can(tmp_path: Path) -> None:
    folder = tmp_path / "my project's"
    folder.mkdir()
    sandbox = make_sandbox(folder / ".sandbox")
    assert (folder / ".sandbox").resolve() == sandbox.path.resolve()
    assert " " not in str(sandbox.path)
    assert take_down(folder / ".sandbox")
    assert list(folder.iterdir()) == []
    assert not sandbox.path.exists()


def test_the_table_of_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [
        TaskRow(3, 4, "Verify Server: web", "verify", "web.example.test", 1, 2),
        TaskRow(5, 6, "Install: site", "install", "site.example.test", 2, 1),
        TaskRow(7, 8, "Verify Site: site", "verify", "site.example.test", 3, 0),
        TaskRow(9, 9, "Verify Site: site", "verify", "site.example.test", 0, None),
    ]
    print_table(tasks, {5: 1.26})
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines] == [
        ["TASK", "OBJECT", "STATUS", "SECONDS"],
        ["verify", "web.example.test", "Successful", "2.0"],
        ["install", "site.example.test", "FAILED", "1.3"],
        ["verify", "site.example.test", "Warning", "0.0"],
        ["verify", "site.example.test", "Queued", "-"],
    ]
    assert [task.nid for task in failures(tasks)] == [5, 9]


def test_log_messages_lose_their_markup() -> None:
    assert plain("See <a href='x'>the site</a> &amp; more\n") == "See the site & more"


def test_context_names_follow_from_titles() -> None:
    assert reduced("web1.example.test") == "web1exampletest"
    assert reduced("Drupal 7 – Größe_x") == "Drupal7Gre_x"
