"""The files of a store: which there are and what stands in them, also of extra aliases and after several writers."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from alias_files import SITE_KEYS, file_of, write_raw

from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError, PhpDataError, ProvisionError
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
"""  # noqa: W291 (as PHP writes arrays)


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


@pytest.mark.parametrize("broken", ["a link that leads nowhere", "a folder", "a file that cannot be parsed"])
def test_a_former_extra_alias_that_cannot_be_judged_stops_the_save_before_anything_is_written(
    store: ContextStore, broken: str
) -> None:
    store.save("@www.example.test", {"drush_aliases": "hm,front"})
    path = file_of(store, "front")
    path.unlink()
    if broken == "a folder":
        path.mkdir()
    elif broken == "a file that cannot be parsed":
        path.write_text("<?php\n$aliases[")
    else:
        path.symlink_to("nowhere")
    before = {name: file_of(store, name).read_bytes() for name in ("www.example.test", "hm")}

    with pytest.raises(ProvisionError, match="front"):
        store.save("@www.example.test", {"drush_aliases": "new", "language": "fr"})

    assert {name: file_of(store, name).read_bytes() for name in before} == before
    assert not store.exists("new")
    assert os.path.lexists(path)


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
