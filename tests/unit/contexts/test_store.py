from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError, HostError, PhpDataError, ProvisionError, ServiceError
from provision_py.php.values import PhpValue
from provision_py.services.catalog import Catalog

MASTER_FILE = """<?php 
$aliases['server_master'] = array (
  'context_type' => 'server',
  'server' => '@server_master',
  'remote_host' => 'aegir.example.test',
  'aegir_root' => '/var/aegir',
  'script_user' => 'aegir',
  'ip_addresses' => 
  array (
  ),
  'backup_path' => '/var/aegir/backups',
  'config_path' => '/var/aegir/config/server_master',
  'include_path' => '/var/aegir/config/includes',
  'clients_path' => '/var/aegir/clients',
  'master_url' => 'http://aegir.example.test/',
  'admin_email' => 'admin@aegir.example.test',
  'http_service_type' => 'apache',
  'http_port' => '80',
  'http_app_path' => '/var/aegir/config/server_master/apache',
  'web_disable_url' => 'http://aegir.example.test/off',
);
"""  # noqa: W291

SITE_KEYS = [
    "context_type",
    "platform",
    "server",
    "db_server",
    "uri",
    "root",
    "site_path",
    "site_enabled",
    "language",
    "client_name",
    "aliases",
    "redirection",
    "cron_key",
    "drush_aliases",
    "profile",
    "install_method",
]


def file_of(store: ContextStore, name: str) -> Path:
    return store.drush_dir / f"{name}.alias.drushrc.php"


def write_raw(store: ContextStore, name: str, content: str) -> Path:
    path = file_of(store, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


# Files.


def test_a_new_master_gets_the_originals_file(store: ContextStore) -> None:
    path = file_of(store, "server_master")
    assert path.read_text() == MASTER_FILE
    assert path.stat().st_mode & 0o7777 == 0o440


def test_saving_again_leaves_the_file_alone(store: ContextStore) -> None:
    before = file_of(store, "www.example.test").stat()
    store.save("@www.example.test", {})
    after = file_of(store, "www.example.test").stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)


def test_a_site_has_all_properties_in_order(store: ContextStore) -> None:
    record = store.record("www.example.test")
    assert list(record) == SITE_KEYS
    assert record["aliases"] == {0: "a.example.test", 1: "b.example.test"}
    assert record["redirection"] is False
    assert record["client_name"] is None
    assert record["server"] == "@server_master"


def test_names_and_types(store: ContextStore) -> None:
    assert store.names() == ("platform_d7", "server_db", "server_master", "www.example.test")
    assert store.names_of("server") == ("server_db", "server_master")
    assert store.exists("@server_db")
    assert not store.exists("@server_nothing")
    assert store.sites_named("WWW.example.test") == ("www.example.test",)
    assert store.site_names() == (("www.example.test", "www.example.test", ("a.example.test", "b.example.test")),)
    assert store.sites_on("@platform_d7") == ("www.example.test",)


def test_sites_that_mention_a_name_are_found_in_any_form_of_file(store: ContextStore) -> None:
    common = "'context_type' => 'site', 'platform' => '@platform_d7', 'uri' =>"
    write_raw(store, "plain", f"<?php \n$aliases['plain'] = array (\n  {common} 'plain.test',\n);\n")
    write_raw(store, "pieces", f"<?php \n$aliases['pieces'] = array ({common} 'pie' . 'ces.test');\n")
    write_raw(
        store,
        "late",
        "<?php \n$aliases['late'] = array (" + common + " 'x');$aliases['late']['uri'] = 'late' . '.test';",
    )
    assert store.sites_named("plain.test") == ("plain",)
    assert store.sites_named("pieces.test") == ("pieces",)
    assert store.sites_named("late.test") == ("late",)
    assert store.names_of("site", mentioning=["b.example.test"]) == ("late", "pieces", "www.example.test")


def test_a_broken_file_does_not_hide_the_others(store: ContextStore) -> None:
    write_raw(store, "broken", "<?php $aliases['broken'] = array(")
    problems: list[ProvisionError] = []
    assert store.names_of("platform", problems=problems) == ("platform_d7",)
    assert len(problems) == 1
    assert isinstance(problems[0], PhpDataError)


def test_no_folder_means_no_contexts(empty_store: ContextStore) -> None:
    assert empty_store.names() == ()
    with pytest.raises(ContextError, match="no context @server_master"):
        empty_store.load("@server_master")


