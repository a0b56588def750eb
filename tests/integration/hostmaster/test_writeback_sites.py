"""What each task changes about its site: its state, names, backups, certificates, and what an import takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from small_front_end import ADMIN, CLIENT, DB_SERVER, MASTER, MINIMAL, PLATFORM, SITE, STANDARD, Builder
from task_results import NOW, OBJECT_TABLES, VERIFIED, column, fail, queued, saved, site_row, snapshot, succeed

from provision_py.errors import HostmasterError
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.outcome import ImportedSite, Outcome
from provision_py.hostmaster.site_import import machine_name
from provision_py.php.serialization import unserialize


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
        assert bytes(db.value("SELECT data FROM {cache}")).endswith(b'"http://one.example.test/1";}')
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
        self, db: Database, change: dict[str, Any]
    ) -> None:
        before = snapshot(db, *OBJECT_TABLES, "hosting_client")
        with pytest.raises(HostmasterError) as caught:
            self.run(db, replace(ALIAS_FILE, **change))
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
