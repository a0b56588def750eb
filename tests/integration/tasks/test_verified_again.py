"""A platform that is verified again: left alone while it is as it was, put right when anybody changed it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from hosting_system import Hosting

from provision_py.drupal import found_packages
from provision_py.drupal.model import CodeBase, PlatformPackages
from provision_py.drupal.platform_packages import platform_packages
from provision_py.drupal.scan import ScanCache
from provision_py.php.files import read_drushrc
from provision_py.system import identity


@dataclass
class Verified:
    """A platform that was verified until nothing was left to do; ``scans`` counts readings of its code."""

    hosting: Hosting
    nid: int
    docroot: Path
    scans: list[str]

    @property
    def drushrc(self) -> Path:
        return self.docroot / "sites/all/drush/drushrc.php"

    def verify(self) -> int:
        """Verify it; how often its code was read for this."""
        self.scans.clear()
        assert self.hosting.run(self.hosting.front.queue_task(self.nid, "verify")).status == 1, self.hosting.said()
        return len(self.scans)

    def rows(self) -> list[dict[str, object]]:
        query = (
            "SELECT package_id, filename, version FROM {hosting_package_instance} WHERE rid = %s ORDER BY filename"
        )
        return [dict(row) for row in self.hosting.db.rows(query, (self.nid,))]


@pytest.fixture
def verified(hosting: Hosting, monkeypatch: pytest.MonkeyPatch) -> Verified:
    monkeypatch.setattr(identity, "SETTLED_NS", -(10**12))  # every file is old enough
    scans: list[str] = []

    def scan(code: CodeBase, *, cache: ScanCache) -> tuple[PlatformPackages, list[str]]:
        scans.append(code.docroot)
        return platform_packages(code, cache=cache)

    monkeypatch.setattr(found_packages, "platform_packages", scan)
    site, folder = hosting.installed()
    made = Verified(hosting, int(str(hosting.site_row(site)["platform"])), folder.parent.parent, scans)
    for _ in range(3):
        made.verify()
    assert made.verify() == 0
    return made


def test_what_is_as_it_was_is_left_alone(verified: Verified) -> None:
    before, rows = verified.drushrc.stat(), verified.rows()
    assert rows
    assert verified.verify() == 0
    after = verified.drushrc.stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)
    assert verified.rows() == rows


def test_packages_that_come_change_and_go(verified: Verified) -> None:
    folder = verified.docroot / "sites/all/modules/late"
    folder.mkdir(parents=True)
    for version in ("1.0", "1.1"):
        (folder / "late.info.yml").write_text(f"name: Late\ntype: module\nversion: {version}\n")
        (folder / "late.info").write_text(f"name = Late\ncore = 7.x\nversion = {version}\n")
        (folder / "late.module").write_text("<?php\n")
        assert verified.verify() == 1
        found = [row["version"] for row in verified.rows() if "/late/" in str(row["filename"])]
        assert found == [version]
        assert f"'{version}'" in verified.drushrc.read_text()
    shutil.rmtree(folder)
    assert verified.verify() == 1
    assert not [row for row in verified.rows() if "/late/" in str(row["filename"])]
    assert "late" not in verified.drushrc.read_text()


def test_rows_that_somebody_removed_are_there_again(verified: Verified) -> None:
    rows = verified.rows()
    verified.hosting.db.execute("DELETE FROM {hosting_package_instance} WHERE rid = %s", (verified.nid,))
    assert verified.verify() == 1
    assert verified.rows() == rows


def test_a_drushrc_that_another_program_wrote_is_written_again(verified: Verified) -> None:
    text = verified.drushrc.read_text()
    verified.drushrc.unlink()
    verified.drushrc.write_text("<?php\n$options['packages'] = array();\n")
    verified.verify()
    assert verified.drushrc.read_text() == text
    assert read_drushrc(verified.drushrc)["packages"]


def test_damaged_caches_are_no_failure(verified: Verified) -> None:
    text, rows = verified.drushrc.read_text(), verified.rows()
    caches = [path for path in verified.hosting.home.rglob(".provision-py/cache/*") if path.is_file()]
    assert {".seal", ".json"} <= {path.suffix for path in caches}
    for path in caches:
        path.write_bytes(b"\xff{")
    assert verified.verify() == 1
    assert (verified.drushrc.read_text(), verified.rows()) == (text, rows)