def test_a_change_of_the_file_is_seen(store: ContextStore) -> None:
    assert store.platform("platform_d7").makefile == ""
    path = file_of(store, "platform_d7")
    text = path.read_text().replace("'makefile' => ''", "'makefile' => 'x'")
    path.chmod(0o640)
    path.write_text(text)
    assert store.platform("platform_d7").makefile == "x"


def test_what_record_gives_cannot_change_what_is_known(store: ContextStore) -> None:
    store.record("platform_d7")["root"] = "/elsewhere"
    assert store.platform("platform_d7").root == "/var/aegir/platforms/d7"


def test_delete(store: ContextStore) -> None:
    assert store.delete("@www.example.test") is True
    assert store.delete("@www.example.test") is False
    assert not store.exists("www.example.test")


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(store: ContextStore) -> None:
    file_of(store, "server_db").chmod(0)
    with pytest.raises((ContextError, PhpDataError), match="server_db"):
        store.load("server_db")


def test_a_file_that_defines_another_name(store: ContextStore) -> None:
    write_raw(store, "mine", "<?php\n$aliases['yours'] = array('context_type' => 'server');\n")
    with pytest.raises(ContextError, match="defines no alias of the name mine"):
        store.load("mine")


# Values.


def test_a_site_with_all_it_refers_to(store: ContextStore) -> None:
    site = store.site("@www.example.test")
    assert site == store.load("www.example.test")
    assert site.uri == "www.example.test"
    assert site.aliases == ("a.example.test", "b.example.test")
    assert site.redirection is None
    assert site.enabled is True
    assert site.site_path == "/var/aegir/platforms/d7/sites/www.example.test"
    assert site.db_server.properties["master_db"] == "mysql://root:p%40ss@localhost"
    assert site.web_server.name == "server_master"
    assert site.platform.master.is_master


def test_a_server_with_defaults(store: ContextStore) -> None:
    server = store.server("server_db")
    assert server.aegir_root == "/var/aegir"
    assert server.script_user == "aegir"
    assert server.admin_email == "admin@localhost"
    assert server.service_types == {"db": "mysql"}
    assert server.properties["db_port"] == 3306
    assert server.config_path == "/var/aegir/config/server_db"


def test_properties_missing_in_an_old_file_get_defaults(store: ContextStore) -> None:
    write_raw(
        store,
        "old.example.test",
        "<?php $aliases['old.example.test'] = ['context_type' => 'site', 'platform' => '@platform_d7', "
        "'uri' => 'old.example.test'];",
    )
    site = store.site("old.example.test")
    assert (site.profile, site.language, site.install_method) == ("standard", "en", "profile")
    assert site.db_server.is_master
    assert site.root == "/var/aegir/platforms/d7"


@pytest.mark.parametrize(
    ("stored", "host"),
    [("false", None), ("''", None), ("'0'", None), ("true", "www.example.test"), ("'1'", "www.example.test")],
)
def test_redirection_of_old_files(store: ContextStore, stored: str, host: str | None) -> None:
    path = file_of(store, "www.example.test")
    content = path.read_text().replace("'redirection' => false", f"'redirection' => {stored}")
    path.chmod(0o640)
    path.write_text(content)
    assert store.site("www.example.test").redirection == host


def test_a_wrong_form_names_key_and_file(store: ContextStore) -> None:
    path = file_of(store, "www.example.test")
    content = path.read_text().replace("'language' => 'en'", "'language' => array('en')")
    path.chmod(0o640)
    path.write_text(content)
    with pytest.raises(ContextError) as caught:
        store.site("www.example.test")
    assert "language" in str(caught.value)
    assert str(path) in str(caught.value)


def test_the_stored_docroot_stays_until_the_next_save(store: ContextStore, tmp_path: Path) -> None:
    code = tmp_path / "code"
    (code / "web").mkdir(parents=True)
    (code / "web" / "index.php").touch()
    store.save("@platform_d10", {"context_type": "platform", "root": str(code)})
    site = store.save("@ten.test", {"context_type": "site", "platform": "platform_d10", "uri": "ten.test"})
    assert isinstance(site, Site)
    assert site.root == f"{code}/web"
    assert store.site("ten.test").site_path == f"{code}/web/sites/ten.test"
    (code / "web" / "index.php").unlink()
    assert store.save("@ten.test", {}) == site
    (code / "index.php").touch()
    assert store.site("ten.test").root == f"{code}/web"
    store.save("@ten.test", {})
    assert store.site("ten.test").root == str(code)


