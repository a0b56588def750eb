from __future__ import annotations

import sys
import types
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.properties import Property
from provision_py.contexts.store import ContextStore
from provision_py.errors import ServiceError
from provision_py.services.base import Service
from provision_py.services.catalog import Catalog
from provision_py.services.plugins import DumpFilter, LazyType, Plugins, hookimpl

FOREIGN = """
from provision_py.contexts.properties import Property
from provision_py.services.base import Service
from provision_py.services.plugins import hookimpl


class Search(Service):
    service = "search"
    type = "solr"

    @classmethod
    def server_properties(cls):
        return (Property("search_port", lambda draft: 8983),)

    def core_of(self, site):
        return f"{site.uri}:{self.server.properties['search_port']}"


@hookimpl
def provision_service_types():
    return [Search]


@hookimpl
def vhost_extra(site, server):
    return f"# {site.uri} on {server.name}"
"""


def server(name: str = "server_master", **service_types: str) -> Server:
    return Server(name=name, remote_host="h", aegir_root="/r", script_user="u", service_types=service_types)


def site() -> Site:
    platform = Platform(name="platform_d7", root="/p", web_server=server(), master=server())
    return Site(name="a.test", uri="a.test", root="/p", platform=platform, db_server=server(), master=server())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of somebody's own, installed: its entry point is found as pip would leave it."""
    (tmp_path / "foreign_search.py").write_text(FOREIGN)
    info = tmp_path / "foreign_search-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-search\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[provision_py]\nsearch = foreign_search\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "foreign_search"
    sys.modules.pop("foreign_search", None)


def test_a_service_type_of_a_foreign_package_is_found_and_used(package: str, tmp_path: Path) -> None:
    plugins = Plugins.load()
    catalog = Catalog.from_plugins(plugins)
    assert list(catalog.services()) == ["db", "http", "search"]
    assert list(catalog.types("search")) == ["solr"]
    only_search = Catalog([entry for entry in plugins.service_types() if entry.service == "search"])
    store = ContextStore(tmp_path / "drush", only_search, home="/var/aegir", user="aegir")
    store.save("@server_master", {"context_type": "server", "search_service_type": "solr", "search_port": "8080"})
    found = only_search.service_of(store.server("server_master"), "search")
    assert type(found).__name__ == "Search"
    assert found.core_of(site()) == "a.test:8080"  # type: ignore[attr-defined] # of the package made above
    assert plugins.vhost_extra(site(), server()) == ("# a.test on server_master",)


def test_our_types_come_by_the_same_door() -> None:
    catalog = Catalog.from_plugins(Plugins.load())
    assert list(catalog.types("http")) == ["apache", "apache_ssl", "cluster", "nginx", "nginx_ssl", "pack"]
    assert list(catalog.types("db")) == ["mysql"]


class Additions:
    @hookimpl
    def settings_extra(self, site: Site) -> str:
        return f"$conf['x'] = '{site.uri}';"

    @hookimpl
    def dump_filters(self, site: Site) -> Sequence[DumpFilter]:
        return [DumpFilter("a", "b")]

    @hookimpl
    def deploy_options(self, site: Site, command: str) -> dict[str, str]:
        return {"by": command, "first": "yes"}

    @hookimpl
    def provision_commands(self) -> Sequence[object]:
        return ["command"]


class MoreAdditions:
    @hookimpl
    def settings_extra(self, site: Site) -> None:
        return None

    @hookimpl
    def deploy_options(self, site: Site, command: str) -> dict[str, str]:
        return {"by": "the second"}

    @hookimpl
    def server_extra(self, server: Server) -> str:
        return "LoadModule x"

    @hookimpl
    def platform_extra(self, platform: Platform, server: Server) -> str:
        return platform.root


def test_additions_come_in_the_order_of_registration() -> None:
    plugins = Plugins()
    plugins.register(Additions())
    plugins.register(MoreAdditions())
    assert plugins.settings_extra(site()) == ("$conf['x'] = 'a.test';",)
    assert plugins.dump_filters(site()) == (DumpFilter("a", "b"),)
    assert plugins.deploy_options(site(), "clone") == {"by": "the second", "first": "yes"}
    assert plugins.server_extra(server()) == ("LoadModule x",)
    assert plugins.platform_extra(site().platform, server()) == ("/p",)
    assert plugins.vhost_extra(site(), server()) == ()
    assert plugins.commands() == ("command",)


def test_a_plugin_that_fails_is_named() -> None:
    class Broken:
        @hookimpl
        def settings_extra(self, site: Site) -> str:
            raise ZeroDivisionError("oops")

    plugins = Plugins()
    plugins.register(Broken())
    with pytest.raises(ServiceError) as caught:
        plugins.settings_extra(site())
    assert caught.value.code == "PROVISION_PLUGIN"
    assert "ZeroDivisionError" in str(caught.value)
    assert "test_plugins.py:" in str(caught.value)


def test_a_plugin_with_a_misspelt_argument_is_refused() -> None:
    class Misspelt:
        @hookimpl
        def settings_extra(self, sight: Site) -> str:
            return ""

    with pytest.raises(ServiceError, match="does not fit"):
        Plugins().register(Misspelt())


def test_a_plugin_that_cannot_be_imported_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("lost", "no_such_module_anywhere", "provision_py")
    monkeypatch.setattr("provision_py.services.plugins.entry_points", lambda group: [entry])
    with pytest.raises(ServiceError, match="lost"):
        Plugins.load()


class Mine(Service):
    service = "http"
    type = "mine"

    @classmethod
    def site_properties(cls) -> Sequence[Property]:
        return (Property("mine"),)


def test_unknown_types_name_the_known_ones() -> None:
    catalog = Catalog([Mine])
    with pytest.raises(ServiceError, match="Known types are mine"):
        catalog.service_of(server(http="other"), "http")
    with pytest.raises(ServiceError, match="offers no db service"):
        catalog.service_of(server(http="mine"), "db")
    assert isinstance(catalog.service_of(server(http="mine"), "http"), Mine)


def test_two_packages_with_the_same_type() -> None:
    with pytest.raises(ServiceError, match="Two packages"):
        Catalog([Mine, LazyType("http", "mine", "elsewhere:Mine")])
    Catalog([Mine, Mine])


def test_site_properties_of_members_count_once() -> None:
    catalog = Catalog([Mine])
    group = Server(
        name="g",
        remote_host="g",
        aegir_root="/r",
        script_user="u",
        service_types={"http": "gone"},
        members={"a": server("a", http="mine"), "b": server("b", http="mine")},
    )
    assert [prop.name for prop in catalog.site_properties(group)] == ["mine"]
    assert catalog.declared_site_properties() == {"mine"}


@pytest.mark.parametrize("path", ["no_such_module_anywhere:X", "provision_py.services.base:Nothing", "json:loads"])
def test_lazy_types_that_do_not_load(path: str) -> None:
    with pytest.raises(ServiceError) as caught:
        Catalog([LazyType("http", "x", path)]).type_class("http", "x")
    assert caught.value.code == "PROVISION_PLUGIN"
    assert path in str(caught.value)


def test_a_lazy_type_is_imported_only_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("lazy_module")
    module.Mine = Mine  # type: ignore[attr-defined] # a module made here
    catalog = Catalog([LazyType("http", "mine", "lazy_module:Mine")])
    assert list(catalog.types("http")) == ["mine"]
    monkeypatch.setitem(sys.modules, "lazy_module", module)
    assert catalog.type_class("http", "mine") is Mine
