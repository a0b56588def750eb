"""How often a web server is asked for a page, and what several answers mean together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision_py.commands.memberpages import PATIENCE, UNCHANGED_PATIENCE, Seen, compared, known, patiently
from provision_py.drupal.pages import Kind, Problem

BROKEN = Seen((Problem(Kind.BROKEN, "it answers 500"),))
UNKNOWN = Seen((Problem(Kind.UNKNOWN, "it answers 404"),))
RIGHT = Seen(title="Welcome")


class Clock:
    """Time that passes by sleeping alone, and the answers that come meanwhile."""

    def __init__(self, *answers: Seen) -> None:
        self.now = 100.0
        self.asked: list[float] = []
        self._answers = list(answers)

    def sleep(self, seconds: float) -> None:
        assert 0 < seconds <= 0.5
        self.now += seconds

    def ask(self) -> Seen:
        self.asked.append(round(self.now - 100, 3))
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def patiently(self, before: frozenset[Kind] = frozenset()) -> Seen:
        return patiently(self.ask, before, clock=lambda: self.now, sleep=self.sleep)


def test_a_right_answer_ends_it_at_once() -> None:
    clock = Clock(RIGHT)
    assert clock.patiently() == RIGHT
    assert clock.asked == [0]


def test_workers_of_the_former_configuration_are_waited_for() -> None:
    clock = Clock(UNKNOWN, UNKNOWN, RIGHT)
    assert clock.patiently() == RIGHT
    assert clock.asked == [0, 0.05, 0.125]


@pytest.mark.parametrize(
    ("before", "limit"),
    [(frozenset(), PATIENCE), (frozenset({Kind.UNKNOWN}), PATIENCE), (frozenset({Kind.BROKEN}), UNCHANGED_PATIENCE)],
)
def test_there_is_an_end_to_it(before: frozenset[Kind], limit: float) -> None:
    clock = Clock(BROKEN)
    assert clock.patiently(before) == BROKEN
    assert limit - 0.5 <= clock.asked[-1] <= limit
    assert len(clock.asked) < 25


def test_a_page_that_takes_longer_than_all_patience_is_asked_for_once_more() -> None:
    clock = Clock(BROKEN, RIGHT)

    def slowly() -> Seen:
        clock.now += 30
        return clock.ask()

    assert patiently(slowly, clock=lambda: clock.now, sleep=clock.sleep) == RIGHT


def test_a_site_that_should_be_known_is_asked_for_again_for_a_second() -> None:
    clock = Clock(UNKNOWN, UNKNOWN, BROKEN)
    assert known(clock.ask, clock=lambda: clock.now, sleep=clock.sleep) == BROKEN
    assert clock.asked == [0, 0.25, 0.5]
    clock = Clock(UNKNOWN)
    assert known(clock.ask, clock=lambda: clock.now, sleep=clock.sleep) == UNKNOWN
    assert clock.asked[-1] == UNCHANGED_PATIENCE


def test_pages_of_several_servers_are_compared() -> None:
    other = Seen(title="Another one")
    found = compared({"web0": Seen(), "web1": RIGHT, "web2": RIGHT, "web3": other})
    assert [found[name].problems for name in ("web0", "web1", "web2")] == [(), (), ()]
    (problem,) = found["web3"].problems
    assert str(problem) == "its front page is titled “Another one”, that of @web1 “Welcome”"
    assert compared({"web1": Seen()}) == {"web1": Seen()}
    forbidden = replace(BROKEN, title="403 Forbidden")
    found = compared({"web1": forbidden, "web2": RIGHT})
    assert found["web2"] == RIGHT
    assert len(found["web1"].problems) == 2
