"""What a site's ``drushrc.php`` knows about it, and how it is written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provision_py.contexts.model import Site
from provision_py.drupal.model import Credentials
from provision_py.errors import ContextError
from provision_py.php.files import read_drushrc
from provision_py.php.render import render_site_drushrc
from provision_py.php.values import PhpArray, PhpValue
from provision_py.system.configfile import ConfigFile
from provision_py.system.host import Secret

_MODE = 0o440


@dataclass(frozen=True)
class SiteState:
    """The options of a site's drushrc.php; empty when there is none."""

    options: PhpArray

    @classmethod
    def read(cls, site: Site) -> SiteState:
        """Raises PhpDataError when the file is broken or cannot be read."""
        return cls(read_drushrc(drushrc_path(site), local=False, needed=False))

    def credentials(self, site: Site) -> Credentials:
        """Raises ContextError when the site has no complete database credentials on record."""
        missing = [key for key in ("db_name", "db_user", "db_passwd") if not self.options.get(key)]
        if missing:
            raise ContextError(
                f"No database is on record for the site: {', '.join(missing)} missing",
                where=drushrc_path(site),
                hint="Install the site, import it, or put its former drushrc.php back; nothing was changed",
                code="PROVISION_DRUPAL_SITE_NOT_FOUND",
            )
        return Credentials(
            host=str(self.options.get("db_host") or site.db_server.remote_host),
            port=_port(self.options.get("db_port"), site),
            name=str(self.options["db_name"]),
            user=str(self.options["db_user"]),
            password=Secret(str(self.options["db_passwd"])),
            driver="mysql",
        )


def drushrc_path(site: Site) -> str:
    return f"{site.site_path}/drushrc.php"


def drushrc_file(site: Site, options: Mapping[int | str, PhpValue]) -> ConfigFile:
    """The site's drushrc.php with these options."""
    content = render_site_drushrc(options, site.site_path)
    return ConfigFile(drushrc_path(site), content, _MODE, description="drushrc.php", sensitive=True)


def credential_options(credentials: Credentials) -> PhpArray:
    """The ``db_*`` options in the order of the original (db.php, generate_site_credentials)."""
    return {
        "db_type": credentials.driver,
        "db_host": credentials.host,
        "db_port": str(credentials.port),
        "db_passwd": credentials.password.reveal(),
        "db_name": credentials.name,
        "db_user": credentials.user,
    }


def _port(value: PhpValue, site: Site) -> int:
    port = value or site.db_server.properties.get("db_port") or 3306
    try:
        return int(str(port))
    except ValueError:
        raise ContextError(
            f"The database port {port!r} is not a number", where=f"{drushrc_path(site)}, db_port"
        ) from None
