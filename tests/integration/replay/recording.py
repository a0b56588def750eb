"""Recordings: the output of ``diff`` on two dumps with one INSERT per line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

Value: TypeAlias = "int | float | str | None"

_INSERT = re.compile(r"INSERT INTO `(?P<table>\w+)` \((?P<columns>[^)]*)\) VALUES \((?P<values>.*)\);", re.DOTALL)
_VALUE = re.compile(r"(?P<null>NULL)|(?P<number>-?[0-9]+(?:\.[0-9]+)?)|'(?P<text>(?:[^'\\]|\\.|'')*)'", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "Z": "\x1a"}


@dataclass(frozen=True)
class Row:
    """A row of a table, with its columns in the table's order."""

    table: str
    items: tuple[tuple[str, Value], ...]

    @cached_property
    def values(self) -> dict[str, Value]:
        return dict(self.items)

    def number(self, column: str) -> int:
        """The number in a column. Raises ValueError when there is none."""
        value = self.values[column]
        if not isinstance(value, int):
            raise ValueError(f"{self.table}.{column} is {value!r}")
        return value

    def text(self, column: str) -> str:
        value = self.values[column]
        return "" if value is None else str(value)

    def changed(self, **values: Value) -> Row:
        return Row(self.table, tuple((name, values.get(name, value)) for name, value in self.items))

    def __str__(self) -> str:
        return f"{self.table}({', '.join(f'{name}={value!r}' for name, value in self.items)})"


@dataclass(frozen=True)
class Recording:
    """Rows that went and rows that came; a row that only moved within the dump is in neither."""

    label: str
    removed: tuple[Row, ...]
    added: tuple[Row, ...]

    def removed_from(self, table: str) -> list[Row]:
        return [row for row in self.removed if row.table == table]

    def added_to(self, table: str) -> list[Row]:
        return [row for row in self.added if row.table == table]

    @property
    def task(self) -> Row:
        """The row of the recorded run in hosting_task: the first revision of all that came.

        Raises ValueError in a recording without a run.
        """
        return min(self.added_to("hosting_task"), key=lambda row: row.number("vid"))

    @property
    def started(self) -> int:
        """When the run began, unix seconds."""
        return self.task.number("executed")

    @property
    def seconds(self) -> int:
        """How long the run took."""
        return self.task.number("delta")

    @property
    def moment(self) -> tuple[int, int]:
        """What puts all recordings in order: the last time in them, then the last revision."""
        times = [row.number("changed") for row in self.added if row.table == "node"]
        times += [row.number("timestamp") for row in self.added if row.table == "node_revision"]
        vids = [row.number("vid") for row in self.added if row.table == "node_revision"]
        return (max(times, default=0), max(vids, default=0))


def load_recording(path: Path) -> Recording:
    removed: Counter[Row] = Counter()
    added: Counter[Row] = Counter()
    for sign, statement in _lines(path.read_text(encoding="utf-8").split("\n")):
        (removed if sign == "<" else added)[parse_insert(statement)] += 1
    return Recording(path.stem, tuple((removed - added).elements()), tuple((added - removed).elements()))


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((line[0], line[2:]) for line in lines if line[:2] in ("< ", "> "))


def parse_insert(statement: str) -> Row:
    """A row from a statement such as ``INSERT INTO `t` (`a`, `b`) VALUES (1,'x');``. Raises ValueError."""
    match = _INSERT.fullmatch(statement)
    if match is None:
        raise ValueError(f"not an INSERT of one row: {statement[:80]}")
    columns = [name.strip(" `") for name in match["columns"].split(",")]
    return Row(match["table"], tuple(zip(columns, _values(match["values"]), strict=True)))


def _values(text: str) -> Iterator[Value]:
    position = 0
    while True:
        match = _VALUE.match(text, position)
        if match is None:
            raise ValueError(f"not a value: {text[position : position + 40]}")
        if match["null"]:
            yield None
        elif match["number"]:
            yield float(match["number"]) if "." in match["number"] else int(match["number"])
        else:
            yield re.sub(r"\\(.)|''", _unescape, match["text"], flags=re.DOTALL)
        position = match.end()
        if position == len(text):
            return
        if text[position] != ",":
            raise ValueError(f"no comma after a value: {text[position : position + 40]}")
        position += 1


def _unescape(match: re.Match[str]) -> str:
    return "'" if match[0] == "''" else _ESCAPES.get(match[1], match[1])