# References.


def test_a_missing_reference_names_alias_key_and_file(store: ContextStore) -> None:
    store.delete("server_db")
    with pytest.raises(ContextError) as caught:
        store.load("www.example.test")
    assert caught.value.code == "PROVISION_MISSING_CONTEXT"
    for part in ("@server_db does not exist", "@www.example.test", "db_server", "www.example.test.alias.drushrc.php"):
        assert part in str(caught.value)


def test_a_reference_to_the_wrong_type(store: ContextStore) -> None:
    with pytest.raises(ContextError, match="@server_db is a server, and a platform is needed"):
        store.save("@www.example.test", {"platform": "@server_db"})
    with pytest.raises(ContextError, match="is a site, and a server"):
        store.server("www.example.test")


def test_members_of_a_cluster(store: ContextStore) -> None:
    store.save("@server_web1", {"context_type": "server", "http_service_type": "apache_ssl", "remote_host": "web1"})
    server = store.save(
        "@server_cluster",
        {
            "context_type": "server",
            "http_service_type": "cluster",
            "cluster_web_servers": "server_web1, ,@server_master",
        },
    )
    assert isinstance(server, Server)
    assert server == store.server("server_cluster")
    assert list(server.members) == ["server_web1", "server_master"]
    assert server.members["server_web1"].service_types == {"http": "apache_ssl"}
    assert store.record("server_cluster")["cluster_web_servers"] == {0: "@server_web1", 1: "@server_master"}


def test_sites_of_a_cluster_with_ssl_members_have_ssl_properties(store: ContextStore) -> None:
    store.save("@server_web1", {"context_type": "server", "http_service_type": "apache_ssl", "remote_host": "web1"})
    store.save(
        "@server_c", {"context_type": "server", "http_service_type": "cluster", "cluster_web_servers": "server_web1"}
    )
    store.save("@platform_c", {"context_type": "platform", "root": "/srv/c", "web_server": "@server_c"})
    site = store.save(
        "@c.test", {"context_type": "site", "platform": "@platform_c", "uri": "c.test", "ssl_enabled": "1"}
    )
    assert isinstance(site, Site)
    assert site.properties == {"ssl_enabled": "1", "ssl_key": None, "ip_addresses": {}}


def test_a_cycle_is_refused_and_nothing_written(store: ContextStore) -> None:
    cluster = {"context_type": "server", "http_service_type": "cluster"}
    store.save("@server_c1", cluster)
    store.save("@server_c2", {**cluster, "cluster_web_servers": "@server_c1"})
    with pytest.raises(ContextError) as caught:
        store.save("@server_c1", {"cluster_web_servers": "@server_c2"})
    assert caught.value.code == "PROVISION_CONTEXT_CYCLE"
    assert "@server_c1 > @server_c2 > @server_c1" in str(caught.value)
    assert store.record("server_c1")["cluster_web_servers"] == {}
    with pytest.raises(ContextError):
        store.save("@server_c1", {"cluster_web_servers": "@server_c1"})


def test_a_cycle_on_disk(store: ContextStore) -> None:
    for name, other in (("server_a", "server_b"), ("server_b", "server_a")):
        write_raw(
            store,
            name,
            f"<?php $aliases['{name}'] = ['context_type' => 'server', 'http_service_type' => 'cluster', "
            f"'cluster_web_servers' => ['@{other}']];",
        )
    with pytest.raises(ContextError) as caught:
        store.load("server_a")
    assert caught.value.code == "PROVISION_CONTEXT_CYCLE"


def test_a_server_needs_the_master(empty_store: ContextStore) -> None:
    with pytest.raises(ContextError, match="@server_master does not exist"):
        empty_store.save("@server_web1", {"context_type": "server"})
    assert empty_store.names() == ()


# Which value counts.


@pytest.mark.parametrize("nothing", ["", "0", None])
def test_texts_that_php_takes_for_false_change_nothing(store: ContextStore, nothing: str | None) -> None:
    store.save("@www.example.test", {"language": "fr"})
    store.save("@www.example.test", {"language": nothing, "root": nothing, "uri": nothing, "site_enabled": nothing})
    site = store.site("www.example.test")
    assert (site.language, site.enabled, site.uri) == ("fr", True, "www.example.test")


