"""PHP's ``serialize()`` format, written and read without PHP. Objects are refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from provision_py.errors import PhpDataError
from provision_py.php.keys import fits_int, string_key
from provision_py.php.literals import check_int, format_float, php_items
from provision_py.php.values import PhpArray, PhpValue

MAX_DEPTH = 4096
"""PHP's own default limit (``unserialize_max_depth``)."""


def serialize(value: PhpValue | list[PhpValue] | tuple[PhpValue, ...]) -> bytes:
    """``value`` as PHP's ``serialize()`` writes it. Raises PhpDataError for what PHP cannot hold."""
    parts: list[bytes] = []
    try:
        _serialize(value, parts)
    except RecursionError:
        raise PhpDataError("The value is nested too deep to be serialised") from None
    return b"".join(parts)


def _serialize(value: object, parts: list[bytes]) -> None:
    if value is None:
        parts.append(b"N;")
    elif isinstance(value, bool):
        parts.append(b"b:1;" if value else b"b:0;")
    elif isinstance(value, int):
        check_int(value)
        parts.append(b"i:%d;" % value)
    elif isinstance(value, float):
        parts.append(f"d:{format_float(value, always_fraction=False)};".encode())
    elif isinstance(value, str):
        data = _bytes(value)
        parts.append(b's:%d:"%b";' % (len(data), data))
    elif isinstance(value, (Mapping, list, tuple)):
        items = php_items(value) if isinstance(value, Mapping) else dict(enumerate(value))
        parts.append(b"a:%d:{" % len(items))
        for key, item in items.items():
            _serialize(key, parts)
            _serialize(item, parts)
        parts.append(b"}")
    else:
        raise PhpDataError(f"PHP data cannot hold a value of type {type(value).__name__}")


def _bytes(text: str) -> bytes:
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise PhpDataError("The text cannot be encoded as UTF-8", hint="It holds a lone surrogate.") from None


def unserialize(data: bytes) -> PhpValue:
    """The value that ``serialize()`` wrote.

    Raises PhpDataError, with the offset in bytes, for anything that is not exactly one serialised value, and
    for objects. References (``R:n;``) to an array give the same dict object, as they share it in PHP.
    """
    return _Reader(data).read()


_MISSING = object()
_SCALAR = re.compile(
    rb"(?P<null>N;)|b:(?P<bool>[01]);|i:(?P<int>[+-]?[0-9]{1,40});"
    rb"|d:(?:(?P<special>-?INF|NAN)|(?P<float>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?));"
)
_STRING = re.compile(rb'([sS]):([0-9]{1,20}):"')
_ARRAY = re.compile(rb"a:([0-9]{1,20}):\{")
_REFERENCE = re.compile(rb"([rR]):([0-9]{1,20});")
_OBJECT = re.compile(rb"[OCE]:[0-9]+:")


@dataclass
class _Open:
    """An array whose end has not been read: ``left`` entries to go, ``key`` read but not its value."""

    array: PhpArray
    left: int
    key: object = _MISSING


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._slots: list[PhpValue] = []  # what R:n; may refer to, in the order of PHP
        self._open: list[_Open] = []

    def read(self) -> PhpValue:
        result: PhpValue = None
        while True:
            value = self._next_value()
            if isinstance(value, _Open):
                if len(self._open) >= MAX_DEPTH:
                    raise self._error("arrays are nested too deep")
                self._open.append(value)
            elif not self._open:
                result = value
                break
            else:
                self._put(value)
            closed = self._close()
            if closed is not None:
                result = closed
                break
        if self._at != len(self._data):
            raise self._error("there is more after the end of the value")
        return result

    def _put(self, value: PhpValue) -> None:
        top = self._open[-1]
        if isinstance(top.key, (int, str)):
            top.array[top.key] = value
        top.key = _MISSING
        top.left -= 1

    def _close(self) -> PhpArray | None:
        """Read keys and ends of arrays up to the next value; the outermost array when it has ended."""
        while True:
            top = self._open[-1]
            if top.left:
                top.key = self._key()
                return None
            if self._data[self._at : self._at + 1] != b"}":
                raise self._error("'}' is missing")
            self._at += 1
            self._open.pop()
            if not self._open:
                return top.array
            self._put(top.array)

    def _key(self) -> int | str:
        start = self._at
        key = self._scalar(is_key=True)
        if isinstance(key, str):
            return string_key(key)
        if isinstance(key, int) and not isinstance(key, bool):
            return key
        self._at = start
        raise self._error("the key of an array must be an integer or a string")

    def _next_value(self) -> PhpValue | _Open:
        match = _ARRAY.match(self._data, self._at)
        if match:
            count = int(match[1])
            # Each entry takes at least 6 bytes ("i:0;N;"), so a made-up count cannot cost memory.
            if count * 6 > len(self._data) - match.end():
                raise self._error("an array is longer than the data")
            self._at = match.end()
            array: PhpArray = {}
            self._slots.append(array)
            return _Open(array, count)
        match = _REFERENCE.match(self._data, self._at)
        if match:
            return self._refer(match)
        value = self._scalar()
        self._slots.append(value)
        return value

    def _refer(self, match: re.Match[bytes]) -> PhpValue:
        number = int(match[2])
        if match[1] == b"r":
            raise self._error("'r' refers to an object, which is not supported")
        if not 0 < number <= len(self._slots):
            raise self._error("a reference leads nowhere")
        value = self._slots[number - 1]
        if any(value is level.array for level in self._open):
            raise self._error("an array contains itself")
        self._at = match.end()
        return value

    def _scalar(self, *, is_key: bool = False) -> PhpValue:
        match = _SCALAR.match(self._data, self._at)
        if not match:
            match = _STRING.match(self._data, self._at)
            if match:
                return self._string(match)
            if _OBJECT.match(self._data, self._at):
                raise self._error("objects are not supported")
            raise self._error("no serialised key" if is_key else "no serialised value")
        kind, text = str(match.lastgroup), match[0]
        value: PhpValue = None
        if kind == "bool":
            value = match["bool"] == b"1"
        elif kind == "int":
            value = int(match["int"])
            if not fits_int(value):
                raise self._error("an integer is too large")
        elif kind in ("special", "float"):
            value = float(text[2:-1])
        self._at = match.end()
        return value

    def _string(self, match: re.Match[bytes]) -> str:
        length = int(match[2])
        if match[1] == b"S":
            raw, end = self._escaped(match.end(), length)
        else:
            end = match.end() + length
            raw = self._data[match.end() : end]
        if self._data[end : end + 2] != b'";':
            raise self._error("the length of a string is wrong")
        self._at = end + 2
        return raw.decode("utf-8", "surrogateescape")

    def _escaped(self, at: int, length: int) -> tuple[bytes, int]:
        r"""The body of an ``S:`` string, in which ``\xx`` is a byte in hexadecimal; and where it ends."""
        match = re.compile(rb"(?:[^\\]|\\[0-9a-fA-F]{2}){%d}" % min(length, len(self._data)), re.DOTALL).match(
            self._data, at
        )
        if not match:
            raise self._error("the length of a string is wrong")
        return re.sub(rb"\\(..)", lambda part: bytes.fromhex(part[1].decode()), match[0]), match.end()

    def _error(self, what: str) -> PhpDataError:
        return PhpDataError(f"This is no serialised PHP value: {what}", where=f"offset {self._at}")
