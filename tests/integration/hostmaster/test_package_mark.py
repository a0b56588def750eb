"""Package rows that are known to be right are not read; any that somebody has changed are put right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from small_front_end import DB_SERVER, PLATFORM, STANDARD, Builder
from test_package_sync import NOW, OTHER_PLATFORM, PACKAGES, iid_of, many, module, names

from provision_py.drupal.found_packages import FoundPackages
from provision_py.drupal.model import PlatformPackages
from provision_py.hostmaster import package_queries as sql
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.package_mark import sync_found_packages
from provision_py.hostmaster.package_sync import sync_platform_packages


@dataclass
class Verifies:
    """Verifies of the platform; counts how often its packages had to be loaded."""

    db: Database
    rows_file: str
    packages: PlatformPackages = PACKAGES
    digest: str = "first"
    loaded: int = 0

    def load(self) -> PlatformPackages:
        self.loaded += 1
        return self.packages

    def run(self, nid: int = PLATFORM) -> bool:
        """One verify; whether the packages were needed."""
        before = self.loaded
        found = FoundPackages(self.digest, (), 1, self.load, self.rows_file)
        with self.db.transaction():
            sync_found_packages(self.db, nid, found, now=NOW + 60)
        return self.loaded > before


@pytest.fixture
def verifies(db: Database, tmp_path: Path) -> Verifies:
    """The platform's packages are stored, known to be right, and left alone."""
    made = Verifies(db, str(tmp_path / "cache/rows.json"))
    assert [made.run(), made.run(), made.run()] == [True, True, False]
    return made


def contents(db: Database) -> list[tuple[object, ...]]:
    """What the platform's lists say, whatever the numbers of the rows."""
    lists = {PLATFORM: "own"} | {iid_of(db, PLATFORM, name): name for name in ("minimal", "standard")}
    rows = db.rows(
        "SELECT i.rid, p.package_type, p.short_name, p.old_short_name, p.description, n.title, i.filename,"
        " i.schema_version, i.version, i.version_code, i.status, i.platform,"
        " (SELECT GROUP_CONCAT(language ORDER BY language) FROM {hosting_package_languages} l WHERE l.iid = i.iid)"
        " FROM {hosting_package_instance} i JOIN {hosting_package} p ON p.nid = i.package_id"
        " JOIN {node} n ON n.nid = p.nid WHERE i.rid IN %s ORDER BY p.short_name, i.filename",
        (tuple(lists),),
    )
    return sorted((lists[row.pop("rid")], *map(str, row.values())) for row in rows)


CHANGES = (
    "UPDATE {hosting_package_instance} SET version = '1' WHERE rid = %(rid)s AND package_id = %(pid)s",
    "UPDATE {hosting_package_instance} SET filename = UPPER(filename) WHERE rid = %(rid)s AND package_id = %(pid)s",
    "UPDATE {hosting_package_instance} SET schema_version = 5 WHERE rid = %(rid)s AND package_id = %(pid)s",
    "UPDATE {hosting_package_instance} SET version_code = 5 WHERE rid = %(rid)s AND package_id = %(pid)s",
    "UPDATE {hosting_package_instance} SET status = 1 WHERE rid = %(rid)s AND package_id = %(pid)s",
    "UPDATE {hosting_package_instance} SET platform = 77 WHERE rid = %(rid)s AND package_id = %(pid)s",
    "UPDATE {hosting_package_instance} SET package_id = %(other)s WHERE rid = %(rid)s AND package_id = %(pid)s",
    "DELETE FROM {hosting_package_instance} WHERE rid = %(rid)s AND package_id = %(pid)s",
    "DELETE FROM {hosting_package_instance} WHERE rid = %(rid)s",
    "INSERT INTO {hosting_package_instance} (rid, package_id, filename) VALUES (%(rid)s, %(pid)s, 'twice')",
    "INSERT INTO {hosting_package_instance} (rid, package_id, filename) VALUES (%(rid)s, %(stranger)s, 'stranger')",
    "UPDATE {hosting_package} SET description = 'changed' WHERE nid = %(pid)s",
    "UPDATE {hosting_package} SET short_name = 'changed' WHERE nid = %(pid)s",
    "UPDATE {hosting_package} SET package_type = 'theme' WHERE nid = %(pid)s",
    "DELETE FROM {hosting_package} WHERE nid = %(pid)s",
    "UPDATE {node} SET title = 'changed' WHERE nid = %(pid)s",
    "DELETE FROM {node} WHERE nid = %(pid)s",
    "DELETE FROM {hosting_package_languages}",
    "DELETE FROM {hosting_package_languages} WHERE language = 'de' LIMIT 1",
    "INSERT INTO {hosting_package_languages} (iid, language) VALUES (%(standard)s, 'fr')",
    "UPDATE {hosting_package_languages} SET language = 'fr' WHERE language = 'de'",
)


