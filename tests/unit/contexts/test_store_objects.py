"""What a store makes of its files: objects with all their values, and with the objects that they refer to."""

from __future__ import annotations

from pathlib import Path

import pytest
from alias_files import file_of, write_raw

from provision_py.contexts.model import Server, Site
from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError

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
