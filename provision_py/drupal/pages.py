"""What a page that a site serves says about the site: is it Drupal, is it the installer, is it down?

Pure: the page has been fetched by :mod:`provision_py.system.web`. Parsed with lxml, which copes with broken markup.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from provision_py.system.web import Page

_PHP_ERROR = re.compile(r"\b(?:PHP )?(Fatal error|Parse error|Uncaught \w+)\b\W", re.IGNORECASE)
_INSTALLER = re.compile(r"^/(?:core/)?install\.php")
_DRUPAL_ERRORS = (
    "The website encountered an unexpected error",
    "The site is currently not available due to technical problems",
)
#: Titles of the pages that web servers bring along, to be seen where no site is configured for a name.
_START_PAGES = re.compile(
    r"Apache2 \w+ Default Page\b.*|It works! Apache httpd|Welcome to nginx\b.*|Test Page for the .*HTTP Server\b.*",
    re.IGNORECASE,
)
#: Apache's own one has no title.
_START_TEXT = "It works!"
_REDIRECTIONS = (301, 302, 303, 307, 308)
#: A date in the past that every version of Drupal lets its pages expire at.
_DRUPALS_DATE = "19 Nov 1978"


class Kind(Enum):
    """What sort of thing is wrong with a page. Details differ from request to request, kinds do not."""

    SILENT = "no answer"
    UNKNOWN = "the web server does not know the site"
    MISSING = "Drupal refuses the page"
    BROKEN = "PHP or Drupal fails"
    MAINTENANCE = "maintenance mode"
    INSTALLER = "not installed"
    ELSEWHERE = "another site"
    FOREIGN = "not Drupal"
    REFUSED = "the web server lets nobody in"
    DISABLED = "served as disabled"
    ENABLED = "served though disabled"
    MISDIRECTED = "another name does not redirect as it should"
    HIDDEN = "another site's configuration does not show it"


@dataclass(frozen=True)
class Problem:
    """Something that is wrong, in words that go behind the name of a server."""

    kind: Kind
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a page (empty: nothing), its title, and Drupal's major version where it says so."""

    problems: tuple[Problem, ...]
    title: str = ""
    drupal: int | None = None


def examine(page: Page, *, host: str, enabled: bool, others: tuple[str, ...] = ()) -> Verdict:
    """Judge the front page of a site.

    ``host`` is the name it was asked by, ``others`` names of the same site that it may redirect to. A site that asks
    for a login (401, or 403 by Drupal) is a matter of the site; one that is missing, broken or another site's is not.
    A 403 that is not Drupal's may be somebody's rule, but also a web server that cannot read the site's code.
    """
    if not enabled:
        return Verdict(_disabled_problems(page, host, others))
    if page.status in _REDIRECTIONS:
        return Verdict(_redirect_problems(page, host, others))
    title, generator, text = _read(page.body)
    drupal = re.match(r"Drupal (\d+)", generator or page.headers.get("x-generator", ""))
    is_drupal = drupal is not None or _DRUPALS_DATE in page.headers.get("expires", "")
    problems = [*_status_problems(page.status, text, is_drupal)]
    match = _PHP_ERROR.search(text)
    if match:
        problems.append(Problem(Kind.BROKEN, f"PHP reports: {_around(text, match.start())}"))
    problems += [Problem(Kind.BROKEN, f"Drupal reports: {words}") for words in _DRUPAL_ERRORS if words in text]
    if "install" in title.lower() and ("drupal" in title.lower() or "Choose language" in title):
        problems.append(Problem(Kind.INSTALLER, "it shows the installer"))
    if not is_drupal and (_START_PAGES.fullmatch(title) or (not title and text.strip() == _START_TEXT)):
        told = f"it shows the start page of a web server{_titled(title)}"
        why = "it does not read what the hub writes for it, or another server answers at this port"
        problems.append(Problem(Kind.UNKNOWN, f"{told}: {why}"))
    if not problems and not is_drupal and page.status < 400:
        problems.append(Problem(Kind.FOREIGN, f"it shows a page without any sign of Drupal{_titled(title)}"))
    return Verdict(tuple(dict.fromkeys(problems)), title, int(drupal.group(1)) if drupal else None)


