"""Measuring: several ways of doing a thing taken in turn, medians, and tables with a bound beside each ratio."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache


def alternate(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median of each way's own measurement, taken in turn so that a slow moment of the machine meets all of them."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, measured in ways.items():
            taken[name].append(measured())
    return {name: statistics.median(values) for name, values in taken.items()}


def seconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@cache
def yardstick() -> float:
    """Seconds that the interpreter takes to start, by which results of different machines and hours compare."""
    argv = [sys.executable, "-c", "pass"]
    return statistics.median(seconds(lambda: subprocess.run(argv, check=True)) for _ in range(15))


@dataclass
class Table:
    """Rows of measured values, the value that is bound, its bound, and whether it holds."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    broken: int = 0

    def add(self, *cells: str, value: float | None = None, bound: float | None = None, unit: str = "") -> None:
        """A row. ``value`` is compared with ``bound``; without a bound it is only shown."""
        shown = "" if value is None else f"{value:.2f}{unit}" if value < 10 else f"{value:.0f}{unit}"
        limit = verdict = ""
        if value is not None and bound is not None:
            limit = f"{bound:g}{unit}"
            verdict = "holds" if value <= bound else "BROKEN"
            self.broken += value > bound
        self.rows.append((*cells, shown, limit, verdict))

    def print(self) -> None:
        rows = [(*self.columns, "value", "bound", ""), *self.rows]
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        print(f"\n{self.title} (python -c pass takes {ms(yardstick())} here)")
        for row in rows:
            print("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def ms(value: float) -> str:
    """Seconds as milliseconds, for a cell."""
    return f"{value * 1000:.1f} ms" if value < 0.1 else f"{value * 1000:.0f} ms"
