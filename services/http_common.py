"""What Apache and nginx have in common: folders, file names, host names, redirections and restart commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.properties import Property
from provision_py.drupal.model import Credentials
from provision_py.errors import ServiceError
from provision_py.php.values import PhpValue, says_yes
from provision_py.services import http_rules, templating, web_quoting
from provision_py.services.base import HttpService, Visit
from provision_py.services.http_properties import CHECK_PAGES, is_program_on, restart_command
from provision_py.services.phpfpm import setting
from provision_py.services.subdirectories import Subdirectory, former_files, search, shown, subdirectories
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import Completed, Host, Program

#: Folders below the application's, in the order in which Provision makes them.
SUBFOLDERS = ("pre.d", "post.d", "platform.d", "vhost.d", "subdir.d")

_SUDO_OPTIONS_WITH_VALUE = frozenset({"-u", "--user", "-g", "--group", "-h", "--host", "-p", "--prompt"})

#: The name under which the credentials of a site reach PHP.
CREDENTIAL_NAMES = ("db_type", "db_name", "db_user", "db_passwd", "db_host", "db_port")


@dataclass(frozen=True)
class Names:
    """The host names of a site.

    ``served`` answer with the site; ``redirected`` answer with a redirection to ``target`` (a host name, for a site
    below a folder of another one ``host/folder``). Without a target nothing is redirected. A target that a wildcard
    of the site covers is one of its names; any other may be another site's, too.
    """

    served: tuple[str, ...]
    redirected: tuple[str, ...]
    target: str | None

    @property
    def all(self) -> tuple[str, ...]:
        return self.served + self.redirected

    @property
    def strange_target(self) -> str | None:
        """A target, not below a folder, that the site does not have as a name."""
        return self.target if self.target and "/" not in self.target and not self.served else None

    def target_at(self, port: str) -> str:
        """The target with a port (``:8080``, or what stands for it) behind its host. Only where there is a target."""
        host, slash, folder = (self.target or "").partition("/")
        return f"{host}{port}{slash}{folder}"


def site_names(site: Site) -> Names:
    """Which names a site answers to. Raises ServiceError for names that are none."""
    own = web_quoting.host_name(site.uri)
    aliases = [web_quoting.host_name(alias) for alias in site.aliases if "/" not in alias]
    names = tuple(dict.fromkeys([own, *aliases]))
    if not site.redirection:
        return Names(names, (), None)
    target = web_quoting.location(site.redirection)
    served = (target,) if target in names or any(_covers(name, target) for name in names) else ()
    return Names(served, tuple(name for name in names if name != target), target)


def _covers(wildcard: str, name: str) -> bool:
    return wildcard.startswith("*.") and "/" not in name and name.endswith(wildcard[1:])


def credential_variables(credentials: Credentials) -> dict[str, str]:
    """What the vhost hands to PHP, as settings.php reads it: the bare values, without any encoding.

    Provision URL-encodes here though its settings.php does not decode, so that a password with ``%`` or ``+`` fails
    there; for the letters and digits that it puts into passwords the result is the same.
    """
    values = (
        credentials.driver,
        credentials.name,
        credentials.user,
        credentials.password.reveal(),
        credentials.host,
        str(credentials.port),
    )
    return dict(zip(CREDENTIAL_NAMES, values, strict=True))


def split_command(command: str) -> tuple[str, ...]:
    """A restart command as an argv. It is run without a shell, so ``;``, ``|`` and the like are plain characters.

    Raises ServiceError when its quotes do not match.
    """
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise ServiceError(
            f"The restart command cannot be split into words: {error}",
            where=command,
            hint="Correct http_restart_cmd of the server",
        ) from error


def program_of(argv: Sequence[str], name: re.Pattern[str]) -> int | None:
    """Where in ``argv`` the program stands whose base name matches; sudo and its options may be in front of it."""
    index = 0
    if argv and PurePosixPath(argv[0]).name == "sudo":
        index = 1
        while index < len(argv) and argv[index].startswith("-"):
            index += 2 if argv[index] in _SUDO_OPTIONS_WITH_VALUE else 1
    return index if index < len(argv) and name.fullmatch(PurePosixPath(argv[index]).name) else None


#: The docroot in a vhost, ours or Provision's, of Apache or nginx.
_ROOT = re.compile(r'^\s*(?:DocumentRoot|root)\s+"?(?P<path>/[^";\n]*[^";\s])"?\s*;?\s*$', re.MULTILINE | re.I)


class PublicHttp(HttpService):
    """A web server that listens itself (Provision/Service/http/public.php).

    ``conf_suffix`` is Provision's option ``provision_apache_conf_suffix``: vhosts are named ``<uri>.conf``, and
    Apache reads nothing else. It may also stand in the server's alias file under that name.
    """

    def __init__(self, server: Server, *, conf_suffix: bool | None = None) -> None:
        super().__init__(server)
        stored = says_yes(setting(server, "provision_apache_conf_suffix"))
        self.conf_suffix = stored if conf_suffix is None else conf_suffix

    @classmethod
    def site_properties(cls) -> Sequence[Property]:
        return (CHECK_PAGES,)

    @property
    def port(self) -> int:
        return web_quoting.port(self._property("http_port", 80))

    @property
    def app_path(self) -> str:
        return web_quoting.config_path(f"{self.server.config_path}/{self.application}")

    @property
    def main_file(self) -> str:
        return f"{self.server.config_path}/{self.application}.conf"

    @property
    def challenge_path(self) -> str:
        """Where ACME challenges lie: the place of the front end's Let's Encrypt service."""
        path = setting(self.server, "letsencrypt_challenge_path")
        default = f"{self.server.aegir_root}/config/letsencrypt.d/well-known/acme-challenge"
        return web_quoting.config_path(str(path) if path else default)

    def server_directories(self) -> Sequence[Directory]:
        root = self.server.aegir_root
        return (
            Directory(f"{root}/config", 0o711),
            Directory(self.server.config_path, 0o711),
            Directory(self.app_path, 0o711),
            *(Directory(f"{self.app_path}/{name}", 0o700) for name in SUBFOLDERS),
        )

    def server_links(self) -> Sequence[Link]:
        return (Link(f"{self.server.aegir_root}/config/{self.application}.conf", self.main_file),)

    def server_files(self, *, extra_config: str = "") -> Sequence[ConfigFile]:
        content = self.render("server", **self.server_values(), extra_config=extra_config)
        return (ConfigFile(self.main_file, content, description=f"{self.application} configuration"),)

    def check_site(self, site: Site) -> None:
        self.site_values(site)
        subdirectories(site)

    def site_files(self, site: Site, credentials: Credentials, *, extra_config: str = "") -> Sequence[ConfigFile]:
        """The site's vhost, enabled or disabled, and what its ``host/folder`` aliases need.

        Raises ServiceError (PROVISION_BAD_VALUE) for a value that cannot stand in the configuration.
        """
        values = self.site_values(site)
        if site.enabled:
            variables = credential_variables(credentials)
            values |= {"credentials": variables, "extra_config": extra_config}
            template = "vhost"
        else:
            template = "vhost_disabled"
        vhost = self.render(template, **values)
        return (
            ConfigFile(self.vhost_path(site.uri), vhost, description=f"vhost of {site.uri}", sensitive=site.enabled),
            *self._subdirectory_files(site, values),
        )

    def removed_site_files(self, site: Site) -> Sequence[ConfigFile]:
        return (
            ConfigFile(self.vhost_path(site.uri), None, description=f"vhost of {site.uri}"),
            *(ConfigFile(self._subdirectory_path(one), None) for one in subdirectories(site)),
        )

    def shown_folders(self, site: Site, database: str, host: Host) -> Collection[Subdirectory]:
        paths = {self._subdirectory_path(one): one for one in subdirectories(site)}
        owner = web_quoting.host_name(site.uri)
        return shown(host, paths, owner, database)

    def former_site_search(self, site: Site, credentials: Credentials) -> Program | None:
        return search(f"{self.app_path}/subdir.d", web_quoting.host_name(site.uri), credentials.name)

    def former_site_files(
        self, site: Site, credentials: Credentials, host: Host, found: Completed | None = None
    ) -> Sequence[ConfigFile]:
        wanted = {self._subdirectory_path(one) for one in subdirectories(site)}
        owner, folder = web_quoting.host_name(site.uri), f"{self.app_path}/subdir.d"
        return former_files(host, folder, self.vhost_path, owner, credentials.name, wanted, found)

    def visits(self, site: Site) -> Sequence[Visit]:
        """The site's page, and one of the names that are redirected: that costs no PHP.

        A site that is redirected to a name which it does not have itself shows no page here.
        """
        if not site.enabled:
            return (Visit(web_quoting.host_name(site.uri), self.port),)
        names = site_names(site)
        found = []
        host, _, folder = (names.target or names.served[0]).partition("/")
        if names.served or Subdirectory(host, folder) in subdirectories(site):
            found.append(Visit(host, self.port, f"/{folder}/" if folder else "/"))
        other = next((name for name in names.redirected if "*" not in name), None)
        if other and names.target:
            found.append(Visit(other, self.port, target=names.target))
        return found

    def blind_parents(self, site: Site, host: Host) -> Sequence[str]:
        blind = []
        for parent in dict.fromkeys(one.host for one in subdirectories(site)):
            path = self.vhost_path(parent)
            if host.stat(path) is not None and f"/subdir.d/{parent}/".encode() not in host.read(path):
                blind.append(parent)
        return blind

    def vhost_roots(self, uri: str, host: Host) -> Sequence[str]:
        path = self.vhost_path(uri)
        if host.stat(path) is None:
            return ()
        text = host.read(path).decode("utf-8", "surrogateescape")
        return tuple(dict.fromkeys(match["path"] for match in _ROOT.finditer(text)))

    def vhost_path(self, uri: str) -> str:
        suffix = ".conf" if self.conf_suffix else ""
        return f"{self.app_path}/vhost.d/{web_quoting.host_name(uri)}{suffix}"

    def detect(self, host: Host) -> Mapping[str, PhpValue]:
        """The restart command, where the present one names a program that is not on the server.

        The default is worked out on the hub, and another machine may keep its programs elsewhere.
        """
        is_program = is_program_on(host)
        words = [word for word in self.reload_command() or () if PurePosixPath(word).name != "sudo"]
        program = next((word for word in words if not word.startswith("-")), "/")
        if not program.startswith("/") or is_program(program):
            return {}
        return {"http_restart_cmd": restart_command(self.application, is_program)}

    def reload_command(self) -> tuple[str, ...] | None:
        command = self._property("http_restart_cmd", "")
        return split_command(str(command)) or None if command else None

    def render(self, template: str, **values: object) -> str:
        return templating.render(f"{self.application}/{template}.conf.j2", rules=http_rules, **values)

    def server_values(self) -> dict[str, object]:
        """What the templates of the server, and all others, are given."""
        return {
            "server_name": self.server.name,
            "port": self.port,
            "app_path": self.app_path,
            "challenge_path": self.challenge_path,
            "acme_folders": (self.challenge_path,),
            "conf_suffix": self.conf_suffix,
            "ssl": None,
        }

    def site_values(self, site: Site) -> dict[str, object]:
        """What the templates of a site are given, enabled or not."""
        names = site_names(site)
        uri = web_quoting.host_name(site.uri)
        root = web_quoting.config_path(site.root)
        return self.server_values() | {
            "uri": uri,
            "names": names,
            "root": root,
            "acme_folders": (self.challenge_path, f"{root}/.well-known/acme-challenge"),
            "site_path": web_quoting.config_path(f"{site.root}/sites/{uri}"),
            "disabled_url": self._disabled_url(uri),
            "https": None,
        }

    def platform_conf(self, platform: Platform) -> str:
        return web_quoting.config_path(f"{self.app_path}/platform.d/{platform.name}.conf")

    def _property(self, name: str, default: PhpValue) -> PhpValue:
        value = setting(self.server, name)
        return default if value is None or value == "" else value

    def _disabled_url(self, uri: str) -> str | None:
        """Where visitors of a disabled site are sent; None when the front end's address is not known."""
        page = str(self._property("web_disable_url", ""))
        return web_quoting.http_url(f"{page}/{uri}") if page.startswith(("http://", "https://")) else None

    def _subdirectory_path(self, one: Subdirectory) -> str:
        return f"{self.app_path}/subdir.d/{one.host}/{one.file_name}"

    def _subdirectory_files(self, site: Site, values: Mapping[str, object]) -> list[ConfigFile]:
        files = []
        for one in subdirectories(site):
            shared: dict[str, object] = dict(values) | {"subdir": one.path, "host": one.host}
            template = "subdir" if site.enabled else "subdir_disabled"
            content = self.render(template, **shared)
            path = self._subdirectory_path(one)
            files.append(
                ConfigFile(path, content, description=f"{site.uri} below {one.host}", sensitive=site.enabled)
            )
            if one.host == site.uri:
                continue
            # A site of that name has its vhost at this very path, and then it is the one that includes us.
            parent = self.render("subdir_vhost", **shared)
            files.append(
                ConfigFile(
                    self.vhost_path(one.host), parent, description=f"vhost of {one.host}", only_if_missing=True
                )
            )
        return files
