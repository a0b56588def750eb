"""Package tables in a real database: bulk writing, surviving numbers, colliding numbers, two runners at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from small_front_end import BORN, DB_SERVER, MINIMAL, PLATFORM, SITE, STANDARD, Builder

from provision_py.drupal.model import Package, PlatformPackages, SitePackages
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.package_sync import remove_packages, sync_platform_packages, sync_site_packages

NOW = BORN + 500
OTHER_PLATFORM = 40


def module(short_name: str, version: str | None = "7.105", **more: Any) -> Package:
    title, filename = short_name.title(), f"/srv/d7/modules/{short_name}/{short_name}.module"
    package = Package("modules", short_name, title, filename, version, f"All of {short_name}")
    return replace(package, **more)


def profile(name: str, *languages: str) -> Package:
    return Package("profiles", name, name.title(), f"./profiles/{name}/{name}.info", "7.105", languages=languages)


DRUPAL = Package("platforms", "drupal", "drupal", "", "7.105")
PACKAGES = PlatformPackages(
    base=(module("node"), module("user"), DRUPAL, profile("minimal", "en"), profile("standard", "en", "de")),
    sites_all=(module("views", "7.x-3.29"),),
    profiles={"minimal": (), "standard": (module("kitchen", "7.x-1.0-rc2"),)},
)


def names(db: Database, rid: int) -> set[str]:
    rows = db.rows(
        "SELECT p.short_name FROM {hosting_package_instance} i JOIN {hosting_package} p ON p.nid = i.package_id"
        " WHERE i.rid = %s",
        (rid,),
    )
    return {str(row["short_name"]) for row in rows}


def iid_of(db: Database, rid: int, name: str) -> int:
    value = db.value(
        "SELECT i.iid FROM {hosting_package_instance} i JOIN {hosting_package} p ON p.nid = i.package_id"
        " WHERE i.rid = %s AND p.short_name = %s",
        (rid, name),
    )
    return int(value)


def everything(db: Database) -> list[tuple[object, ...]]:
    tables = ("hosting_package", "hosting_package_instance", "hosting_package_languages", "node", "node_revision")
    return [tuple(row.values()) for table in tables for row in db.rows(f"SELECT * FROM {{{table}}} ORDER BY 1, 2")]


@pytest.fixture
def verified(db: Database) -> Iterator[Database]:
    with db.transaction():
        sync_platform_packages(db, PLATFORM, PACKAGES, now=NOW)
    yield db


def test_a_platform_and_each_of_its_profiles_have_a_list(verified: Database) -> None:
    own = {"node", "user", "drupal", "minimal", "standard", "views"}
    assert names(verified, PLATFORM) == own
    assert names(verified, iid_of(verified, PLATFORM, "minimal")) == own
    assert names(verified, iid_of(verified, PLATFORM, "standard")) == own | {"kitchen"}
    platforms = verified.rows("SELECT DISTINCT platform FROM {hosting_package_instance}")
    assert [row["platform"] for row in platforms] == [PLATFORM]


def test_a_new_package_is_a_published_node_that_everybody_may_see(verified: Database) -> None:
    row = verified.row(
        "SELECT n.*, p.package_type, p.description, r.uid AS saved_by, r.log, r.timestamp, r.title AS saved_title"
        " FROM {hosting_package} p JOIN {node} n ON n.vid = p.vid AND n.nid = p.nid"
        " JOIN {node_revision} r ON r.vid = n.vid AND r.nid = n.nid WHERE p.short_name = 'views'"
    )
    assert row is not None
    nid = row["nid"]
    assert {**row, "nid": 0, "vid": 0} == {
        "nid": 0,
        "vid": 0,
        "type": "package",
        "language": "",
        "title": "Views",
        "uid": 1,
        "status": 1,
        "created": NOW,
        "changed": NOW,
        "comment": 0,
        "promote": 0,
        "sticky": 0,
        "tnid": 0,
        "translate": 0,
        "package_type": "module",
        "description": "All of views",
        "saved_by": 1,
        "log": "",
        "timestamp": NOW,
        "saved_title": "Views",
    }
    assert verified.rows("SELECT * FROM {node_access} WHERE nid = %s", (nid,)) == [
        {"nid": nid, "gid": 0, "realm": "all", "grant_view": 1, "grant_update": 0, "grant_delete": 0}
    ]
    assert verified.value("SELECT COUNT(*) FROM {node_revision} WHERE nid = 0") == 0


def test_syncing_again_changes_nothing_at_all(verified: Database) -> None:
    before = everything(verified)
    with verified.transaction():
        sync_platform_packages(verified, PLATFORM, PACKAGES, now=NOW + 60)
    assert everything(verified) == before


def test_rows_that_stay_keep_their_number_and_profiles_that_go_leave_nothing(verified: Database) -> None:
    minimal, standard = iid_of(verified, PLATFORM, "minimal"), iid_of(verified, PLATFORM, "standard")
    newer = replace(
        PACKAGES,
        base=(module("node", "7.106"), DRUPAL, profile("minimal", "fr")),
        profiles={"minimal": ()},
    )
    with verified.transaction():
        sync_platform_packages(verified, PLATFORM, newer, now=NOW + 60)
    assert iid_of(verified, PLATFORM, "minimal") == minimal
    assert names(verified, minimal) == names(verified, PLATFORM) == {"node", "drupal", "minimal", "views"}
    assert names(verified, standard) == set()
    versions = verified.rows(
        "SELECT version, version_code FROM {hosting_package_instance} WHERE filename LIKE %s", ("%node.module",)
    )
    assert {tuple(row.values()) for row in versions} == {("7.106", 710600000500)}
    languages = verified.rows("SELECT language FROM {hosting_package_languages}")
    assert {row["language"] for row in languages} == {"fr"}


def test_a_site_has_status_versions_and_packages_of_its_own(verified: Database) -> None:
    found = SitePackages(
        (
            module("node", status=1, schema_version=7016),
            module("own", None, local=True, filename="/srv/d7/sites/one.example.test/modules/own/own.module"),
            DRUPAL,
        )
    )
    with verified.transaction():
        sync_site_packages(verified, SITE, found, platform=PLATFORM, now=NOW)
    rows = verified.rows(
        "SELECT p.short_name, i.status, i.schema_version, i.version, i.platform FROM {hosting_package_instance} i"
        " JOIN {hosting_package} p ON p.nid = i.package_id WHERE i.rid = %s ORDER BY i.iid",
        (SITE,),
    )
    assert [tuple(row.values()) for row in rows] == [
        ("node", 1, 7016, "7.105", PLATFORM),
        ("own", 0, 0, "Unknown", -1),
        ("drupal", 0, 0, "7.105", PLATFORM),
    ]


def test_a_changed_title_is_saved_in_node_and_revision(verified: Database) -> None:
    found = SitePackages((module("node", name="Knoten"),))
    with verified.transaction():
        sync_site_packages(verified, SITE, found, platform=PLATFORM, now=NOW + 60)
    row = verified.row(
        "SELECT n.title, r.title AS saved, n.changed, r.timestamp, p.description FROM {hosting_package} p"
        " JOIN {node} n ON n.nid = p.nid JOIN {node_revision} r ON r.vid = n.vid WHERE p.short_name = 'node'"
    )
    assert row == {
        "title": "Knoten",
        "saved": "Knoten",
        "changed": NOW + 60,
        "timestamp": NOW + 60,
        "description": "All of node",
    }


def test_texts_of_any_kind_are_stored(db: Database) -> None:
    odd = module("odd", name='O\'Reilly "%s" {node} \\ 🎉 é', description="100% \udcff", filename="/srv/é/🎉.module")
    for _ in range(2):
        with db.transaction():
            sync_site_packages(db, SITE, SitePackages((odd,)), platform=PLATFORM, now=NOW)
    row = db.row(
        "SELECT n.title, p.description FROM {hosting_package} p JOIN {node} n ON n.nid = p.nid"
        " WHERE p.short_name = 'odd'"
    )
    assert row == {"title": 'O\'Reilly "%s" {node} \\ 🎉 é', "description": "100% ?"}
    assert db.value("SELECT COUNT(*) FROM {hosting_package} WHERE short_name = 'odd'") == 1


def test_removing_a_platforms_packages_takes_the_lists_of_its_profiles_along(verified: Database) -> None:
    with verified.transaction():
        remove_packages(verified, PLATFORM)
    assert verified.value("SELECT COUNT(*) FROM {hosting_package_instance}") == 0
    assert verified.value("SELECT COUNT(*) FROM {hosting_package_languages}") == 0


class TestNumbersThatMeet:
    """A profile's instance may get the number that a site's or platform's node has."""

    def collide(self, db: Database, nid: int) -> None:
        """Let the next instances take numbers from ``nid`` on."""
        db.execute("DELETE FROM {hosting_package_instance}")
        db.execute(f"ALTER TABLE {{hosting_package_instance}} AUTO_INCREMENT = {nid}")

    def test_a_new_profile_instance_avoids_the_number_of_a_site(self, db: Database, build: Builder) -> None:
        build.site(50, "fifty.example.test", "fifty.example.test", client=1, platform=PLATFORM, profile=MINIMAL)
        self.collide(db, 47)
        site_list = SitePackages((module("node", status=1),))
        with db.transaction():
            sync_site_packages(db, 50, site_list, platform=PLATFORM, now=NOW)
            sync_platform_packages(db, PLATFORM, PACKAGES, now=NOW)
        lists = db.rows("SELECT DISTINCT rid FROM {hosting_package_instance}")
        profiles = {iid_of(db, PLATFORM, "minimal"), iid_of(db, PLATFORM, "standard")}
        assert {row["rid"] for row in lists} == {PLATFORM, 50} | profiles
        assert len(profiles - {50}) == 2
        assert names(db, 50) == {"node"}

    def test_a_site_with_the_number_of_a_profile_instance_takes_nothing_from_it(
        self, verified: Database, build: Builder
    ) -> None:
        former = iid_of(verified, PLATFORM, "standard")
        kitchen = names(verified, former)
        build.platform(OTHER_PLATFORM, "Other", "platform_Other", "/srv/other", DB_SERVER)
        build.site(former, "late.example.test", "late.example.test", client=1, platform=PLATFORM, profile=STANDARD)
        with verified.transaction():
            sync_site_packages(verified, former, SitePackages((module("node", status=1),)), platform=40, now=NOW)
        moved = iid_of(verified, PLATFORM, "standard")
        assert moved != former
        assert names(verified, moved) == kitchen
        assert names(verified, former) == {"node"}
        languages = verified.rows("SELECT language FROM {hosting_package_languages} WHERE iid = %s", (moved,))
        assert {row["language"] for row in languages} == {"en", "de"}

    def test_removing_a_site_leaves_the_profile_whose_number_it_has(self, verified: Database, build: Builder) -> None:
        former = iid_of(verified, PLATFORM, "standard")
        build.site(former, "late.example.test", "late.example.test", client=1, platform=PLATFORM, profile=STANDARD)
        with verified.transaction():
            remove_packages(verified, former)
        assert "kitchen" in names(verified, iid_of(verified, PLATFORM, "standard"))