def test_a_real_false_counts(store: ContextStore) -> None:
    store.save("@www.example.test", {"site_enabled": False})
    assert store.record("www.example.test")["site_enabled"] is False
    assert store.site("www.example.test").enabled is False
    store.save("@www.example.test", {})
    assert store.site("www.example.test").enabled is False
    store.save("@www.example.test", {"site_enabled": True})
    assert store.site("www.example.test").enabled is True


def test_the_word_null_resets(store: ContextStore) -> None:
    store.save("@www.example.test", {"redirection": "a.example.test", "client_name": "me", "profile": "minimal"})
    assert store.site("www.example.test").redirection == "a.example.test"
    store.save(
        "@www.example.test", {"redirection": "null", "client_name": "null", "profile": "null", "aliases": "null"}
    )
    site = store.site("www.example.test")
    assert (site.redirection, site.client_name, site.profile, site.aliases) == (None, None, "standard", ())
    assert store.record("www.example.test")["redirection"] is False


def test_arrays_come_as_comma_list_or_array(store: ContextStore) -> None:
    store.save("@www.example.test", {"aliases": "c.test, d.test,c.test"})
    assert store.record("www.example.test")["aliases"] == {0: "c.test", 1: "d.test"}
    store.save("@www.example.test", {"aliases": {0: "x.test", 1: "x.test", 2: "y.test"}})
    assert store.record("www.example.test")["aliases"] == {0: "x.test", 2: "y.test"}
    store.save("@www.example.test", {"aliases": {}})
    assert store.record("www.example.test")["aliases"] == {}


def test_derived_and_forced_values_cannot_be_set(store: ContextStore) -> None:
    store.save("@platform_d7", {"server": "@server_db", "context_type": "platform"})
    assert store.record("platform_d7")["server"] == "@server_master"
    store.save("@server_db", {"config_path": "/x", "aegir_root": "/y", "context_type": "server"})
    assert store.record("server_db")["config_path"] == "/var/aegir/config/server_db"
    assert store.record("server_db")["aegir_root"] == "/var/aegir"
    store.save("@www.example.test", {"root": "/z", "site_path": "/z"})
    assert store.record("www.example.test")["site_path"] == "/var/aegir/platforms/d7/sites/www.example.test"


def test_options_that_no_property_knows_are_not_stored(store: ContextStore) -> None:
    before = store.record("www.example.test")
    store.save("@www.example.test", {"client_email": "x@example.test", "master_url": "http://x/"})
    assert store.record("www.example.test") == before


def test_keys_added_by_hand_stay_at_the_end(store: ContextStore) -> None:
    path = file_of(store, "www.example.test")
    content = path.read_text().replace(
        "  'platform'", "  'path-aliases' => array ('%files' => 'x'),\n  'ssh-options' => '-p 22',\n  'platform'"
    )
    path.chmod(0o640)
    path.write_text(content)
    assert store.site("www.example.test").extra == {"path-aliases": {"%files": "x"}, "ssh-options": "-p 22"}
    store.save("@www.example.test", {"language": "fr"})
    assert list(store.record("www.example.test")) == [*SITE_KEYS, "path-aliases", "ssh-options"]
    store.save("@www.example.test", {"ssh-options": "-p 23", "path-aliases": "null"})
    assert store.site("www.example.test").extra == {"ssh-options": "-p 23"}


def test_an_optional_property_stands_in_the_file_only_when_set(store: ContextStore) -> None:
    assert "db_grant_hosts" not in store.record("server_db")
    store.save("@server_db", {"db_grant_hosts": "10.0.0.1,10.0.0.2"})
    assert store.server("server_db").properties["db_grant_hosts"] == {0: "10.0.0.1", 1: "10.0.0.2"}
    store.save("@server_db", {"db_grant_hosts": "null"})
    assert "db_grant_hosts" not in store.record("server_db")


# Services.


def test_properties_of_a_service_that_was_left_are_dropped(store: ContextStore) -> None:
    store.save("@server_db", {"http_service_type": "apache_ssl", "db_service_type": "NONE"})
    record = store.record("server_db")
    assert not [key for key in record if str(key).startswith(("db_", "master_db"))]
    assert record["http_ssl_port"] == 443
    assert store.server("server_db").service_types == {"http": "apache_ssl"}
    store.save("@server_db", {"http_service_type": "NONE"})
    assert "http_port" not in store.record("server_db")


