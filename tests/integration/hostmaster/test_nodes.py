"""Nodes, revisions and contexts."""

from __future__ import annotations

import pytest
from small_front_end import BORN, CLIENT, DB_SERVER, MASTER, PLATFORM, SITE, Builder

from provision_py.errors import HostmasterError
from provision_py.hostmaster import nodes
from provision_py.hostmaster.connection import Database, DuplicateError
from provision_py.hostmaster.variables import get_variable, nid_variable, set_variable

NOW = BORN + 500


def test_typed_records(db: Database) -> None:
    site = nodes.load_site(db, SITE)
    assert (site.node.title, site.client, site.platform, site.status) == ("one.example.test", CLIENT, PLATFORM, 1)
    assert (site.last_cron, site.cron_key) == (0, "")
    platform = nodes.load_platform(db, PLATFORM)
    assert (platform.publish_path, platform.web_server, platform.make_working_copy) == (" /srv/d7 ", MASTER, False)
    server = nodes.load_server(db, DB_SERVER)
    assert server.services["db"].type == "mysql"
    assert server.services["db"].port == 3306


def test_services_that_are_not_available_do_not_count(db: Database) -> None:
    db.execute("UPDATE {hosting_service} SET available = 0 WHERE nid = %s", (MASTER,))
    assert nodes.load_server(db, MASTER).services == {}


@pytest.mark.parametrize("nid", [CLIENT, 4711])
def test_what_is_not_there_has_a_clear_error(db: Database, nid: int) -> None:
    with pytest.raises(HostmasterError, match=rf"site with node id {nid}|Node {nid}") as caught:
        nodes.load_site(db, nid)
    assert caught.value.code == "PROVISION_HOSTMASTER_NO_NODE"


def test_only_the_current_revision_counts(db: Database) -> None:
    with db.transaction():
        vid = nodes.new_revision(db, nodes.load_node(db, SITE), NOW)
        db.insert(
            "INSERT INTO {hosting_site} (vid, nid, client, platform, db_name) VALUES (%s, %s, %s, %s, 'new')",
            (vid, SITE, CLIENT, PLATFORM),
        )
    assert nodes.load_site(db, SITE).db_name == "new"


def test_inserted_node_has_the_columns_of_node_save(db: Database) -> None:
    with db.transaction():
        nid, vid = nodes.insert_node(db, "site", "new.example.test", 7, now=NOW, acting_uid=1, promote=1)
    row = db.row("SELECT * FROM {node} WHERE nid = %s", (nid,))
    assert row == {
        "nid": nid,
        "vid": vid,
        "type": "site",
        "language": "und",
        "title": "new.example.test",
        "uid": 7,
        "status": 1,
        "created": NOW,
        "changed": NOW,
        "comment": 0,
        "promote": 1,
        "sticky": 0,
        "tnid": 0,
        "translate": 0,
    }
    assert db.row("SELECT * FROM {node_revision} WHERE vid = %s", (vid,)) == {
        "nid": nid,
        "vid": vid,
        "uid": 1,
        "title": "new.example.test",
        "log": "",
        "timestamp": NOW,
        "status": 1,
        "comment": 0,
        "promote": 1,
        "sticky": 0,
    }


def test_new_revision_copies_and_becomes_current(db: Database) -> None:
    before = nodes.load_node(db, SITE)
    with db.transaction():
        vid = nodes.new_revision(db, before, NOW)
    after = nodes.load_node(db, SITE)
    assert (after.vid, after.changed, after.created, after.promote) == (vid, NOW, BORN, 1)
    assert db.value("SELECT promote FROM {node_revision} WHERE vid = %s", (vid,)) == 1
    assert db.value("SELECT COUNT(*) FROM {node_revision} WHERE nid = %s", (SITE,)) == 2


def test_new_revision_of_a_stale_node_is_refused(db: Database) -> None:
    stale = nodes.load_node(db, SITE)
    with db.transaction():
        nodes.new_revision(db, stale, NOW)
    with pytest.raises(HostmasterError, match="another revision"), db.transaction():
        nodes.new_revision(db, stale, NOW)
    assert db.value("SELECT COUNT(*) FROM {node_revision} WHERE nid = %s", (SITE,)) == 2


