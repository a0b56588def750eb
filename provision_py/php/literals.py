"""Python values as PHP source, in the layout of PHP's ``var_export`` (reference: alias file format)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeAlias

from provision_py.errors import PhpDataError
from provision_py.php.keys import INT_MIN, fits_int, may_be_int, string_key
from provision_py.php.values import PhpValue

_SPECIAL = re.compile(r"['\\\0]")
_ESCAPES = {"'": "\\'", "\\": "\\\\", "\0": "' . \"\\0\" . '"}

#: What was written of arrays, by identity and column: a package stands in several lists of a platform.
_Written: TypeAlias = "dict[tuple[int, str], tuple[object, str]]"
_SHORT = 200  # pieces; longer arrays are not kept, their text would stand in memory twice


def quote(text: str) -> str:
    """A PHP string literal with exactly these bytes (the one way to put a string into a PHP file).

    A NUL byte makes it a concatenation, ``'a' . "\\0" . 'b'``, as var_export writes it.
    """
    if "'" in text or "\\" in text or "\0" in text:
        text = _SPECIAL.sub(lambda match: _ESCAPES[match[0]], text)
    return f"'{text}'"


def export(value: PhpValue | list[PhpValue] | tuple[PhpValue, ...], indent: int = 0) -> str:
    """``value`` as ``var_export`` writes it; ``indent`` is the column (spaces) at which it stands.

    Lists and tuples are written as arrays with the keys 0, 1, 2 … Raises PhpDataError for what PHP cannot
    hold: other types, integers beyond 64 bits, text that is neither UTF-8 nor escaped bytes.
    """
    parts: list[str] = []
    try:
        _export(value, " " * indent, parts, {})
    except RecursionError:
        raise PhpDataError("The value is nested too deep to be written as PHP") from None
    text = "".join(parts)
    check_encodable(text)
    return text


def check_encodable(text: str) -> None:
    """Raise PhpDataError when ``text`` holds a surrogate that stands for no byte."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PhpDataError("The text cannot be encoded as UTF-8", hint="It holds a lone surrogate.") from None


def _export(value: object, pad: str, parts: list[str], written: _Written) -> None:
    if isinstance(value, str):
        parts.append(quote(value))
    elif isinstance(value, (dict, Mapping)):
        known = written.get((id(value), pad))
        if known is not None:
            parts.append(known[1])
            return
        start = len(parts)
        _export_array(php_items(value), pad, parts, written)
        if len(parts) - start < _SHORT:
            parts[start:] = ["".join(parts[start:])]
            written[id(value), pad] = value, parts[start]  # with the value, so that its id stays its own
    elif isinstance(value, (list, tuple)):
        _export_array(dict(enumerate(value)), pad, parts, written)
    else:
        parts.append(_scalar(value))


def _export_array(items: Mapping[int | str, object], pad: str, parts: list[str], written: _Written) -> None:
    parts.append("array (\n")
    inner = pad + "  "
    for key, value in items.items():
        name = key if isinstance(key, int) else quote(key)
        if isinstance(value, str):  # nearly all are: a large platform has a hundred thousand of them
            parts.append(f"{inner}{name} => {quote(value)},\n")
        else:
            parts.append(f"{inner}{name} => ")
            if isinstance(value, (dict, Mapping, list, tuple)):
                parts.append(f"\n{inner}")
            _export(value, inner, parts, written)
            parts.append(",\n")
    parts.append(f"{pad})")


def _scalar(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        check_int(value)
        # 9223372036854775808 alone would be read as a float.
        return f"{INT_MIN + 1}-1" if value == INT_MIN else str(value)
    if isinstance(value, float):
        return format_float(value, always_fraction=True)
    raise PhpDataError(f"PHP data cannot hold a value of type {type(value).__name__}")


def check_int(value: int) -> None:
    if not fits_int(value):
        raise PhpDataError("An integer is too large for PHP", hint="PHP's integers have 64 bits.")


def php_items(mapping: Mapping[Any, object]) -> Mapping[int | str, object]:
    """The entries of a mapping under the keys that PHP would give them (``'5'`` becomes 5; later keys win)."""
    for key in mapping:
        if type(key) is not str or may_be_int(key):
            break
    else:
        return mapping
    result: dict[int | str, object] = {}
    for key, value in mapping.items():
        if isinstance(key, str):
            result[string_key(key)] = value
        elif isinstance(key, int):
            check_int(key)
            result[int(key)] = value
        else:
            raise PhpDataError(f"The key of a PHP array cannot be of type {type(key).__name__}")
    return result


def format_float(value: float, *, always_fraction: bool) -> str:
    """A float as PHP writes it with ``serialize_precision`` -1: the shortest digits that read back equal."""
    if math.isnan(value):
        return "NAN"
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if math.isinf(value):
        return f"{sign}INF"
    if value == 0:
        return f"{sign}0.0" if always_fraction else f"{sign}0"
    _, digit_tuple, exponent = Decimal(repr(value)).as_tuple()
    digits = "".join(map(str, digit_tuple))
    point = len(digits) + int(exponent)
    digits = digits.rstrip("0")
    if point < -3 or point > 17:
        return f"{sign}{digits[0]}.{digits[1:] or '0'}E{point - 1:+d}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if point >= len(digits):
        return sign + digits.ljust(point, "0") + (".0" if always_fraction else "")
    return f"{sign}{digits[:point]}.{digits[point:]}"
