"""What the https types of Apache and nginx have in common: certificates, their places and the second vhost.

Rules of Provision/Service/http/ssl.php (backend.md 5.8): a certificate has a name (``ssl_key``) and a folder of that
name on the hub, from where it is copied to each server that shows a site with it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from provision_py.contexts.model import Site
from provision_py.contexts.properties import Property
from provision_py.services import web_quoting
from provision_py.services.base import Visit
from provision_py.services.certificates import Certificate
from provision_py.services.http_common import PublicHttp
from provision_py.services.http_properties import ssl_site_properties
from provision_py.system.configfile import Directory

#: The certificate of the vhost that answers to unknown names.
DEFAULT_KEY = "default"

_KEY_NAME = re.compile(r"[A-Za-z0-9_*][A-Za-z0-9_.*-]*", re.ASCII)


@dataclass(frozen=True)
class Https:
    """How a site is shown by https. ``address`` is ``*`` or an IP address as it stands in a listen directive.

    With ``redirect`` the site is to be seen by https alone.
    """

    address: str
    port: int
    certificate: Certificate
    redirect: bool

    @property
    def port_suffix(self) -> str:
        """What follows the host in an address: nothing for https's own port."""
        return "" if self.port == 443 else f":{self.port}"


class SslHttp(PublicHttp):
    """A web server that can show a site by https too."""

    @classmethod
    def site_properties(cls) -> Sequence[Property]:
        return (*ssl_site_properties(), *super().site_properties())

    @property
    def ssl_port(self) -> int:
        return web_quoting.port(self._property("http_ssl_port", 443))

    def default_certificate(self) -> Certificate:
        """The server's own certificate, needed before its configuration can be tested."""
        return self._certificate(DEFAULT_KEY, "default.invalid")

    def site_certificate(self, site: Site) -> Certificate | None:
        """The certificate that the site's vhost needs on this server; None for a site without https.

        Raises ServiceError (PROVISION_BAD_VALUE) for a name that is no folder name.
        """
        key = site.properties.get("ssl_key")
        if not _number(site.properties.get("ssl_enabled")) or not key:
            return None
        return self._certificate(str(key), web_quoting.host_name(site.uri))

    def doubts(self, site: Site) -> Sequence[str]:
        if not _number(site.properties.get("ssl_enabled")) or site.properties.get("ssl_key"):
            return ()
        return (f"{site.uri} is shown by http alone: ssl_enabled is set, but no certificate is named (ssl_key)",)

    def server_certificates(self) -> Sequence[Certificate]:
        return (self.default_certificate(),)

    def site_certificates(self, site: Site) -> Sequence[Certificate]:
        certificate = self.site_certificate(site)
        return () if certificate is None else (certificate,)

    def server_directories(self) -> Sequence[Directory]:
        own = f"{self.server.config_path}/ssl.d"
        return (
            Directory(f"{self.server.aegir_root}/config", 0o711),
            Directory(f"{self.server.aegir_root}/config/ssl.d", 0o700),
            Directory(self.server.config_path, 0o711),
            Directory(own, 0o700),
            Directory(f"{own}/{DEFAULT_KEY}", 0o700),
            *super().server_directories()[2:],
        )

    def server_values(self) -> dict[str, object]:
        return super().server_values() | {"ssl": Https("*", self.ssl_port, self.default_certificate(), False)}

    def site_values(self, site: Site) -> dict[str, object]:
        certificate = self.site_certificate(site)
        if certificate is None:
            return super().site_values(site)
        https = Https(self._address(site), self.ssl_port, certificate, self._only_https(site))
        return super().site_values(site) | {"https": https}

    def visits(self, site: Site) -> Sequence[Visit]:
        """A site that is to be seen by https alone is asked by https; by http it only redirects."""
        found = super().visits(site)
        if not site.enabled or not self._only_https(site):
            return found
        address = self._address(site).strip("[]")
        shown = [
            replace(visit, port=self.ssl_port, https=True, address=None if address == "*" else address)
            for visit in found
            if visit.target is None
        ]
        sent = [replace(visit, to_https=True) for visit in found if visit.target is not None]
        if shown and not sent:
            sent = [replace(found[0], target=f"{found[0].host}{found[0].path}".rstrip("/"), to_https=True)]
        return (*shown, *sent)

    def _only_https(self, site: Site) -> bool:
        return self.site_certificate(site) is not None and _number(site.properties.get("ssl_enabled")) == 2

    def _address(self, site: Site) -> str:
        """The site's own address on this server, where the front end gave it one."""
        addresses = site.properties.get("ip_addresses")
        if not isinstance(addresses, Mapping):
            return "*"
        found = addresses.get(f"@{self.server.name}") or addresses.get(self.server.name)
        if not found:
            return "*"
        try:
            address = ipaddress.ip_address(str(found))
        except ValueError:
            raise web_quoting.refuse("This IP address of a site", str(found)) from None
        return f"[{address}]" if address.version == 6 else str(address)

    def _certificate(self, key: str, common_name: str) -> Certificate:
        if not _KEY_NAME.fullmatch(key):
            raise web_quoting.refuse("This name of a certificate", key, "It is the name of a folder")
        return Certificate(
            key,
            common_name,
            web_quoting.config_path(f"{self.server.aegir_root}/config/ssl.d") + f"/{key}",
            web_quoting.config_path(f"{self.server.config_path}/ssl.d") + f"/{key}",
        )


def _number(value: object) -> int:
    text = str(value or 0)
    return int(text) if text.isascii() and text.isdigit() else int(bool(value))
