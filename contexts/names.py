"""Names of contexts and sites: what is accepted, and how an internationalised name is written.

A name becomes a file name, a folder, a vhost's ServerName and part of SQL and shell commands, so only plain host name
characters pass. Everything here is pure.
"""

from __future__ import annotations

import re
from functools import lru_cache

from provision_py.errors import ContextError, ProvisionError

INVALID_NAME = "PROVISION_INVALID_NAME"

#: Names that drush gives a meaning of its own (backend.md 2.8).
RESERVED_NAMES = frozenset({"self", "none", "all"})

#: A file name has at most 255 bytes, and ".alias.drushrc.php" belongs to it.
MAX_CONTEXT_NAME = 255 - len(".alias.drushrc.php")
MAX_HOST_NAME = 253

_CONTEXT_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_FOLDER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


@lru_cache(maxsize=1024)
def context_name(text: str) -> str:
    """The name of a context, without the leading ``@``, for ``@name`` or ``name``.

    An internationalised name is turned into punycode. Raises ContextError (PROVISION_INVALID_NAME) for what cannot be
    the name of an alias file.
    """
    name = _ascii(text.lstrip("@"), "context name")
    _refuse_dangerous(name, "context name")
    if not _CONTEXT_NAME.fullmatch(name):
        raise _invalid("context name", text, "Use letters, digits, dots, dashes and underscores; begin with no dot")
    if len(name) > MAX_CONTEXT_NAME:
        raise _invalid("context name", text, f"Use at most {MAX_CONTEXT_NAME} characters")
    return name


def new_context_name(text: str) -> str:
    """A context name that may be given to a context: additionally none of drush's own names."""
    name = context_name(text)
    if name.lower() in RESERVED_NAMES:
        raise _invalid("context name", text, "drush gives this name a meaning of its own; choose another one")
    return name


def site_uri(text: str) -> str:
    """A site's host name in lower case and punycode. Raises ContextError (PROVISION_INVALID_NAME)."""
    return _host_name(text, "site name")


def site_alias(text: str) -> str:
    """Another name of a site: a host name, ``*.host``, or ``host/folder`` for a site below another one.

    Raises ContextError (PROVISION_INVALID_NAME).
    """
    return _host_or_folder(text, "site alias")


def redirection_target(text: str) -> str:
    """The name that all others of a site are sent to: a host name, or ``host/folder``.

    Raises ContextError (PROVISION_INVALID_NAME).
    """
    what = "target of a redirection"
    if text.startswith("*"):
        raise _invalid(what, text, "Give one name that visitors are to see, not a wildcard")
    return _host_or_folder(text, what)


def _host_or_folder(text: str, what: str) -> str:
    _refuse_dangerous(text, what)
    host, slash, folder = text.partition("/")
    wildcard = "*." if host.startswith("*.") else ""
    name = wildcard + _host_name(host.removeprefix("*."), what, shown=text)
    if not slash:
        return name
    if wildcard or not all(_FOLDER.fullmatch(part) for part in folder.split("/")):
        raise _invalid(what, text, "A folder has letters, digits, dots, dashes and underscores only")
    return f"{name}/{folder}"


def folder_name(text: str) -> str:
    """A name that becomes one folder or file, such as a client's. Raises ContextError (PROVISION_INVALID_NAME)."""
    _refuse_dangerous(text, "name")
    if not _FOLDER.fullmatch(text):
        raise _invalid("name", text, "Use letters, digits, dots, dashes and underscores; begin with no dot")
    return text


def _host_name(text: str, what: str, shown: str | None = None) -> str:
    shown = text if shown is None else shown
    _refuse_dangerous(text, what)
    name = _ascii(text, what).lower()
    if not name:
        raise _invalid(what, shown, "Give the name under which the site is reached, such as www.example.com")
    if len(name) > MAX_HOST_NAME:
        raise _invalid(what, shown, f"A host name has at most {MAX_HOST_NAME} characters")
    for label in name.split("."):
        if not _LABEL.fullmatch(label):
            raise _invalid(
                what,
                shown,
                "Each part between dots has 1 to 63 letters, digits, dashes or underscores, with no dash at its ends",
            )
    return name


def _refuse_dangerous(text: str, what: str) -> None:
    """Say plainly what is wrong with the inputs that are most often tried."""
    for character in text:
        if ord(character) < 32 or ord(character) == 127:
            raise _invalid(what, text, "It has a control character, such as a line break or a NUL")
        if 0xD800 <= ord(character) <= 0xDFFF:
            raise _invalid(what, text, "It has bytes that are not UTF-8")
    if any(character.isspace() for character in text):
        raise _invalid(what, text, "It has a space")
    if any(part == ".." for part in text.split("/")):
        raise _invalid(what, text, "It has '..', which leads out of the folder")
    for character in "'\"`;\\":
        if character in text:
            raise _invalid(what, text, f"It has the character {character}")


def _ascii(text: str, what: str) -> str:
    """``text`` itself when it is ASCII, else its punycode form, provided that this form says the same name.

    The codec also maps look-alikes (full-width letters, the German sharp s) to other names; those are refused.
    """
    if text.isascii():
        return text
    try:
        coded = text.lower().encode("idna").decode("ascii")
        same = coded.encode("ascii").decode("idna") == text.lower()
    except UnicodeError:
        coded, same = "", False
    if not same:
        raise _invalid(what, text, "It has characters that no host name can have; write its punycode form (xn--…)")
    return coded


def _invalid(what: str, text: str, hint: str) -> ProvisionError:
    shown = text if len(text) <= 80 else text[:80] + "…"
    return ContextError(f"{shown!a} cannot be a {what}", hint=hint, code=INVALID_NAME)
