"""Values on their way into Apache's and nginx's configuration: quoted, or refused where quoting cannot help.

Both servers read a configuration line by line and word by word, and both replace variables inside quoted words.
A host name, a path or an address comes from people, so nothing reaches a template but through one of these.
"""

from __future__ import annotations

import ipaddress
import re

from provision_py.errors import ServiceError

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_REGEX_SPECIAL = re.compile(r"([][\\.^$*+?(){}|#-])")

#: What a path must not hold: both servers give these a meaning in some place that takes a path.
_PATH_REFUSED = frozenset("\"'`\\$%*?[]{}<>;|#")

#: Characters of an absolute URL (RFC 3986) without those that either server would interpret.
_URL = re.compile(r"https?://[A-Za-z0-9._~:\[\]-]+(?:/[A-Za-z0-9._~!&'()*+,;=:@/%-]*)?", re.ASCII)

#: Longest host name (RFC 1035), in characters.
_NAME_LIMIT = 253


def refuse(what: str, value: str, hint: str = "") -> ServiceError:
    return ServiceError(
        f"{what} cannot stand in a web server's configuration",
        where=repr(value),
        hint=hint,
        code="PROVISION_BAD_VALUE",
    )


def host_name(value: str) -> str:
    """A host name in lower case, a name of other letters as punycode; ``*.`` in front is allowed.

    Raises ServiceError for all else: spaces, quotes, ports, paths, empty labels.
    """
    name = value.removesuffix(".")
    if not name.isascii():
        try:
            name = name.encode("idna").decode("ascii")
        except UnicodeError:
            raise refuse("This host name", value, "Write it with ASCII letters, or as punycode") from None
    name = name.lower()
    if len(name) > _NAME_LIMIT or not all(map(_LABEL.fullmatch, name.removeprefix("*.").split("."))):
        raise refuse("This host name", value, "Letters, digits, hyphens and dots make a host name")
    return name


def host_or_address(value: str) -> str:
    """A host name as :func:`host_name` gives it, or an IP address. Raises ServiceError."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        return host_name(value)


def location(value: str) -> str:
    """``host`` or ``host/path``, as the target of a redirection. Raises ServiceError."""
    host, slash, path = value.partition("/")
    if host.startswith("*"):
        raise refuse("This target of a redirection", value, "Give one name, not a wildcard")
    return host_name(host) + (slash + subdirectory(path) if path else "")


def subdirectory(value: str) -> str:
    """One or more folder names of an address, without a slash at either end. Raises ServiceError."""
    path = value.strip("/")
    if not re.fullmatch(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*", path, re.ASCII):
        raise refuse(
            "This folder of an address", value, "Letters, digits, hyphens, dots and underscores may be in it"
        )
    return path


def config_path(value: str) -> str:
    """An absolute path, unchanged. Raises ServiceError when either server would read more into it."""
    if not value.startswith("/") or _CONTROL.search(value) or _PATH_REFUSED.intersection(value):
        raise refuse(
            "This path",
            value,
            "It must be absolute and hold no quotes, wildcards, brackets or other signs of the shell",
        )
    if any(part in (".", "..") for part in value.split("/")):
        raise refuse("This path", value, "It must not hold . or .. as a folder")
    return value


def http_url(value: str) -> str:
    """An absolute http or https address without query. Raises ServiceError."""
    if not _URL.fullmatch(value):
        raise refuse("This address", value, "It must be an absolute http:// or https:// address without a query")
    return value


def account(value: str) -> str:
    """The name of a user or group, as Debian allows it. Raises ServiceError."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]{0,31}", value, re.ASCII):
        raise refuse("This name of a user or group", value, "Use letters, digits, dashes and underscores")
    return value


def port(value: object) -> int:
    """A TCP port from an alias file's text or number. Raises ServiceError."""
    text = str(value)
    if not re.fullmatch(r"[0-9]{1,5}", text, re.ASCII) or not 0 < int(text) < 65536:
        raise refuse("This port", text, "A port is a number from 1 to 65535")
    return int(text)


def regex_literal(value: str) -> str:
    """``value`` as a regular expression (PCRE) that matches it and nothing else."""
    return _REGEX_SPECIAL.sub(r"\\\1", _printable(value))


def apache_word(value: str) -> str:
    """Any one-line text as one word of an Apache directive.

    Apache replaces ``${name}`` even inside quotes and knows no escape for it; the template that uses this defines
    ``provision_dollar`` as a dollar sign (see :func:`needs_apache_dollar`).
    """
    text = _printable(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("${", "${provision_dollar}{") + '"'


def needs_apache_dollar(*values: str) -> bool:
    return any("${" in value for value in values)


def apache_regex(pattern: str) -> str:
    """A regular expression as one word of a directive; the pattern comes from our own code.

    Apache takes one backslash away before a backslash and before a quote.
    """
    return '"' + re.sub(r'\\(?=[\\"]|$)', r"\\\\", _printable(pattern)).replace('"', '\\"') + '"'


def apache_substitution(value: str) -> str:
    """A fixed text as the substitution of a RewriteRule, where ``$``, ``%`` and backslash have a meaning.

    Gives the text without quotes, so that back references can be added behind it.
    """
    return re.sub(r'([\\$%"])', r"\\\1", _printable(value))


def nginx_word(value: str) -> str:
    """Any one-line text as one word of an nginx directive that takes variables.

    nginx knows no escape for ``$``; ``$provision_dollar`` is defined as that sign where a value needs it (see
    :func:`needs_nginx_dollar`).
    """
    text = _printable(value).replace("\\", "\\\\").replace('"', '\\"')
    return '"' + text.replace("$", "${provision_dollar}") + '"'


def needs_nginx_dollar(*values: str) -> bool:
    return any("$" in value for value in values)


def nginx_regex(pattern: str) -> str:
    """A regular expression as one word; the pattern comes from our own code.

    nginx takes one backslash away before these signs when it reads a word.
    """
    return '"' + re.sub(r"\\(?=[\\\"'trn]|$)", r"\\\\", _printable(pattern)).replace('"', '\\"') + '"'


def haproxy_word(value: str) -> str:
    """Any one-line text as one word of an HAProxy directive, taken as it is: strong quotes, as in a shell.

    A ``%`` would still begin an expression in the few arguments that are formats; none of ours takes a name.
    """
    text = _printable(value)
    if re.fullmatch(r"[A-Za-z0-9_./:@*,=-]+", text, re.ASCII):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def _printable(value: str) -> str:
    if _CONTROL.search(value):
        raise refuse(
            "A text with control characters", _CONTROL.sub("?", value)[:3] + "…", "Remove line breaks and the like"
        )
    return value