@pytest.mark.parametrize("profile", ["", "standard"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_row_that_somebody_changed_is_put_right(
    verifies: Verifies, build: Builder, change: str, profile: str
) -> None:
    db = verifies.db
    build.package(9000, "module", "stranger")
    verifies.run()
    assert not verifies.run()
    ids = {
        name: db.value("SELECT nid FROM {hosting_package} WHERE short_name = %s", (name,))
        for name in ("views", "user")
    }
    before = contents(db)
    assert len(before) == 19
    values = {
        "rid": iid_of(db, PLATFORM, profile) if profile else PLATFORM,
        "pid": ids["views"],
        "other": ids["user"],
        "stranger": 9000,
        "standard": iid_of(db, PLATFORM, "standard"),
    }
    assert db.execute(change, values) > 0
    assert verifies.run()
    assert contents(db) == before
    verifies.run()
    assert not verifies.run()


def test_rows_that_are_right_are_not_read(db: Database, tmp_path: Path) -> None:
    large = Verifies(db, str(tmp_path / "rows.json"), PlatformPackages(many(1500), (), {}))
    assert [large.run(), large.run()] == [True, True]
    before = sent(db)
    assert not large.run()
    assert sent(db) - before < 20
    before = sent(db)
    large.digest = "second"
    assert large.run()
    assert sent(db) - before > 3000


def sent(db: Database) -> int:
    """How many rows the server has sent on this connection."""
    row = db.row("SHOW SESSION STATUS LIKE 'Rows_sent'")
    assert row is not None
    return int(row["Value"])


def test_other_packages_are_stored(verifies: Verifies) -> None:
    verifies.packages = replace(PACKAGES, sites_all=(module("views", "7.x-3.30"),))
    verifies.digest = "second"
    assert verifies.run()
    versions = verifies.db.rows(
        "SELECT DISTINCT version FROM {hosting_package_instance} WHERE filename LIKE %s", ("%views%",)
    )
    assert [row["version"] for row in versions] == ["7.x-3.30"]
    assert [verifies.run(), verifies.run()] == [True, False]


def test_nothing_is_concluded_from_packages_without_a_digest(verifies: Verifies) -> None:
    verifies.digest = ""
    assert [verifies.run(), verifies.run()] == [True, True]


def test_what_other_platforms_add_is_no_concern(verifies: Verifies, build: Builder) -> None:
    build.platform(OTHER_PLATFORM, "Other", "platform_Other", "/srv/other", DB_SERVER)
    with verifies.db.transaction():
        sync_platform_packages(verifies.db, OTHER_PLATFORM, PlatformPackages(many(5), (), {}), now=NOW)
    assert not verifies.run()


def test_what_another_platform_says_of_a_common_package_is_corrected(verifies: Verifies, build: Builder) -> None:
    build.platform(OTHER_PLATFORM, "Other", "platform_Other", "/srv/other", DB_SERVER)
    other = PlatformPackages((module("views", name="Other views"),), (), {})
    before = contents(verifies.db)
    with verifies.db.transaction():
        sync_platform_packages(verifies.db, OTHER_PLATFORM, other, now=NOW)
    assert contents(verifies.db) != before
    assert verifies.run()
    assert contents(verifies.db) == before


def test_a_mark_of_another_platform_is_not_used(verifies: Verifies, build: Builder) -> None:
    build.platform(OTHER_PLATFORM, "Other", "platform_Other", "/srv/other", DB_SERVER)
    assert verifies.run(OTHER_PLATFORM)
    assert "views" in names(verifies.db, OTHER_PLATFORM)


def test_of_two_packages_with_one_name_the_earlier_counts(verifies: Verifies, build: Builder) -> None:
    db = verifies.db
    build.package(9000, "module", "VIEWS")
    db.execute("UPDATE {hosting_package} SET vid = 1 WHERE nid = 9000")
    assert verifies.run()
    rows = db.rows("SELECT DISTINCT package_id FROM {hosting_package_instance} WHERE filename LIKE %s", ("%views%",))
    assert [row["package_id"] for row in rows] == [9000]


def test_a_site_that_gets_the_number_of_a_profiles_list_is_noticed(verifies: Verifies, build: Builder) -> None:
    former = iid_of(verifies.db, PLATFORM, "standard")
    kitchen = names(verifies.db, former)
    build.site(former, "late.example.test", "late.example.test", client=1, platform=PLATFORM, profile=STANDARD)
    assert verifies.run()
    moved = iid_of(verifies.db, PLATFORM, "standard")
    assert moved != former
    assert names(verifies.db, moved) == kitchen


def test_tables_that_come_to_hold_other_characters_are_noticed(verifies: Verifies, db: Database) -> None:
    db.execute("ALTER TABLE {hosting_package} CONVERT TO CHARACTER SET utf8mb3")
    try:
        with db.sibling() as other:
            verifies.db = other
            assert verifies.run()
    finally:
        db.execute("ALTER TABLE {hosting_package} CONVERT TO CHARACTER SET utf8mb4")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"nid": 1}', b"\xff"])
def test_a_damaged_mark_is_ignored(verifies: Verifies, content: bytes) -> None:
    Path(verifies.rows_file).write_bytes(content)
    assert [verifies.run(), verifies.run()] == [True, False]


def test_a_mark_that_cannot_be_written_is_no_failure(db: Database, tmp_path: Path) -> None:
    (tmp_path / "in_the_way").write_text("")
    made = Verifies(db, str(tmp_path / "in_the_way/rows.json"))
    assert [made.run(), made.run(), made.run()] == [True, True, True]


def test_what_the_server_cannot_compute_equals_nothing(db: Database) -> None:
    query = "SELECT " + sql._DIGEST.format(row="NULL") + " FROM {node}"
    assert len({db.value(query) for _ in range(5)}) == 5
