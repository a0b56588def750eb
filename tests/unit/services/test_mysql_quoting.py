from __future__ import annotations

import pytest

from provision_py.errors import DatabaseError
from provision_py.services import mysql_quoting


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("abc", "`abc`"), ("a`b", "`a``b`"), ("a_b%c", "`a_b%c`"), ("a'b\"c", "`a'b\"c`"), ("ä", "`ä`")],
)
def test_identifiers(name: str, quoted: str) -> None:
    assert mysql_quoting.identifier(name) == quoted


@pytest.mark.parametrize(
    ("name", "quoted"),
    [("abc", "`abc`"), ("d7_site", "`d7\\_site`"), ("50%", "`50\\%`"), ("a\\_b", "`a\\\\\\_b`"), ("a`_", "`a``\\_`")],
)
def test_grants_have_no_wildcards(name: str, quoted: str) -> None:
    assert mysql_quoting.grant_database(name) == quoted


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("abc", "'abc'"),
        ("it's", "'it\\'s'"),
        ('say "x"', "'say \\\"x\\\"'"),
        ("a\\", "'a\\\\'"),
        ("\0\n\r\x1a", "'\\0\\n\\r\\Z'"),
        ("' OR 1=1 -- ", "'\\' OR 1=1 -- '"),
        ("ü€😀", "'ü€😀'"),
    ],
)
def test_strings(text: str, quoted: str) -> None:
    assert mysql_quoting.string(text) == quoted


def test_accounts() -> None:
    assert mysql_quoting.account("me", "localhost") == "'me'@'localhost'"
    assert mysql_quoting.account("o'hara", "10.0.%") == "'o\\'hara'@'10.0.%'"


@pytest.mark.parametrize("bad", ["", "x" * 65, "a\0b", "a\nb", "trailing ", "😀", "a\udcffb"])
def test_names_that_no_server_takes(bad: str) -> None:
    with pytest.raises(DatabaseError) as caught:
        mysql_quoting.identifier(bad)
    assert caught.value.code == "PROVISION_DB_INVALID_NAME"


@pytest.mark.parametrize(("user", "host"), [("", "localhost"), ("x" * 33, "localhost"), ("me", ""), ("me", "h" * 61)])
def test_accounts_that_no_server_takes(user: str, host: str) -> None:
    with pytest.raises(DatabaseError):
        mysql_quoting.account(user, host)
