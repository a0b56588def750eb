"""How long the program takes to say its version, against a bare interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

LIMIT = 5.0
ROUNDS = 11


def seconds(argv: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - started


@pytest.mark.bench
def test_the_version_against_a_bare_interpreter() -> None:
    program = Path(sys.executable).with_name("provision-py")
    if not program.exists():
        pytest.skip("provision-py is not installed beside this Python")
    bare, ours = [], []
    for _ in range(ROUNDS):
        bare.append(seconds([sys.executable, "-c", "pass"]))
        ours.append(seconds([str(program), "--version"]))
    ratio = statistics.median(ours) / statistics.median(bare)
    print(f"\nprovision-py --version: {statistics.median(ours) * 1000:.0f} ms, {ratio:.1f} times python -c pass")
    assert ratio <= LIMIT
