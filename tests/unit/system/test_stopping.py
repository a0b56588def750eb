"""Signals that end a process, and blocks that they do not interrupt."""

from __future__ import annotations

import os
import signal

import pytest

from provision_py.system.stopping import SIGNALS, Stopped, deferring_signals, stopping_on_signals


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_stops_and_former_handlers_come_back(number: signal.Signals) -> None:
    former = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, stopping_on_signals():
        signal.raise_signal(number)
    assert stopped.value.number == number
    assert signal.getsignal(number) == former


def test_a_second_signal_does_not_interrupt_the_undoing() -> None:
    undone = False
    with pytest.raises(Stopped), stopping_on_signals():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            os.kill(os.getpid(), signal.SIGINT)
            undone = True
    assert undone


def test_a_deferred_signal_stops_at_the_end_of_the_outermost_block() -> None:
    done = []
    with pytest.raises(Stopped), stopping_on_signals(), deferring_signals():
        with deferring_signals():
            signal.raise_signal(signal.SIGTERM)
            done.append("inner")
        done.append("outer")
    assert done == ["inner", "outer"]
    with stopping_on_signals(), deferring_signals():
        done.append("nothing is left over")


def test_a_deferred_signal_wins_over_an_error_that_it_follows() -> None:
    with pytest.raises(Stopped) as stopped, stopping_on_signals(), deferring_signals():
        signal.raise_signal(signal.SIGTERM)
        raise ValueError
    assert isinstance(stopped.value.__context__, ValueError)
