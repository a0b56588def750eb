"""PHP's serialize() format."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.errors import PhpDataError
from provision_py.php.serialization import serialize, unserialize
from provision_py.php.values import PhpValue


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"N;"),
        (True, b"b:1;"),
        (-7, b"i:-7;"),
        (0.5, b"d:0.5;"),
        (1.0, b"d:1;"),
        (1e25, b"d:1.0E+25;"),
        (float("-inf"), b"d:-INF;"),
        ("é", b's:2:"\xc3\xa9";'),
        ("\udcff", b's:1:"\xff";'),
        ({}, b"a:0:{}"),
        ({"a": {0: 'x";'}, 1: False}, b'a:2:{s:1:"a";a:1:{i:0;s:3:"x";";}i:1;b:0;}'),
    ],
)
def test_both_ways(value: PhpValue, data: bytes) -> None:
    assert serialize(value) == data
    assert unserialize(data) == value
    assert type(unserialize(data)) is type(value)


def test_numeric_string_keys_become_integers() -> None:
    assert unserialize(b'a:2:{s:1:"5";i:1;s:2:"05";i:2;}') == {5: 1, "05": 2}
    assert serialize({"5": 1}) == b"a:1:{i:5;i:1;}"


def test_forms_that_only_readers_know() -> None:
    assert unserialize(b"i:+5;") == 5
    assert unserialize(b"d:-.5e-3;") == -0.0005
    assert unserialize(rb'S:3:"\61bc";') == "abc"


def test_references_share_what_they_refer_to() -> None:
    found = unserialize(b"a:3:{i:0;a:1:{i:0;i:5;}i:1;R:2;i:2;R:3;}")
    assert found == {0: {0: 5}, 1: {0: 5}, 2: 5}
    assert isinstance(found, dict)
    assert found[0] is found[1]


def test_deep_nesting_is_read_to_the_limit_of_php() -> None:
    depth = 4096
    value = unserialize(b"a:1:{i:0;" * depth + b"N;" + b"}" * depth)
    for _ in range(depth):
        assert isinstance(value, dict)
        value = value[0]
    assert value is None
    with pytest.raises(PhpDataError, match="too deep"):
        unserialize(b"a:1:{i:0;" * (depth + 1) + b"N;" + b"}" * (depth + 1))


@pytest.mark.parametrize(
    ("data", "offset", "words"),
    [
        (b"", 0, "no serialised value"),
        (b"garbage", 0, "no serialised value"),
        (b"i:5;i:6;", 4, "more after the end"),
        (b"i:5", 0, "no serialised value"),
        (b"b:2;", 0, "no serialised value"),
        (b"i:9223372036854775808;", 0, "too large"),
        (b"i:" + b"9" * 5000 + b";", 0, "no serialised value"),
        (b's:3:"ab";', 0, "length of a string"),
        (b's:1:"ab";', 0, "length of a string"),
        (b's:99999999999:"ab";', 0, "length of a string"),
        (b"a:1:{i:0;N;", 11, "'}' is missing"),
        (b"a:1:{i:0;N;i:1;N;}", 11, "'}' is missing"),
        (b"a:2:{i:0;N;}", 0, "longer than the data"),
        (b"a:999999999999:{}", 0, "longer than the data"),
        (b"a:1:{b:1;i:5;}", 5, "the key of an array"),
        (b"a:1:{N;i:5;xxx}", 5, "the key of an array"),
        (b"a:2:{i:0;i:5;i:1;R:9;}", 17, "leads nowhere"),
        (b"a:2:{i:0;i:5;i:1;R:0;}", 17, "leads nowhere"),
        (b"a:1:{i:0;R:1;}", 9, "contains itself"),
        (b"a:2:{i:0;i:5;i:1;r:2;}", 17, "object"),
        (b'O:8:"stdClass":0:{}', 0, "objects"),
        (b'a:1:{i:0;O:8:"stdClass":0:{}}', 9, "objects"),
        (b'C:1:"X":0:{}', 0, "objects"),
        (b'E:7:"Suit:Ha";', 0, "objects"),
    ],
)
def test_broken_data_gives_the_offset(data: bytes, offset: int, words: str) -> None:
    with pytest.raises(PhpDataError, match=words) as caught:
        unserialize(data)
    assert caught.value.where == f"offset {offset}"


@given(st.binary(max_size=40) | st.text('abisdNOR:;{}"0123456789-.+', max_size=40).map(str.encode))
def test_nothing_but_our_error_comes_out_of_garbage(data: bytes) -> None:
    try:
        value = unserialize(data)
    except PhpDataError:
        return
    assert unserialize(serialize(value)) == value or "NAN" in data.decode(errors="replace")


@given(st.data())
def test_a_damaged_byte_never_breaks_the_reader(data: st.DataObject) -> None:
    good = serialize({"a": {0: "text", 1: 2.5}, "b": None, 3: True})
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + data.draw(st.binary(max_size=2)) + good[at + 1 :]
    try:
        unserialize(damaged)
    except PhpDataError as error:
        assert error.where.startswith("offset ")
