"""What front pages say about their sites."""

from __future__ import annotations

import pytest

from provision_py.drupal.pages import Kind, examine, examine_redirection
from provision_py.system.web import Page

GOOD = b"""<!DOCTYPE html><html><head><title>Welcome | one</title>
<meta name="Generator" content="Drupal 10 (https://www.drupal.org)"></head><body><p>Hello</p>
<script>var x = "Fatal error: not one";</script></body></html>"""


def page(status: int = 200, body: bytes = GOOD, **headers: str) -> Page:
    return Page(status, headers, body)


def test_a_good_page_has_a_title_and_a_version() -> None:
    verdict = examine(page(), host="one.example", enabled=True)
    assert (verdict.problems, verdict.title, verdict.drupal) == ((), "Welcome | one", 10)


@pytest.mark.parametrize(
    ("answer", "kind", "problem"),
    [
        (page(404), Kind.MISSING, "it answers 404"),
        (page(404, b"<h1>Not Found</h1>"), Kind.UNKNOWN, "it answers 404"),
        (page(404, b"Gone", expires="Sun, 19 Nov 1978 05:00:00 GMT"), Kind.MISSING, "it answers 404"),
        (page(500, b"<title>Error</title>oops"), Kind.BROKEN, "it answers 500"),
        (page(502, b"<h1>Bad Gateway</h1>"), Kind.BROKEN, "it answers 502"),
        (page(503), Kind.MAINTENANCE, "maintenance"),
        (page(503, b"<h1>Service Unavailable</h1>"), Kind.BROKEN, "it answers 503"),
        (page(200, b""), Kind.BROKEN, "empty"),
        (page(200, b"<title>It works</title><p>x"), Kind.FOREIGN, "without any sign of Drupal"),
        (page(200, b"<title>Apache2 Debian Default Page: It works</title><p>x"), Kind.UNKNOWN, "Debian Default Page"),
        (page(200, b"<title>Welcome to nginx!</title><p>x"), Kind.UNKNOWN, "start page of a web server"),
        (page(200, b"<html><body><h1>It works!</h1></body></html>"), Kind.UNKNOWN, "start page of a web server"),
        (
            page(200, b"<b>Fatal error</b>: Uncaught Error: no such thing in /x.php:3"),
            Kind.BROKEN,
            "PHP reports: Fatal error",
        ),
        (
            page(200, b"<p>The website encountered an unexpected error. Try again later.</p>"),
            Kind.BROKEN,
            "Drupal reports",
        ),
        (page(200, b"<title>Choose language | Drupal install</title><p>x"), Kind.INSTALLER, "installer"),
        (page(302, b"", location="/core/install.php"), Kind.INSTALLER, "installer"),
        (page(302, b"", location="/install.php?profile=x"), Kind.INSTALLER, "installer"),
        (page(302, b"", location="http://aegir.example/hosting/disabled/one.example"), Kind.DISABLED, "disabled"),
        (page(301, b"", location="http://other.example/"), Kind.ELSEWHERE, "another site, other.example"),
        (page(403, b"<title>403 Forbidden</title>"), Kind.REFUSED, "answers 403, and not from Drupal"),
    ],
)
def test_problems_are_named(answer: Page, kind: Kind, problem: str) -> None:
    (found,) = examine(answer, host="one.example", enabled=True).problems
    assert problem in str(found)
    assert found.kind is kind


@pytest.mark.parametrize(
    "answer",
    [
        page(401, b"<p>log in first"),
        page(403, b"<p>Access denied", expires="Sun, 19 Nov 1978 05:00:00 GMT"),
        page(301, b"", location="https://one.example/"),
        page(302, b"", location="/en"),
        page(301, b"", location="http://www.one.example/"),
        page(200, b"\xff\xfe not quite utf-8 <p>text", **{"x-generator": "Drupal 7 (http://drupal.org)"}),
    ],
)
def test_what_is_the_sites_own_business_is_no_problem(answer: Page) -> None:
    assert examine(answer, host="one.example", enabled=True, others=("www.one.example",)).problems == ()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (page(), Kind.ENABLED),
        (page(302, b"", location="/en"), Kind.ENABLED),
        (page(301, b"", location="https://www.one.example/"), Kind.ENABLED),
        (page(403, b"no"), Kind.ENABLED),
        (page(404, b"no"), Kind.UNKNOWN),
        (page(302, b"", location="http://aegir.example/hosting/disabled/one.example"), None),
        (page(302, b"", location="http://one.example/hosting/disabled/one.example"), None),
        (page(503, b"<h1>Service Unavailable</h1>"), None),
    ],
)
def test_a_disabled_site_must_not_answer(answer: Page, kind: Kind | None) -> None:
    verdict = examine(answer, host="one.example", enabled=False, others=("www.one.example",))
    assert [problem.kind for problem in verdict.problems] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("target", "https", "answer", "told"),
    [
        ("www.one.example", False, page(301, b"", location="http://www.one.example/"), ""),
        ("www.one.example", False, page(301, b"", location="http://WWW.one.example:8080/"), ""),
        ("www.one.example", True, page(301, b"", location="https://www.one.example/"), ""),
        ("two.example/shop", False, page(301, b"", location="http://two.example/shop/"), ""),
        ("www.one.example", False, page(), "answers 200 for one.example instead of a redirection to www.one.example"),
        ("www.one.example", True, page(301, b"", location="http://www.one.example/"), "instead of https://www.one"),
        ("www.one.example", False, page(302, b"", location="http://two.example/"), "to http://two.example instead"),
        ("www.one.example", False, page(302, b"", location="/en"), "instead of www.one.example"),
        ("two.example/shop", False, page(301, b"", location="http://two.example/x/"), "instead of two.example/shop"),
    ],
)
def test_a_name_that_is_only_there_to_be_redirected(target: str, https: bool, answer: Page, told: str) -> None:
    found = examine_redirection(answer, host="one.example", target=target, https=https)
    assert [problem.kind for problem in found] == ([Kind.MISDIRECTED] if told else [])
    assert all(told in str(problem) for problem in found)
