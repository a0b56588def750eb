"""Drupal's variables: PHP-serialised values in the table ``variable``.

Values that ``settings.php`` of the front end puts into ``$conf`` are not in the database and so are not seen here.
"""

from __future__ import annotations

from typing import Final

from provision_py.errors import HostmasterError, PhpDataError
from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database
from provision_py.php.serialization import serialize, unserialize
from provision_py.php.values import PhpValue, truthy

ADMIN_CLIENT: Final = "hosting_admin_client"
DEFAULT_CLIENT: Final = "hosting_default_client"
DEFAULT_DB_SERVER: Final = "hosting_default_db_server"
HOSTMASTER_SITE: Final = "aegir_hostmaster_site_nid"

#: Node ids of a standard installation, where the front end's code has defaults (hosting.module).
_NID_DEFAULTS: Final = {
    ADMIN_CLIENT: 1,
    DEFAULT_CLIENT: 1,
    DEFAULT_DB_SERVER: 4,
    "hosting_default_web_server": 3,
    "hosting_own_db_server": 2,
    "hosting_own_web_server": 3,
    "hosting_own_platform": 6,
}


def get_variable(db: Database, name: str, default: PhpValue = None) -> PhpValue:
    """A variable, or ``default`` when it is not set. Raises HostmasterError when its value cannot be read."""
    row = db.row(queries.VARIABLE, {"name": name})
    return default if row is None else stored_value(db, name, row["value"])


def stored_value(db: Database, name: str, raw: object) -> PhpValue:
    """What the column ``value`` of a variable says. Raises HostmasterError when it cannot be read."""
    try:
        return unserialize(raw if isinstance(raw, bytes) else str(raw).encode())
    except PhpDataError as error:
        raise HostmasterError(
            f"The variable {name} of the front end is damaged: {error.what}",
            where=db.settings.where,
            hint="Set it again in the front end, or delete its row",
        ) from error


def set_variable(db: Database, name: str, value: PhpValue) -> None:
    """Store a variable and drop the cached copy of all variables, as Drupal's ``variable_set`` does."""
    db.execute(queries.SET_VARIABLE, {"name": name, "value": serialize(value)})
    db.execute(queries.FORGET_CACHED_VARIABLES)


def delete_variable(db: Database, name: str) -> None:
    """Remove a variable, so that the default in the front end's code counts again."""
    db.execute(queries.DELETE_VARIABLE, {"name": name})
    db.execute(queries.FORGET_CACHED_VARIABLES)


def nid_variable(db: Database, name: str) -> int | None:
    """A variable that holds a node id (stored as string or int); its default in the code; None when there is none."""
    return as_nid(name, get_variable(db, name))


def as_nid(name: str, value: PhpValue) -> int | None:
    """The node id that a variable's value says, or its default."""
    if isinstance(value, (int, str)) and str(value).strip().isdigit():
        return int(value)
    return _NID_DEFAULTS.get(name)


def flag(db: Database, name: str, default: bool = False) -> bool:
    """A variable as PHP would see it in a condition."""
    return truthy(get_variable(db, name, default))


def number(db: Database, name: str, default: int) -> int:
    """A variable as whole number; ``default`` when it is not set or not a number."""
    value = get_variable(db, name, default)
    try:
        return int(float(value)) if isinstance(value, (str, int, float)) else default
    except (ValueError, OverflowError):
        return default
