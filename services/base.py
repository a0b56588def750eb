"""What every service type is: a class that belongs to one server and only *describes*.

A service renders what should be true and names the commands that test and reload; it writes nothing itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.properties import Property
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.php.values import PhpValue
from provision_py.services.certificates import Certificate
from provision_py.services.subdirectories import Subdirectory
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import Completed, Host, Program


@dataclass(frozen=True)
class Visit:
    """A request that shows whether a web server serves a site as it should.

    ``host`` is the name that is asked for, ``address`` the address to ask where only one of the machine's shows the
    site. With a ``target`` (``host`` or ``host/folder``) the name is there only to be redirected to that one,
    ``to_https``: and to https. Without, the site itself is to be seen.
    """

    host: str
    port: int
    path: str = "/"
    https: bool = False
    address: str | None = None
    target: str | None = None
    to_https: bool = False


class Service:
    """A service type of one server, e.g. service ``http``, type ``apache``."""

    service: ClassVar[str]
    type: ClassVar[str]

    def __init__(self, server: Server) -> None:
        self.server = server

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        """Properties that this type adds to its server, in alias-file order."""
        return ()

    @classmethod
    def site_properties(cls) -> Sequence[Property]:
        """Properties that this type adds to the sites it serves."""
        return ()

    def detect(self, host: Host) -> Mapping[str, PhpValue]:
        """Properties that can only be learned on the server itself, asked there, to be saved with the server.

        What somebody chose is left out as long as it fits the server. None means the property's default.
        """
        return {}


class HttpService(Service):
    """A web server. Groups of web servers (cluster, pack) are placements over the same methods."""

    service = "http"

    #: Folder name of the configuration below the server's config path (``apache``, ``nginx``).
    application: ClassVar[str]

    #: True when database credentials reach PHP through the vhost instead of settings.php.
    cloaks_credentials: ClassVar[bool] = True

    #: False when a folder in ``pre.d`` or ``post.d`` breaks the configuration instead of being loaded or passed over.
    takes_folders: ClassVar[bool] = True

    def without(self, absent: frozenset[str]) -> HttpService:
        """The service as it is while servers of these names are out of reach; a single web server is as ever."""
        return self

    def config_servers(self) -> Sequence[Server]:
        """The servers that get configuration."""
        return (self.server,)

    def code_servers(self) -> Sequence[Server]:
        """The servers that get code and site files."""
        return (self.server,)

    def grant_servers(self) -> Sequence[Server]:
        """The servers whose PHP connects to a site's database."""
        return (self.server,)

    def server_directories(self) -> Sequence[Directory]:
        return ()

    def server_links(self) -> Sequence[Link]:
        return ()

    def server_files(self, *, extra_config: str = "") -> Sequence[ConfigFile]:
        """The server's own configuration. ``extra_config``, here and below, are lines that extensions add."""
        return ()

    def platform_files(self, platform: Platform, code: CodeBase, *, extra_config: str = "") -> Sequence[ConfigFile]:
        return ()

    def removed_platform_files(self, platform: Platform) -> Sequence[ConfigFile]:
        return ()

    def check_site(self, site: Site) -> None:
        """Raises ServiceError (PROVISION_BAD_VALUE) for a site that :meth:`site_files` will refuse."""

    def site_files(self, site: Site, credentials: Credentials, *, extra_config: str = "") -> Sequence[ConfigFile]:
        """Configuration of an enabled or disabled site, as ``site.enabled`` says."""
        return ()

    def doubts(self, site: Site) -> Sequence[str]:
        """What the site asks for and this server does not give it, in whole sentences."""
        return ()

    def blind_parents(self, site: Site, host: Host) -> Sequence[str]:
        """Hosts below which the site is to be shown (``host/folder`` aliases) and whose vhosts on this server do not
        look for such folders: Provision writes that into a vhost only when there is a folder already.
        """
        return ()

    def shown_folders(self, site: Site, database: str, host: Host) -> Collection[Subdirectory]:
        """The ``host/folder`` aliases under which this server shows the site already, whoever wrote that. By its
        ``database`` the original's files are known to be the site's.
        """
        return ()

    def former_site_search(self, site: Site, credentials: Credentials) -> Program | None:
        """What :meth:`former_site_files` would run on this server before anything else, if it is on another machine:
        it may be run ahead, with what else is asked there."""
        return None

    def former_site_files(
        self, site: Site, credentials: Credentials, host: Host, found: Completed | None = None
    ) -> Sequence[ConfigFile]:
        """What is to go on this server because the site has lost aliases: the server's files are the only record of
        what it had. ``found`` is how the program of :meth:`former_site_search` has ended there.
        """
        return ()

    def vhost_roots(self, uri: str, host: Host) -> Sequence[str]:
        """The docroots that a vhost of this name has on a host, whoever wrote it. Empty when there is none."""
        return ()

    def removed_site_files(self, site: Site) -> Sequence[ConfigFile]:
        return ()

    def visits(self, site: Site) -> Sequence[Visit]:
        """How to see that the site is served. Empty: this server cannot be asked."""
        return ()

    def server_certificates(self) -> Sequence[Certificate]:
        """Certificates that must be on the server before its configuration can be tested."""
        return ()

    def site_certificates(self, site: Site) -> Sequence[Certificate]:
        """Certificates that the site's vhost needs on this server."""
        return ()

    def test_command(self) -> tuple[str, ...] | None:
        """The argv that tests the whole configuration; None when the server has no way to test."""
        return None

    def reload_command(self) -> tuple[str, ...] | None:
        """The argv that makes the server read its configuration again without dropping requests."""
        return None