def examine_redirection(page: Page, *, host: str, target: str, https: bool = False) -> tuple[Problem, ...]:
    """What is wrong with the answer to a name that is only there to be redirected.

    ``target`` is a host name, or ``host/folder`` for a site that is shown below a folder of another one; ``https``:
    the site is to be seen by https alone.
    """
    wanted, _, folder = target.partition("/")
    found = urlsplit(page.headers.get("location", ""))
    scheme = "https://" if https else ""
    if page.status not in _REDIRECTIONS:
        told = f"it answers {page.status} for {host} instead of a redirection to {scheme}{target}"
    elif (found.hostname or host).lower() != wanted.lower() or (https and found.scheme != "https"):
        told = f"it redirects {host} to {found.scheme}://{found.netloc} instead of {scheme}{target}"
    elif folder and not f"{found.path.rstrip('/')}/".startswith(f"/{folder.strip('/')}/"):
        told = f"it redirects {host} to {found.netloc}{found.path} instead of {target}"
    else:
        return ()
    return (Problem(Kind.MISDIRECTED, told),)


def _status_problems(status: int, text: str, is_drupal: bool) -> list[Problem]:
    if status == 503 and is_drupal:
        return [Problem(Kind.MAINTENANCE, "it is in maintenance mode or not available")]
    if status == 401 or (status == 403 and is_drupal):
        return []
    if status == 403:
        return [Problem(Kind.REFUSED, "it answers 403, and not from Drupal")]
    if status >= 500:
        return [Problem(Kind.BROKEN, f"it answers {status}")]
    if status >= 400:
        return [Problem(Kind.MISSING if is_drupal else Kind.UNKNOWN, f"it answers {status}")]
    if not text.strip():
        return [Problem(Kind.BROKEN, "it answers an empty page")]
    return []


def _redirect_problems(page: Page, host: str, others: tuple[str, ...]) -> tuple[Problem, ...]:
    target = urlsplit(page.headers.get("location", ""))
    if _INSTALLER.match(target.path):
        return (Problem(Kind.INSTALLER, "it shows the installer"),)
    if "/hosting/disabled" in target.path:
        return (Problem(Kind.DISABLED, "it is served as disabled"),)
    name = (target.hostname or host).lower()
    if name not in _lower(host, *others):
        return (Problem(Kind.ELSEWHERE, f"it redirects to another site, {name}"),)
    return ()


def _disabled_problems(page: Page, host: str, others: tuple[str, ...]) -> tuple[Problem, ...]:
    """A disabled site sends visitors to a page of the front end, or says that it is not available."""
    told = f"it answers {page.status} though it is disabled"
    if page.status in _REDIRECTIONS:
        target = urlsplit(page.headers.get("location", ""))
        away = (target.hostname or host).lower() not in _lower(host, *others)
        return () if away or "/hosting/disabled" in target.path else (Problem(Kind.ENABLED, told),)
    if page.status >= 500:
        return ()
    return (Problem(Kind.UNKNOWN if page.status == 404 else Kind.ENABLED, told),)


def _lower(*names: str) -> set[str]:
    return {name.lower() for name in names}


def _titled(title: str) -> str:
    return f", titled “{title[:80]}”" if title else ""


def _read(body: bytes) -> tuple[str, str, str]:
    """Title, generator and text of a page."""
    from lxml import etree, html

    if not body.strip():
        return "", "", ""
    try:
        tree = html.document_fromstring(body)
    except (etree.ParserError, ValueError):
        return "", "", body.decode("utf-8", "replace")
    title = " ".join((tree.findtext(".//title") or "").split())
    generators = [
        str(meta.get("content") or "")
        for meta in tree.iter("meta")
        if (meta.get("name") or "").lower() == "generator"
    ]
    etree.strip_elements(tree, "script", "style", with_tail=False)
    return title, generators[0] if generators else "", "".join(str(text) for text in tree.itertext())


def _around(text: str, position: int) -> str:
    return " ".join(text[position : position + 160].split())
