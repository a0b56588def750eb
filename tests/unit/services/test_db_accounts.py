from __future__ import annotations

import itertools
import re
import string

import pytest

from provision_py.services import db_accounts
from provision_py.services.db_accounts import ServerVersion
from provision_py.system.host import Secret


@pytest.mark.parametrize(
    ("uri", "names"),
    [
        ("d7site.example.test", ["d7siteexampletes", "d7siteexamplet_0", "d7siteexamplet_1"]),
        ("www.my-site.test", ["mysitetest", "mysitetest_0", "mysitetest_1"]),
        ("wwwx.test", ["wwwxtest", "wwwxtest_0", "wwwxtest_1"]),
        ("a_b.test", ["a_btest", "a_btest_0", "a_btest_1"]),
        ("xn--bcher-kva.example", ["xnbcherkvaexampl", "xnbcherkvaexam_0", "xnbcherkvaexam_1"]),
        ("---", ["site", "site_0", "site_1"]),
    ],
)
def test_suggested_names(uri: str, names: list[str]) -> None:
    assert list(itertools.islice(db_accounts.name_suggestions(uri), 3)) == names


def test_there_are_a_hundred_more_all_short_and_different() -> None:
    names = list(db_accounts.name_suggestions("a-very-long-name.of.a.site.example.test"))
    assert len(names) == len(set(names)) == 101
    assert names[-1] == "averylongname_99"
    assert max(map(len, names)) == 16


def test_passwords() -> None:
    found = {db_accounts.new_password().reveal() for _ in range(200)}
    assert len(found) == 200
    for password in found:
        assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{23}", password)
        for group in (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_"):
            assert set(password) & set(group)


@pytest.mark.parametrize(
    ("text", "mariadb", "numbers", "modern"),
    [
        ("10.11.6-MariaDB-0+deb12u1", True, (10, 11, 6), True),
        ("5.5.5-10.6.12-MariaDB", True, (10, 6, 12), True),
        ("11.4.2-MariaDB-ubu2404", True, (11, 4, 2), True),
        ("10.1.48-MariaDB", True, (10, 1, 48), False),
        ("5.7.44-log", False, (5, 7, 44), True),
        ("8.0.36", False, (8, 0, 36), True),
        ("8.4.0", False, (8, 4, 0), True),
        ("9.7.4-2", False, (9, 7, 4), True),
        ("11.8.9-MariaDB-0+deb13u1 from Debian", True, (11, 8, 9), True),
        ("5.6.51", False, (5, 6, 51), False),
        ("nonsense", False, (), False),
    ],
)
def test_versions(text: str, mariadb: bool, numbers: tuple[int, ...], modern: bool) -> None:
    version = ServerVersion.parse(text)
    assert (version.mariadb, version.numbers, version.has_alter_user) == (mariadb, numbers, modern)
    assert str(version) == text


def test_statements() -> None:
    create = db_accounts.create_account("me", "localhost", Secret("pa'ss"))
    alter = db_accounts.change_password("me", "localhost", Secret("pa'ss"))
    assert create.reveal() == "CREATE USER 'me'@'localhost' IDENTIFIED BY 'pa\\'ss'"
    assert alter.reveal() == "ALTER USER 'me'@'localhost' IDENTIFIED BY 'pa\\'ss'"
    assert "pa" not in f"{create!r}{alter}"
    assert db_accounts.grant_all("d_1", "me", "%") == "GRANT ALL PRIVILEGES ON `d\\_1`.* TO 'me'@'%'"
    assert db_accounts.grant_all("d_1", "me", "%", escaped=False) == "GRANT ALL PRIVILEGES ON `d_1`.* TO 'me'@'%'"
    assert db_accounts.revoke_all("d_1", "me", "%", escaped=False) == "REVOKE ALL PRIVILEGES ON `d_1`.* FROM 'me'@'%'"
    assert db_accounts.create_database("d`1") == "CREATE DATABASE `d``1` CHARACTER SET utf8mb4"


@pytest.mark.parametrize(
    ("row", "bare"),
    [
        ("GRANT USAGE ON *.* TO `me`@`localhost` IDENTIFIED BY PASSWORD '*0'", True),
        ("GRANT USAGE ON *.* TO `me`@`localhost`", True),
        ("GRANT USAGE ON *.* TO `me`@`localhost` WITH GRANT OPTION", False),
        ("GRANT ALL PRIVILEGES ON `other`.* TO `me`@`localhost`", False),
        ("GRANT SELECT ON *.* TO `me`@`%`", False),
        ("GRANT `role`@`%` TO `me`@`%`", False),
    ],
)
def test_what_counts_as_no_privilege(row: str, bare: bool) -> None:
    assert db_accounts.is_bare_grant(row) is bare
