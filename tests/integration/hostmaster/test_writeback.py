"""What each task changes about its object, in a small front end of our own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from small_front_end import ADMIN, BORN, CLIENT, DB_SERVER, MASTER, MINIMAL, PLATFORM, SITE, STANDARD, Builder

from provision_py.drupal.model import Package, PlatformPackages, SitePackages
from provision_py.errors import HostmasterError, TaskError
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.outcome import ImportedSite, Outcome
from provision_py.hostmaster.site_import import machine_name
from provision_py.hostmaster.tasks import TaskRecord, claim_task, create_task
from provision_py.hostmaster.writeback import apply_failure, apply_success
from provision_py.php.serialization import unserialize

NOW = BORN + 5000

PACKAGES = PlatformPackages(
    base=(
        Package("modules", "node", "Node", "/srv/d7/modules/node/node.module", "7.105"),
        Package("profiles", "minimal", "Minimal", "./profiles/minimal/minimal.info", "7.105", languages=("en",)),
    ),
    sites_all=(),
    profiles={"minimal": ()},
)
NODE_MODULE = replace(PACKAGES.base[0], status=1)


def claimed(db: Database, rid: int, task_type: str, **arguments: object) -> TaskRecord:
    nid = create_task(db, rid, task_type, arguments, now=NOW - 10)
    return claim_task(db, nid, now=NOW)


def succeed(
    db: Database, kind: str, rid: int, task_type: str, outcome: Outcome | None = None, **arguments: object
) -> list[tuple[str, str]]:
    return apply_success(db, claimed(db, rid, task_type, **arguments), kind, outcome or Outcome(), now=NOW)


def fail(db: Database, kind: str, rid: int, task_type: str, *codes: str) -> list[tuple[str, str]]:
    return apply_failure(db, claimed(db, rid, task_type), kind, codes, now=NOW)


def column(db: Database, sql: str, *arguments: object) -> list[object]:
    return [next(iter(row.values())) for row in db.rows(sql, arguments)]


def site_row(db: Database, nid: int = SITE) -> dict[str, object]:
    row = db.row("SELECT s.* FROM {hosting_site} s JOIN {node} n ON n.vid = s.vid WHERE n.nid = %s", (nid,))
    assert row is not None
    return row


def queued(db: Database) -> list[tuple[object, object]]:
    """Object and type of each queued task."""
    rows = db.rows(
        "SELECT t.rid, t.task_type FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid WHERE t.task_status = 0"
        " ORDER BY n.nid"
    )
    return [(row["rid"], row["task_type"]) for row in rows]


def saved(db: Database, nid: int) -> tuple[object, ...]:
    row = db.row(
        "SELECT n.changed, r.timestamp, r.uid FROM {node} n JOIN {node_revision} r ON r.vid = n.vid WHERE n.nid = %s",
        (nid,),
    )
    assert row is not None
    return tuple(row.values())


def snapshot(db: Database, *tables: str) -> dict[str, list[object]]:
    return {table: list(db.rows(f"SELECT * FROM {{{table}}}")) for table in tables}


OBJECT_TABLES = (
    *("hosting_site", "hosting_platform", "hosting_server", "hosting_service", "hosting_package", "hosting_context"),
    *("hosting_package_instance", "hosting_site_alias", "hosting_site_backups", "url_alias", "cache"),
)


class TestAnyTask:
    def test_an_unknown_type_is_an_error_and_changes_nothing(self, db: Database) -> None:
        task = claimed(db, SITE, "civicrm-upgrade")
        before = snapshot(db, *OBJECT_TABLES)
        with pytest.raises(TaskError, match="civicrm-upgrade"):
            apply_success(db, task, "site", Outcome(db_name="x"), now=NOW)
        assert apply_failure(db, task, "site", ["ANY"], now=NOW) == []
        assert snapshot(db, *OBJECT_TABLES) == before

    def test_a_task_of_another_kind_of_object_is_an_error(self, db: Database) -> None:
        with pytest.raises(TaskError, match="about a site, not a platform"):
            apply_success(db, claimed(db, SITE, "verify"), "platform", Outcome(), now=NOW)

    def test_an_object_that_is_gone_is_an_error(self, db: Database) -> None:
        task = claimed(db, SITE, "verify")
        db.execute("DELETE FROM {node} WHERE nid = %s", (SITE,))
        with pytest.raises(HostmasterError, match=f"Node {SITE}"):
            apply_success(db, task, "site", Outcome(), now=NOW)

    def test_nothing_is_stored_when_the_database_fails_in_the_middle(self, db: Database) -> None:
        task = claimed(db, PLATFORM, "verify")
        before = snapshot(db, *OBJECT_TABLES, "node", "node_revision", "node_access")
        outcome = Outcome(platform_packages=PACKAGES, sites=("found.example.test",))
        with refusing(db, "hosting_site"), pytest.raises(HostmasterError, match="no more sites"):
            apply_success(db, task, "platform", outcome, now=NOW)
        assert snapshot(db, *OBJECT_TABLES, "node", "node_revision", "node_access") == before

    def test_an_open_transaction_of_the_caller_is_used(self, db: Database) -> None:
        task = claimed(db, SITE, "disable")
        with pytest.raises(ZeroDivisionError), db.transaction():
            apply_success(db, task, "site", Outcome(), now=NOW)
            raise ZeroDivisionError
        assert site_row(db)["status"] == 1


@contextmanager
def refusing(db: Database, table: str) -> Iterator[None]:
    """A table that takes no new rows."""
    db.execute(
        f"CREATE TRIGGER {{no_more}} BEFORE INSERT ON {{{table}}} FOR EACH ROW"
        " SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no more sites'"
    )
    try:
        yield
    finally:
        db.execute("DROP TRIGGER {no_more}")


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


VERIFIED = Outcome(site_packages=SitePackages((NODE_MODULE,)), db_name="oneexampletest", cron_key="k-_1")


class TestSites:
    def test_a_verify_writes_what_it_found_and_nothing_else(self, db: Database) -> None:
        # written beside the run, by cron and by a form
        db.execute("UPDATE {hosting_site} SET last_cron = 77, language = 'de', status = -1")
        before = site_row(db)
        assert succeed(db, "site", SITE, "verify", VERIFIED) == []
        assert site_row(db) == {**before, "verified": NOW, "db_name": "oneexampletest", "cron_key": "k-_1"}
        assert saved(db, SITE) == (NOW, NOW, 1)
        assert column(db, "SELECT status FROM {hosting_package_instance} WHERE rid = %s", SITE) == [1]
        assert column(db, "SELECT alias FROM {hosting_site_alias}") == ["www.one.example.test"]
        assert queued(db) == []

    def test_what_a_verify_did_not_learn_is_kept(self, db: Database) -> None:
        succeed(db, "site", SITE, "verify", VERIFIED)
        succeed(db, "site", SITE, "verify", Outcome(cron_key=""))
        assert (site_row(db)["db_name"], site_row(db)["cron_key"]) == ("oneexampletest", "k-_1")
        assert db.value("SELECT COUNT(*) FROM {hosting_package_instance} WHERE rid = %s", (SITE,)) == 1

    def test_an_install_enables_the_site_and_offers_its_login_link(self, db: Database) -> None:
        db.execute("UPDATE {hosting_site} SET status = 0 WHERE nid = %s", (SITE,))
        link = "http://one.example.test/user/reset/1/2/é"
        lines = succeed(db, "site", SITE, "install", replace(VERIFIED, login_link=link))
        assert [kind for kind, text in lines if link in text] == ["notice"]
        assert (site_row(db)["status"], site_row(db)["verified"]) == (1, NOW)
        row = db.row("SELECT * FROM {cache} WHERE cid = %s", (f"hosting:site:{SITE}:login_link",))
        assert row is not None
        assert unserialize(row["data"]) == {"expire": NOW + 86400, "link": link}
        assert (row["expire"], row["created"], row["serialized"]) == (NOW + 86400, NOW, 1)

    def test_a_login_reset_replaces_the_link(self, db: Database) -> None:
        for number in range(2):
            succeed(db, "site", SITE, "login-reset", Outcome(login_link=f"http://one.example.test/{number}"))
        assert column(db, "SELECT data FROM {cache}")[0].endswith(b'"http://one.example.test/1";}')  # type: ignore[attr-defined]
        assert site_row(db)["verified"] == 0

    def test_a_failed_install_disables_the_site(self, db: Database) -> None:
        assert fail(db, "site", SITE, "install", "PROVISION_DB_CONNECT_FAIL") == []
        assert (site_row(db)["status"], site_row(db)["verified"], queued(db)) == (-1, 0, [])

    def test_a_site_that_is_there_already_is_imported(self, db: Database) -> None:
        db.execute("UPDATE {hosting_site} SET status = 0 WHERE nid = %s", (SITE,))
        fail(db, "site", SITE, "install", "OTHER", "PROVISION_DRUPAL_SITE_INSTALLED")
        assert (site_row(db)["status"], queued(db)) == (0, [(SITE, "import")])

    @pytest.mark.parametrize(("before", "after"), [(1, 1), (0, -1)])
    def test_installing_a_running_site_again_does_not_switch_it_off(
        self, db: Database, before: int, after: int
    ) -> None:
        db.execute("UPDATE {hosting_site} SET status = %s WHERE nid = %s", (before, SITE))
        fail(db, "site", SITE, "install", "PROVISION_SITE_INSTALLED")
        assert site_row(db)["status"] == after

    def test_a_failed_verify_takes_the_mark_away(self, db: Database) -> None:
        succeed(db, "site", SITE, "verify", VERIFIED)
        fail(db, "site", SITE, "verify", "ANY")
        assert site_row(db)["verified"] == 0
        assert (site_row(db)["db_name"], site_row(db)["status"]) == ("oneexampletest", 1)

    def test_a_failed_import_does_so_too_and_disables(self, db: Database) -> None:
        fail(db, "site", SITE, "import", "ANY")
        assert site_row(db)["status"] == -1

    @pytest.mark.parametrize("task_type", ["backup", "restore", "enable", "disable", "delete", "login-reset"])
    def test_other_failures_change_nothing(self, db: Database, task_type: str) -> None:
        before = snapshot(db, *OBJECT_TABLES)
        fail(db, "site", SITE, task_type, "ANY")
        assert snapshot(db, *OBJECT_TABLES) == before

    def test_disable_and_enable(self, db: Database) -> None:
        succeed(db, "site", SITE, "disable")
        assert (site_row(db)["status"], column(db, "SELECT bid FROM {hosting_site_backups}")) == (-1, [])
        succeed(db, "site", SITE, "enable")
        assert site_row(db)["status"] == 1

    def test_backups_are_noted(self, db: Database) -> None:
        made = Outcome(backup_file="/var/aegir/backups/one.tar.gz", backup_size=5_000_000_000)
        succeed(db, "site", SITE, "backup", made, description="Before 'it'")
        succeed(db, "site", SITE, "backup", made, description="")
        succeed(db, "site", SITE, "disable", made)
        rows = db.rows("SELECT * FROM {hosting_site_backups} ORDER BY bid")
        assert [row["description"] for row in rows] == ["Before 'it'", "Generated on request", "Pre-disable backup"]
        assert {**rows[0], "bid": 0} == {
            "bid": 0,
            "site": SITE,
            "web_server": MASTER,
            "description": "Before 'it'",
            "timestamp": NOW,
            "filename": "/var/aegir/backups/one.tar.gz",
            "size": 5_000_000_000,
        }

    def test_only_chosen_backups_of_the_site_itself_are_forgotten(self, db: Database) -> None:
        for bid, site in ((1, SITE), (2, SITE), (3, 5)):
            db.insert("INSERT INTO {hosting_site_backups} (bid, site, web_server) VALUES (%s, %s, 2)", (bid, site))
        arguments = {"1": "/b/1.tar.gz", "2": "0", "3": "/b/3.tar.gz", "force": "1", "": "x"}
        succeed(db, "site", SITE, "backup-delete", **arguments)
        assert column(db, "SELECT bid FROM {hosting_site_backups} ORDER BY bid") == [2, 3]

    def test_a_restore_stores_the_name_of_the_new_database(self, db: Database) -> None:
        succeed(db, "site", SITE, "verify", VERIFIED)
        succeed(db, "site", SITE, "restore", Outcome(backup_file="/b/1.tar.gz", backup_size=9, db_name="one_0"))
        assert (site_row(db)["db_name"], site_row(db)["verified"]) == ("one_0", NOW)
        assert db.value("SELECT COUNT(*) FROM {hosting_site_backups}") == 1

    def test_a_deletion_keeps_the_node_and_its_history(self, db: Database) -> None:
        succeed(db, "site", SITE, "verify", VERIFIED)
        succeed(db, "site", SITE, "delete", Outcome(backup_file="/b/last.tar.gz", backup_size=9))
        assert (site_row(db)["status"], site_row(db)["verified"]) == (-2, NOW)
        assert column(db, "SELECT description FROM {hosting_site_backups}") == ["Pre-delete backup"]
        assert column(db, "SELECT alias FROM {hosting_site_alias}") == ["www.one.example.test"]
        for table, where in (("hosting_context", "nid"), ("hosting_package_instance", "rid")):
            assert db.value(f"SELECT COUNT(*) FROM {{{table}}} WHERE {where} = %s", (SITE,)) == 0
        assert db.value("SELECT COUNT(*) FROM {url_alias} WHERE source = %s", (f"node/{SITE}",)) == 0

    def test_tables_of_modules_that_are_off_are_not_touched(self, db: Database) -> None:
        db.execute("UPDATE {system} SET status = 0 WHERE name = 'hosting_alias'")
        db.execute("UPDATE {hosting_site_alias} SET alias = ''")
        succeed(db, "site", SITE, "verify", VERIFIED)
        assert column(db, "SELECT alias FROM {hosting_site_alias}") == [""]
        assert column(db, "SELECT vid FROM {hosting_ssl_site}") == []

    def test_automatic_names_follow_the_settings(self, db: Database, build: Builder) -> None:
        build.variable("hosting_alias_subdomain", "hosted.test")
        succeed(db, "site", SITE, "verify", VERIFIED)
        assert db.rows("SELECT alias, automatic FROM {hosting_site_alias} ORDER BY alias") == [
            {"alias": "one-example-test.hosted.test", "automatic": 1},
            {"alias": "www.one.example.test", "automatic": 0},
        ]


class TestEncryption:
    @pytest.fixture(autouse=True)
    def ssl(self, db: Database, build: Builder) -> None:
        build.module("hosting_ssl")

    def certificate(self, db: Database, *sites: int) -> None:
        db.insert("INSERT INTO {hosting_ssl_cert} (cid, ssl_key, client) VALUES (3, 'one', %s)", (CLIENT,))
        db.insert("INSERT INTO {hosting_ssl_cert_ips} (cid, ip_address) VALUES (3, 1)")
        for nid in sites:
            db.insert(
                "INSERT INTO {hosting_ssl_site} (vid, nid, ssl_enabled, ssl_key) VALUES (%s, %s, 1, 3)",
                (100 + nid, nid),
            )

    def test_a_save_makes_the_row_of_a_site_that_has_none(self, db: Database) -> None:
        succeed(db, "site", SITE, "verify", VERIFIED)
        assert db.rows("SELECT * FROM {hosting_ssl_site}") == [
            {"vid": 100 + SITE, "nid": SITE, "ssl_enabled": 0, "ssl_key": 0}
        ]

    def test_a_verify_leaves_the_certificate_alone(self, db: Database) -> None:
        self.certificate(db, SITE)
        before = snapshot(db, "hosting_ssl_site", "hosting_ssl_cert", "hosting_ssl_cert_ips")
        succeed(db, "site", SITE, "verify", VERIFIED)
        assert snapshot(db, "hosting_ssl_site", "hosting_ssl_cert", "hosting_ssl_cert_ips") == before

    @pytest.mark.parametrize(("sites", "left"), [((SITE,), 0), ((SITE, 5), 1)])
    def test_a_certificate_goes_with_its_last_site(self, db: Database, sites: tuple[int, ...], left: int) -> None:
        self.certificate(db, *sites)
        succeed(db, "site", SITE, "delete")
        for table in ("hosting_ssl_cert", "hosting_ssl_cert_ips"):
            assert db.value(f"SELECT COUNT(*) FROM {{{table}}}") == left


ALIAS_FILE = ImportedSite(
    db_server="server_dbexampletest",
    platform="@platform_Drupal7",
    profile="minimal",
    client_name="New Client-Ltd. 2024",
    language="fr",
    cron_key="from-alias",
    aliases=("two.example.test", "www.one.example.test"),
    redirection="two.example.test",
)


class TestImports:
    def run(self, db: Database, alias_file: ImportedSite = ALIAS_FILE) -> None:
        succeed(db, "site", SITE, "import", replace(VERIFIED, imported=alias_file))

    def test_the_alias_file_is_taken_over(self, db: Database) -> None:
        db.execute("UPDATE {hosting_site} SET status = 0, profile = 0 WHERE nid = %s", (SITE,))
        self.run(db)
        client = int(str(db.value("SELECT nid FROM {hosting_client} WHERE uname = 'newclientltd2024'")))
        row = site_row(db)
        assert row == {
            "vid": 100 + SITE,
            "nid": SITE,
            "client": client,
            "db_server": DB_SERVER,
            "db_name": "oneexampletest",
            "platform": PLATFORM,
            "profile": MINIMAL,
            "language": "fr",
            "last_cron": None,
            "cron_key": "from-alias",
            "verified": 0,
            "status": 0,
        }
        assert db.rows("SELECT alias, redirection FROM {hosting_site_alias} ORDER BY alias") == [
            {"alias": "two.example.test", "redirection": "two.example.test"},
            {"alias": "www.one.example.test", "redirection": "two.example.test"},
        ]
        assert queued(db) == [(SITE, "verify")]
        assert column(db, "SELECT gid FROM {node_access} WHERE nid = %s ORDER BY gid", SITE) == [ADMIN, client]
        assert db.value("SELECT title FROM {node} WHERE nid = %s", (client,)) == "New Client-Ltd. 2024"

    def test_a_second_site_of_a_client_finds_it(self, db: Database) -> None:
        self.run(db)
        self.run(db)
        assert db.value("SELECT COUNT(*) FROM {hosting_client}") == 3

    @pytest.mark.parametrize(("name", "client"), [(None, ADMIN), ("clientone", CLIENT), ("!!!", ADMIN)])
    def test_known_clients(self, db: Database, name: str | None, client: int) -> None:
        self.run(db, replace(ALIAS_FILE, client_name=name))
        assert site_row(db)["client"] == client

    def test_the_default_profile_of_old_is_standard(self, db: Database, build: Builder) -> None:
        build.instance(PLATFORM, STANDARD)
        self.run(db, replace(ALIAS_FILE, profile="default"))
        assert site_row(db)["profile"] == STANDARD

    @pytest.mark.parametrize(
        "change",
        [
            {"profile": "commerce"},
            {"platform": "platform_x"},
            {"db_server": "server_x"},
            {"platform": "server_master"},
        ],
    )
    def test_what_the_front_end_does_not_know_is_an_error_and_changes_nothing(
        self, db: Database, change: dict[str, str]
    ) -> None:
        before = snapshot(db, *OBJECT_TABLES, "hosting_client")
        with pytest.raises(HostmasterError) as caught:
            self.run(db, replace(ALIAS_FILE, **change))  # type: ignore[arg-type]
        assert caught.value.code == "HOSTING_SITE_IMPORT_ERROR"
        assert snapshot(db, *OBJECT_TABLES, "hosting_client") == before

    @pytest.mark.parametrize(
        ("name", "prefix", "uname"),
        [
            ("Bücher & Söhne", "", "bchershne"),
            ("a-very-long-name-of-a-client", "", "averylongnameofa"),
            ("One", "c_", "c_one"),
            ("c_One", "c_", "c_one"),
            ("日本", "c_", ""),
        ],
    )
    def test_machine_names(self, name: str, prefix: str, uname: str) -> None:
        assert machine_name(name, prefix) == uname


def test_tasks_on_sites_of_one_platform_do_not_stand_in_each_others_way(db: Database, build: Builder) -> None:
    sites = range(60, 66)
    for nid in sites:
        build.site(nid, f"s{nid}.example.test", f"s{nid}.example.test", client=CLIENT, platform=PLATFORM, profile=9)
    modules = tuple(replace(NODE_MODULE, short_name=f"m{number}") for number in range(40))
    tasks = {nid: claimed(db, nid, "verify") for nid in sites}
    errors: list[BaseException] = []

    def verify(nid: int) -> None:
        try:
            with db.sibling() as own:
                outcome = Outcome(site_packages=SitePackages(modules), db_name=f"s{nid}")
                apply_success(own, tasks[nid], "site", outcome, now=NOW)
        except BaseException as error:
            errors.append(error)

    runners = [threading.Thread(target=verify, args=(nid,)) for nid in sites]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    assert errors == []
    assert column(db, "SELECT db_name FROM {hosting_site} WHERE nid >= 60 ORDER BY nid") == [
        f"s{nid}" for nid in sites
    ]
    assert (
        db.value("SELECT COUNT(*) FROM {hosting_package} WHERE short_name LIKE 'm%%' AND short_name <> 'minimal'")
        == 40
    )
