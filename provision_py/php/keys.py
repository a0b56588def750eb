"""The keys of a PHP array, as PHP makes them out of any scalar."""

from __future__ import annotations

import re
from typing import TypeGuard

INT_MIN = -(2**63)
INT_MAX = 2**63 - 1

_CANONICAL = re.compile(r"0|-?[1-9][0-9]{0,18}", re.ASCII)


def string_key(text: str) -> int | str:
    """``'5'`` is the key 5; ``'05'``, ``'-0'``, ``' 5'`` and what does not fit 64 bits stay strings."""
    if may_be_int(text) and _CANONICAL.fullmatch(text):
        number = int(text)
        if fits_int(number):
            return number
    return text


def may_be_int(text: str) -> bool:
    """False for a text that is surely no whole number, told by its first character alone."""
    return text[:1] <= "9"


def fits_int(number: int) -> bool:
    return INT_MIN <= number <= INT_MAX


def is_plain_int(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
