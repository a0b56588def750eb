"""Links to folders, here and there: what lies behind them is synced, so it is compared too."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.system import staging
from provision_py.system.rsync import NO_OPTIONS, Uploads
from system.machines import put, start_other
from system.test_sameness import Site

SITE = "platforms/shared/sites/one.test"


@pytest.fixture
def site(sandbox: Sandbox) -> Iterator[Site]:
    """A module and the uploads of the site lie elsewhere; here and there the same links lead to them."""
    other = start_other(sandbox, sandbox.path / "aegir root")
    here, there = other.root / SITE, other.disk / SITE
    put(other.root, mods__x__deep__code="one", uploads__photo="one", uploads__deep__photo="one")
    put(here, settings="x", modules__own="x")
    (other.root / "mods/x/alias").symlink_to("deep/code")
    shutil.copytree(other.root, other.disk, dirs_exist_ok=True, symlinks=True)
    for place in (here, there):
        (place / "modules/x").symlink_to("../../../../../mods/x")
        (place / "files").symlink_to(f"{other.root}/uploads")
    for path in (*other.root.rglob("*"), *other.disk.rglob("*")):
        if not path.is_dir():
            os.utime(path, (1_600_000_000, 1_600_000_000), follow_symlinks=False)
    yield Site(other, here, there)
    other.machine.close()


def test_what_is_the_same_behind_the_same_links_is_alike(site: Site) -> None:
    put(site.other.disk, uploads__visitor="theirs")
    assert site.is_alike()


def relinked(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


BEHIND: dict[str, Callable[[Site], object]] = {
    "code": lambda site: put(site.other.root, mods__x__deep__code="the other"),
    "its time": lambda site: os.utime(site.other.root / "mods/x/deep/code", (time.time(), time.time())),
    "new code": lambda site: put(site.other.root, mods__x__deep__more="one"),
    "too much there": lambda site: put(site.other.disk, mods__x__deep__more="one"),
    "a mode": lambda site: (site.other.root / "mods/x").chmod(0o700),
    "a link behind the link": lambda site: relinked(site.other.root / "mods/x/alias", "deep"),
    "nothing there": lambda site: shutil.rmtree(site.other.disk / "mods/x"),
    "an upload": lambda site: put(site.other.root, uploads__late="one"),
    "a deep upload": lambda site: put(site.other.root, uploads__deep__photo="the other"),
}


@pytest.mark.parametrize("name", BEHIND)
def test_what_differs_behind_the_same_links_is_a_difference(site: Site, name: str) -> None:
    BEHIND[name](site)
    assert not site.is_alike()


def test_a_folder_in_the_place_of_a_link_is_as_good(site: Site) -> None:
    """As rsync sees it, which brings folders for links and leaves a link there alone."""
    for name, source in (("modules/x", "mods/x"), ("files", "uploads")):
        (site.there / name).unlink()
        shutil.copytree(site.other.disk / source, site.there / name, symlinks=True)
    assert site.is_alike()
    assert not site.push()
    put(site.other.root, mods__x__deep__code="the other", uploads__late="one")
    assert not site.is_alike()
    assert site.push()
    assert site.is_alike()
    assert (site.there / "files/late").read_text() == "one"
    assert (site.there / "modules/x/deep/code").read_text() == "the other"


@pytest.mark.parametrize("name", ["x", "long" * 15])
def test_a_link_to_a_folder_above_is_named_here(site: Site, name: str) -> None:
    (site.here / name).mkdir()
    (site.here / name / "up").symlink_to("../..")
    assert not site.is_alike()
    with pytest.raises(HostError, match="leads to itself") as caught:
        staging.plan(site.other.host, site.tree, [str(site.other.root)], NO_OPTIONS, Uploads.LEAVE)
    assert caught.value.where == "localhost"
    assert "exclude-paths" in caught.value.hint
    assert len(caught.value.what) < 400


def test_an_absolute_link_there_is_named_there(site: Site) -> None:
    put(site.other.root, uploads__late="one")
    with pytest.raises(HostError, match="Too many levels") as caught:
        site.push()
    assert caught.value.where == site.other.host.name
    assert f"On {site.other.host.name} a folder on the way is an absolute link" in caught.value.hint
