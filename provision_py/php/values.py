"""PHP values in Python.

``null, bool, int, float, string, array`` are ``None, bool, int, float, str, dict``. A PHP array is always a dict
with ``int`` and ``str`` keys in PHP's order, so that nothing is lost on the way back. Strings are text; bytes
that are not UTF-8 are kept as surrogate escapes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

PhpValue: TypeAlias = "bool | int | float | str | dict[int | str, PhpValue] | None"
PhpArray: TypeAlias = dict[int | str, PhpValue]

_NO = frozenset({"", "0", "no", "false", "off", "null"})


def truthy(value: PhpValue) -> bool:
    """What PHP makes of a value in a condition: false for '', '0', 0, 0.0, null and empty arrays."""
    return bool(value) and value != "0"


def says_yes(value: PhpValue) -> bool:
    """What the value of a yes-or-no option or property means.

    PHP's truth, but words say what they say: no, false and off are no. So is ``null``, which sets an option back.
    """
    if isinstance(value, str):
        return value.strip().lower() not in _NO
    return bool(value)


def php_list(items: Iterable[PhpValue]) -> PhpArray:
    """A PHP array with the keys 0, 1, 2 …"""
    return dict(enumerate(items))


def as_strings(value: PhpValue) -> tuple[str, ...]:
    """The values of a PHP array as strings, or the parts of a comma list; empty for null, false and ''."""
    if isinstance(value, Mapping):
        return tuple(str(item) for item in value.values() if item is not None)
    if value is None or value is False or value == "":
        return ()
    return tuple(str(value).split(","))
