"""Alias files that drush wrote on a real installation, loaded and saved with all service types that we bring."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError
from provision_py.php.values import PhpValue
from provision_py.services.catalog import Catalog
from provision_py.services.plugins import Plugins

#: Its database server was deleted.
BROKEN = "dbdown.example.test"

#: The master's service became apache_ssl after these sites were saved; their next save adds what it declares.
SSL_TAIL = "  'ssl_enabled' => 0,\n  'ssl_key' => NULL,\n  'ip_addresses' => \n  array (\n  ),\n);\n"


@pytest.fixture
def recorded(reference: Path) -> Path:
    return reference / "home/var/aegir/.drush"


@pytest.fixture
def store(recorded: Path, tmp_path: Path) -> ContextStore:
    """A copy that can be changed."""
    folder = tmp_path / "drush"
    shutil.copytree(recorded, folder)
    folder.chmod(0o755)
    return ContextStore(folder, Catalog.from_plugins(Plugins.load()), home="/var/aegir", user="aegir")


def content(folder: Path, name: str) -> str:
    return (folder / f"{name}.alias.drushrc.php").read_text()


def test_all_load(store: ContextStore) -> None:
    contexts = [store.load(name) for name in store.names() if name != BROKEN]
    assert len([context for context in contexts if isinstance(context, Server)]) == 7
    assert len([context for context in contexts if isinstance(context, Platform)]) == 6
    assert len([context for context in contexts if isinstance(context, Site)]) == 14
    assert not [context.name for context in contexts if context.extra]


def test_members_and_services(store: ContextStore) -> None:
    pack = store.server("server_pack1")
    assert pack.service_types == {"http": "pack"}
    assert set(pack.members) == {"server_web1exampletest", "server_web2exampletest"}
    site = store.site("csite.example.test")
    assert set(site.web_server.members) == {"server_web1exampletest", "server_web2exampletest"}
    assert site.db_server.properties["master_db"] == "mysql://aegir_root:aegirroot@localhost"
    assert store.server("server_nginx1exampletest").properties["subdirs_support"] is True
    assert store.site("sub1.d7site.example.test").redirection == "d7site.example.test/sub1"


def test_the_deleted_server_is_named(store: ContextStore) -> None:
    with pytest.raises(ContextError) as caught:
        store.load(BROKEN)
    assert "@server_db2exampletest" in str(caught.value)
    assert "db_server" in str(caught.value)


def test_saving_gives_the_same_bytes(store: ContextStore, recorded: Path) -> None:
    for name in store.names():
        if name == BROKEN:
            continue
        before = content(recorded, name)
        saved = store.save(name, {})
        after = content(store.drush_dir, name)
        gained_ssl = (
            isinstance(saved, Site)
            and saved.web_server.service_types["http"] == "apache_ssl"
            and "ssl_key" not in before
        )
        assert after == (before.removesuffix(");\n") + SSL_TAIL if gained_ssl else before), name


FRONT_END: dict[str, dict[str, PhpValue]] = {
    "server_localhost": {
        "context_type": "server",
        "remote_host": "localhost",
        "ip_addresses": "null",
        "http_service_type": "NONE",
        "db_service_type": "mysql",
        "db_port": "3306",
        "master_db": "mysql://aegir_root:aegirroot@localhost",
    },
    "server_web1exampletest": {
        "context_type": "server",
        "remote_host": "web1.example.test",
        "ip_addresses": "127.0.0.2",
        "http_service_type": "apache",
        "http_restart_cmd": "sudo /usr/sbin/apache2ctl graceful",
        "http_port": "80",
        "db_service_type": "NONE",
    },
    "server_cluster1": {
        "context_type": "server",
        "remote_host": "cluster1",
        "ip_addresses": "null",
        "http_service_type": "cluster",
        "cluster_web_servers": "@server_web1exampletest,@server_web2exampletest",
        "db_service_type": "NONE",
    },
    "server_pack1": {
        "context_type": "server",
        "remote_host": "pack1",
        "ip_addresses": "null",
        "http_service_type": "pack",
        "master_web_servers": "@server_web1exampletest",
        "slave_web_servers": "@server_web2exampletest",
        "db_service_type": "NONE",
    },
    "platform_Drupal7Pack": {
        "context_type": "platform",
        "server": "@server_master",
        "web_server": "@server_pack1",
        "root": "/var/aegir/platforms/d7p",
        "make_working_copy": "null",
    },
    "d7site.example.test": {
        "context_type": "site",
        "db_server": "@server_localhost",
        "platform": "@platform_Drupal7",
        "uri": "d7site.example.test",
        "language": "en",
        "profile": "standard",
        "client_name": "clientone",
        "aliases": "alias2.d7site.example.test,www.d7site.example.test",
        "redirection": "www.d7site.example.test",
        "ssl_enabled": "null",
        "ssl_key": "null",
        "ip_addresses": {},
    },
    "d7min.example.test": {
        "context_type": "site",
        "db_server": "@server_localhost",
        "platform": "@platform_Drupal7",
        "uri": "d7min.example.test",
        "language": "en",
        "profile": "minimal",
        "client_name": "clientone",
        "aliases": "null",
        "redirection": "null",
        "ssl_enabled": "1",
        "ssl_key": "d7mincert",
        "ip_addresses": {},
    },
}


@pytest.mark.parametrize("name", FRONT_END)
def test_what_the_front_end_sends_makes_the_recorded_file(store: ContextStore, recorded: Path, name: str) -> None:
    store.delete(name)
    sent = {"master_url": "http://aegir.example.test/", "root": "", "uri": "", **FRONT_END[name]}
    saved = store.save(name, sent)
    if isinstance(saved, Server) and "db" in saved.service_types:
        # The answer of the database server, which is not there to be asked.
        store.save_detected(name, {"utf8mb4_is_supported": True})
    assert content(store.drush_dir, name) == content(recorded, name)
    store.save(name, sent)
    assert content(store.drush_dir, name) == content(recorded, name)
