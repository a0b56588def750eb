"""Worker processes: side by side, watched, asked to end."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from provision_py.dispatch.workers import Workers
from provision_py.system.stopping import stopping_on_signals


def test_items_run_side_by_side_up_to_the_limit(tmp_path: Path) -> None:
    def work(item: int) -> int:
        (tmp_path / f"{item}.begin").write_text(str(time.monotonic()))
        time.sleep(0.2)
        (tmp_path / f"{item}.end").write_text(str(time.monotonic()))
        return item % 2

    workers = Workers(2, work, on_death=lambda item, number: None)
    for item in range(4):
        workers.start(item)
    workers.wait_for_all()
    assert workers.results == {0: 0, 1: 1, 2: 0, 3: 1}
    times = {path.name: float(path.read_text()) for path in tmp_path.iterdir()}
    assert times["1.begin"] < times["0.end"]
    assert times["3.begin"] >= min(times["0.end"], times["1.end"])


def test_a_killed_worker_is_reported(tmp_path: Path) -> None:
    died: list[tuple[int, int]] = []

    def work(item: int) -> int:
        if item == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0

    workers = Workers(2, work, on_death=lambda item, number: died.append((item, number)))
    for item in range(3):
        workers.start(item)
    workers.wait_for_all()
    assert died == [(1, signal.SIGKILL)]
    assert workers.results == {0: 0, 1: -signal.SIGKILL, 2: 0}


def test_workers_that_are_asked_to_end_clean_up_first(tmp_path: Path) -> None:
    def work(item: int) -> int:
        try:
            (tmp_path / "ready").touch()
            time.sleep(30)
        finally:
            (tmp_path / "undone").touch()
        return 0

    workers = Workers(1, work, on_death=lambda item, number: None)
    workers.start(1)
    deadline = time.monotonic() + 10
    while not (tmp_path / "ready").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    workers.stop()
    assert (tmp_path / "undone").exists()
    assert workers.results == {1: 128 + signal.SIGTERM}


def test_signal_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stopping_on_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