def many(count: int) -> tuple[Package, ...]:
    return tuple(module(f"mod{number}", f"7.x-1.{number}") for number in range(count))


def test_the_number_of_statements_does_not_grow_with_the_packages(db: Database) -> None:
    def statements(packages: PlatformPackages) -> int:
        before = questions(db)
        with db.transaction():
            sync_platform_packages(db, PLATFORM, packages, now=NOW)
        return questions(db) - before

    assert statements(PlatformPackages((*many(1), profile("minimal", "en")), (), {"minimal": ()})) < 40
    assert statements(PlatformPackages((*many(1500), profile("minimal", "en")), (), {"minimal": ()})) < 40


def questions(db: Database) -> int:
    """How many statements this connection has sent."""
    row = db.row("SHOW SESSION STATUS LIKE 'Questions'")
    assert row is not None
    return int(row["Value"])


def test_two_runners_that_find_the_same_modules_add_them_once(db: Database, build: Builder) -> None:
    build.platform(OTHER_PLATFORM, "Other", "platform_Other", "/srv/other", DB_SERVER)
    start = threading.Barrier(2)
    errors: list[BaseException] = []

    def verify(nid: int) -> None:
        with db.sibling() as own:
            start.wait(10)
            try:
                own.retrying(lambda: sync_platform_packages(own, nid, PlatformPackages(many(150), (), {}), now=NOW))
            except BaseException as error:
                errors.append(error)

    runners = [threading.Thread(target=verify, args=(nid,)) for nid in (PLATFORM, OTHER_PLATFORM)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert errors == []
    assert db.value("SELECT COUNT(*) FROM {hosting_package} WHERE short_name LIKE 'mod%%'") == 150
    assert len(names(db, PLATFORM)) == len(names(db, OTHER_PLATFORM)) == 150
    assert db.value("SELECT COUNT(*) FROM {node_revision} WHERE nid = 0") == 0
