"""Uploads that are a file, a folder or a link here and something else there: neither side loses its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from provision_py.sandbox.base import Sandbox
from provision_py.steps.release import ReleaseTree
from provision_py.system import process, transfer
from provision_py.system.host import Completed, Host
from provision_py.system.rsync import Tree, Uploads
from system.machines import OneWorld, Other, put, start_other

SITE = "platforms/shared/sites/one.test"
ODD = os.fsdecode(b"odd *[\\x]\n\xff 'name")


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Other]:
    found = start_other(sandbox, sandbox.path / "aegir root")
    for place in (found.root, found.disk):
        put(place / SITE, files__shared="x", settings="x")
    put(found.root / SITE, files__new="from here", files__fresh__deep__er="from here")
    put(found.disk / SITE, files__visitor="from there")
    yield found
    found.machine.close()


def file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file")


def folder(path: Path) -> None:
    put(path, inner__one="in a folder")


def empty(path: Path) -> None:
    path.mkdir(parents=True)


def link(path: Path) -> None:
    path.symlink_to("shared")


def pipe(path: Path) -> None:
    os.mkfifo(path)


Make = Callable[[Path], None]
PAIRS: list[tuple[Make, Make]] = [
    (folder, file), (empty, file), (file, folder), (file, empty), (link, file), (file, link), (folder, link),
    (link, folder), (file, pipe),
]  # fmt: skip


def seen(path: Path) -> list[object]:
    if path.is_symlink():
        return [os.readlink(path)]
    return [path.is_dir(), path.is_file(), [found.name for found in path.rglob("*")] if path.is_dir() else None]


def released(other: Other, tmp_path: Path, **hosts: Host) -> OneWorld:
    world = OneWorld(web1=other.host, **hosts)
    site = str(other.root / SITE)
    step = ReleaseTree(list(world.hosts), Tree(site, sites=(site,)), [str(other.root)], uploads=Uploads.MERGE)
    record = step.prepare(world, tmp_path)
    step.apply(world, record, record.update)
    return world


@pytest.mark.parametrize("name", ["odd", ODD, "deep/er/odd"], ids=["plain", "any name", "deep"])
@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].__name__}-{pair[1].__name__}")
def test_each_side_keeps_its_own(other: Other, tmp_path: Path, pair: tuple[Make, Make], name: str) -> None:
    places = [root / SITE / "files" / name for root in (other.root, other.disk)]
    for place, make in zip(places, pair, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place)
    before = [seen(place) for place in places]
    entries = released(other, tmp_path).sink.entries
    assert [seen(place) for place in places] == before
    assert other.text(f"{SITE}/files/new") == other.text(f"{SITE}/files/fresh/deep/er") == "from here"
    assert other.text(f"{SITE}/files/visitor") == "from there"
    (warning,) = [entry for entry in entries if entry.type == "warning"]
    assert warning.error == "PROVISION_UPLOAD_KIND" and warning.host == other.host.name
    assert repr(str(places[0])) in warning.message


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].__name__}-{pair[1].__name__}")
def test_so_it_is_when_they_are_fetched(other: Other, pair: tuple[Make, Make]) -> None:
    places = [root / SITE / "files/odd" for root in (other.root, other.disk)]
    for place, make in zip(places, pair, strict=True):
        make(place)
    before = [seen(place) for place in places]
    transfer.fetch(other.host, str(other.root / SITE / "files"), [str(other.root)])
    assert [seen(place) for place in places] == before
    assert (other.root / SITE / "files/visitor").read_text() == "from there"


def test_what_lies_here_is_looked_through_once_for_all(
    other: Other, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = start_other(sandbox, other.root, "new")
    looked, run = [], process.run

    def watched(argv: Sequence[str], **options: Any) -> Completed:
        looked.extend([argv] if "find" in argv[-1] else [])
        return run(argv, **options)

    monkeypatch.setattr(process, "run", watched)
    put(other.disk / SITE, files__new__er="a folder there")
    world = released(other, tmp_path, web2=new.host)
    assert len(looked) == 1
    assert (new.text(f"{SITE}/files/new"), new.text(f"{SITE}/settings")) == ("from here", "x")
    assert [entry.host for entry in world.sink.entries if entry.type == "warning"] == [other.host.name]
    new.machine.close()


def test_links_to_folders_are_folders(other: Other, tmp_path: Path) -> None:
    """On both sides, as rsync takes them."""
    put(other.root, store__one="from here")
    put(other.disk, elsewhere__two="from there")
    for place, target in ((other.root, "store"), (other.disk, "elsewhere")):
        (place / SITE / "files/here").symlink_to(f"../../../../../{target}")
        (place / SITE / "files/there").symlink_to(f"../../../../../{target}")
    (other.disk / SITE / "files/there").unlink()
    (other.root / SITE / "files/here").unlink()
    put(other.root / SITE, files__here__three="from here")
    world = released(other, tmp_path)
    assert other.text(f"{SITE}/files/there/one") == other.text("elsewhere/three") == "from here"
    assert not [entry for entry in world.sink.entries if entry.type == "warning"]


def test_so_it_is_where_all_uploads_lie_behind_a_link(other: Other, tmp_path: Path) -> None:
    for place in (other.root, other.disk):
        (place / SITE / "files").rename(place / "store")
        (place / SITE / "files").symlink_to("../../../../store")
    file(other.root / "store/odd")
    folder(other.disk / "store/odd")
    world = released(other, tmp_path)
    assert other.text("store/odd/inner/one") == "in a folder"
    assert (other.root / "store/odd").read_text() == "a file"
    (warning,) = [entry for entry in world.sink.entries if entry.type == "warning"]
    assert repr(str(other.root / SITE / "files/odd")) in warning.message
