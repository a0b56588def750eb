"""Extension points: what a package may bring to provision-py, and how packages are found.

A package names a module (or any object) in the entry point group ``provision_py``; functions of it that are marked
with :data:`hookimpl` and named as in :class:`Hooks` are called. Our own service types come in by the same door
(``provision_py.services.builtin``).
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any, TypeAlias

import pluggy

from provision_py.contexts.model import Platform, Server, Site
from provision_py.errors import ProvisionError, ServiceError
from provision_py.services.base import Service

GROUP = "provision_py"
BROKEN_PLUGIN = "PROVISION_PLUGIN"

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


ServiceClass: TypeAlias = type[Service]


@dataclass(frozen=True)
class LazyType:
    """A service type that is imported when it is first needed. ``path`` is ``package.module:Class``."""

    service: str
    type: str
    path: str

    def load(self) -> ServiceClass:
        """The class. Raises ServiceError (PROVISION_PLUGIN) when it cannot be imported or is something else."""
        module, _, name = self.path.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ServiceError(
                f"The {self.service} service type {self.type} cannot be loaded: {error}",
                where=self.path,
                hint="Repair or remove the package that brings it",
                code=BROKEN_PLUGIN,
            ) from error
        if not (isinstance(found, type) and issubclass(found, Service)):
            raise ServiceError(
                f"The {self.service} service type {self.type} is no subclass of Service",
                where=self.path,
                hint="Repair or remove the package that brings it",
                code=BROKEN_PLUGIN,
            )
        return found


@dataclass(frozen=True)
class DumpFilter:
    """A regular expression and its replacement, applied to each line of a database dump."""

    pattern: str
    replacement: str


class Hooks:
    """All hooks. Every one is optional."""

    @hookspec
    def provision_service_types(self) -> Iterable[type[Service] | LazyType]:  # type: ignore[empty-body] # a hook
        """Service types that the package brings."""

    @hookspec
    def provision_commands(self) -> Iterable[object]:  # type: ignore[empty-body] # a hook
        """Commands that the package brings: ``provision_py.commands.registry.Command`` values."""

    @hookspec
    def vhost_extra(self, site: Site, server: Server) -> str | None:
        """Lines for the vhost of ``site`` on ``server``, in the language of that server's web server."""

    @hookspec
    def platform_extra(self, platform: Platform, server: Server) -> str | None:
        """Lines for the configuration of a platform's folder on ``server``."""

    @hookspec
    def server_extra(self, server: Server) -> str | None:
        """Lines for the main configuration of a web server."""

    @hookspec
    def settings_extra(self, site: Site) -> str | None:
        """PHP statements for the site's settings.php."""

    @hookspec
    def dump_filters(self, site: Site) -> Iterable[DumpFilter] | None:
        """What to replace in the dump of a site's database."""

    @hookspec
    def deploy_options(self, site: Site, command: str) -> dict[str, str] | None:
        """Options for the deployment that ``command`` (clone, migrate, restore) makes of ``site``."""


class Plugins:
    """The packages that take part. :meth:`load` finds the installed ones, :meth:`register` adds one by hand."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(GROUP)
        self._manager.add_hookspecs(Hooks)

    @classmethod
    def load(cls) -> Plugins:
        """All installed packages, ours among them. Raises ServiceError when one cannot be imported."""
        plugins = cls()
        for entry in sorted(entry_points(group=GROUP), key=lambda found: (found.name, found.value)):
            try:
                plugin = entry.load()
            except Exception as error:
                raise ServiceError(
                    f"The plugin {entry.name} cannot be loaded: {type(error).__name__}: {error}",
                    where=entry.value,
                    hint="Repair or remove the package that brings it",
                    code=BROKEN_PLUGIN,
                ) from error
            plugins.register(plugin, name=f"{entry.name} ({entry.value})")
        return plugins

    def register(self, plugin: object, *, name: str | None = None) -> None:
        """Let an object take part; twice the same one counts once."""
        if self._manager.is_registered(plugin):
            return
        try:
            self._manager.register(plugin, name=name)
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            raise ServiceError(
                f"A plugin does not fit: {error}",
                where=name or repr(plugin),
                hint="Compare its functions with provision_py.services.plugins.Hooks",
                code=BROKEN_PLUGIN,
            ) from error

    def service_types(self) -> tuple[type[Service] | LazyType, ...]:
        """In the order of registration."""
        return tuple(item for items in self._answers("provision_service_types") for item in items)

    def commands(self) -> tuple[object, ...]:
        return tuple(item for items in self._answers("provision_commands") for item in items)

    def vhost_extra(self, site: Site, server: Server) -> tuple[str, ...]:
        return self._texts("vhost_extra", site=site, server=server)

    def platform_extra(self, platform: Platform, server: Server) -> tuple[str, ...]:
        return self._texts("platform_extra", platform=platform, server=server)

    def server_extra(self, server: Server) -> tuple[str, ...]:
        return self._texts("server_extra", server=server)

    def settings_extra(self, site: Site) -> tuple[str, ...]:
        return self._texts("settings_extra", site=site)

    def dump_filters(self, site: Site) -> tuple[DumpFilter, ...]:
        return tuple(item for items in self._answers("dump_filters", site=site) for item in items)

    def deploy_options(self, site: Site, command: str) -> dict[str, str]:
        """All options together; a package that was registered later wins."""
        merged: dict[str, str] = {}
        for options in self._answers("deploy_options", site=site, command=command):
            merged.update(options)
        return merged

    def _texts(self, hook: str, **arguments: object) -> tuple[str, ...]:
        return tuple(str(text) for text in self._answers(hook, **arguments) if text)

    def _answers(self, hook: str, **arguments: object) -> list[Any]:
        try:
            answers = getattr(self._manager.hook, hook)(**arguments)
        except ProvisionError:
            raise
        except Exception as error:
            raise ServiceError(
                f"A plugin failed in {hook}: {type(error).__name__}: {error}",
                where=_culprit(error),
                hint="Repair or remove the package that brings it",
                code=BROKEN_PLUGIN,
            ) from error
        return list(reversed(answers))


def _culprit(error: BaseException) -> str:
    """The file and line where a plugin's function failed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else ""
