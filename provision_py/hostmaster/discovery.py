"""Finds the front end's database: the alias ``@hostmaster`` leads to its site, whose drushrc.php has the credentials.

Explicit settings, all or some, go first. No error names the value of a setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from provision_py.errors import HostmasterError, PhpDataError
from provision_py.hostmaster.connection import DatabaseSettings, apply_prefix
from provision_py.php.files import read_aliases, read_drushrc
from provision_py.php.values import PhpArray, PhpValue
from provision_py.system.host import Secret

CODE: Final = "PROVISION_HOSTMASTER_SETTINGS"
DEFAULT_PORT: Final = 3306

#: Environment variables that give settings, beside the keys of :func:`settings_from_mapping`.
ENVIRONMENT: Final = {
    "PROVISION_PY_DB_HOST": "host",
    "PROVISION_PY_DB_PORT": "port",
    "PROVISION_PY_DB_SOCKET": "socket",
    "PROVISION_PY_DB_USER": "user",
    "PROVISION_PY_DB_PASSWORD": "password",
    "PROVISION_PY_DB_PASSWORD_FILE": "password_file",
    "PROVISION_PY_DB_NAME": "database",
    "PROVISION_PY_DB_PREFIX": "prefix",
    "PROVISION_PY_DB_CHARSET": "charset",
}
_KEYS: Final = frozenset(ENVIRONMENT.values())


def settings_from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that the environment gives, by their short names; empty values do not count."""
    return {key: environ[name] for name, key in ENVIRONMENT.items() if environ.get(name)}


def find_settings(drush_dir: Path, given: Mapping[str, str] | None = None) -> DatabaseSettings:
    """The front end's database: from ``given`` alone when that is enough, else from the alias with ``given`` on top.

    Enough are ``database`` and ``user``. Raises HostmasterError.
    """
    given = dict(given or {})
    if given.get("database") and given.get("user"):
        return settings_from_mapping(given, where="the given settings")
    found = settings_from_hostmaster_alias(drush_dir)
    return _overridden(found, given) if given else found


def settings_from_mapping(values: Mapping[str, object], *, where: str) -> DatabaseSettings:
    """Settings by the keys host, port, socket, user, password, password_file, database, prefix, charset.

    Only ``user`` and ``database`` are needed. Raises HostmasterError with ``where`` and the key.
    """
    unknown = sorted(str(key) for key in values if key not in _KEYS)
    if unknown:
        raise _error(f"The setting {unknown[0]} is not known", where, f"Known are: {', '.join(sorted(_KEYS))}")
    for key in ("database", "user"):
        if not values.get(key):
            raise _error(f"The setting {key} is missing", where)
    host, port, socket = _address(
        str(values.get("host") or "localhost"), values.get("port"), str(values.get("socket") or "") or None, where
    )
    settings = DatabaseSettings(
        host=host,
        port=port,
        socket=socket,
        user=str(values["user"]),
        password=_password(values, where),
        database=str(values["database"]),
        prefix=str(values.get("prefix") or ""),
        charset=str(values["charset"]) if values.get("charset") else None,
    )
    apply_prefix("", settings.prefix)
    return settings


def settings_from_hostmaster_alias(drush_dir: Path) -> DatabaseSettings:
    """What ``hostmaster.alias.drushrc.php`` in a drush folder and its site's ``drushrc.php`` say.

    Options of the alias itself (``db_host`` …) win over those of the site, as in drush. Raises HostmasterError with
    file and key.
    """
    alias_file = drush_dir / "hostmaster.alias.drushrc.php"
    alias = _alias(alias_file)
    site_path = _site_path(alias, alias_file)
    drushrc = site_path / "drushrc.php"
    options = {**_read_drushrc(drushrc), **{key: alias[key] for key in alias if str(key).startswith("db_")}}
    driver = _text(options, "db_type") or "mysql"
    if driver not in ("mysql", "mysqli"):
        raise _error("The front end's database is not MySQL or MariaDB", f"{drushrc}, db_type")
    for key in ("db_name", "db_user"):
        if not _text(options, key):
            raise _error(
                f"The option {key} is missing",
                str(drushrc),
                "Let the hostmaster site be verified once by the PHP backend, or give the settings explicitly",
            )
    host, port, socket = _address(
        _text(options, "db_host") or "localhost",
        options.get("db_port"),
        _text(options, "db_socket") or None,
        f"{drushrc}, db_port",
    )
    return DatabaseSettings(
        host=host,
        port=port,
        socket=socket,
        user=_text(options, "db_user"),
        password=Secret(_text(options, "db_passwd")),
        database=_text(options, "db_name"),
        prefix=_text(options, "db_prefix"),
    )