def test_touch_changes_times_and_the_user_of_the_revision_only(db: Database) -> None:
    with db.transaction():
        nodes.touch_node(db, SITE, NOW, acting_uid=7)
    node = nodes.load_node(db, SITE)
    assert (node.changed, node.uid, node.title) == (NOW, 1, "one.example.test")
    revision = db.row("SELECT uid, timestamp, title FROM {node_revision} WHERE vid = %s", (node.vid,))
    assert revision == {"uid": 7, "timestamp": NOW, "title": "one.example.test"}


def test_touch_with_a_title_renames(db: Database) -> None:
    with db.transaction():
        nodes.touch_node(db, SITE, NOW, title="two.example.test")
    node = nodes.load_node(db, SITE)
    assert node.title == "two.example.test"
    assert db.value("SELECT title FROM {node_revision} WHERE vid = %s", (node.vid,)) == "two.example.test"


def aliases(db: Database, nid: int) -> list[str]:
    rows = db.rows("SELECT alias FROM {url_alias} WHERE source = %s ORDER BY pid", (f"node/{nid}",))
    return [str(row["alias"]) for row in rows]


def test_context_names_both_ways(db: Database) -> None:
    assert nodes.context_name(db, MASTER) == "server_master"
    assert nodes.context_name(db, CLIENT) is None
    assert nodes.nid_of_context(db, "@server_master") == MASTER
    assert nodes.nid_of_context(db, "nobody") is None


def test_context_gets_a_new_name_and_keeps_its_former_path(db: Database) -> None:
    nodes.register_context(db, SITE, "two.example.test")
    assert nodes.context_name(db, SITE) == "two.example.test"
    assert aliases(db, SITE) == ["hosting/c/one.example.test", "hosting/c/two.example.test"]
    nodes.register_context(db, SITE, "two.example.test")
    assert len(aliases(db, SITE)) == 2


def test_context_name_of_another_object_is_refused(db: Database) -> None:
    with pytest.raises(DuplicateError):
        nodes.register_context(db, SITE, "server_master")


def test_forgotten_context_takes_its_paths_along(db: Database) -> None:
    nodes.register_context(db, SITE, "two.example.test")
    nodes.delete_context(db, SITE)
    assert nodes.context_name(db, SITE) is None
    assert aliases(db, SITE) == []


def test_first_path_of_a_node_is_put_on_the_list_of_looked_up_paths(db: Database) -> None:
    set_variable(db, "path_alias_whitelist", {"user": True})
    nodes.register_context(db, SITE, "two.example.test")
    assert get_variable(db, "path_alias_whitelist") == {"user": True, "node": True}


def test_variables_round_trip_and_drop_the_cached_copy(db: Database) -> None:
    for value in (True, False, 0, 17, 1.5, "", "text €", None, {0: "a", "k": {"n": None}}):
        db.insert("INSERT INTO {cache_bootstrap} (cid) VALUES ('variables')")
        set_variable(db, "test", value)
        assert get_variable(db, "test", "default") == value
        assert db.value("SELECT COUNT(*) FROM {cache_bootstrap}") == 0


def test_missing_and_damaged_variables(db: Database) -> None:
    assert get_variable(db, "test", 5) == 5
    db.insert("INSERT INTO {variable} (name, value) VALUES ('test', 'a:1:{')")
    with pytest.raises(HostmasterError, match=r"variable test .* damaged"):
        get_variable(db, "test")


def test_node_ids_in_variables_are_strings_or_numbers(db: Database, build: Builder) -> None:
    assert nid_variable(db, "aegir_hostmaster_site_nid") == 5
    build.variable("hosting_default_client", 12)
    assert nid_variable(db, "hosting_default_client") == 12
    assert nid_variable(db, "hosting_own_platform") == 6
    assert nid_variable(db, "no_such_nid") is None