def test_ssl_properties_of_a_site_go_with_the_ssl_type(store: ContextStore) -> None:
    store.save("@server_master", {"http_service_type": "apache_ssl"})
    store.save(
        "@www.example.test", {"ssl_enabled": "1", "ssl_key": "k", "ip_addresses": {"server_master": "10.0.0.1"}}
    )
    assert store.record("www.example.test")["ip_addresses"] == {"server_master": "10.0.0.1"}
    store.save("@server_master", {"http_service_type": "apache"})
    store.save("@www.example.test", {})
    assert list(store.record("www.example.test")) == SITE_KEYS


def test_an_unknown_type_is_refused_when_it_is_asked_for(store: ContextStore) -> None:
    with pytest.raises(ServiceError) as caught:
        store.save("@server_db", {"http_service_type": "lighttpd"})
    assert "apache, apache_ssl, cluster" in str(caught.value)
    assert "http_service_type" not in store.record("server_db")


def test_a_stored_unknown_type_loads_and_keeps_its_properties(store: ContextStore) -> None:
    write_raw(
        store,
        "server_x",
        "<?php $aliases['server_x'] = ['context_type' => 'server', 'http_service_type' => 'https_apache', "
        "'https_port' => 443, 'remote_host' => 'x'];",
    )
    server = store.server("server_x")
    assert server.service_types == {"http": "https_apache"}
    file_of(store, "server_x").chmod(0o640)
    store.save("@server_x", {"remote_host": "y"})
    assert store.record("server_x")["https_port"] == 443
    assert store.record("server_x")["http_service_type"] == "https_apache"


def test_what_was_detected_is_stored_whatever_its_value(store: ContextStore) -> None:
    server = store.save_detected("@server_db", {"db_grant_all_hosts": "1", "db_port": 0, "not_mine": "x"})
    assert server == store.server("server_db")
    assert (server.properties["db_grant_all_hosts"], server.properties["db_port"]) == ("1", 0)
    assert server.extra == {}
    assert store.save_detected("server_db", {"db_grant_all_hosts": ""}).properties["db_grant_all_hosts"] == ""


# Types and names.


def test_a_new_context_needs_its_type(store: ContextStore) -> None:
    with pytest.raises(ContextError) as caught:
        store.save("@server_new", {"remote_host": "x"})
    assert caught.value.code == "PROVISION_MISSING_CONTEXT"
    with pytest.raises(ContextError) as caught:
        store.save("@server_new", {"context_type": "client"})
    assert caught.value.code == "PROVISION_CONTEXT_TYPE"


def test_a_context_keeps_its_type(store: ContextStore) -> None:
    with pytest.raises(ContextError, match="cannot become a site"):
        store.save("@server_db", {"context_type": "site"})
    store.save("@server_db", {"context_type": "null"})


@pytest.mark.parametrize("bad", ["a b.test", "../x", "a;b", "it's.test", "☃\ufe0f.test"])
def test_a_site_of_a_bad_name_is_refused(store: ContextStore, bad: str) -> None:
    names = store.names()
    with pytest.raises(ContextError) as caught:
        store.save("@bad", {"context_type": "site", "platform": "@platform_d7", "uri": bad})
    assert caught.value.code == "PROVISION_INVALID_NAME"
    assert "uri" in str(caught.value)
    assert store.names() == names


def test_an_international_site_is_stored_in_punycode(store: ContextStore) -> None:
    store.save(
        "@bücher.example",
        {
            "context_type": "site",
            "platform": "@platform_d7",
            "uri": "Bücher.example",
            "aliases": "www.bücher.example",
        },
    )
    site = store.site("@bücher.example")
    assert (site.name, site.uri) == ("xn--bcher-kva.example", "xn--bcher-kva.example")
    assert site.aliases == ("www.xn--bcher-kva.example",)


def test_bad_aliases_clients_and_roots_are_refused(store: ContextStore) -> None:
    for options in (
        {"aliases": "good.test,bad name.test"},
        {"redirection": "x;y"},
        {"client_name": "../.."},
        {"profile": "a/b"},
        {"language": "e n"},
    ):
        with pytest.raises(ContextError) as caught:
            store.save("@www.example.test", options)
        assert caught.value.code == "PROVISION_INVALID_NAME"
        assert next(iter(options)) in str(caught.value)
    for root in ("relative/path", "/", "/srv/../etc", "/srv/a\nb"):
        with pytest.raises(ContextError) as caught:
            store.save("@platform_d7", {"root": root})
        assert caught.value.code == "PROVISION_INVALID_PATH"