def _alias(file: Path) -> PhpArray:
    try:
        if not file.exists():
            raise _error(
                "The alias of the front end does not exist",
                str(file),
                "Run as the user of the hosting system, or give the database settings explicitly",
            )
        aliases = read_aliases(file)
    except PhpDataError as error:
        raise _error(f"The alias of the front end cannot be read: {error.what}", error.where or str(file)) from error
    except OSError as error:
        raise _error(f"The alias of the front end cannot be read: {error.strerror}", str(file)) from error
    if "hostmaster" not in aliases:
        raise _error("The file has no alias named hostmaster", str(file))
    return aliases["hostmaster"]


def _site_path(alias: PhpArray, file: Path) -> Path:
    path = _text(alias, "site_path")
    if not path:
        root, uri = _text(alias, "root"), _text(alias, "uri")
        if not root or not uri:
            raise _error("The alias says neither site_path nor root and uri", str(file))
        path = f"{root}/sites/{uri}"
    return Path(path)


def _read_drushrc(file: Path) -> PhpArray:
    try:
        if not file.exists():
            raise _error(
                "The hostmaster site has no drushrc.php",
                str(file),
                "Its alias may be out of date; give the database settings explicitly",
            )
        return read_drushrc(file)
    except PhpDataError as error:
        raise _error(
            f"The drushrc.php of the hostmaster site cannot be read: {error.what}", error.where or str(file)
        ) from error
    except OSError as error:
        raise _error(
            f"The drushrc.php of the hostmaster site cannot be read: {error.strerror}",
            str(file),
            "Only the user of the hosting system may read it",
        ) from error


def _address(host: str, port: object, socket: str | None, where: str) -> tuple[str, int, str | None]:
    """Host, port and socket as PHP's MySQL client takes them: ``localhost`` with the usual port means the socket.

    A host may bring a port or a socket with it (``db1:3307``, ``localhost:/run/x.sock``).
    """
    name, colon, rest = host.partition(":")
    if colon and not socket and host.count(":") == 1:
        host = name or "localhost"
        if rest.startswith("/"):
            socket = rest
        elif port in (None, "", 0, "0"):
            port = rest
    text = str(port if port not in (None, "", 0, "0") else DEFAULT_PORT)
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65536:
        raise _error("The port of the database is not a number between 1 and 65535", where)
    if socket is None and host == "localhost":
        socket = next((path for path in _SOCKETS if Path(path).is_socket()), None) if text == "3306" else None
        if socket is None:
            host = "127.0.0.1"
    return host, int(text), socket


#: Where distributions put the socket of MariaDB and MySQL.
_SOCKETS: Final = (
    "/run/mysqld/mysqld.sock",
    "/var/run/mysqld/mysqld.sock",
    "/var/lib/mysql/mysql.sock",
    "/tmp/mysql.sock",  # noqa: S108 (looked for, not made)
)


def _password(values: Mapping[str, object], where: str) -> Secret:
    file = values.get("password_file")
    if not file:
        return Secret(str(values.get("password") or ""))
    try:
        return Secret(Path(str(file)).read_text().rstrip("\r\n"))
    except (OSError, UnicodeDecodeError):
        raise _error("The file named by password_file cannot be read", where) from None


def _overridden(settings: DatabaseSettings, given: Mapping[str, str]) -> DatabaseSettings:
    values: dict[str, object] = {
        "host": settings.host,
        "port": settings.port,
        "socket": settings.socket,
        "user": settings.user,
        "password": settings.password.reveal(),
        "database": settings.database,
        "prefix": settings.prefix,
        "charset": settings.charset,
    }
    if ("host" in given or "port" in given) and "socket" not in given:
        values["socket"] = None
    return settings_from_mapping({**values, **given}, where="the given settings")


def _text(options: Mapping[int | str, PhpValue], key: str) -> str:
    value = options.get(key)
    return "" if value is None or isinstance(value, (dict, bool)) else str(value)


def _error(what: str, where: str, hint: str = "") -> HostmasterError:
    return HostmasterError(what, where=where, hint=hint, code=CODE)
