"""What a page that a site serves says about the site: is it Drupal, is it the installer, is it down?

Pure: the page has been fetched by somebody else. Parsed with lxml, which copes with broken markup.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_PHP_ERROR = re.compile(r"\b(?:PHP )?(Fatal error|Parse error|Uncaught \w+)\b\W", re.IGNORECASE)
_INSTALLER = re.compile(r"^/(?:core/)?install\.php")
_DRUPAL_ERRORS = (
    "The website encountered an unexpected error",
    "The site is currently not available due to technical problems",
)


@dataclass(frozen=True)
class Page:
    """An answer to ``GET /``: status, headers with lower-case names, the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Verdict:
    """What is wrong with a page (empty: nothing), its title, and Drupal's major version where it says so."""

    problems: tuple[str, ...]
    title: str = ""
    drupal: int | None = None


def examine(page: Page, *, host: str, enabled: bool, others: tuple[str, ...] = ()) -> Verdict:
    """Judge the front page of a site.

    ``host`` is the name it was asked by, ``others`` names of the same site that it may redirect to. A site that asks
    for a login (401, 403) is a matter of the site; one that is missing, broken or another site's is not.
    """
    if page.status in (301, 302, 303, 307, 308):
        return Verdict(_redirect_problems(page, host, enabled, others))
    if not enabled:
        return Verdict((f"it answers {page.status} though it is disabled",))
    title, generator, text = _read(page.body)
    problems = [*_status_problems(page.status, text)]
    match = _PHP_ERROR.search(text)
    if match:
        problems.append(f"PHP reports: {_around(text, match.start())}")
    problems += [f"Drupal reports: {words}" for words in _DRUPAL_ERRORS if words in text]
    if "install" in title.lower() and ("drupal" in title.lower() or "Choose language" in title):
        problems.append("it shows the installer")
    drupal = re.match(r"Drupal (\d+)", generator)
    return Verdict(tuple(dict.fromkeys(problems)), title, int(drupal.group(1)) if drupal else None)


def _status_problems(status: int, text: str) -> list[str]:
    if status == 503:
        return ["it is in maintenance mode or not available"]
    if status in (401, 403):
        return []
    if status >= 400:
        return [f"it answers {status}"]
    if not text.strip():
        return ["it answers an empty page"]
    return []


def _redirect_problems(page: Page, host: str, enabled: bool, others: tuple[str, ...]) -> tuple[str, ...]:
    target = urlsplit(page.headers.get("location", ""))
    if not enabled:
        return ()
    if _INSTALLER.match(target.path):
        return ("it shows the installer",)
    if "/hosting/disabled" in target.path:
        return ("it is served as disabled",)
    name = (target.hostname or host).lower()
    if name not in {host.lower(), *(other.lower() for other in others)}:
        return (f"it redirects to another site, {name}",)
    return ()


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