@pytest.mark.parametrize(
    "options",
    [
        {"remote_host": "-oProxyCommand=id"},
        {"remote_host": "a b"},
        {"remote_host": "a;b"},
        {"remote_host": "a,b"},
        {"remote_host": False},
        {"remote_host": "a\nb"},
        {"script_user": "-x"},
        {"script_user": "a;b"},
        {"ip_addresses": "10.0.0.1;"},
        {"aegir_root": "relative"},
    ],
)
def test_bad_values_of_a_server_are_refused(store: ContextStore, options: dict[str, PhpValue]) -> None:
    before = store.record("server_master")
    with pytest.raises(ContextError) as caught:
        store.save("@server_master", dict(options))
    assert caught.value.code == "PROVISION_INVALID_NAME"
    assert next(iter(options)) in str(caught.value)
    assert store.record("server_master") == before


def test_a_folder_that_cannot_be(tmp_path: Path, catalog: Catalog) -> None:
    (tmp_path / "file").touch()
    impossible = ContextStore(tmp_path / "file" / "drush", catalog, home="/var/aegir", user="aegir")
    with pytest.raises(HostError, match="Could not open a lock"):
        impossible.save("@server_master", {"context_type": "server"})
    assert impossible.names() == ()


def test_blanks_and_slashes_around_a_root(store: ContextStore) -> None:
    platform = store.save("@platform_d7", {"root": " /srv/code/ "})
    assert isinstance(platform, Platform)
    assert platform.root == "/srv/code"


def test_a_site_needs_a_name(store: ContextStore) -> None:
    with pytest.raises(ContextError, match="uri"):
        store.save("@x.test", {"context_type": "site", "platform": "@platform_d7"})


# Extra drush aliases.


def test_extra_aliases_are_files_of_the_same_content(store: ContextStore) -> None:
    store.save("@www.example.test", {"drush_aliases": "hm,front"})
    assert store.record("hm") == store.record("www.example.test")
    assert store.names_of("site") == ("front", "hm", "www.example.test")
    assert store.sites_on("platform_d7") == ("www.example.test",)
    store.save("@www.example.test", {"drush_aliases": "hm", "language": "fr"})
    assert not store.exists("front")
    assert store.record("hm")["language"] == "fr"
    store.save("@platform_new", {"context_type": "platform", "root": "/srv/new"})
    store.save("@www.example.test", {"platform": "@platform_new"})
    assert store.record("hm")["platform"] == "@platform_new"


def test_an_extra_alias_never_overwrites_another_context(store: ContextStore) -> None:
    before = store.record("server_db")
    with pytest.raises(ContextError) as caught:
        store.save("@www.example.test", {"drush_aliases": "server_db"})
    assert caught.value.code == "PROVISION_NAME_TAKEN"
    assert store.record("server_db") == before
    assert store.record("www.example.test")["drush_aliases"] == {}
    with pytest.raises(ContextError):
        store.save("@www.example.test", {"drush_aliases": "../evil"})


# Several writers.


def _add_aliases(folder: Path, catalog: Catalog, number: int) -> None:
    store = ContextStore(folder, catalog, home="/var/aegir", user="aegir")
    for round_number in range(5):
        store.save(f"@p{number}_{round_number}.test", {"context_type": "platform", "root": f"/srv/{number}"})
        store.save("@www.example.test", {f"key{number}": f"{round_number}"})


def test_writers_at_the_same_time_lose_nothing(store: ContextStore, catalog: Catalog) -> None:
    path = file_of(store, "www.example.test")
    content = path.read_text().replace(
        "  'context_type'", "  'key1' => '', 'key2' => '', 'key3' => '',\n  'context_type'"
    )
    path.chmod(0o640)
    path.write_text(content)
    fork = multiprocessing.get_context("fork")
    workers = [fork.Process(target=_add_aliases, args=(store.drush_dir, catalog, n)) for n in (1, 2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert len(store.names_of("platform")) == 16
    extra = store.site("www.example.test").extra
    assert dict(extra) == {"key1": "4", "key2": "4", "key3": "4"}
    assert not [file for file in store.drush_dir.iterdir() if not file.name.endswith((".drushrc.php", ".lock"))]
