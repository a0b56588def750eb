"""Ending on a signal: what was begun is undone first, and what must not be torn apart is not."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stopped(BaseException):
    """The process was asked to end (SIGTERM, SIGINT, SIGHUP). Not an Exception: nothing may swallow it."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


class _Deferral:
    """How many blocks of this process want no :class:`Stopped` now, and the signal that came meanwhile."""

    depth = 0
    pending: int | None = None


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Turn the signals that end a process into :class:`Stopped`, so that what was begun is undone first.

    A second signal does not interrupt the undoing; SIGKILL does, and then the next start undoes.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        if _Deferral.depth:
            _Deferral.pending = number
        else:
            raise Stopped(number)

    former = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)


@contextmanager
def deferring_signals() -> Iterator[None]:
    """A block that a signal does not interrupt: :class:`Stopped` is raised at its end.

    Only in the main thread. A mask of signals would not do: another thread takes the signal, and Python raises in the
    main thread all the same.
    """
    _Deferral.depth += 1
    try:
        yield
    finally:
        _Deferral.depth -= 1
        number = _Deferral.pending
        if not _Deferral.depth and number is not None:
            _Deferral.pending = None
            raise Stopped(number)
