"""Languages of an install profile, told by the names of its translation files."""

from __future__ import annotations

import re
from collections.abc import Iterable

SOURCE_LANGUAGE = "en"
MAX_LENGTH = 12
"""Room in the front end's ``hosting_package_languages.language``."""

_LAST_PART = re.compile(r"(?:^|[./])([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*)\.po$")


def language_of(path: str) -> str | None:
    """The language code in the name of a ``.po`` file: ``de`` for ``translations/drupal-7.0.de.po``.

    None when the name ends in no code, as that of ``general.po``.
    """
    found = _LAST_PART.search(path)
    return found.group(1) if found and len(found.group(1)) <= MAX_LENGTH else None


def profile_languages(paths: Iterable[str]) -> tuple[str, ...]:
    """English and the languages of the given ``.po`` files, each once, sorted after English."""
    codes = {code for path in paths if (code := language_of(path)) is not None}
    return (SOURCE_LANGUAGE, *sorted(codes - {SOURCE_LANGUAGE}))
