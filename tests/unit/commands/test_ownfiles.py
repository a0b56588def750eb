"""What people put on the hub for other web servers: what is brought, what stays, what is in the way."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from provision_py.commands.ownfiles import Plan, gather, plan
from provision_py.contexts.model import Server
from provision_py.errors import HostError
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import FileState, Look

SERVER = Server("server_web1", "web1.example.test", "/var/aegir", "aegir")
PATH = f"{SERVER.config_path}/apache/pre.d/own.conf"
HUB = ConfigFile(PATH, "of the hub", sensitive=True)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def planned(
    there: str | None, *, known: str | None = None, owner: str = "aegir", kind: str = "file", hub: bool = True,
    readable: bool = True, ours: bool = False,
) -> Plan:  # fmt: skip
    """For one file that is ``there``, or one link that leads there, after ``known`` was brought."""
    target = there if kind == "link" else None
    state = None if there is None else FileState(kind, 0o644, owner, owner, len(there), target)
    contents = {PATH: there.encode()} if there is not None and kind == "file" and readable else {}
    record: Mapping[str, str] = {} if known is None else {PATH: digest(known)}
    return plan([HUB] if hub else [], record, Look({PATH: state}, contents), SERVER, [PATH] if ours else [])


def test_what_is_missing_there_or_was_brought_becomes_what_it_is_here() -> None:
    for found in (planned(None), planned("older", known="older"), planned("of the hub")):
        assert found == Plan((HUB,), brought={PATH: digest("of the hub")})


def test_what_somebody_wrote_there_under_the_same_name_is_kept_aside() -> None:
    for known in (None, "older"):
        found = planned("by hand", known=known)
        kept, own = found.files
        assert kept.path == f"{SERVER.config_path}/.former/own.conf.{digest('by hand')[:8]}"
        assert (kept.content, kept.mode, kept.folder_mode, own) == ("by hand", 0o600, 0o700, HUB)
        assert kept.path in found.warnings[0]


def test_so_is_a_link_which_then_leads_to_the_same() -> None:
    folder = PATH.rpartition("/")[0]
    for target, leads in (("/etc/some.conf", "/etc/some.conf"), ("../some.conf", f"{folder}/../some.conf")):
        for known in (None, "of the hub"):
            found = planned(target, known=known, kind="link")
            kept = f"{SERVER.config_path}/.former/own.conf.{digest(target)[:8]}"
            assert (found.files, found.links) == ((HUB,), (Link(kept, leads),))
            assert f"a link to {target}" in found.warnings[0] and kept in found.warnings[0]


def test_what_is_gone_here_goes_there_if_it_is_as_it_was_brought() -> None:
    assert planned("older", known="older", hub=False) == Plan((ConfigFile(PATH, None),))
    assert planned(None, known="older", hub=False) == Plan()
    for found in (
        planned("by hand", known="older", hub=False),
        planned("older", known="older", owner="root", hub=False),
        planned("../some.conf", known="older", kind="link", hub=False),
    ):
        assert (found.files, found.brought) == ((), {})
        assert f"{PATH} is gone on the hub, but stays there" in found.warnings[0]
    assert planned("by hand", hub=False) == Plan()


def test_a_file_of_somebody_else_stays_if_it_is_the_same_and_is_in_the_way_otherwise() -> None:
    assert planned("of the hub", owner="root") == Plan()
    with pytest.raises(HostError, match="belongs to root") as caught:
        planned("by hand", owner="root")
    assert (caught.value.code, caught.value.where) == ("PROVISION_MEMBER_FILE", "@server_web1")


def test_what_is_the_backends_is_replaced_whoever_owns_it() -> None:
    assert planned("by hand", owner="root", ours=True) == planned("by hand")
    assert planned("../some.inc", owner="root", kind="link", ours=True) == planned("../some.inc", kind="link")
    with pytest.raises(HostError, match="belongs to root"):
        planned("by hand", owner="root", ours=True, readable=False)


def test_only_what_was_brought_is_said_to_be_changed_when_it_goes_here() -> None:
    taken_over = planned("of the hub", known="older", owner="root")
    assert taken_over == Plan(brought={PATH: digest("older")})
    assert "was changed there" in planned("of the hub", known="older", owner="root", hub=False).warnings[0]
    assert planned("of the hub", owner="root", hub=False) == Plan()


def test_folders_are_looked_through_and_links_followed(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "includes", tmp_path / "elsewhere"
    for path in (
        folder / "more" / "deep.inc",
        folder / ".git" / "config",
        folder / "ours.conf",
        elsewhere / "some.inc",
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff\r\n")
        path.chmod(0o640)
    (folder / "more").chmod(0o750)
    (folder / "linked.inc").symlink_to(elsewhere / "some.inc")
    (folder / "links").symlink_to(elsewhere)
    (folder / "nowhere.inc").symlink_to("/no/such/file")
    (folder / "more" / "up").symlink_to("..")
    (folder / "left").symlink_to("more")
    directories, files = gather([str(folder), f"{tmp_path}/none"], [f"{folder}/ours.conf", f"{folder}/left"])
    assert directories == [
        Directory(f"{folder}/links", elsewhere.stat().st_mode & 0o7777),
        Directory(f"{folder}/more", 0o750),
    ]
    names = ["linked.inc", "links/some.inc", "more/deep.inc"]
    assert files == [ConfigFile(f"{folder}/{name}", "\udcff\r\n", 0o640, sensitive=True) for name in names]


def test_the_group_of_the_web_server_is_that_of_the_other_web_server(tmp_path: Path) -> None:
    (tmp_path / "own.conf").write_text("own")
    mine = (tmp_path / "own.conf").group()
    assert [file.group for file in gather([str(tmp_path)], (), (mine, "apache"))[1]] == ["apache"]
    assert [file.group for file in gather([str(tmp_path)], (), ("no-such-group", "apache"))[1]] == [None]
