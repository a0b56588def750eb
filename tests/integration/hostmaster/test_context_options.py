"""What the backend is told of each object, and the command of each task."""

from __future__ import annotations

import pytest
from small_front_end import (
    BORN,
    CLIENT,
    DB_SERVER,
    HM_SITE,
    MASTER,
    MINIMAL,
    PLATFORM,
    SITE,
    STANDARD,
    Builder,
)

from provision_py.errors import HostmasterError, TaskError
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.context_options import CommandLine, command_line, context_options, task_options
from provision_py.hostmaster.tasks import create_task, load_task
from provision_py.php.values import PhpValue

URL = "http://aegir.example.test/"


def options(db: Database, nid: int) -> dict[str, PhpValue]:
    return context_options(db, nid)[1]


def command(db: Database, rid: int, task_type: str, **arguments: object) -> CommandLine:
    return command_line(db, load_task(db, create_task(db, rid, task_type, arguments, now=BORN)))


# Servers


def test_web_server(db: Database) -> None:
    name, found = context_options(db, MASTER)
    assert name == "server_master"
    assert found == {
        "context_type": "server",
        "master_url": URL,
        "root": None,
        "uri": None,
        "remote_host": "web.example.test",
        "ip_addresses": "null",
        "db_service_type": "NONE",
        "http_service_type": "apache",
        "http_restart_cmd": "sudo /usr/sbin/apache2ctl graceful",
        "http_port": "80",
    }


def test_addresses_in_the_order_of_their_ids(db: Database) -> None:
    for address in ("192.0.2.9", "192.0.2.1"):
        db.insert("INSERT INTO {hosting_ip_addresses} (nid, ip_address) VALUES (%s, %s)", (MASTER, address))
    assert options(db, MASTER)["ip_addresses"] == "192.0.2.9,192.0.2.1"


def test_database_server_has_its_credentials_encoded(db: Database) -> None:
    found = options(db, DB_SERVER)
    assert found["http_service_type"] == "NONE"
    assert found["db_service_type"] == "mysql"
    assert found["db_port"] == "3306"
    assert found["master_db"] == "mysql://root+user:p%40ss%3Aw%2Fo%7Erd@db.example.test"


@pytest.mark.parametrize("kind", ["apache_ssl", "nginx_ssl"])
def test_ssl_server_has_a_second_port(db: Database, build: Builder, kind: str) -> None:
    build.server(40, "ssl.example.test", "server_ssl", "http", kind)
    db.insert("INSERT INTO {hosting_ssl_server} (vid, nid, ssl_port) VALUES (140, 40, 8443)")
    found = options(db, 40)
    assert (found["http_service_type"], found["http_port"], found["http_ssl_port"]) == (kind, "80", "8443")


def test_service_that_is_switched_off_is_none(db: Database) -> None:
    db.execute("UPDATE {hosting_service} SET available = 0 WHERE nid = %s", (MASTER,))
    assert options(db, MASTER)["http_service_type"] == "NONE"
    assert "http_port" not in options(db, MASTER)


def test_service_of_an_extension_is_passed_on(db: Database, build: Builder) -> None:
    build.server(40, "x.example.test", "server_x", "solr", "jetty", 8983)
    found = options(db, 40)
    assert (found["solr_service_type"], found["solr_port"]) == ("jetty", "8983")
    assert (found["db_service_type"], found["http_service_type"]) == ("NONE", "NONE")


@pytest.fixture
def group(db: Database, build: Builder) -> int:
    """A cluster and a pack over two web servers, one of which is gone."""
    build.server(41, "w1.example.test", "server_w1", "http", "apache")
    build.server(42, "w2.example.test", "server_w2", "http", "nginx")
    build.server(43, "gone.example.test", "server_gone", "http", "apache")
    db.execute("DELETE FROM {hosting_service} WHERE nid = 43")
    build.server(44, "cluster", "server_cluster", "http", "cluster", 0)
    build.server(45, "pack", "server_pack", "http", "pack", 0)
    for member in (42, 41, 43):
        db.insert("INSERT INTO {hosting_web_cluster} (vid, nid, web_server_nid) VALUES (144, 44, %s)", (member,))
        kind = "master" if member == 41 else "slave"
        db.insert("INSERT INTO {hosting_web_pack} VALUES (145, 45, %s, %s)", (member, kind))
    return 44


