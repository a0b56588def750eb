"""The one place where names and texts become part of MySQL statements. All functions are pure.

Statements that name databases and accounts cannot have placeholders for them, so each kind of place has its function.
"""

from __future__ import annotations

from provision_py.errors import DatabaseError

#: Longest names that all supported servers take: MySQL 5.7 and 8 have 32 characters for users, MariaDB 80.
MAX_DATABASE = 64
MAX_USER = 32
MAX_HOST = 60

_IN_STRING = {
    "\0": "\\0",
    "\n": "\\n",
    "\r": "\\r",
    "\x1a": "\\Z",
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
}


def identifier(name: str) -> str:
    """A database or table name in backticks. Raises DatabaseError for what no server takes as a name."""
    _check(name, "database name", MAX_DATABASE)
    if name.endswith(" "):
        raise _refused(name, "database name", "it ends in a space")
    return "`" + name.replace("`", "``") + "`"


def grant_database(name: str) -> str:
    """A database name in the place of ``GRANT … ON db.*``, where ``_`` and ``%`` would match other databases."""
    _check(name, "database name", MAX_DATABASE)
    return identifier_text(name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%"))


def identifier_text(text: str) -> str:
    """Backticks around a text that is checked already (a pattern may be longer than a name)."""
    return "`" + text.replace("`", "``") + "`"


def string(text: str) -> str:
    """A string literal. It needs a connection whose sql_mode has no NO_BACKSLASH_ESCAPES, as ours sets it."""
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise _refused("…", "text", "it is not valid text")
    return "'" + "".join(_IN_STRING.get(character, character) for character in text) + "'"


def account(user: str, host: str) -> str:
    """``'user'@'host'`` of an account. Raises DatabaseError for an empty user, which would mean everybody."""
    _check(user, "user name", MAX_USER)
    _check(host, "host of a user", MAX_HOST)
    return f"{string(user)}@{string(host)}"


def _check(text: str, what: str, longest: int) -> None:
    if not text:
        raise _refused(text, what, "it is empty")
    if len(text) > longest:
        raise _refused(text, what, f"it has more than {longest} characters")
    if any(ord(character) < 32 or ord(character) == 127 or ord(character) > 0xFFFF for character in text):
        raise _refused(text, what, "it has control or special characters")
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise _refused(text, what, "it is not valid text")


def _refused(text: str, what: str, reason: str) -> DatabaseError:
    return DatabaseError(
        f"{text[:80]!a} cannot be a {what}: {reason}",
        hint="Use lower-case letters, digits and underscores",
        code="PROVISION_DB_INVALID_NAME",
    )
