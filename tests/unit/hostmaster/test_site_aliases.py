"""Which further names a site gets, with a name service that answers from a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import pytest

from provision_py.hostmaster import site_aliases
from provision_py.hostmaster.site_aliases import (
    AliasRow,
    AliasSettings,
    AutomaticNames,
    Lookup,
    Resolver,
    automatic_names,
    is_domain,
    look_up,
    wanted_aliases,
)


def resolver(**answers: Lookup) -> Resolver:
    def resolve(names: Sequence[str]) -> Mapping[str, Lookup]:
        return {name: answers.get(name.replace(".", "_"), Lookup.MISSING) for name in names}

    return resolve


def unreachable(names: Sequence[str]) -> Mapping[str, Lookup]:
    raise AssertionError(f"nobody wanted to look up {names}")


def test_nothing_is_automatic_unless_settings_say_so() -> None:
    assert automatic_names("site.example.test", AliasSettings(), unreachable) == AutomaticNames()


@pytest.mark.parametrize(
    ("title", "settings", "names"),
    [
        ("site.example.test", AliasSettings("hosted.test"), ("site-example-test.hosted.test",)),
        ("my-site.test", AliasSettings(".hosted.test."), ("my--site-test.hosted.test",)),
        ("my-site.test", AliasSettings("hosted.test", dash_substitute="x"), ("myxsite-test.hosted.test",)),
        ("my-site.test", AliasSettings("hosted.test", replace_dash=False), ("my-site-test.hosted.test",)),
        ("site.hosted.test", AliasSettings("hosted.test"), ()),
        ("x" * 130 + ".test", AliasSettings("hosted.test"), ()),
    ],
)
def test_subdomain_names(title: str, settings: AliasSettings, names: tuple[str, ...]) -> None:
    assert automatic_names(title, settings, unreachable).sure == names


def test_www_is_added_when_the_name_service_knows_it() -> None:
    settings = AliasSettings(automatic_www=True)
    known = resolver(www_site_test=Lookup.FOUND)
    assert automatic_names("site.test", settings, known) == AutomaticNames(("www.site.test",))
    assert automatic_names("other.test", settings, known) == AutomaticNames()
    assert automatic_names("www.site.test", settings, unreachable) == AutomaticNames()


def test_www_is_left_out_only_in_front() -> None:
    settings = AliasSettings(automatic_no_www=True)
    known = resolver(mywww_site_test=Lookup.FOUND)
    assert automatic_names("www.mywww.site.test", settings, known).sure == ("mywww.site.test",)


def test_a_name_service_that_does_not_answer_takes_nothing_away() -> None:
    names = automatic_names("site.test", AliasSettings(automatic_www=True), resolver(www_site_test=Lookup.UNKNOWN))
    assert names == AutomaticNames((), ("www.site.test",))
    had = [AliasRow("www.site.test", True, "")]
    assert wanted_aliases(had, names) == (AliasRow("www.site.test", True, ""),)
    assert wanted_aliases([], names) == ()


def test_custom_names_stay_and_automatic_ones_are_made_anew() -> None:
    had = [
        AliasRow("a.test", False, "a.test"),
        AliasRow("old.hosted.test", True, "a.test"),
        AliasRow("site.test/sub", False, "a.test"),
    ]
    assert wanted_aliases(had, AutomaticNames(("new.hosted.test",))) == (
        AliasRow("a.test", False, "a.test"),
        AliasRow("site.test/sub", False, "a.test"),
        AliasRow("new.hosted.test", True, "a.test"),
    )


def test_a_custom_name_that_is_automatic_too_is_stored_once() -> None:
    had = [AliasRow("WWW.Site.test", False, "0")]
    assert wanted_aliases(had, AutomaticNames(("www.site.test",))) == (AliasRow("www.site.test", True, "0"),)


def test_imported_names_are_added_and_empty_ones_are_not() -> None:
    rows = wanted_aliases([AliasRow("a.test", False, "0")], AutomaticNames(), more=(" B.test ", "", "a.test"))
    assert [row.alias for row in rows] == ["a.test", "b.test"]
    assert wanted_aliases(rows, AutomaticNames(), redirection="b.test")[0].redirection == "b.test"


@pytest.mark.parametrize("name", ["a.b", "xn--bcher-kva.test", "*.site.test", "1.2.3.4", "A-b.Test"])
def test_domains(name: str) -> None:
    assert is_domain(name)


@pytest.mark.parametrize(
    "name",
    ["", "localhost", "a..b", "-a.test", "a-.test", "a_b.test", "a.test/x", "a b.test", "bücher.test", "a.test\n"],
)
def test_what_is_no_domain(name: str) -> None:
    assert not is_domain(name)


def test_the_system_resolver_knows_itself_and_nothing_invented() -> None:
    answers = look_up(["localhost", "no such name"])
    assert answers["localhost"] is Lookup.FOUND
    assert answers["no such name"] is not Lookup.FOUND


def test_a_slow_name_service_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(name: str, answers: dict[str, Lookup]) -> None:
        time.sleep(0.5)

    monkeypatch.setattr(site_aliases, "_ask", ask)
    begun = time.perf_counter()
    assert look_up(["a.test", "b.test", "c.test"], timeout=0.05) == dict.fromkeys(
        ["a.test", "b.test", "c.test"], Lookup.UNKNOWN
    )
    assert time.perf_counter() - begun < 0.4
