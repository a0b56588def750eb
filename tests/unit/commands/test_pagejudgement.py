"""When a page that is wrong after a rollout speaks against it."""

from __future__ import annotations

import pytest

from provision_py.commands.memberpages import Seen
from provision_py.commands.pagejudgement import Judgement, judge
from provision_py.drupal.pages import Kind, Problem

FINE, WARNING, FAILURE = Judgement.FINE, Judgement.WARNING, Judgement.FAILURE


def showing(*kinds: Kind, words: str = "") -> Seen:
    return Seen(tuple(Problem(kind, words or kind.value) for kind in kinds))


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("kinds", [(), *[(kind,) for kind in Kind]])
def test_a_right_answer_is_right_whatever_was_there_before(kinds: tuple[Kind, ...], fresh: bool) -> None:
    assert judge(showing(*kinds), showing(), fresh=fresh) is FINE


@pytest.mark.parametrize("fresh", [True, False])
def test_a_server_that_does_not_answer(fresh: bool) -> None:
    assert judge(showing(Kind.SILENT), showing(Kind.SILENT), fresh=fresh) is WARNING
    for before in (showing(), showing(Kind.UNKNOWN), showing(Kind.BROKEN)):
        assert judge(before, showing(Kind.SILENT), fresh=fresh) is FAILURE


@pytest.mark.parametrize(
    "kind", [Kind.MISSING, Kind.BROKEN, Kind.MAINTENANCE, Kind.INSTALLER, Kind.ELSEWHERE, Kind.MISDIRECTED]
)
def test_what_was_wrong_with_the_site_before_is_not_the_rollouts_fault(kind: Kind) -> None:
    assert judge(showing(kind, words="line 3"), showing(kind, words="line 4")) is WARNING
    assert judge(showing(kind, Kind.SILENT), showing(kind)) is WARNING
    for before in (showing(), showing(Kind.UNKNOWN), showing(Kind.SILENT), showing(Kind.FOREIGN)):
        assert judge(before, showing(kind)) is FAILURE


def test_one_more_problem_than_before() -> None:
    assert judge(showing(Kind.BROKEN), showing(Kind.BROKEN, Kind.MISDIRECTED)) is FAILURE
    assert judge(showing(Kind.BROKEN, Kind.MISDIRECTED), showing(Kind.MISDIRECTED)) is WARNING


@pytest.mark.parametrize("kind", [Kind.UNKNOWN, Kind.ENABLED, Kind.DISABLED])
@pytest.mark.parametrize("fresh", [True, False])
def test_what_only_our_configuration_can_be_the_cause_of(kind: Kind, fresh: bool) -> None:
    assert judge(showing(kind), showing(kind), fresh=fresh) is FAILURE
    assert judge(showing(), showing(kind), fresh=fresh) is FAILURE


def test_a_site_that_hides_what_it_is_made_of() -> None:
    assert judge(showing(Kind.FOREIGN), showing(Kind.FOREIGN)) is FINE
    assert judge(showing(), showing(Kind.FOREIGN)) is FAILURE
    assert judge(showing(Kind.FOREIGN), showing(Kind.FOREIGN), fresh=True) is FAILURE


def test_a_web_server_that_lets_nobody_in() -> None:
    assert judge(showing(Kind.REFUSED), showing(Kind.REFUSED)) is FINE
    assert judge(showing(Kind.REFUSED), showing(Kind.REFUSED), fresh=True) is WARNING
    for fresh in (True, False):
        assert judge(showing(), showing(Kind.REFUSED), fresh=fresh) is FAILURE
        assert judge(showing(Kind.UNKNOWN), showing(Kind.REFUSED), fresh=fresh) is FAILURE


@pytest.mark.parametrize("fresh", [True, False])
@pytest.mark.parametrize("before", [(), (Kind.UNKNOWN,), (Kind.SILENT,), (Kind.BROKEN,)])
def test_a_web_server_whose_admin_lets_only_some_in(before: tuple[Kind, ...], fresh: bool) -> None:
    assert judge(showing(*before), showing(Kind.REFUSED), fresh=fresh, explained=True) is WARNING
    assert judge(showing(*before), showing(Kind.REFUSED, Kind.HIDDEN), fresh=fresh, explained=True) is WARNING
    for kind in (Kind.UNKNOWN, Kind.INSTALLER, Kind.MISDIRECTED):
        assert judge(showing(*before), showing(Kind.REFUSED, kind), fresh=fresh, explained=True) is FAILURE


def test_a_site_that_another_one_hides() -> None:
    assert judge(showing(), showing(Kind.HIDDEN), fresh=True) is FINE
    assert judge(showing(), showing(Kind.HIDDEN)) is FINE
    assert judge(showing(), showing(Kind.HIDDEN, Kind.MISDIRECTED)) is FAILURE
    assert judge(showing(Kind.BROKEN), showing(Kind.HIDDEN, Kind.BROKEN)) is WARNING


@pytest.mark.parametrize("before", [(), (Kind.UNKNOWN,), (Kind.BROKEN,), (Kind.FOREIGN,)])
def test_a_new_site_may_be_what_its_profile_wants(before: tuple[Kind, ...]) -> None:
    for kind in (Kind.MAINTENANCE, Kind.MISSING, Kind.ELSEWHERE):
        assert judge(showing(*before), showing(kind), fresh=True) is WARNING
    for kind in (Kind.BROKEN, Kind.INSTALLER, Kind.MISDIRECTED):
        assert judge(showing(*before), showing(kind), fresh=True) is FAILURE
