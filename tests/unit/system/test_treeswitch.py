"""What rsync would change becomes steps: which, and in which order."""

from __future__ import annotations

import os

import pytest

from provision_py.system.rsync import SyncOptions, Tree, parse_changes, plan_argv, stage_argv
from provision_py.system.treeswitch import PROGRAM, Switch, switch_of, unescape

TOP = "/var/aegir/platforms/drupal 7"


def switch(*lines: str) -> Switch:
    """Of lines as rsync prints them, ``T`` for the tree."""
    return switch_of(parse_changes("\n".join(line.replace(" T", f" {TOP[1:]}", 1) for line in lines)), TOP)


def test_files_links_and_modes() -> None:
    found = switch(
        "<f+++++++++ T/new", "<f.st...... T/changed", "cL+++++++++ T/link", ".f...p..... T/mode",
        ".d...p..... T/folder/", ".L..t...... T/other link", "*deleting   T/gone",
    )  # fmt: skip
    assert found.steps == (
        ("put", "new"), ("put", "changed"), ("put", "link"), ("put", "mode"), ("put", "other link"), ("drop", "gone"),
        ("mode", "folder"),
    )  # fmt: skip
    assert set(found.staged) == {"new", "changed", "link", "mode", "other link", "folder"}


def test_a_new_folder_is_put_as_a_whole() -> None:
    found = switch(
        "cd+++++++++ T/a/", "cd+++++++++ T/a/b/", "<f+++++++++ T/a/b/c", "<f+++++++++ T/a2", "cd+++++++++ T/old/n/"
    )
    assert found.steps == (("put", "a"), ("put", "old/n"), ("put", "a2"))
    assert set(found.staged) == {"a", "a/b", "a/b/c", "a2", "old/n"}


def test_folders_are_removed_after_what_was_in_them() -> None:
    found = switch("*deleting   T/a/b/", "*deleting   T/a/", "*deleting   T/a/x", "*deleting   T/a/b/y")
    assert found.steps == (("drop", "a/b/y"), ("drop", "a/x"), ("rmdir", "a/b"), ("rmdir", "a"))
    assert found.staged == ()


def test_what_is_in_the_place_of_something_new_goes_first() -> None:
    found = switch(
        "*deleting   T/folder/deep/x", "*deleting   T/folder/deep/", "*deleting   T/other", "*deleting   T/folderish",
        "<f+++++++++ T/folder", "cd+++++++++ T/file/", "<f+++++++++ T/file/in", "*deleting   T/file",
    )  # fmt: skip
    assert found.steps == (
        ("drop", "folder/deep/x"), ("rmdir", "folder/deep"), ("put", "file"), ("put", "folder"), ("drop", "other"),
        ("drop", "folderish"),
    )  # fmt: skip


def test_the_tree_itself_and_what_is_beside_it() -> None:
    assert switch(".d...p..... T/").steps == (("mode", ""),)
    assert switch(".d...p..... var/aegir/", "<f+++++++++ T-other/x", "*deleting   T2").steps == ()


def test_lists_hold_any_name() -> None:
    name = os.fsdecode(b"new\nline \xff")
    found = Switch((name, "a/b", ""), (("put", name), ("mode", "")))
    assert found.plan() == b"put\0new\nline \xff\0mode\0\0"
    assert found.files("drupal 7") == b"./drupal 7/new\nline \xff\0./drupal 7/a/b\0./drupal 7\0"


@pytest.mark.parametrize(
    ("printed", "name"),
    [("plain", b"plain"), ("\\#012x", b"\nx"), ("\\#303\\#274", "ü".encode()), ("\\#377", b"\xff"),
     ("\\#134#012", b"\\#012"), ("\\#", b"\\#"), ("a\\b", b"a\\b")],
)  # fmt: skip
def test_names_as_rsync_prints_them(printed: str, name: bytes) -> None:
    assert os.fsencode(unescape(printed)) == name


def test_a_plan_asks_what_a_push_would_do() -> None:
    options = SyncOptions(extra=("--checksum", "-8"))
    argv = plan_argv(Tree(TOP, exclude_sites=True), "web1.test", ["ssh"], options)
    assert {"--dry-run", "--delete-delay", "--relative", "--no-implied-dirs", "--keep-dirlinks"} <= set(argv)
    assert f"--exclude={TOP}/.provision-py-sync-*" in argv
    assert argv.index("--no-8-bit-output") > argv.index("-8", argv.index("--checksum"))
    assert argv[-2:] == [TOP, "web1.test:/"]


def test_staging_deletes_nothing_and_compares_with_nothing() -> None:
    options = SyncOptions(extra=("--existing", "--backup-dir=/x", "-u", "--link-dest=/", "--bwlimit=5", "--checksum"))
    argv = stage_argv(TOP, f"{TOP}/.w/new", "web1.test", ["ssh"], options)
    assert argv[-2:] == ["/var/aegir/platforms/", f"web1.test:{TOP}/.w/new/"]
    assert [one for one in argv if "dest" in one] == ["--copy-dest=/var/aegir/platforms"]
    assert {"--bwlimit=5", "--checksum"} < set(argv)
    assert not {"--existing", "--backup-dir=/x", "-u"} & set(argv)
    assert not [one for one in argv if "delete" in one]
    assert stage_argv("/top", "/top/.w/new", "h", ["ssh"])[-2] == "/"


def test_sites_beside_the_docroot_are_left_out() -> None:
    tree = Tree("/p/x", exclude_sites=True, docroot="/p/x/web*", include=("/p/x/web*/sites/sites.php",))
    argv = plan_argv(tree, "h", ["ssh"])
    first, last = argv.index(r"--include=/p/x/web\*/sites/sites.php"), argv.index(r"--exclude=/p/x/web\*/sites/*")
    assert first < argv.index(r"--include=/p/x/web\*/sites/all") < last


def test_a_program_that_is_cut_short_does_nothing() -> None:
    """It comes by a connection that may break."""
    text = PROGRAM.read_text()
    assert text.rstrip().splitlines()[-1].startswith("provision_tree_switch(")
    assert text.count("\nprovision_tree_switch(") == 1
