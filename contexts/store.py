"""The contexts of an installation, kept as drush alias files (backend.md 2 and 3)."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from provision_py.contexts import aliasfiles
from provision_py.contexts.model import Context, Platform, Server, Site
from provision_py.contexts.names import context_name, new_context_name, site_uri
from provision_py.contexts.platform import check_root, choose_platform, find_docroot, platform_from
from provision_py.contexts.properties import ServiceCatalog
from provision_py.contexts.references import MASTER, MASTER_REFERENCE, Key, Trail, referenced_name
from provision_py.contexts.server import (
    Surroundings,
    check_values,
    choose_server,
    declared_properties,
    is_master,
    member_names,
    server_from,
)
from provision_py.contexts.site import check_names, choose_references, choose_site, site_from
from provision_py.contexts.values import RESET, is_given, to_text_of, to_texts
from provision_py.errors import ContextError, ProvisionError
from provision_py.php.values import PhpArray, PhpValue

#: What a save comes to: chosen properties, keys that nobody declares, the context of both.
Built: TypeAlias = tuple[dict[str, PhpValue], PhpArray, Context]

TYPES = ("server", "platform", "site")


class ContextStore:
    """Reads and writes the contexts in ``drush_dir`` (``~/.drush``).

    ``home`` and ``user`` are the defaults of the master's ``aegir_root`` and ``script_user``; those of the running
    process when not given. ``docroot`` finds the docroot of a platform's root.
    """

    def __init__(
        self,
        drush_dir: Path,
        catalog: ServiceCatalog,
        *,
        home: str | None = None,
        user: str | None = None,
        docroot: Callable[[str, str | None], str] = find_docroot,
    ) -> None:
        self.drush_dir = drush_dir
        self.catalog = catalog
        self._home = home
        self._user = user
        self._docroot = docroot
        self._files = aliasfiles.AliasFolder(drush_dir)

    # What is there.

    def names(self) -> tuple[str, ...]:
        """Names of all contexts with a file of their own, sorted."""
        return self._files.names()

    def names_of(
        self, context_type: str, *, mentioning: Collection[str] = (), problems: list[ProvisionError] | None = None
    ) -> tuple[str, ...]:
        """Names of the contexts of one type. Files that cannot be read are left out and noted in ``problems``.

        With ``mentioning``, files that surely have none of these words are passed over, which is much quicker.
        """
        found = []
        for name in self.names():
            if mentioning and not self._files.mentions(name, mentioning):
                continue
            try:
                kind = to_text_of(self.record(name).get("context_type"))
            except ProvisionError as error:
                if problems is not None:
                    problems.append(error)
                continue
            if kind == context_type:
                found.append(name)
        return tuple(found)

    def site_names(self, *, mentioning: Collection[str] = ()) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
        """Context name, host name and aliases of every site; files that cannot be read are left out.

        ``mentioning`` as for :meth:`names_of`: at least all sites with one of these names.
        """
        found = []
        for name in self.names_of("site", mentioning=mentioning):
            record = self.record(name)
            aliases = to_texts(record.get("aliases"), self._key(name, "aliases"))
            found.append((name, to_text_of(record.get("uri")), aliases))
        return tuple(found)

    def sites_named(self, uri: str) -> tuple[str, ...]:
        """Names of the site contexts that have this host name (a site and its extra drush aliases share one)."""
        wanted = site_uri(uri)
        names = self.names_of("site", mentioning=[wanted])
        return tuple(name for name in names if to_text_of(self.record(name).get("uri")) == wanted)

    def sites_on(self, platform: str) -> tuple[str, ...]:
        """Names of the site contexts of a platform, extra drush aliases left out."""
        wanted = context_name(platform)
        found = []
        for name in self.names_of("site", mentioning=[wanted]):
            record = self.record(name)
            on_it = to_text_of(record.get("platform")).removeprefix("@") == wanted
            if on_it and name not in self._extra_names(name, record):
                found.append(name)
        return tuple(found)

    def exists(self, name: str) -> bool:
        """Whether there is an alias file, readable or not. Raises ContextError when that cannot be seen."""
        return self._files.has(context_name(name))

    def record(self, name: str) -> PhpArray:
        """What is on disk, unchanged. Raises ContextError when there is no such context."""
        return self._files.read(context_name(name))

    def type_of(self, name: str) -> str:
        """``server``, ``platform`` or ``site``. Raises ContextError when the file says something else."""
        kind = to_text_of(self.record(name).get("context_type"))
        if kind not in TYPES:
            raise ContextError(
                f"The type of the context is {kind!a}" if kind else "The context has no type",
                where=self._key(context_name(name), "context_type").where(),
                hint=f"It should be one of {', '.join(TYPES)}",
                code="PROVISION_CONTEXT_TYPE",
            )
        return kind

    # Contexts as values.

    def load(self, name: str) -> Context:
        """The context with all that it refers to. Raises ContextError naming context, key and file."""
        return self._load(context_name(name), Trail(), None)

    def server(self, name: str) -> Server:
        return self._server(context_name(name), Trail(), None)

    def platform(self, name: str) -> Platform:
        return self._platform(context_name(name), Trail(), None)

    def site(self, name: str) -> Site:
        return self._site(context_name(name), Trail(), None)

    def master(self) -> Server:
        return self.server(MASTER)

    # Changes.

    def save(self, name: str, options: Mapping[str, PhpValue]) -> Context:
        """Store a context: what its file holds, overlaid by ``options``, defaults filled in, derived values anew.

        ``context_type`` is needed for a context that is not there yet. An extra drush alias stands for its site,
        which is stored and given back. Nothing is written when anything is wrong.
        Raises ContextError or ServiceError.
        """
        name = context_name(name)
        with self._files.locked():
            known = self.exists(name)
            name = name if known else new_context_name(name)
            name = self._owner(name) if known else name
            old = self._files.read(name) if known else {}
            kind = self._type_to_save(name, options, known)
            return self._write(name, kind, old, options)

    def save_detected(self, name: str, values: Mapping[str, PhpValue]) -> Server:
        """Store properties of a server that were found out on the server itself, whatever their values.

        Properties that the server's service types do not declare are left out. Raises ContextError.
        """
        name = context_name(name)
        with self._files.locked():
            server = self._server(name, Trail(), None)
            old = self._files.read(name)
            declared = {
                prop.name
                for service, kind in server.service_types.items()
                if kind in self.catalog.types(service)
                for prop in self.catalog.server_properties(service, kind)
            }
            old.update({key: value for key, value in values.items() if key in declared})
            written = self._write(name, "server", old, {})
        return self.server(written.name)

    def _write(self, name: str, kind: str, old: PhpArray, options: Mapping[str, PhpValue]) -> Context:
        """Work out a context and write its files. The lock is held."""
        build: dict[str, Callable[[str, PhpArray, Mapping[str, PhpValue]], Built]] = {
            "server": self._saved_server,
            "platform": self._saved_platform,
            "site": self._saved_site,
        }
        values, extra, context = build[kind](name, old, options)
        written: PhpArray = {}
        written.update(values)
        written.update(extra)
        extra_names = context.drush_aliases if isinstance(context, Site) else ()
        aliasfiles.check_extra_names(self._files, name, extra_names, old, written)
        formers = aliasfiles.former_extra_names(self._files, name, old, written)
        for each in (name, *extra_names):
            self._files.write(context_name(each), written)
        for former in formers:
            self._files.remove(former)
        return context

    def delete(self, name: str) -> bool:
        """Remove the file of a context, and only that. True when there was one."""
        with self._files.locked():
            return self._files.remove(context_name(name))

    # Loading, with the trail of contexts on the way.

    def _load(self, name: str, trail: Trail, at: Key | None) -> Context:
        self._need(name, at)
        loaders: dict[str, Callable[[str, Trail, Key | None], Context]] = {
            "server": self._server,
            "platform": self._platform,
            "site": self._site,
        }
        return loaders[self.type_of(name)](name, trail, at)

    def _server(self, name: str, trail: Trail, at: Key | None) -> Server:
        if name not in trail.servers:
            record = self._record_of(name, "server", at)
            with trail.entered(name, at):
                values = choose_server(name, record, {}, self._surroundings(name, trail))
                trail.servers[name] = self._server_of(name, values, _rest(record, values), trail)
        return trail.servers[name]

    def _server_of(self, name: str, values: Mapping[str, PhpValue], extra: PhpArray, trail: Trail) -> Server:
        at = partial(self._key, name)
        members = {
            member: self._server(member, trail, key) for member, key in member_names(values, self.catalog, at).items()
        }
        return server_from(name, values, extra, members, self.catalog, at)

    def _surroundings(self, name: str, trail: Trail) -> Surroundings:
        master = None if is_master(name) else self._server(MASTER, trail, self._key(name, "server"))
        home = self._home if self._home is not None else os.environ.get("HOME") or str(Path.home())
        return Surroundings(home=home, user=self._user or current_user(), master=master, catalog=self.catalog)

    def _platform(self, name: str, trail: Trail, at: Key | None) -> Platform:
        record = self._record_of(name, "platform", at)
        with trail.entered(name, at):
            values = choose_platform(record, {})
            return self._platform_of(name, values, _rest(record, values), trail)

    def _platform_of(self, name: str, values: Mapping[str, PhpValue], extra: PhpArray, trail: Trail) -> Platform:
        web_server = self._referenced_server(name, "web_server", values["web_server"], trail)
        master = self._referenced_server(name, "server", MASTER_REFERENCE, trail)
        return platform_from(name, values, extra, web_server, master, partial(self._key, name))

    def _site(self, name: str, trail: Trail, at: Key | None) -> Site:
        record = self._record_of(name, "site", at)
        with trail.entered(name, at):
            platform, db_server = self._site_references(name, record, {}, trail)
            root = to_text_of(record.get("root")) or platform.root
            added = self.catalog.site_properties(platform.web_server)
            values = choose_site(name, record, {}, platform, root, added)
            return site_from(name, values, _rest(record, values), platform, db_server, partial(self._key, name))

    def _site_references(
        self, name: str, record: PhpArray, options: Mapping[str, PhpValue], trail: Trail
    ) -> tuple[Platform, Server]:
        platform, db_server = choose_references(record, options)
        at = self._key(name, "platform")
        return (
            self._platform(referenced_name(platform, at), trail, at),
            self._referenced_server(name, "db_server", db_server, trail),
        )

    def _referenced_server(self, name: str, key: str, value: PhpValue, trail: Trail) -> Server:
        at = self._key(name, key)
        return self._server(referenced_name(value, at), trail, at)

    # Saving.

    def _type_to_save(self, name: str, options: Mapping[str, PhpValue], known: bool) -> str:
        asked = to_text_of(options.get("context_type"))
        kind = self.type_of(name) if known else asked
        if kind not in TYPES:
            raise ContextError(
                f"{asked!a} is no type of a context" if asked else "The type of the new context is not given",
                where=f"@{name}",
                hint=f"Add --context_type= with one of {', '.join(TYPES)}",
                code="PROVISION_CONTEXT_TYPE" if asked else "PROVISION_MISSING_CONTEXT",
            )
        if asked not in ("", RESET, kind):
            raise ContextError(
                f"The context is a {kind} and cannot become a {asked}",
                where=self._key(name, "context_type").where(),
                hint="Choose another name, or delete the context first",
                code="PROVISION_CONTEXT_TYPE",
            )
        return kind

    def _saved_server(self, name: str, old: PhpArray, options: Mapping[str, PhpValue]) -> Built:
        trail = Trail([name])
        values = choose_server(name, old, options, self._surroundings(name, trail))
        check_values(values, partial(self._key, name))
        extra = _kept(old, values, options, declared_properties(self.catalog))
        return values, extra, self._server_of(name, values, extra, trail)

    def _saved_platform(self, name: str, old: PhpArray, options: Mapping[str, PhpValue]) -> Built:
        values = choose_platform(old, options)
        check_root(values, self._key(name, "root"))
        extra = _kept(old, values, options, frozenset())
        return values, extra, self._platform_of(name, values, extra, Trail([name]))

    def _saved_site(self, name: str, old: PhpArray, options: Mapping[str, PhpValue]) -> Built:
        platform, db_server = self._site_references(name, old, options, Trail([name]))
        docroot = self._docroot(platform.root, to_text_of(old.get("root")) or None)
        added = self.catalog.site_properties(platform.web_server)
        values = choose_site(name, old, options, platform, docroot, added)
        at = partial(self._key, name)
        check_names(values, at)
        extra = _kept(old, values, options, self.catalog.declared_site_properties())
        return values, extra, site_from(name, values, extra, platform, db_server, at)

    # Small parts.

    def _owner(self, name: str) -> str:
        """The context whose extra drush alias this is; the name itself when it is none, or there is no such site."""
        record = self._files.read(name)
        uri = to_text_of(record.get("uri"))
        if name not in self._extra_names(name, record) or not uri:
            return name
        for other in self.names_of("site", mentioning=[uri]):
            extra = self._extra_names(other, self.record(other))
            if name in extra and other not in extra and aliasfiles.same_site(self.record(other), record):
                return other
        return name

    def _extra_names(self, name: str, record: PhpArray) -> tuple[str, ...]:
        return to_texts(record.get("drush_aliases"), self._key(name, "drush_aliases"))

    def _record_of(self, name: str, kind: str, at: Key | None) -> PhpArray:
        """The record of a context that must be of this type."""
        self._need(name, at)
        found = self.type_of(name)
        if found != kind:
            raise ContextError(
                f"@{name} is a {found}, and a {kind} is needed",
                where=at.where() if at else self._key(name, "context_type").where(),
                hint=f"Name a {kind}: provision-py site:alias lists all contexts",
                code="PROVISION_CONTEXT_TYPE",
            )
        return self.record(name)

    def _need(self, name: str, at: Key | None) -> None:
        if at is not None and not self.exists(name):
            raise ContextError(
                f"@{name} does not exist",
                where=at.where(),
                hint=f"Save @{name} first, or let the key name a context that exists",
            )

    def _key(self, name: str, key: str) -> Key:
        return Key(name, key, self._files.path(name))


def _rest(record: PhpArray, values: Mapping[str, PhpValue]) -> PhpArray:
    return {key: value for key, value in record.items() if key not in values}


def _kept(
    old: PhpArray, values: Mapping[str, PhpValue], options: Mapping[str, PhpValue], declared: frozenset[str]
) -> PhpArray:
    """Keys that nobody declares: kept as they are, or as an option sets them; ``null`` removes one."""
    kept: PhpArray = {}
    for key, value in _rest(old, values).items():
        option = options.get(str(key))
        if key in declared or option == RESET:
            continue
        kept[key] = option if str(key) in options and is_given(option) else value
    return kept


def current_user() -> str:
    """The user whose rights count, whatever the environment says."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
