"""What PHP takes for true, and what a person means by an option that is on or off."""

from __future__ import annotations

import pytest

from provision_py.php.values import PhpValue, says_yes, truthy


@pytest.mark.parametrize("value", [True, 1, 2.5, "1", "yes", "true", "on", "y", "anything", {0: "a"}])
def test_what_is_a_yes(value: PhpValue) -> None:
    assert says_yes(value)
    assert truthy(value)


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "", "0", {}])
def test_what_is_a_no_for_php_too(value: PhpValue) -> None:
    assert not says_yes(value)
    assert not truthy(value)


@pytest.mark.parametrize("value", ["no", "No", "false", "FALSE", "off", " no ", "null"])
def test_words_that_only_people_take_for_a_no(value: PhpValue) -> None:
    assert not says_yes(value)
    assert truthy(value)
