"""Numbers that JSON does not have."""

from __future__ import annotations

import json

import pytest

from provision_py.cli.formats import render
from provision_py.php.values import PhpArray


def test_infinite_numbers_are_texts_in_json() -> None:
    data: PhpArray = {"a": float("inf"), "b": {0: float("-inf"), 1: float("nan")}, "c": 1.5}
    assert json.loads(render(data, "json"), parse_constant=pytest.fail) == {
        "a": "INF",
        "b": ["-INF", "NAN"],
        "c": 1.5,
    }