def test_cluster_lists_its_living_members(db: Database, group: int) -> None:
    found = options(db, group)
    assert found["http_service_type"] == "cluster"
    assert found["cluster_web_servers"] == "@server_w1,@server_w2"
    assert "http_port" not in found
    assert "http_restart_cmd" not in found


def test_pack_lists_masters_and_slaves(db: Database, group: int) -> None:
    found = options(db, 45)
    assert (found["master_web_servers"], found["slave_web_servers"]) == ("@server_w1", "@server_w2")
    db.execute("DELETE FROM {hosting_web_pack} WHERE type = 'slave'")
    assert options(db, 45)["slave_web_servers"] == ""


def test_example_data_of_a_server(db: Database, build: Builder) -> None:
    db.execute("CREATE TABLE {hosting_server_data} (vid INT, nid INT, server_data VARCHAR(128))")
    assert "server_data" not in options(db, MASTER)
    build.module("hosting_server_data")
    assert options(db, MASTER)["server_data"] == "null"
    db.insert("INSERT INTO {hosting_server_data} VALUES (%s, %s, 'hello')", (100 + MASTER, MASTER))
    assert options(db, MASTER)["server_data"] == "hello"


# Platforms


def test_platform(db: Database) -> None:
    name, found = context_options(db, PLATFORM)
    assert name == "platform_Drupal7"
    assert found == {
        "context_type": "platform",
        "master_url": URL,
        "root": "/srv/d7",
        "uri": None,
        "server": "@server_master",
        "web_server": "@server_master",
        "make_working_copy": "null",
    }


def test_platform_with_a_makefile(db: Database) -> None:
    db.execute(
        "UPDATE {hosting_platform} SET makefile = '/srv/d7.make', make_working_copy = 1 WHERE nid = %s", (PLATFORM,)
    )
    found = options(db, PLATFORM)
    assert (found["makefile"], found["make_working_copy"]) == ("/srv/d7.make", "1")


def test_platform_on_a_server_that_is_gone(db: Database) -> None:
    db.execute("DELETE FROM {hosting_context} WHERE nid = %s", (MASTER,))
    with pytest.raises(HostmasterError, match="web server of platform Drupal 7") as caught:
        options(db, PLATFORM)
    assert caught.value.code == "PROVISION_MISSING_CONTEXT"


# Sites


def test_site(db: Database) -> None:
    name, found = context_options(db, SITE)
    assert name == "one.example.test"
    assert found == {
        "context_type": "site",
        "master_url": URL,
        "root": None,
        "uri": "one.example.test",
        "aliases": "www.one.example.test",
        "redirection": "null",
        "db_server": "@server_dbexampletest",
        "platform": "@platform_Drupal7",
        "language": "en",
        "profile": "minimal",
        "client_name": "clientone",
    }


def test_site_with_aliases_and_redirection(db: Database, build: Builder) -> None:
    db.execute("UPDATE {hosting_site_alias} SET redirection = 'a.example.test'")
    for alias in ("a.example.test", "a.example.test", ""):
        build.alias(SITE, alias, "a.example.test")
    found = options(db, SITE)
    assert (found["aliases"], found["redirection"]) == ("a.example.test,www.one.example.test", "a.example.test")
    db.execute("DELETE FROM {hosting_site_alias}")
    found = options(db, SITE)
    assert (found["aliases"], found["redirection"]) == ("null", "null")


def test_modules_that_are_off_say_nothing(db: Database) -> None:
    db.execute("UPDATE {system} SET status = 0 WHERE name = 'hosting_alias'")
    db.insert("INSERT INTO {hosting_ssl_site} VALUES (%s, %s, 1, 1)", (100 + SITE, SITE))
    assert not {"aliases", "redirection", "ssl_enabled", "ssl_key", "ip_addresses"} & set(options(db, SITE))


