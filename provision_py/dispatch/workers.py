"""Runs of tasks side by side, each in a process of its own.

The parent only watches: it forks a worker per task (everything is imported already, so a worker starts in
milliseconds), and looks after what a worker leaves that dies.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from provision_py.system.stopping import SIGNALS, Stopped, stopping_on_signals


@dataclass
class Workers:
    """Up to ``limit`` worker processes at once. ``work`` gets an item and returns the worker's exit status."""

    limit: int
    work: Callable[[int], int]
    on_death: Callable[[int, int], None]
    _running: dict[int, int] = field(default_factory=dict)
    results: dict[int, int] = field(default_factory=dict)

    def start(self, item: int) -> None:
        """Start a worker for ``item``; waits for a free place first."""
        while len(self._running) >= self.limit:
            self.wait_for_one()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal between the fork and the next line would lose the worker, or make it act as its parent.
        former = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                os._exit(self._child(item, former))
            self._running[pid] = item
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)

    def _child(self, item: int, mask: Iterable[int]) -> int:
        gc.freeze()  # what the parent has made stays: looking for garbage in it costs time and shared memory
        try:
            with stopping_on_signals():
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
                status = self.work(item)
        except Stopped as stopped:
            status = 128 + stopped.number
        except BaseException:
            traceback.print_exc()
            status = 70
        sys.stdout.flush()
        sys.stderr.flush()
        return status

    @property
    def running(self) -> int:
        """How many workers are at work."""
        return len(self._running)

    def wait_for_one(self) -> None:
        """Wait until a worker ends; one that was killed is reported to ``on_death`` (item, signal)."""
        pid, raw = os.wait()
        if pid not in self._running:
            return
        item = self._running.pop(pid)
        status = os.waitstatus_to_exitcode(raw)
        self.results[item] = status
        if status < 0:
            self.on_death(item, -status)

    def wait_for_all(self) -> None:
        while self._running:
            self.wait_for_one()

    def finish(self) -> None:
        """Wait for all workers; when we are to stop, so are they."""
        try:
            self.wait_for_all()
        except Stopped:
            self.stop()
            raise

    def stop(self) -> None:
        """Ask all workers to end, and wait until they have undone what they had begun."""
        for pid in self._running:
            os.kill(pid, signal.SIGTERM)
        self.wait_for_all()
