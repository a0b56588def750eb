"""The service types that are known here: ours and those of installed packages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provision_py.contexts.model import Server
from provision_py.contexts.properties import Property
from provision_py.errors import ServiceError
from provision_py.services.base import Service
from provision_py.services.plugins import LazyType, Plugins

#: Services in the order in which the original asks them; others follow by name.
FIRST_SERVICES = ("db", "http")


class Catalog:
    """Implements :class:`provision_py.contexts.properties.ServiceCatalog`. Classes are loaded when first needed.

    Raises ServiceError when two packages bring the same type.
    """

    def __init__(self, types: Iterable[type[Service] | LazyType]) -> None:
        self._types: dict[str, dict[str, type[Service] | LazyType]] = {}
        for entry in types:
            known = self._types.setdefault(entry.service, {})
            if known.get(entry.type, entry) != entry:
                raise ServiceError(
                    f"Two packages bring the {entry.service} service type {entry.type}",
                    where=f"{known[entry.type]} and {entry}",
                    hint="Remove one of them",
                    code="PROVISION_PLUGIN",
                )
            known[entry.type] = entry

    @classmethod
    def from_plugins(cls, plugins: Plugins) -> Catalog:
        return cls(plugins.service_types())

    def services(self) -> Sequence[str]:
        known = sorted(self._types)
        return [name for name in FIRST_SERVICES if name in known] + [n for n in known if n not in FIRST_SERVICES]

    def types(self, service: str) -> Sequence[str]:
        return sorted(self._types.get(service, {}))

    def type_class(self, service: str, service_type: str) -> type[Service]:
        """The class of a service type. Raises ServiceError naming the known types."""
        known = self._types.get(service, {})
        entry = known.get(service_type)
        if entry is None:
            raise ServiceError(
                f"No {service} service of the type {service_type} is known",
                where=f"{service}_service_type",
                hint=f"Known types are {', '.join(sorted(known)) or 'none'}; others come from packages to install",
            )
        if isinstance(entry, LazyType):
            entry = known[service_type] = entry.load()
        return entry

    def service_of(self, server: Server, service: str) -> Service:
        """The service that a server offers. Raises ServiceError when it offers none, or one of an unknown type."""
        service_type = server.service_types.get(service)
        if service_type is None:
            raise ServiceError(
                f"The server @{server.name} offers no {service} service",
                where=f"@{server.name}, key {service}_service_type",
                hint="Choose a server that does, or enable the service on this one and verify it",
            )
        return self.type_class(service, service_type)(server)

    def server_properties(self, service: str, service_type: str) -> Sequence[Property]:
        return self.type_class(service, service_type).server_properties()

    def site_properties(self, web_server: Server) -> Sequence[Property]:
        """Properties of the server's own service types, then of its members' (of a cluster or pack), each once."""
        found: dict[str, Property] = {}
        for server in (web_server, *web_server.members.values()):
            for service, service_type in server.service_types.items():
                if service_type in self._types.get(service, {}):
                    for prop in self.type_class(service, service_type).site_properties():
                        found.setdefault(prop.name, prop)
        return tuple(found.values())

    def declared_site_properties(self) -> frozenset[str]:
        return frozenset(
            prop.name
            for service in self.services()
            for service_type in self.types(service)
            for prop in self.type_class(service, service_type).site_properties()
        )
