"""How service types declare the properties that they add to servers and sites."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from provision_py.contexts.model import Server
from provision_py.php.values import PhpValue


@dataclass(frozen=True)
class Draft:
    """What is known of a context while its properties are worked out, in alias-file order.

    ``master`` is None while the master itself is built. ``values`` holds the properties decided so far.
    """

    name: str
    remote_host: str
    aegir_root: str
    script_user: str
    config_path: str
    master_url: str | None
    values: Mapping[str, PhpValue]
    master: Server | None


@dataclass(frozen=True)
class Property:
    """One property of a service type.

    ``kind``: ``scalar``, ``list`` (comma lists are split), ``members`` (a list of server contexts).
    ``derived`` values are computed at each load and save, whatever the file or an option says.
    ``optional`` ones are left out of the file while they have their default: the original does not know them.
    """

    name: str
    default: Callable[[Draft], PhpValue] = lambda draft: None
    kind: str = "scalar"
    derived: bool = False
    optional: bool = False


class ServiceCatalog(Protocol):
    """Which services and types exist. Implemented by the services layer, used by the context store."""

    def services(self) -> Sequence[str]:
        """Names of all services in the order of the original (``db`` before ``http``)."""
        ...

    def types(self, service: str) -> Sequence[str]: ...

    def server_properties(self, service: str, service_type: str) -> Sequence[Property]:
        """Properties that the type adds to a server, ``<service>_service_type`` left out."""
        ...

    def site_properties(self, web_server: Server) -> Sequence[Property]:
        """Properties that the web server's service types add to a site."""
        ...

    def declared_site_properties(self) -> frozenset[str]:
        """Names of the site properties of all known service types, chosen or not."""
        ...
