"""Apache 2.4, with PHP as its module or behind php-fpm."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision_py.contexts.model import Platform
from provision_py.contexts.properties import Property
from provision_py.drupal.model import CodeBase
from provision_py.services import web_quoting
from provision_py.services.http_common import PublicHttp, program_of
from provision_py.services.http_properties import PHP_FPM_SOCKET, public_properties
from provision_py.services.phpfpm import explicit_address
from provision_py.system.configfile import ConfigFile

#: Apache itself and its control programs, those of further instances (``apache2ctl-two``) included.
_PROGRAM = re.compile(r"(?:apache2?|httpd)[\w.-]*")

#: Modules that can run PHP; where none of them is loaded, a script would be shown as text.
_PHP_MODULES = (
    "mod_php.c",
    "mod_php7.c",
    "mod_php5.c",
    "mod_proxy_fcgi.c",
    "mod_fcgid.c",
    "mod_fastcgi.c",
    "mod_cgi.c",
    "mod_cgid.c",
    "mod_suphp.c",
)

_VERBS = frozenset({"graceful", "reload", "restart", "force-reload", "graceful-stop", "start"})


class HttpApache(PublicHttp):
    """``http_service_type`` ``apache``.

    PHP is run by whatever the server's own configuration says; where the server has a ``phpfpm_socket`` (a path or
    ``host:port``), vhosts hand PHP to that one.
    """

    type = "apache"
    application = "apache"

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (*public_properties(cls.application), PHP_FPM_SOCKET)

    def platform_files(self, platform: Platform, code: CodeBase, *, extra_config: str = "") -> Sequence[ConfigFile]:
        content = self.render(
            "platform", platform=platform.name, root=web_quoting.config_path(code.docroot), extra_config=extra_config
        )
        return (ConfigFile(self.platform_conf(platform), content, description=f"folder of {platform.name}"),)

    def removed_platform_files(self, platform: Platform) -> Sequence[ConfigFile]:
        return (ConfigFile(self.platform_conf(platform), None, description=f"folder of {platform.name}"),)

    def server_values(self) -> dict[str, object]:
        address = explicit_address(self.server)
        if address is None:
            handler = None
        elif address.startswith("unix:"):
            handler = f"proxy:{address}|fcgi://localhost"
        else:
            handler = f"proxy:fcgi://{address}"
        return super().server_values() | {"php_handler": handler, "php_modules": _PHP_MODULES}

    def test_command(self) -> tuple[str, ...] | None:
        """``configtest`` in place of what the restart command tells Apache to do."""
        argv = self.reload_command()
        index = None if argv is None else program_of(argv, _PROGRAM)
        if argv is None or index is None or argv[index].startswith("/etc/"):
            return None
        head, rest = argv[: index + 1], list(argv[index + 1 :])
        if len(rest) == 1 and rest[0] in _VERBS:
            return (*head, "configtest")
        if "-k" in rest[:-1] and rest[rest.index("-k") + 1] in _VERBS:
            at = rest.index("-k")
            return (*head, *rest[:at], *rest[at + 2 :], "-t")
        return None