def test_ssl_of_a_site(db: Database, build: Builder) -> None:
    build.module("hosting_ssl")
    assert "ssl_enabled" not in options(db, SITE)
    db.insert("INSERT INTO {hosting_ssl_site} VALUES (%s, %s, 0, 0)", (100 + SITE, SITE))
    found = options(db, SITE)
    assert (found["ssl_enabled"], found["ssl_key"], found["ip_addresses"]) == ("null", "null", {})
    cid = db.insert("INSERT INTO {hosting_ssl_cert} (ssl_key, client) VALUES ('cert', %s)", (CLIENT,))
    ip = db.insert("INSERT INTO {hosting_ip_addresses} (nid, ip_address) VALUES (%s, '192.0.2.1')", (MASTER,))
    db.insert("INSERT INTO {hosting_ssl_cert_ips} VALUES (%s, %s)", (cid, ip))
    db.execute("UPDATE {hosting_ssl_site} SET ssl_enabled = 2, ssl_key = %s", (cid,))
    found = options(db, SITE)
    assert (found["ssl_enabled"], found["ssl_key"]) == ("2", "cert")
    assert found["ip_addresses"] == {"server_master": "192.0.2.1"}
    db.execute("DELETE FROM {hosting_ssl_cert}")
    assert options(db, SITE)["ssl_key"] is False


def test_site_in_a_subfolder(db: Database, build: Builder) -> None:
    db.execute("UPDATE {node} SET title = 'Example.test/Blog ' WHERE nid = %s", (SITE,))
    assert options(db, SITE)["uri"] == "example.test/blog"
    build.module("hosting_subdirs")
    assert options(db, SITE)["uri"] == "blog.example.test"


def test_site_without_profile_and_client(db: Database) -> None:
    db.execute("UPDATE {hosting_site} SET profile = 0, client = 0 WHERE nid = %s", (SITE,))
    found = options(db, SITE)
    assert found["profile"] is None
    assert found["client_name"] is None


def test_example_data_of_a_site(db: Database, build: Builder) -> None:
    db.execute("CREATE TABLE {hosting_site_data} (vid INT, nid INT, site_data VARCHAR(128))")
    build.module("hosting_site_data")
    assert options(db, SITE)["site_data"] == "null"


def test_front_end_without_its_own_site(db: Database) -> None:
    db.execute("DELETE FROM {variable} WHERE name = 'aegir_hostmaster_site_nid'")
    assert options(db, SITE)["master_url"] == URL
    db.execute("DELETE FROM {hosting_context} WHERE nid = %s", (HM_SITE,))
    assert options(db, SITE)["master_url"] is None


def test_clients_have_no_context(db: Database) -> None:
    with pytest.raises(HostmasterError):
        context_options(db, CLIENT)


# Commands


@pytest.mark.parametrize(
    ("rid", "task_type", "context", "saves"),
    [
        (SITE, "verify", "one.example.test", True),
        (SITE, "import", "one.example.test", False),
        (SITE, "delete", "one.example.test", False),
        (PLATFORM, "verify", "platform_Drupal7", True),
        (PLATFORM, "lock", "platform_Drupal7", False),
        (PLATFORM, "unlock", "platform_Drupal7", False),
        (PLATFORM, "delete", "platform_Drupal7", False),
        (MASTER, "verify", "server_master", True),
        (MASTER, "delete", "server_master", False),
    ],
)
def test_commands_without_options(db: Database, rid: int, task_type: str, context: str, saves: bool) -> None:
    line = command(db, rid, task_type)
    assert (line.context, line.command, line.saves_context) == (context, f"provision-{task_type}", saves)
    assert (line.arguments, line.options) == ((), {})
    assert line.forgets_context is (task_type == "delete")


@pytest.mark.parametrize("task_type", ["backup", "disable", "enable", "login-reset", "contrib-task"])
def test_site_commands_get_the_profile(db: Database, task_type: str) -> None:
    line = command(db, SITE, task_type, description="ignored")
    assert line == CommandLine("one.example.test", "site", f"provision-{task_type}", (), {"profile": "minimal"})


def test_install_gets_the_mail_address_of_the_tasks_owner(db: Database) -> None:
    nid = create_task(db, SITE, "install", now=BORN)
    db.execute("UPDATE {node} SET uid = 7 WHERE nid = %s", (nid,))
    line = command_line(db, load_task(db, nid))
    assert line.options == {"client_email": "owner@example.test", "profile": "minimal"}
    assert line.saves_context
    assert task_options(db, load_task(db, nid)) == line.options


