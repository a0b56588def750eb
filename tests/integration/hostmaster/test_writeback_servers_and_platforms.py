"""What each task changes about its server or platform."""

from __future__ import annotations

import pytest
from small_front_end import ADMIN, CLIENT, DB_SERVER, MASTER, MINIMAL, PLATFORM, Builder
from task_results import NOW, OBJECT_TABLES, PACKAGES, column, fail, queued, saved, site_row, snapshot, succeed

from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.outcome import Outcome


class TestServers:
    def test_a_verify_marks_the_server_and_queues_its_platforms_once(self, db: Database, build: Builder) -> None:
        build.platform(30, "Gone", "platform_Gone", "/srv/gone", MASTER)
        db.execute("UPDATE {hosting_platform} SET status = -2 WHERE nid = 30")
        # a former revision of a platform
        db.insert(
            "INSERT INTO {hosting_platform} (vid, nid, publish_path, makefile, web_server, status)"
            " VALUES (99, %s, '', '', %s, 1)",
            (PLATFORM, MASTER),
        )
        assert succeed(db, "server", MASTER, "verify") == []
        assert db.row("SELECT verified, status FROM {hosting_server} WHERE nid = %s", (MASTER,)) == {
            "verified": NOW,
            "status": 1,
        }
        assert queued(db) == [(4, "verify"), (PLATFORM, "verify")]
        assert saved(db, MASTER) == (NOW, NOW, 1)

    def test_a_database_server_queues_nothing(self, db: Database) -> None:
        succeed(db, "server", DB_SERVER, "verify")
        assert queued(db) == []

    def test_a_failed_verify_changes_nothing(self, db: Database) -> None:
        before = snapshot(db, *OBJECT_TABLES)
        fail(db, "server", MASTER, "verify", "PROVISION_DB_CONNECT_FAIL")
        assert snapshot(db, *OBJECT_TABLES) == before

    def test_a_deleted_server_is_not_revived(self, db: Database) -> None:
        db.execute("UPDATE {hosting_server} SET status = -2 WHERE nid = %s", (MASTER,))
        succeed(db, "server", MASTER, "verify")
        assert db.value("SELECT status FROM {hosting_server} WHERE nid = %s", (MASTER,)) == -2

    def test_a_deletion_leaves_package_lists_of_profiles_alone(self, db: Database, build: Builder) -> None:
        build.instance(DB_SERVER, MINIMAL)  # the list of the profile whose instance has the server's number
        succeed(db, "server", DB_SERVER, "delete")
        assert db.value("SELECT status FROM {hosting_server} WHERE nid = %s", (DB_SERVER,)) == -2
        for table in ("hosting_service", "hosting_context"):
            assert db.value(f"SELECT COUNT(*) FROM {{{table}}} WHERE nid = %s", (DB_SERVER,)) == 0
        assert db.value("SELECT COUNT(*) FROM {url_alias} WHERE source = %s", (f"node/{DB_SERVER}",)) == 0
        assert db.value("SELECT COUNT(*) FROM {hosting_package_instance} WHERE rid = %s", (DB_SERVER,)) == 1
        assert db.value("SELECT COUNT(*) FROM {hosting_service}") == 1


