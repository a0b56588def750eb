"""What a site's database and accounts are called and which statements make them. All of this is pure."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Iterator
from dataclasses import dataclass

from provision_py.services.mysql_quoting import account, grant_database, identifier
from provision_py.services.mysql_quoting import string as text
from provision_py.system.host import Secret

#: How long a suggested database name is (db/Provision/Service/db.php).
SUGGESTED_LENGTH = 16
SUGGESTIONS = 100

PASSWORD_LENGTH = 24
#: No quotes, backslashes, ``#``, ``;``, ``$``, ``%``, ``@``, ``:``, ``/``: the password stands in ini files, URLs,
#: PHP strings, shell exports and vhosts. ``-`` and ``_`` are the special characters that a password policy asks for.
_SPECIAL = "-_"
_ALPHABET = string.ascii_letters + string.digits + _SPECIAL


def new_password() -> Secret:
    """A random password that MySQL's MEDIUM policy takes: upper and lower case, digit, special character.

    24 characters of a 64-letter alphabet are 144 bits. It begins with a letter: nothing reads it as an option.
    """
    while True:
        found = secrets.choice(string.ascii_letters) + "".join(
            secrets.choice(_ALPHABET) for _ in range(PASSWORD_LENGTH - 1)
        )
        wanted = (string.ascii_lowercase, string.ascii_uppercase, string.digits, _SPECIAL)
        if all(any(character in group for character in found) for group in wanted):
            return Secret(found)


def name_suggestions(uri: str) -> Iterator[str]:
    """Names for the database of a site, best first: ``wwwless`` host name without dots and dashes, cut to 16
    characters; then up to 100 with a number (``suggest_db_name`` in db/Provision/Service/db.php).

    Characters that a database name should not have are left out.
    """
    base = re.sub(r"[^a-z0-9_]", "", uri.lower().removeprefix("www."))[:SUGGESTED_LENGTH] or "site"
    yield base
    for number in range(SUGGESTIONS):
        yield f"{base[: SUGGESTED_LENGTH - 1 - len(str(number))]}_{number}"


@dataclass(frozen=True)
class ServerVersion:
    """What a server says of itself, e.g. ``10.11.6-MariaDB`` or ``8.0.36``."""

    mariadb: bool
    numbers: tuple[int, ...]
    text: str

    @classmethod
    def parse(cls, version: str) -> ServerVersion:
        # MariaDB behind old replication clients calls itself 5.5.5-10.11.6-MariaDB.
        plain = version.removeprefix("5.5.5-") if "mariadb" in version.lower() else version
        found = re.match(r"\d+(?:\.\d+)*", plain)
        numbers = tuple(int(part) for part in found.group().split(".")) if found else ()
        return cls(mariadb="mariadb" in version.lower(), numbers=numbers, text=version)

    @property
    def has_alter_user(self) -> bool:
        """ALTER USER and DROP USER IF EXISTS: MariaDB 10.2, MySQL 5.7."""
        return self.numbers >= ((10, 2) if self.mariadb else (5, 7))

    def __str__(self) -> str:
        return self.text


def create_database(name: str) -> str:
    """Without IF NOT EXISTS: the statement itself decides who of two gets the name."""
    return f"CREATE DATABASE {identifier(name)} CHARACTER SET utf8mb4"


def drop_database(name: str) -> str:
    return f"DROP DATABASE IF EXISTS {identifier(name)}"


def create_account(user: str, host: str, password: Secret) -> Secret:
    """Without IF NOT EXISTS, which would leave an account that is there its old password and say nothing."""
    return Secret(f"CREATE USER {account(user, host)} IDENTIFIED BY {text(password.reveal())}")


def change_password(user: str, host: str, password: Secret) -> Secret:
    return Secret(f"ALTER USER {account(user, host)} IDENTIFIED BY {text(password.reveal())}")


def grant_all(database: str, user: str, host: str, *, escaped: bool = True) -> str:
    """``escaped`` False is for servers that take ``_`` and ``%`` of a grant as they are, and a backslash too."""
    return f"GRANT ALL PRIVILEGES ON {_granted(database, escaped)}.* TO {account(user, host)}"


def revoke_all(database: str, user: str, host: str, *, escaped: bool = True) -> str:
    """``escaped`` False names a grant as the original made it, with ``_`` as a wildcard."""
    return f"REVOKE ALL PRIVILEGES ON {_granted(database, escaped)}.* FROM {account(user, host)}"


def _granted(database: str, escaped: bool) -> str:
    return grant_database(database) if escaped else identifier(database)


def drop_account(user: str, host: str) -> str:
    return f"DROP USER IF EXISTS {account(user, host)}"


def show_grants(user: str, host: str) -> str:
    return f"SHOW GRANTS FOR {account(user, host)}"


def is_bare_grant(row: str) -> bool:
    """Whether a row of SHOW GRANTS gives nothing but the right to log in."""
    return row.upper().startswith("GRANT USAGE ON ") and "WITH GRANT OPTION" not in row.upper()
