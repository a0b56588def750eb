"""A site's settings.php (Provision/Config/Drupal/Settings.php and its templates).

The file depends on nothing but its data: no date and no fresh random value, so that an unchanged site keeps its
file and its hash salt, and with it every one-time link and token that was given out.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote as url_quote

from provision_py.drupal.model import Credentials
from provision_py.errors import DrupalError
from provision_py.php.literals import quote

if TYPE_CHECKING:
    import jinja2

#: The number that modules compare with to know what the hosting system can do.
AEGIR_API = 3

_UTF8MB4_SINCE = (7, 50)
_HASH_SALT = re.compile(
    r"""^\s*\$settings\['hash_salt'\]\s*=\s*(?:'((?:[^'\\]|\\.)*)'|"([^"\\$]*)")\s*;""", re.MULTILINE
)


@dataclass(frozen=True)
class SettingsData:
    """All that settings.php depends on.

    ``docroot`` is where index.php lies; ``include_path`` the folder of global.inc. ``credentials`` None means
    cloaked: PHP gets them from the web server. ``utf8mb4`` says whether the database server can. ``hash_salt`` must
    be given from Drupal 8 on (see :func:`hash_salt_in`, :func:`new_hash_salt`); Drupal 7 does without. ``extra`` are
    pieces of PHP from extensions.
    """

    uri: str
    docroot: str
    major: int
    core_version: str
    profile: str
    include_path: str
    enabled: bool = True
    aliases: tuple[str, ...] = ()
    redirection: str | None = None
    credentials: Credentials | None = None
    utf8mb4: bool = True
    hash_salt: str = ""
    subdirs: bool = False
    extra: tuple[str, ...] = ()


def render_settings(data: SettingsData) -> str:
    """The text of settings.php. Raises DrupalError for a version before 7 or a missing hash salt."""
    if data.major < 7:
        raise DrupalError(
            f"Settings for Drupal {data.major} cannot be written",
            where=data.docroot,
            hint="Drupal 7 and later are supported",
        )
    if data.major >= 8 and not data.hash_salt:
        raise DrupalError(
            "A site of Drupal 8 or later needs a hash salt", where=data.uri, code="PROVISION_DRUPAL_HASH_SALT"
        )
    site_dir = f"sites/{data.uri}"
    template = _environment().get_template(f"drupal/settings_{7 if data.major == 7 else 8}.php.j2")
    return template.render(
        data=data,
        site_dir=site_dir,
        charset=data.utf8mb4 and (data.major >= 8 or _numbers(data.core_version) >= _UTF8MB4_SINCE),
        database_url=_database_url(data.credentials) if data.credentials else "",
        aegir_api=AEGIR_API,
        host_patterns=host_patterns(data),
        includes=(
            f"{data.include_path}/global.inc",
            f"{data.docroot}/sites/all/platform.settings.php",
            f"{data.docroot}/sites/all/settings.php",
            f"{data.docroot}/{site_dir}/local.settings.php",
        ),
    )


def host_patterns(data: SettingsData) -> tuple[str, ...]:
    """Regular expressions of the host names that Drupal answers to.

    The redirection target is one of them, whether it is an alias or not: all requests end up there.
    """
    names = (data.uri, *data.aliases, *([data.redirection] if data.redirection else []))
    own = (_host_pattern(name) for name in names)
    return tuple(dict.fromkeys([*own, "^localhost$", r"^localhost\.localdomain$", r"\.local$"]))


def new_hash_salt() -> str:
    return secrets.token_urlsafe(55)


def hash_salt_in(settings: str) -> str | None:
    """The hash salt in the text of an existing settings.php of Drupal 8 or later; the last one counts."""
    found = list(_HASH_SALT.finditer(settings))
    if not found:
        return None
    single, double = found[-1].groups()
    salt = re.sub(r"\\(['\\])", r"\1", single) if single is not None else double
    return salt or None


def _host_pattern(name: str) -> str:
    host = name.partition("/")[0]
    return "^" + re.sub(r"[^A-Za-z0-9-]", lambda match: ".+" if match[0] == "*" else "\\" + match[0], host) + "$"


def _database_url(credentials: Credentials) -> str:
    user, password, name = (
        url_quote(part, safe="") for part in (credentials.user, credentials.password.reveal(), credentials.name)
    )
    return f"{credentials.driver}://{user}:{password}@{credentials.host}:{credentials.port}/{name}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _comment(text: str) -> str:
    """Text that cannot end a PHP comment."""
    return re.sub(r"[^\w.:/ -]", "?", text).replace("*/", "?")


@lru_cache(maxsize=1)
def compile_templates() -> None:
    """Compile the templates now: processes that are forked later have them."""
    environment = _environment()
    for name in environment.list_templates(filter_func=lambda name: name.startswith("drupal/")):
        environment.get_template(name)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(  # noqa: S701 (PHP, not HTML: every value goes through the php filter)
        loader=jinja2.PackageLoader("provision_py", "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["php"] = quote
    environment.filters["comment"] = _comment
    return environment
