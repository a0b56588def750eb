"""Extra drush aliases are further names of one site, also for who saves it under one of them."""

from __future__ import annotations

import pytest

from provision_py.contexts.store import ContextStore
from provision_py.errors import ContextError

SITE = "www.example.test"


@pytest.fixture
def named(store: ContextStore) -> ContextStore:
    """A site with the extra names ``hm`` and ``front``."""
    store.save(f"@{SITE}", {"drush_aliases": "hm,front"})
    return store


def test_a_save_under_an_extra_name_is_one_of_the_site(named: ContextStore) -> None:
    assert named.save("@hm", {"language": "fr"}).name == SITE
    for name in (SITE, "hm", "front"):
        assert named.record(name)["language"] == "fr", name
    named.save(f"@{SITE}", {"profile": "minimal"})
    for name in (SITE, "hm", "front"):
        assert named.record(name)["language"] == "fr", name
        assert named.record(name)["profile"] == "minimal", name


def test_a_name_can_be_given_up_under_itself(named: ContextStore) -> None:
    named.save("@hm", {"drush_aliases": "front"})
    assert not named.exists("hm")
    assert named.record("front")["drush_aliases"] == {0: "front"}


def test_the_site_is_gone_and_its_extra_names_are_not(named: ContextStore) -> None:
    named.delete(SITE)
    assert named.save("@hm", {"language": "fr"}).name == "hm"
    assert named.record("hm")["language"] == "fr"


def test_another_site_that_claims_the_name_is_not_its_owner(named: ContextStore) -> None:
    """Two sites cannot have one extra name, but a file may say so that somebody has written."""
    options = {"context_type": "site", "platform": "platform_d7", "uri": "other.example.test"}
    named.save("@other.example.test", options)
    with pytest.raises(ContextError, match="another context already"):
        named.save("@other.example.test", {"drush_aliases": "hm"})
    assert named.save("@hm", {"language": "fr"}).name == SITE


def test_deleting_an_extra_name_removes_that_file_alone(named: ContextStore) -> None:
    assert named.delete("hm")
    assert named.exists(SITE)
    assert named.exists("front")