def test_restore_names_the_file(db: Database) -> None:
    bid = db.insert("INSERT INTO {hosting_site_backups} (site, filename) VALUES (%s, '/backups/one.tar.gz')", (SITE,))
    assert command(db, SITE, "restore", bid=bid).arguments == ("/backups/one.tar.gz",)
    for wrong in ("99999", "", "1; DROP"):
        with pytest.raises(TaskError) as caught:
            command(db, SITE, "restore", bid=wrong)
        assert caught.value.code == "PROVISION_TASK_ARGUMENTS"


def test_backup_delete_names_the_chosen_files(db: Database) -> None:
    nid = create_task(db, SITE, "backup-delete", {"1": "/b/1.gz", "2": "0", "3": "/b/3.gz"}, now=BORN)
    assert command_line(db, load_task(db, nid)).arguments == ("/b/1.gz,/b/3.gz",)
    nothing = create_task(db, SITE, "backup-delete", {"1": "0"}, now=BORN)
    with pytest.raises(TaskError, match="No backup was chosen"):
        command_line(db, load_task(db, nothing))


def test_migrate_to_another_platform(db: Database, build: Builder) -> None:
    build.platform(30, "New", "platform_New", "/srv/new", MASTER)
    build.instance(30, MINIMAL)
    same = {"new_uri": " One.example.test ", "target_platform": 30, "new_db_server": DB_SERVER}
    line = command(db, SITE, "migrate", **same)
    assert (line.arguments, line.options) == (("@platform_New",), {"profile": "minimal"})
    build.server(31, "db2.example.test", "server_db2", "db", "mysql", 3306)
    line = command(db, SITE, "migrate", **{**same, "new_uri": "Two.example.test", "new_db_server": 31})
    assert line.arguments == ("@platform_New", "@two.example.test")
    assert line.options == {"profile": "minimal", "new_db_server": "@server_db2"}


def test_migrate_takes_the_profile_that_replaces_the_old_one(db: Database, build: Builder) -> None:
    build.package(32, "profile", "default")
    db.execute("UPDATE {hosting_site} SET profile = 32 WHERE nid = %s", (SITE,))
    build.platform(30, "New", "platform_New", "/srv/new", MASTER)
    with pytest.raises(TaskError) as caught:
        command(db, SITE, "migrate", new_uri="one.example.test", target_platform=30)
    assert caught.value.code == "HOSTING_NO_VALID_PROFILE"
    build.instance(30, STANDARD)
    line = command(db, SITE, "migrate", new_uri="one.example.test", target_platform=30)
    assert line.options == {"profile": "standard"}


def test_migrate_to_nowhere(db: Database) -> None:
    with pytest.raises(TaskError, match="target platform is missing"):
        command(db, SITE, "migrate", new_uri="one.example.test")
    with pytest.raises(HostmasterError, match="target platform 4711"):
        command(db, SITE, "migrate", new_uri="one.example.test", target_platform=4711)


def test_clone(db: Database) -> None:
    plain = {"new_uri": "Copy.example.test", "target_platform": PLATFORM, "new_db_server": DB_SERVER}
    line = command(db, SITE, "clone", **plain)
    assert line.arguments == ("@copy.example.test", "@platform_Drupal7")
    assert line.options == {"profile": "minimal"}
    line = command(db, SITE, "clone", **plain, aliases="a.test\nb.test", redirection="a.test")
    assert line.options == {"profile": "minimal", "aliases": "a.test,b.test", "redirection": "a.test"}
    db.execute("UPDATE {system} SET schema_version = 7303 WHERE name = 'hosting'")
    line = command(db, SITE, "clone", **plain)
    assert line.options == {"profile": "minimal", "aliases": "", "redirection": None}


def test_clone_without_a_name(db: Database) -> None:
    with pytest.raises(TaskError, match="name of the new site"):
        command(db, SITE, "clone", target_platform=PLATFORM)


def test_task_of_a_deleted_object_has_no_context(db: Database) -> None:
    db.execute("UPDATE {hosting_site} SET status = -2 WHERE nid = %s", (SITE,))
    db.execute("UPDATE {hosting_platform} SET status = -2 WHERE nid = %s", (PLATFORM,))
    assert command(db, SITE, "verify").context is None
    assert command(db, PLATFORM, "verify").context is None


def test_platforms_are_not_migrated_as_a_whole(db: Database) -> None:
    with pytest.raises(TaskError, match="one task per site"):
        command(db, PLATFORM, "migrate", target_platform=30)
