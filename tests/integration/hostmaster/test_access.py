"""Rows of node_access by type of node."""

from __future__ import annotations

import pytest
from small_front_end import ADMIN, CLIENT, DB_SERVER, HM_SITE, MASTER, MINIMAL, PLATFORM, SITE, Builder

from provision_py.hostmaster.access import rewrite_access
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.tasks import create_task

Rows = set[tuple[str, int, int, int, int]]


def access(db: Database, nid: int) -> Rows:
    """(realm, gid, view, update, delete) after a rewrite."""
    with db.transaction():
        rewrite_access(db, nid)
    return stored(db, nid)


def stored(db: Database, nid: int) -> Rows:
    rows = db.rows("SELECT * FROM {node_access} WHERE nid = %s", (nid,))
    return {(r["realm"], r["gid"], r["grant_view"], r["grant_update"], r["grant_delete"]) for r in rows}


def test_site_is_its_clients_and_the_admins(db: Database) -> None:
    assert access(db, SITE) == {("hosting site", CLIENT, 1, 1, 0), ("hosting site", ADMIN, 1, 1, 0)}
    assert access(db, HM_SITE) == {("hosting site", ADMIN, 1, 1, 0)}


def test_client_is_its_own_and_the_admins(db: Database) -> None:
    assert access(db, CLIENT) == {("hosting client", CLIENT, 1, 1, 0), ("hosting client", ADMIN, 1, 1, 0)}


def test_packages_are_everybodys(db: Database) -> None:
    assert access(db, MINIMAL) == {("all", 0, 1, 0, 0)}


def test_unpublished_package_is_nobodys(db: Database) -> None:
    db.execute("UPDATE {node} SET status = 0 WHERE nid = %s", (MINIMAL,))
    assert access(db, MINIMAL) == set()


def test_open_platform_is_shown_to_all_clients(db: Database, build: Builder) -> None:
    build.client(50, "Client Two", "clienttwo")
    assert access(db, PLATFORM) == {
        ("hosting platform", CLIENT, 1, 0, 0),
        ("hosting platform", 50, 1, 0, 0),
        ("hosting platform", ADMIN, 1, 1, 0),
    }


def test_restricted_platform_is_shown_to_its_clients(db: Database, build: Builder) -> None:
    build.client(50, "Client Two", "clienttwo")
    for client in (50, ADMIN):
        db.insert("INSERT INTO {hosting_platform_client_access} (pid, cid) VALUES (%s, %s)", (PLATFORM, client))
    assert access(db, PLATFORM) == {("hosting platform", 50, 1, 0, 0), ("hosting platform", ADMIN, 1, 1, 0)}


def test_open_platform_of_the_fork_is_the_admins(db: Database) -> None:
    db.execute("CREATE TABLE {hosting_cron} (nid INT UNSIGNED PRIMARY KEY, cron_interval INT UNSIGNED)")
    assert access(db, PLATFORM) == {("hosting platform", ADMIN, 1, 1, 0)}


def test_server_is_shown_to_clients_of_its_platforms(db: Database) -> None:
    assert access(db, MASTER) == {("hosting server", CLIENT, 1, 0, 0), ("hosting server", ADMIN, 1, 1, 0)}


def test_server_is_shown_to_clients_of_its_databases_even_when_it_has_platforms(db: Database, build: Builder) -> None:
    build.client(50, "Client Two", "clienttwo")
    for platform in (PLATFORM, 4):
        db.insert("INSERT INTO {hosting_platform_client_access} (pid, cid) VALUES (%s, %s)", (platform, ADMIN))
    assert access(db, MASTER) == {("hosting server", ADMIN, 1, 1, 0)}
    build.site(51, "two.example.test", "two.example.test", client=50, platform=PLATFORM, profile=MINIMAL)
    assert ("hosting server", 50, 1, 0, 0) in access(db, DB_SERVER)
    db.execute("UPDATE {hosting_site} SET db_server = %s WHERE nid = 51", (MASTER,))
    assert access(db, MASTER) == {("hosting server", 50, 1, 0, 0), ("hosting server", ADMIN, 1, 1, 0)}


def test_deleted_and_unpublished_platforms_show_no_server(db: Database) -> None:
    db.execute("UPDATE {hosting_platform} SET status = -2 WHERE nid = %s", (PLATFORM,))
    db.execute("UPDATE {node} SET status = 0 WHERE nid = 4")
    assert access(db, MASTER) == {("hosting server", ADMIN, 1, 1, 0)}


@pytest.mark.parametrize("rid", [SITE, PLATFORM, MASTER])
def test_task_is_shown_to_those_who_see_its_object_and_edited_by_nobody(db: Database, rid: int) -> None:
    nid = create_task(db, rid, "verify", now=1)
    assert stored(db, nid) == {("hosting task", CLIENT, 1, 0, 0), ("hosting task", ADMIN, 1, 0, 0)}


def test_task_whose_object_is_gone_has_the_default_row(db: Database) -> None:
    nid = create_task(db, SITE, "verify", now=1)
    db.execute("DELETE FROM {node} WHERE nid = %s", (SITE,))
    assert access(db, nid) == {("all", 0, 1, 0, 0)}


def test_another_admin_client_may_be_configured(db: Database, build: Builder) -> None:
    build.client(50, "Client Two", "clienttwo")
    db.execute("UPDATE {variable} SET value = %s WHERE name = 'hosting_admin_client'", (b's:2:"50";',))
    assert access(db, SITE) == {("hosting site", CLIENT, 1, 1, 0), ("hosting site", 50, 1, 1, 0)}


def test_without_the_client_module_drupals_default_row_is_written(db: Database) -> None:
    db.execute("UPDATE {system} SET status = 0 WHERE name = 'hosting_client'")
    assert access(db, SITE) == {("all", 0, 1, 0, 0)}
    assert access(db, SITE) == {("all", 0, 1, 0, 0)}
