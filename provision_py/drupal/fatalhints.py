"""What to do about an error that PHP ends at, told from its message. Pure."""

from __future__ import annotations

import re

_MISSING_FILE = re.compile(r"Failed opening (?:required )?'([^']*)'")
_UNDEFINED = re.compile(
    r"""Call to undefined function |Undefined constant |(?:Class|Interface|Trait|Enum) ["'][^"']*["'] not found"""
)
_UNPARSABLE = re.compile(r"ParseError: |syntax error, ")
_OWN_LIMIT = re.compile(r"Allowed memory size of |Maximum execution time of ")

#: What people write by hand: settings of a site, of all sites, and what these include.
_SETTINGS = re.compile(r"(?:^|/)sites/(?:[^/]+/)?[^/]+$|settings[^/]*$|(?:^|/)global\.inc$")


def fatal_hint(message: str, file: str | None, *, php: str, major: int) -> str:
    """What to do; empty when the message says all. ``php`` is the version that ran the code of Drupal ``major``."""
    file = file or ""
    if missing := _MISSING_FILE.search(message):
        return _bring_back(missing.group(1))
    if _OWN_LIMIT.search(message):
        return ""
    if _UNPARSABLE.search(message) and _SETTINGS.search(file):
        return f"Correct that file; php -l {file} shows whether it is right"
    made_for = f"this code for Drupal {major} is made for PHP {php}, which ran it"
    if _UNPARSABLE.search(message):
        return f"Check that the file is whole and that {made_for}"
    if _UNDEFINED.search(message):
        return f"Check that no module, library or extension of PHP is missing that defines it, and that {made_for}"
    return f"Check that {made_for}"


def _bring_back(path: str) -> str:
    if "vendor/" in path:
        return "Composer's libraries are missing or cannot be read: run composer install in the folder of the project"
    return "The file is missing or cannot be read: bring it back, or correct what asks for it"
