"""Which machines have a site's files already, by the same differences that rsync sees."""

from __future__ import annotations

import getpass
import grp
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from provision_py.sandbox.base import Sandbox
from provision_py.system import sameness, transfer
from provision_py.system.host import Completed
from provision_py.system.local import LocalHost
from provision_py.system.rsync import VCS, Tree, Uploads, uploads_of
from provision_py.system.sameness import Answers, Wanted, answers, having, question
from provision_py.system.ssh import SshHost
from system.machines import Other, put, start_other


@dataclass
class Site:
    """A site here and on another machine, pushed there; ``there`` is that machine's folder as this one sees it."""

    other: Other
    here: Path
    there: Path

    @property
    def tree(self) -> Tree:
        return Tree(str(self.here), sites=(str(self.here),))

    def push(self) -> bool:
        """Push the site; whether rsync found anything to do."""
        changes = transfer.push(self.other.host, self.tree, [str(self.other.root)], uploads=Uploads.MERGE)
        return bool(changes)

    def is_alike(self, *, merged: bool = True) -> bool:
        wanted = Wanted([str(self.here)], uploads_of(self.tree), merged=merged)
        return having(LocalHost(), [self.other.host], wanted) == [self.other.host]


def ask(others: Sequence[SshHost], wanted: Wanted) -> Answers:
    """Ask ahead, as a command does with what else it asks."""
    asked = question(LocalHost(), wanted)
    return answers(asked, [(host, host.run_all([asked.program])[0]) for host in others] if asked else [])


@pytest.fixture
def site(sandbox: Sandbox) -> Iterator[Site]:
    other = start_other(sandbox, sandbox.path / "aegir root")
    path = "platforms/a 'b' *[c]/sites/one.test"
    here = other.root / path
    put(here, settings="x", files__photo="x", files__css__a="x", private__note="x", modules__own="x")
    put(here, **{"modules__new\nline": "x"})
    (here / "link").symlink_to("settings")
    found = Site(other, here, other.disk / path)
    found.push()
    yield found
    other.machine.close()


def test_what_was_pushed_is_there_and_rsync_agrees(site: Site) -> None:
    assert site.is_alike()
    assert not site.push()


def test_times_of_folders_and_uploads_of_the_member_alone_make_no_difference(site: Site) -> None:
    put(site.there, files__visitor="from a visitor", private__deep__visitor="from a visitor")
    os.utime(site.here / "modules", (1, 1))
    assert site.is_alike()
    assert not site.push()


def touch(path: Path) -> None:
    os.utime(path, (time.time() + 60, time.time() + 60))


