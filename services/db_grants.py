"""What is done with the accounts of a database server, on a connection of its administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision_py.services import db_accounts
from provision_py.system.host import Secret

if TYPE_CHECKING:
    from provision_py.services.mysql_connection import Statements

GRANT_FAILED = "PROVISION_GRANT_DB_USER_FAILED"
DROP_FAILED = "PROVISION_DROP_DB_FAILED"

_NO_SUCH_ACCOUNT = (1133, 1141, 1147, 1269, 1396)
_ACCOUNT_EXISTS = 1396


def account_hosts(sql: Statements, user: str) -> tuple[str, ...]:
    """The hosts, in lower case, for which the server knows a user of this name."""
    rows = sql.rows(
        f"Looking for the user {user}",
        "SELECT Host FROM mysql.user WHERE User = %s ORDER BY Host",
        [user],
        code=GRANT_FAILED,
    )
    return tuple(text_of(row[0]).lower() for row in rows)


def make_account(sql: Statements, user: str, host: str, password: Secret) -> bool:
    """Make the account, or give the one that is there this password. True when it was made now.

    An account that was made now does not get its password twice: a server that forbids the use of former passwords
    (password_history, password_reuse_check) would refuse it.
    """
    what = f"Creating the database user {user}@{host}"
    create = db_accounts.create_account(user, host, password)
    if sql.run(what, create, code=GRANT_FAILED, ignore=[_ACCOUNT_EXISTS]):
        return True
    sql.run(what, db_accounts.change_password(user, host, password), code=GRANT_FAILED)
    return False


def grant_all(sql: Statements, database: str, user: str, host: str) -> None:
    """All privileges on this one database."""
    statement = db_accounts.grant_all(database, user, host, escaped=_reads_patterns(sql))
    sql.run(f"Granting {user}@{host} the database {database}", statement, code=GRANT_FAILED)


def _reads_patterns(sql: Statements) -> bool:
    """Whether ``_`` and ``%`` of a grant are wildcards: not on MySQL with partial_revokes, where an escaped name is
    that of another database.
    """
    rows = sql.rows("Asking how grants are read", "SHOW VARIABLES LIKE 'partial\\_revokes'", code=GRANT_FAILED)
    return not any(text_of(value).upper() in ("ON", "1") for _name, value in rows)


def drop_if_bare(sql: Statements, database: str, user: str, host: str) -> str:
    """Take the account's privileges on the database and drop it where nothing else is left; what was done."""
    who = f"{user}@{host}"
    if database:
        for escaped in (True, False):
            sql.run(
                f"Revoking the privileges of {who}",
                db_accounts.revoke_all(database, user, host, escaped=escaped),
                code=DROP_FAILED,
                ignore=_NO_SUCH_ACCOUNT,
            )
    rows = sql.rows(f"Reading the privileges of {who}", db_accounts.show_grants(user, host), code=DROP_FAILED)
    if not all(db_accounts.is_bare_grant(text_of(row[0])) for row in rows):
        return f"Kept the user {who}, who has other privileges"
    sql.run(f"Dropping the user {who}", db_accounts.drop_account(user, host), code=DROP_FAILED)
    return f"Dropped the user {who}"


def text_of(value: object) -> str:
    """A value of a row: some servers answer with bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
