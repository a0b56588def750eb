"""nginx 1.18 and later, with PHP behind php-fpm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provision_py.contexts.model import Platform, Site
from provision_py.contexts.properties import Property
from provision_py.drupal.model import CodeBase
from provision_py.php.values import PhpValue
from provision_py.services import web_quoting
from provision_py.services.http_common import PublicHttp, program_of, site_names
from provision_py.services.http_properties import nginx_properties, public_properties
from provision_py.services.phpfpm import address, detect_nginx, keep_chosen
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import Host

#: nginx itself, its init script and control programs.
_PROGRAM = re.compile(r"nginx[\w.-]*")

#: The file that Provision's vhosts include; all nginx servers of a hub share its name.
SHARED_INCLUDE = "nginx_vhost_common.conf"

#: Names under which still older vhosts include it.
OLD_INCLUDES = ("nginx_simple_include.conf", "nginx_advanced_include.conf")


class HttpNginx(PublicHttp):
    """``http_service_type`` ``nginx``.

    What all sites of a server share is in ``<app>/vhost_common.conf`` of that server, because php-fpm may listen
    elsewhere on the next one. The same text also goes where the vhosts that Provision wrote look for it.
    """

    type = "nginx"
    application = "nginx"
    takes_folders = False

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (*public_properties(cls.application), *nginx_properties(subdirs=True))

    def detect(self, host: Host) -> Mapping[str, PhpValue]:
        return {**super().detect(host), **keep_chosen(self.server, detect_nginx(host), host)}

    @property
    def common_file(self) -> str:
        return f"{self.app_path}/vhost_common.conf"

    def server_directories(self) -> Sequence[Directory]:
        return (*super().server_directories(), Directory(self.server.include_path, 0o711))

    def server_links(self) -> Sequence[Link]:
        folder = self.server.include_path
        shared = f"{folder}/{SHARED_INCLUDE}"
        return (*super().server_links(), *(Link(f"{folder}/{name}", shared) for name in OLD_INCLUDES))

    def server_files(self, *, extra_config: str = "") -> Sequence[ConfigFile]:
        common = self.render("vhost_common", **self.server_values())
        shared = f"{web_quoting.config_path(self.server.include_path)}/{SHARED_INCLUDE}"
        return (
            ConfigFile(self.common_file, common, description="what all vhosts share"),
            ConfigFile(shared, common, description="what vhosts of the PHP backend share"),
            *super().server_files(extra_config=extra_config),
        )

    def server_values(self) -> dict[str, object]:
        return super().server_values() | {
            "php_address": address(self.server),
            "has_gzip_static": bool(self._property("nginx_has_gzip", False)),
            "common_file": self.common_file,
            "http2": " http2" if self._property("nginx_has_http2", False) else "",
        }

    def platform_files(self, platform: Platform, code: CodeBase, *, extra_config: str = "") -> Sequence[ConfigFile]:
        """None; but the vhosts of the platform's sites will name its folder, so it is looked at now."""
        web_quoting.config_path(code.docroot)
        return ()

    def site_values(self, site: Site) -> dict[str, object]:
        """``served_names``: with the target of a redirection that is no name of the site, as in the original. As a
        regular expression it comes after all names that other sites have."""
        values, names = super().site_values(site), site_names(site)
        strange = names.strange_target
        served = names.served or ((web_quoting.nginx_regex(f"~^{re.escape(strange)}$"),) if strange else ())
        return values | {"served_names": served, "own_name": "$host" if strange else "$server_name"}

    def test_command(self) -> tuple[str, ...] | None:
        """``-t`` in place of ``-s reload``, with all other options; ``configtest`` of the init script."""
        argv = self.reload_command()
        index = None if argv is None else program_of(argv, _PROGRAM)
        if argv is None or index is None:
            return None
        head, rest = argv[: index + 1], list(argv[index + 1 :])
        if rest == ["reload"]:
            return (*head, "configtest")
        if "-sreload" in rest:
            at = rest.index("-sreload")
            return (*head, *rest[:at], *rest[at + 1 :], "-t")
        if "-s" in rest[:-1] and rest[rest.index("-s") + 1] == "reload":
            at = rest.index("-s")
            return (*head, *rest[:at], *rest[at + 2 :], "-t")
        return None
