from __future__ import annotations

import pytest

from provision_py.commands.show import as_php, masked, overview


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("mysql://root:secret@localhost", "mysql://root:********@localhost"),
        ("mysql://root:s%40e:c/r@t@db:3306", "mysql://root:********@db:3306"),
        ("mysql://root:@localhost", "mysql://root:********@localhost"),
        ("mysql://root@localhost", "mysql://root@localhost"),
        ("http://aegir.example.test/a@b", "http://aegir.example.test/a@b"),
        ("plain", "plain"),
    ],
)
def test_passwords_in_addresses(stored: str, shown: str) -> None:
    assert masked({"master_db": stored}) == {"master_db": shown}


def test_passwords_under_telling_keys() -> None:
    record = {"db_passwd": "x", "api": {"client_secret": "y", "Token": "z", "empty_password": ""}, "port": 80}
    assert masked(record) == {
        "db_passwd": "********",
        "api": {"client_secret": "********", "Token": "********", "empty_password": ""},
        "port": 80,
    }


def test_php_is_the_alias_file() -> None:
    assert as_php({"a": {"uri": "a"}, "b": {"uri": "b"}}) == (
        "<?php \n$aliases['a'] = array (\n  'uri' => 'a',\n);\n$aliases['b'] = array (\n  'uri' => 'b',\n);\n"
    )


def test_overview() -> None:
    text = overview({"a.test": {"context_type": "site", "uri": "a.test"}, "p": {"context_type": "platform"}})
    assert text == "context  type\n@a.test  site      a.test\n@p       platform\n"
