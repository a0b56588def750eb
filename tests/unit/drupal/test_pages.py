"""What front pages say about their sites."""

from __future__ import annotations

import pytest

from provision_py.drupal.pages import Page, examine

GOOD = b"""<!DOCTYPE html><html><head><title>Welcome | one</title>
<meta name="Generator" content="Drupal 10 (https://www.drupal.org)"></head><body><p>Hello</p>
<script>var x = "Fatal error: not one";</script></body></html>"""


def page(status: int = 200, body: bytes = GOOD, **headers: str) -> Page:
    return Page(status, headers, body)


def test_a_good_page_has_a_title_and_a_version() -> None:
    verdict = examine(page(), host="one.example", enabled=True)
    assert (verdict.problems, verdict.title, verdict.drupal) == ((), "Welcome | one", 10)


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (page(404), "it answers 404"),
        (page(500, b"<title>Error</title>oops"), "it answers 500"),
        (page(503), "maintenance"),
        (page(200, b""), "empty"),
        (page(200, b"<b>Fatal error</b>: Uncaught Error: no such thing in /x.php:3"), "PHP reports: Fatal error"),
        (page(200, b"<p>The website encountered an unexpected error. Try again later.</p>"), "Drupal reports"),
        (page(200, b"<title>Choose language | Drupal install</title><p>x"), "installer"),
        (page(302, b"", location="/core/install.php"), "installer"),
        (page(302, b"", location="/install.php?profile=x"), "installer"),
        (page(302, b"", location="http://aegir.example/hosting/disabled/one.example"), "disabled"),
        (page(301, b"", location="http://other.example/"), "another site, other.example"),
    ],
)
def test_problems_are_named(answer: Page, problem: str) -> None:
    (found,) = examine(answer, host="one.example", enabled=True).problems
    assert problem in found


@pytest.mark.parametrize(
    "answer",
    [
        page(403, b"<p>log in first"),
        page(301, b"", location="https://one.example/"),
        page(302, b"", location="/en"),
        page(301, b"", location="http://www.one.example/"),
        page(200, b"\xff\xfe not quite utf-8 <p>text"),
    ],
)
def test_what_is_the_sites_own_business_is_no_problem(answer: Page) -> None:
    assert examine(answer, host="one.example", enabled=True, others=("www.one.example",)).problems == ()


def test_a_disabled_site_must_not_answer() -> None:
    assert examine(page(), host="one.example", enabled=False).problems == ("it answers 200 though it is disabled",)
    sent_away = page(302, b"", location="http://aegir.example/hosting/disabled/one.example")
    assert examine(sent_away, host="one.example", enabled=False).problems == ()
