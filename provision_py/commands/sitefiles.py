"""The files of a site outside Drupal's own: folders, settings.php, sites.php, the client's link, the vhost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision_py.commands.session import Session
from provision_py.commands.sitenamesstep import SetSiteNames
from provision_py.commands.webrollout import roll_out
from provision_py.contexts.model import Site
from provision_py.drupal import layout
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.drupal.settings import SettingsData, hash_salt_in, new_hash_salt, render_settings
from provision_py.errors import HostError
from provision_py.php.sitesphp import read_sites_php, sites_php_key
from provision_py.php.values import says_yes
from provision_py.services.base import HttpService
from provision_py.services.http_common import site_names
from provision_py.steps.files import ApplyFiles, EnsureDirectories, SetAccess
from provision_py.system.configfile import ConfigFile
from provision_py.system.host import Completed, Host
from provision_py.system.presence import is_folder

_SETTINGS_MODE = 0o440
_LOCAL_SETTINGS = "<?php # local settings.php\n"


@dataclass(frozen=True)
class SiteFiles:
    """Puts a site's files in place, step by step, on the hub and on its web servers."""

    session: Session
    site: Site
    code: CodeBase
    credentials: Credentials

    @property
    def web_group(self) -> str:
        """The group through which web servers read a site: the master's, for every site."""
        return str(self.session.master.properties.get("web_group") or "www-data")

    def write_settings(self) -> None:
        """Folders, settings.php, local.settings.php and the aliases in sites.php."""
        hub = self.session.master.name
        directories = layout.site_directories(self.code, self.site.uri, self.web_group)
        self.session.run(
            EnsureDirectories(hub, directories, description="Make the folders of the site"),
            ApplyFiles(hub, self.settings_files(), description="Write the settings"),
        )
        self.session.run(self.site_names())

    def settings_files(self) -> list[ConfigFile]:
        group = self.web_group
        files = [
            ConfigFile(f"{self.site.site_path}/settings.php", self.settings(), _SETTINGS_MODE, group, sensitive=True)
        ]
        if self.session.flag("provision_create_local_settings_file", True):
            path = f"{self.site.site_path}/local.settings.php"
            files.append(ConfigFile(path, _LOCAL_SETTINGS, _SETTINGS_MODE, group, only_if_missing=True))
        return files

    def settings(self) -> str:
        """The text of settings.php."""
        site, code = self.site, self.code
        stored = site.web_server.properties.get("provision_db_cloaking")
        cloaks = self.session.http(site.web_server).cloaks_credentials if stored is None else says_yes(stored)
        cloaked = self.session.flag("provision_db_cloaking", cloaks)
        return render_settings(
            SettingsData(
                uri=site.uri,
                docroot=code.docroot,
                major=code.major,
                core_version=code.version,
                profile=site.profile,
                include_path=site.master.include_path,
                enabled=site.enabled,
                aliases=site.aliases,
                redirection=site.redirection,
                credentials=None if cloaked else self.credentials,
                utf8mb4=says_yes(site.db_server.properties.get("utf8mb4_is_supported")),
                hash_salt=self._hash_salt() if code.major >= 8 else "",
                subdirs=any("/" in alias for alias in site.aliases),
                extra=self.session.plugins.settings_extra(site),
            )
        )

    def _hash_salt(self) -> str:
        """The site's salt as it is: a new one would make every link and token that was given out invalid."""
        path = Path(f"{self.site.site_path}/settings.php")
        try:
            known = hash_salt_in(path.read_text(encoding="utf-8", errors="surrogateescape"))
        except FileNotFoundError:
            known = None
        except OSError as error:
            raise HostError(
                f"The settings of the site cannot be read: {error.strerror}",
                where=str(path),
                hint="Let the aegir user read the file, and pass the folders above it",
            ) from error
        return known or new_hash_salt()

    def site_names(self) -> SetSiteNames:
        """The step that gives the platform's sites.php this site's aliases, and no others of it."""
        folder = f"{self.code.docroot}/sites"
        known = read_sites_php(Path(f"{folder}/sites.php"))
        entries = wanted_names(self.site, known, lambda name: is_folder(f"{folder}/{name}"))
        lock = self.session.state / "locks" / f"sites-php-{self.site.platform.name}"
        return SetSiteNames(self.session.master.name, f"{folder}/sites.php", entries, lock)

    def set_modes(self) -> None:
        """Modes again, where Drupal's installer has changed them."""
        hub = self.session.master.name
        directories = layout.site_directories(self.code, self.site.uri, self.web_group)
        files = layout.site_files(self.code, self.site.uri, self.web_group)
        self.session.run(
            EnsureDirectories(hub, directories, description="Set the modes of the site's folders"),
            SetAccess(hub, [(file.path, file.mode, file.group) for file in files]),
        )

    def make_client_link(self) -> None:
        """The link to the site in its client's folder."""
        if not self.site.client_name:
            return
        root, client = self.session.master.aegir_root, self.site.client_name
        self.session.run(
            EnsureDirectories(
                self.session.master.name,
                [layout.client_directory(root, client)],
                [layout.client_link(root, client, self.code, self.site.uri)],
                description="Make the client's link to the site",
            )
        )

    def roll_out(self, found: Mapping[str, Completed] | None = None) -> frozenset[str]:
        """The vhost on every web server of the site; names of those that had another one. ``found``: how the search
        for files of lost aliases has ended on web servers, as far as it was made."""

        def former(service: HttpService, host: Host) -> Sequence[ConfigFile]:
            said = (found or {}).get(service.server.name)
            return service.former_site_files(self.site, self.credentials, host, said)

        changed = roll_out(self.session, self.site.web_server, self.vhost_files, site=self.site, former=former)
        self._warn()
        return changed

    def vhost_files(self, service: HttpService) -> Sequence[ConfigFile]:
        """What one web server's service has of the site."""
        extra = "\n".join(self.session.plugins.vhost_extra(self.site, service.server))
        return service.site_files(self.site, self.credentials, extra_config=extra)

    def _warn(self) -> None:
        servers = self.session.http(self.site.web_server).config_servers()
        doubts = [doubt for server in servers for doubt in self.session.http(server).doubts(self.site)]
        for doubt in dict.fromkeys(doubts):
            self.session.log.warning(doubt)
        for server in servers:
            host = self.session.host_of(server)
            for parent in self.session.http(server).blind_parents(self.site, host):
                self.session.log.warning(
                    f"{self.site.uri} cannot be seen below {parent} on @{server.name} yet: verify the site {parent}"
                )


def wanted_names(site: Site, known: Mapping[str, str], is_folder: Callable[[str], bool]) -> dict[str, str | None]:
    """The entries of sites.php to set (folder of the site) or to remove (None) for one site.

    Drupal knows no wildcards: it drops leading parts of a host name until something fits. So ``*.shop.example``
    becomes ``shop.example``, unless that is a site of its own. The same goes for the target of a redirection that is
    no name of the site: nginx shows it there, where nobody else has the name.
    """
    strange = site_names(site).strange_target
    entries: dict[str, str | None] = {name: None for name, folder in known.items() if folder == site.uri}
    for alias in (*([strange] if strange else []), *site.aliases):
        name = sites_php_key(alias.removeprefix("*."))
        doubtful = alias == strange or alias.startswith("*.")
        if doubtful and (is_folder(name) or known.get(name, site.uri) != site.uri):
            continue
        entries[name] = site.uri
    if site.uri in known:
        entries[site.uri] = None
    return entries
