"""Version codes against numbers that the front end itself computed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.hostmaster.version_code import version_code


@pytest.mark.parametrize(
    ("version", "code"),
    [
        ("7.105", 710500000500),
        ("7.58", 75800000500),
        ("7.0-rc1", 70000000401),
        ("7.0-rc12", 70000000402),
        ("7.x-2.1", 70002010500),
        ("7.x-2.1-beta3", 70002010303),
        ("7.x-2.x-dev", 70002000000),
        ("7.x-1.0-5", 70001000005),
        ("7.x-1.0-RC1", 70001000000),
        ("7.x-1.0-unstable4", 70001000104),
        ("7.x-1.0-alpha12", 70001000212),
        ("8.6.0-rc1", 80600000500),
        ("8.x-1.0-rc1", 80001000401),
        ("9.5.11", 90500000500),
        ("10.1.2", 100000500),
        ("11.0.1", 10000000500),
        ("7.x", 70000000500),
        ("7.x-dev", 70000000000),
        ("7.0-", 70000000500),
        ("7.0-3", 70000000003),
        (".", 500),
        ("", 0),
        ("Unknown", 0),
        ("VERSION", 0),
        ("٧.١", 500),
    ],
)
def test_codes_computed_by_the_front_end(version: str, code: int) -> None:
    assert version_code(version) == code


def test_later_releases_have_greater_codes() -> None:
    order = ["7.x-1.0-dev", "7.x-1.0-alpha1", "7.x-1.0-beta1", "7.x-1.0-rc1", "7.x-1.0", "7.x-1.1", "7.x-2.0"]
    codes = [version_code(version) for version in order]
    assert codes == sorted(set(codes))


@given(st.text(alphabet="0123456789x.-abdeghlnprstuv ", max_size=60) | st.text(max_size=40))
def test_any_text_gives_a_number_that_the_column_can_hold(version: str) -> None:
    assert 0 <= version_code(version) < 2**63


def test_a_monstrous_number_is_cut_to_what_fits() -> None:
    assert version_code("7.x-" + "9" * 6000 + ".1") == 2**63 - 1