class TestPlatforms:
    def platform(self, db: Database) -> dict[str, object]:
        row = db.row("SELECT * FROM {hosting_platform} WHERE nid = %s", (PLATFORM,))
        assert row is not None
        return row

    def test_a_verify_stores_state_and_packages(self, db: Database) -> None:
        db.execute("UPDATE {hosting_platform} SET status = 0 WHERE nid = %s", (PLATFORM,))
        assert succeed(db, "platform", PLATFORM, "verify", Outcome(platform_packages=PACKAGES)) == []
        assert (self.platform(db)["status"], self.platform(db)["verified"]) == (1, NOW)
        assert self.platform(db)["publish_path"] == " /srv/d7 "
        assert db.value("SELECT COUNT(*) FROM {hosting_package_instance}") == 4
        assert saved(db, PLATFORM) == (NOW, NOW, 1)
        assert queued(db) == []

    @pytest.mark.parametrize(("verified", "status"), [(0, -1), (5, 1)])
    def test_a_new_platform_is_locked_where_the_front_end_wants_that(
        self, db: Database, build: Builder, verified: int, status: int
    ) -> None:
        build.variable("hosting_lock_platforms_by_default", 1)
        db.execute("UPDATE {hosting_platform} SET verified = %s WHERE nid = %s", (verified, PLATFORM))
        succeed(db, "platform", PLATFORM, "verify", Outcome(platform_packages=PACKAGES))
        assert self.platform(db)["status"] == status

    @pytest.mark.parametrize("status", [-1, -2])
    def test_a_locked_or_deleted_platform_stays_so(self, db: Database, status: int) -> None:
        db.execute("UPDATE {hosting_platform} SET status = %s, verified = 5 WHERE nid = %s", (status, PLATFORM))
        succeed(db, "platform", PLATFORM, "verify", Outcome(platform_packages=PACKAGES))
        assert self.platform(db)["status"] == status

    def test_lock_and_unlock(self, db: Database) -> None:
        succeed(db, "platform", PLATFORM, "lock")
        assert self.platform(db)["status"] == -1
        succeed(db, "platform", PLATFORM, "unlock")
        assert (self.platform(db)["status"], self.platform(db)["verified"]) == (1, 0)

    def test_a_found_site_becomes_a_node_with_a_queued_import(self, db: Database) -> None:
        names = ("found.example.test", "one.example.test", "WWW.one.example.test", "Upper.example.test", "a;b")
        lines = succeed(db, "platform", PLATFORM, "verify", Outcome(platform_packages=PACKAGES, sites=names))
        nid = int(str(db.value("SELECT nid FROM {node} WHERE title = 'found.example.test'")))
        row = site_row(db, nid)
        assert row == {
            "vid": row["vid"],
            "nid": nid,
            "client": ADMIN,
            "db_server": 4,
            "db_name": "",
            "platform": PLATFORM,
            "profile": 0,
            "language": "en",
            "last_cron": 0,
            "cron_key": "",
            "verified": 0,
            "status": 0,
        }
        assert db.value("SELECT name FROM {hosting_context} WHERE nid = %s", (nid,)) == "found.example.test"
        assert queued(db) == [(nid, "import")]
        assert db.row("SELECT uid, language, status FROM {node} WHERE nid = %s", (nid,)) == {
            "uid": 0,
            "language": "",
            "status": 1,
        }
        assert column(db, "SELECT gid FROM {node_access} WHERE nid = %s", nid) == [ADMIN]
        assert db.value("SELECT COUNT(*) FROM {hosting_package_instance} WHERE rid = %s", (nid,)) == 2
        assert [kind for kind, _ in lines] == ["success", "notice", "notice"]
        assert "found.example.test" in lines[0][1]

    def test_found_sites_are_left_where_the_front_end_wants_that(self, db: Database, build: Builder) -> None:
        build.variable("hosting_platform_automatic_site_import", False)
        assert succeed(db, "platform", PLATFORM, "verify", Outcome(sites=("found.example.test",))) == []
        assert db.value("SELECT COUNT(*) FROM {node} WHERE title = 'found.example.test'") == 0

    def test_a_deletion_leaves_no_packages_and_no_new_readers(self, db: Database, build: Builder) -> None:
        build.client(20, "Two", "two")
        db.insert("INSERT INTO {hosting_platform_client_access} (pid, cid) VALUES (%s, %s)", (PLATFORM, CLIENT))
        succeed(db, "platform", PLATFORM, "verify", Outcome(platform_packages=PACKAGES))
        succeed(db, "platform", PLATFORM, "delete")
        assert self.platform(db)["status"] == -2
        assert column(db, "SELECT gid FROM {node_access} WHERE nid = %s ORDER BY gid", PLATFORM) == [ADMIN, CLIENT]
        for table in ("hosting_platform_client_access", "hosting_package_instance", "hosting_package_languages"):
            assert db.value(f"SELECT COUNT(*) FROM {{{table}}}") == 0
        assert db.value("SELECT COUNT(*) FROM {hosting_context} WHERE nid = %s", (PLATFORM,)) == 0
