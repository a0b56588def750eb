"""What rsync is asked to do, without running it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.system.mounts import missing_mounts
from provision_py.system.rsync import (
    VCS,
    Change,
    SyncOptions,
    Tree,
    Uploads,
    check_path,
    escape,
    extra_options,
    fetch_argv,
    filters,
    merge_argv,
    parse_changes,
    push_argv,
    rsh,
    summary,
)
from provision_py.system.uploadkinds import differing

SSH = ["ssh", "-S", "/tmp/a b/sock", "-o", 'UserKnownHostsFile="/x y"', "-o", "it's"]
PLATFORM = "/var/aegir/platforms/drupal-7"
SITE = f"{PLATFORM}/sites/one.test"


def test_a_push_is_what_the_original_does_but_removes_last() -> None:
    argv = push_argv(Tree(PLATFORM, exclude_sites=True), "web1.test", ["ssh"])
    assert argv[0] == "rsync"
    assert {"-akz", "--relative", "--keep-dirlinks", "--omit-dir-times", "--delete-delay"} <= set(argv)
    assert {f"--exclude={name}" for name in VCS} <= set(argv)
    assert argv.index(f"--include={PLATFORM}/sites/all") < argv.index(f"--exclude={PLATFORM}/sites/*")
    assert argv[-3:] == ["--", PLATFORM, "web1.test:/"]
    assert push_argv(Tree(PLATFORM), "::1", ["ssh"])[-1] == "[::1]:/"


def test_neither_fetch_nor_merge_deletes() -> None:
    argvs = [fetch_argv(f"{SITE}/files/", "web1", ["ssh"]), merge_argv([f"{SITE}/files"], "web1", ["ssh"])]
    for argv in argvs:
        assert "--update" in argv
        assert not [one for one in argv if "delete" in one]
    assert argvs[0][-2:] == [f"web1:{SITE}/files/", f"{SITE}/files/"]


def test_what_is_to_be_left_is_no_pattern() -> None:
    left = [f"{SITE}/files/a*b"]
    merge = merge_argv([f"{SITE}/files"], "web1", ["ssh"], leave=left)
    fetch = fetch_argv(f"{SITE}/files/", "web1", ["ssh"], leave=left)
    assert f"--exclude={SITE}/files/a\\*b" in merge
    assert "--exclude=/a\\*b" in fetch


def test_kinds_that_differ() -> None:
    here = {"/f": "d", "/f/a": "d", "/f/a/b": "d", "/f/c": "f", "/f/same": "l", "/f/new": "d"}
    there = {"/f": "d", "/f/a": "f", "/f/a/b": "f", "/f/c": "d", "/f/same": "l", "/f/theirs": "o"}
    assert differing(here, there) == ["/f/a", "/f/c"]


@pytest.mark.parametrize("uploads", [Uploads.LEAVE, Uploads.MERGE])
def test_uploads_are_protected_before_any_other_filter(uploads: Uploads) -> None:
    options = SyncOptions(include=("files/***",), exclude=("x",))
    found = filters(Tree(SITE), options, uploads)
    assert found[:2] == [f"--exclude={SITE}/files/*", f"--exclude={SITE}/private/*"]
    assert found.index("--include=files/***") > found.index(f"--exclude={SITE}/private/*")


def test_only_an_authority_deletes_uploads() -> None:
    found = filters(Tree(SITE, sites=(SITE,)), SyncOptions(), Uploads.AUTHORITATIVE)
    assert not [one for one in found if "files" in one or "private" in one]


def test_options_of_the_drushrc() -> None:
    options = SyncOptions.from_drushrc({
        "include-paths": "a:b/c", "exclude-paths": "*.log::!:d",
        "global_sync_options": {"checksum": True, "bwlimit": 500, "v": None, "no-times": False, "chmod": {0: "D755"}},
    })  # fmt: skip
    assert options.include == ("a", "b/c")
    assert options.exclude == ("*.log", "d")
    assert options.extra == ("--checksum", "--bwlimit=500", "-v", "--chmod=D755")
    assert SyncOptions.from_drushrc({"exclude-paths": False}) == SyncOptions()


@pytest.mark.parametrize(
    "name", ["delete", "delete-excluded", "--delete", "del", "no-relative", "no-R", "e", "rsh", "files-from",
             "filter", "f", "remove-source-files", "ignore-errors", "x y", "exclude-from", "dry-run"],
)  # fmt: skip
def test_options_that_decide_what_is_deleted_are_refused(name: str) -> None:
    with pytest.raises(HostError, match="is not allowed") as caught:
        extra_options({name: True})
    assert caught.value.code == "PROVISION_SYNC_OPTION"


@pytest.mark.parametrize(
    "name", ["version", "V", "help", "log-format", "only-write-batch", "read-batch", "stderr", "msgs2stderr",
             "protocol"],
)  # fmt: skip
def test_options_by_which_nothing_is_done_or_said_are_refused(name: str) -> None:
    with pytest.raises(HostError, match="is not allowed"):
        extra_options({name: True})


def test_a_pattern_that_clears_all_others_is_refused() -> None:
    with pytest.raises(HostError):
        extra_options({"exclude": "!"})
    with pytest.raises(HostError):
        extra_options({"include": {0: "a", 1: " ! "}})


def test_the_command_for_e_is_taken_apart_as_it_was_put_together(tmp_path: Path) -> None:
    shown = tmp_path / "argv"
    script = tmp_path / "the rsh"
    script.write_text(f'#!/bin/sh\nfor a do printf "%s\\n" "$a"; done > "{shown}"\n')
    script.chmod(0o755)
    argv = [str(script), *SSH, "", "back\\slash", "a\"b'c d"]
    subprocess.run(["rsync", "-e", rsh(argv), "host:/x", str(tmp_path)], capture_output=True)
    assert shown.read_text().splitlines()[: len(argv) - 1] == argv[1:]


def test_changes_are_read() -> None:
    output = (
        "sending incremental file list\n"
        "<f+++++++++ var/aegir/new file.php\n"
        "<f.st...... /var/aegir/changed -> odd\n"
        ".d...p..... var/aegir/folder/\n"
        "cd+++++++++ var/aegir/made/\n"
        "cL+++++++++ var/aegir/link -> target\n"
        ">f+++++++++ photo.jpg\n"
        "*deleting   var/aegir/gone/\n"
        "*deleting   var/aegir/gone/file\n"
        "total size is 5\n"
    )
    changes = parse_changes(output)
    assert changes == [
        Change("sent", "var/aegir/new file.php"),
        Change("sent", "var/aegir/changed -> odd"),
        Change("access", "var/aegir/folder", True),
        Change("made", "var/aegir/made", True),
        Change("made", "var/aegir/link -> target"),
        Change("received", "photo.jpg"),
        Change("removed", "var/aegir/gone", True),
        Change("removed", "var/aegir/gone/file"),
    ]
    assert summary(changes) == "2 sent, 1 received, 2 made, 2 removed, 1 with other modes or owners"
    assert summary([]) == ""


def test_wildcards_in_paths_mean_themselves() -> None:
    assert escape("/a/b c") == "/a/b c"
    assert escape("/a/[b]*?\\") == "/a/\\[b]\\*\\?\\\\"


@pytest.mark.parametrize(
    ("path", "roots", "allowed"),
    [
        ("/var/aegir/platforms/a/", ["/var/aegir"], True),
        ("/var/aegir", ["/var/aegir/"], True),
        ("/srv/x", ["/var/aegir", "/srv"], True),
        ("/var/aegir2", ["/var/aegir"], False),
        ("/var/aegir/../x", ["/var/aegir"], False),
        ("/etc", ["/"], False),
        ("/etc", [""], False),
        ("/", ["/"], False),
        ("//var/aegir", ["/var/aegir"], False),
        ("/var/aegir/a\nb", ["/var/aegir"], False),
        ("var/aegir", ["var/aegir"], False),
    ],
)
def test_paths_within_roots(path: str, roots: list[str], allowed: bool) -> None:
    if allowed:
        assert check_path(path, roots) == path.rstrip("/")
    else:
        with pytest.raises(HostError) as caught:
            check_path(path, roots)
        assert caught.value.code == "PROVISION_SYNC_OUTSIDE"


def test_mounts_that_are_missing() -> None:
    fstab = (
        "# comment / x y\n/dev/sda1 / ext4 defaults 0 1\nnas:/a /var/aegir/platforms nfs rw 0 0\n"
        "nas:/b /var/aegir/platforms/a/sites/one/files nfs rw 0 0\nnas:/c /var/aegir/my\\040disk nfs rw 0 0\n"
        "nas:/d /var/aegir/platforms/a/cd iso9660 ro,noauto 0 0\nnone none swap sw 0 0\n/dev/sdb /home ext4 rw 0 0\n"
    )

    def missing(path: str, *mounted: str) -> list[str]:
        return missing_mounts(path, fstab, lambda point: point in mounted)

    uploads = "/var/aegir/platforms/a/sites/one/files"
    assert missing("/var/aegir/platforms/a") == ["/var/aegir/platforms", uploads]
    assert missing("/var/aegir/platforms/a", "/var/aegir/platforms") == [uploads]
    assert missing("/var/aegir/platforms/b", "/var/aegir/platforms") == []
    assert missing("/var/aegir/my disk/x") == ["/var/aegir/my disk"]
    assert missing("/var/aegir/config") == []
