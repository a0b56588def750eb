"""Values as PHP source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from provision_py.errors import PhpDataError
from provision_py.php.literals import export, quote
from provision_py.php.values import PhpValue


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-5, "-5"),
        (2**63 - 1, "9223372036854775807"),
        (-(2**63), "-9223372036854775807-1"),
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (0.1 + 0.2, "0.30000000000000004"),
        (1e16, "10000000000000000.0"),
        (1e17, "1.0E+17"),
        (1.25e100, "1.25E+100"),
        (0.0001, "0.0001"),
        (0.00001, "1.0E-5"),
        (float("inf"), "INF"),
        (float("-inf"), "-INF"),
        (float("nan"), "NAN"),
        ("", "''"),
        ("it's a \\ b", "'it\\'s a \\\\ b'"),
        ("line\nnext $x {$y} ?>", "'line\nnext $x {$y} ?>'"),
        ("a\0b", "'a' . \"\\0\" . 'b'"),
        ("\0", "'' . \"\\0\" . ''"),
        ("\udcff", "'\udcff'"),
        ({}, "array (\n)"),
        (
            {"a'b": 1, 7: None, "-3": 2, "03": 3},
            "array (\n  'a\\'b' => 1,\n  7 => NULL,\n  -3 => 2,\n  '03' => 3,\n)",
        ),
        ({"x": {"y": {}}}, "array (\n  'x' => \n  array (\n    'y' => \n    array (\n    ),\n  ),\n)"),
    ],
)
def test_layout_is_that_of_var_export(value: PhpValue, text: str) -> None:
    assert export(value) == text


def test_lists_are_arrays_from_zero() -> None:
    assert export(["a", ("b",)]) == export({0: "a", 1: {0: "b"}})


def test_indent_moves_all_lines_but_the_first() -> None:
    assert export({"a": {"b": 1}}, indent=4) == export({"a": {"b": 1}}).replace("\n", "\n    ")


def test_keys_that_are_the_same_in_php_are_written_once() -> None:
    assert export({"5": "first", "x": 0, 5: "last"}) == "array (\n  5 => 'last',\n  'x' => 0,\n)"


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, {2**63: 1}, "\ud800", {"a": "\udfff"}])
def test_what_php_cannot_hold_is_refused(value: PhpValue) -> None:
    with pytest.raises(PhpDataError):
        export(value)


def test_other_types_are_refused_without_showing_them() -> None:
    with pytest.raises(PhpDataError, match="bytes") as caught:
        export({"db_passwd": b"hidden"})  # type: ignore[dict-item] # the mistake
    assert "hidden" not in str(caught.value)


def test_endless_nesting_is_refused() -> None:
    value: dict[int | str, PhpValue] = {}
    value["self"] = value
    with pytest.raises(PhpDataError, match="nested"):
        export(value)


def test_quote_escapes_nothing_but_quote_backslash_and_nul() -> None:
    assert quote("'\\\"$\n\r\0") == "'\\'\\\\\"$\n\r' . \"\\0\" . ''"


class FreshArrays(Mapping[str, object]):
    """Makes its arrays when asked for them, so that they come and go in the same place of memory."""

    def __getitem__(self, key: str) -> object:
        return {"own": key}

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b", "c"])

    def __len__(self) -> int:
        return 3


def test_an_array_in_several_places_is_written_in_each_with_its_own_column() -> None:
    shared: PhpValue = {"x": "y"}
    value: PhpValue = {"one": shared, "two": {"deeper": shared, "again": shared}, "three": shared}
    apart: PhpValue = {
        "one": {"x": "y"},
        "two": {"deeper": {"x": "y"}, "again": {"x": "y"}},
        "three": {"x": "y"},
    }
    assert export(value) == export(apart)


def test_arrays_that_exist_for_a_moment_only_are_not_mistaken_for_each_other() -> None:
    expected: PhpValue = {outer: {key: {"own": key} for key in "abc"} for outer in ("one", "two")}
    assert export({"one": FreshArrays(), "two": FreshArrays()}) == export(expected)  # type: ignore[dict-item] # a dict like any