DIFFERENCES: dict[str, Callable[[Site], object]] = {
    "size": lambda site: (site.here / "modules/own").write_text("longer"),
    "time": lambda site: touch(site.here / "settings"),
    "mode": lambda site: (site.here / "settings").chmod(0o600),
    "mode of a folder": lambda site: (site.here / "modules").chmod(0o700),
    "mode of the uploads": lambda site: (site.here / "files").chmod(0o700),
    "new here": lambda site: put(site.here, modules__late="x"),
    "gone here": lambda site: (site.here / "modules/own").unlink(),
    "gone there": lambda site: (site.there / "modules/own").unlink(),
    "a link that leads elsewhere": lambda site: (
        (site.here / "link").unlink(),
        (site.here / "link").symlink_to("none"),
    ),
    "all gone there": lambda site: shutil.rmtree(site.there),
    "a new upload here": lambda site: put(site.here, files__late="x"),
    "an upload gone there": lambda site: (site.there / "files/css/a").unlink(),
    "a newer upload here": lambda site: touch(site.here / "private/note"),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_what_rsync_would_change_is_a_difference(site: Site, name: str) -> None:
    DIFFERENCES[name](site)
    assert not site.is_alike()
    assert site.push()
    assert site.is_alike()


@pytest.fixture
def far_group(sandbox: Sandbox) -> Iterator[Site]:
    """A site with files of the group ``daemon``, on a machine where it has another number, and the account is in it;
    its number here is there that of another group, whose name is two words."""
    number = grp.getgrnam("daemon").gr_gid
    own = [line for line in Path("/etc/group").read_text().splitlines() if not line.startswith("daemon:")]
    account = getpass.getuser()
    groups = sandbox.path / "groups"
    groups.write_text("\n".join([*own, f"daemon:x:54321:{account}", f"else where:x:{number}:{account}", ""]))
    other = start_other(sandbox, sandbox.path / "aegir", groups=groups)
    here = other.root / "site"
    put(here, settings="x", modules__own="x")
    for name in ("settings", "modules"):
        os.chown(here / name, -1, number)
    found = Site(other, here, other.disk / "site")
    found.push()
    yield found
    other.machine.close()


@pytest.mark.parametrize("name", ["settings", "modules"])
def test_groups_are_the_same_by_their_names(far_group: Site, name: str) -> None:
    assert (far_group.there / name).stat().st_gid == 54321
    assert far_group.is_alike()
    os.chown(far_group.there / name, -1, (far_group.here / name).stat().st_gid)
    assert not far_group.is_alike()
    assert far_group.push()
    assert far_group.is_alike()
    os.chown(far_group.here / name, -1, 0)
    assert not far_group.is_alike()


def test_answers_from_before_count_until_there_are_other_uploads(site: Site) -> None:
    here, others = LocalHost(), [site.other.host]
    wanted = Wanted([str(site.here)], uploads_of(site.tree))
    ahead = ask(others, wanted)
    assert having(here, others, wanted, ahead) == others
    put(site.here, settings="longer")
    assert having(here, others, wanted, ahead) == []
    ahead = ask(others, wanted)
    site.push()
    assert having(here, others, wanted, ahead) == []
    put(site.here, files__late="x")
    site.push()
    assert having(here, others, wanted, ahead) == others


def test_uploads_that_are_not_merged_are_not_looked_at(site: Site) -> None:
    put(site.here, files__late="x")
    assert site.is_alike(merged=False)
    put(site.here, modules__late="x")
    assert not site.is_alike(merged=False)


def test_doubts_are_differences(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Wanted([str(site.here), str(site.here / "none")])
    assert having(LocalHost(), [site.other.host], gone) == []
    monkeypatch.setattr(sameness, "_MOST", 8)
    assert not site.is_alike()
    monkeypatch.undo()
    site.other.machine.sshd.stop()
    site.other.host.close()
    assert not site.is_alike()


def test_too_many_uploads_are_not_listed_to_the_end(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    said, run = [], LocalHost.run

    def heard(host: LocalHost, argv: Sequence[str], **options: Any) -> Completed:
        said.append(run(host, argv, **options))
        return said[-1]

    put(site.here, **{f"files__{number}": "x" for number in range(100)})
    monkeypatch.setattr(sameness, "_MOST", 100)
    monkeypatch.setattr(LocalHost, "run", heard)
    wanted = Wanted([str(site.here)], uploads_of(site.tree))
    ahead = ask([site.other.host], wanted)
    assert ahead == Answers(None)
    assert having(LocalHost(), [site.other.host], wanted, ahead) == []
    assert [len(done.stdout) for done in said] == [101, 101]


def test_what_could_not_be_looked_at_ahead_is_asked_later(site: Site) -> None:
    """Drupal works on the hub meanwhile, and folders go."""
    wanted = Wanted([str(site.here)], uploads_of(site.tree))
    assert having(LocalHost(), [site.other.host], wanted, Answers(None)) == [site.other.host]
    (site.here / "files/circle").symlink_to(".")
    assert ask([site.other.host], wanted) == Answers(None)


@dataclass
class Platform:
    """A platform here and on another machine, pushed there as a verify pushes it."""

    other: Other
    here: Path
    there: Path

    def push(self) -> bool:
        tree = Tree(
            str(self.here), exclude_sites=True, docroot=str(self.here), include=(str(self.here / "sites/sites.php"),)
        )
        return bool(transfer.push(self.other.host, tree, [str(self.other.root)]))

    def is_alike(self) -> bool:
        sites = f"{self.here}/sites"
        wanted = Wanted([str(self.here)], names=VCS, apart=sites, kept=(f"{sites}/all", f"{sites}/sites.php"))
        return having(LocalHost(), [self.other.host], wanted) == [self.other.host]


@pytest.fixture
def platform(sandbox: Sandbox) -> Iterator[Platform]:
    other = start_other(sandbox, sandbox.path / "aegir root")
    path = "platforms/a 'b' *[c]"
    here = other.root / path
    put(here, index="x", modules__one="x", sites__all__modules__own="x", sites__site__settings="x")
    put(here, **{"sites__sites.php": "x", "modules__.git__HEAD": "x", ".gitignore": "x"})
    found = Platform(other, here, other.disk / path)
    found.push()
    yield found
    other.machine.close()


APART: dict[str, Callable[[Platform], object]] = {
    "nothing": lambda platform: None,
    "a site here": lambda platform: put(platform.here, sites__late__settings="x"),
    "a site there": lambda platform: put(platform.there, sites__visited__files__a="x"),
    "version control": lambda platform: put(platform.here, **{"sites__all__modules__.git__HEAD": "longer"}),
}
COUNTS: dict[str, Callable[[Platform], object]] = {
    "a module of all sites": lambda platform: put(platform.here, sites__all__modules__own="longer"),
    "names of sites": lambda platform: put(platform.here, **{"sites__sites.php": "longer"}),
    "a folder that is called like a site": lambda platform: put(platform.here, modules__sites__late__a="x"),
    "too much there": lambda platform: put(platform.there, modules__late="x"),
    "mode of the folder of sites": lambda platform: (platform.here / "sites").chmod(0o700),
}


@pytest.mark.parametrize("name", APART)
def test_sites_and_version_control_are_no_part_of_a_platform(platform: Platform, name: str) -> None:
    APART[name](platform)
    assert platform.is_alike()
    assert not platform.push()


@pytest.mark.parametrize("name", COUNTS)
def test_what_rsync_would_change_of_a_platform_is_a_difference(platform: Platform, name: str) -> None:
    COUNTS[name](platform)
    assert not platform.is_alike()
    assert platform.push()
    assert platform.is_alike()
