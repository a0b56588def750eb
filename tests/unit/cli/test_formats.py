from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
import yaml

from provision_py.cli import formats
from provision_py.php.values import PhpArray
from provision_py.system.host import Secret

DATA: PhpArray = {
    "server_web": {
        "remote_host": "wéb",
        "http_port": 80,
        "master_url": None,
        "flag": True,
        "off": False,
        "members": {0: "@a", 1: "@b"},
        "gaps": {1: "x", 3: "y"},
        "map": {"server_web": "10.0.0.1"},
        "none": {},
    }
}
PLAIN = {
    "server_web": {
        "remote_host": "wéb",
        "http_port": 80,
        "master_url": None,
        "flag": True,
        "off": False,
        "members": ["@a", "@b"],
        "gaps": {"1": "x", "3": "y"},
        "map": {"server_web": "10.0.0.1"},
        "none": [],
    }
}


def test_json_and_yaml_read_back() -> None:
    assert json.loads(formats.render(DATA, "json")) == PLAIN
    assert yaml.safe_load(formats.render(DATA, "yaml")) == PLAIN
    assert list(json.loads(formats.render(DATA, "json"))["server_web"]) == list(PLAIN["server_web"])


def test_php_is_a_literal() -> None:
    assert formats.render({"a": {0: True}}, "php") == "array (\n  'a' => \n  array (\n    0 => true,\n  ),\n)\n"


def test_table() -> None:
    assert formats.render(DATA, "table") == (
        "server_web\n"
        "  remote_host  wéb\n"
        "  http_port    80\n"
        "  master_url   NULL\n"
        "  flag         true\n"
        "  off          false\n"
        "  members      @a, @b\n"
        "  gaps         x, y\n"
        "  map\n"
        "    server_web  10.0.0.1\n"
        "  none\n"
    )


def test_no_value_steers_the_terminal() -> None:
    assert formats.scalar("a\x1b[31m\nb") == "a\\x1b[31m\\nb"


@dataclass(frozen=True)
class Found:
    sites: tuple[str, ...] = ()
    link: str | None = None
    password: Secret | None = None


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (Found(("a", "b")), {"sites": {0: "a", 1: "b"}}),
        (Found(password=Secret("x")), {"sites": {}, "password": "********"}),
        ([Found()], {0: {"sites": {}}}),
        ({1: None, "a": {"b": 2}}, {1: None, "a": {"b": 2}}),
    ],
)
def test_values_as_data(value: object, data: PhpArray) -> None:
    assert formats.as_data(value) == data
