"""What a save stores: which values count, which come and go with a service, and which are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from alias_files import SITE_KEYS, file_of, write_raw

from provision_py.contexts.model import Platform
from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError, HostError, ServiceError
from provision_py.php.values import PhpValue
from provision_py.services.catalog import Catalog

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
