"""What the inside of a PHP string literal stands for."""

from __future__ import annotations

import re

from provision_py.php.keys import INT_MAX

# What makes a double-quoted string or heredoc more than a literal: "$name", "${name}", "{$name}".
_INTERPOLATION = re.compile(r"\\.|\$(?=[^\x00-@\[-^`|-\x7f])|\{\$", re.DOTALL)

_SINGLE = re.compile(r"\\([\\'])")
_DOUBLE = re.compile(
    r"\\(?:(?P<simple>[nrtvef\\$])|(?P<quote>\")|(?P<octal>[0-7]{1,3})|x(?P<hex>[0-9A-Fa-f]{1,2})|u\{(?P<code>[^}]*)\})",
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "v": "\v", "e": "\x1b", "f": "\f", "\\": "\\", "$": "$"}
_HEX = re.compile(r"[0-9A-Fa-f]+")
NEWLINE = re.compile(r"\r\n|\n|\r")


class StringError(Exception):
    """The body of a string is not valid PHP: what, and where in the body (index of a character)."""

    def __init__(self, what: str, index: int) -> None:
        super().__init__(what)
        self.what = what
        self.index = index


def single_quoted(body: str) -> str:
    return _SINGLE.sub(r"\1", body) if "\\" in body else body


def interpolates(body: str) -> bool:
    """True when the body of a double-quoted string or heredoc holds a variable."""
    return "$" in body and any(match[0][0] != "\\" for match in _INTERPOLATION.finditer(body))


def double_quoted(body: str, *, quote: str = '"') -> str:
    r"""The value of a body without variables. ``quote`` is '' in a heredoc, where ``\"`` stays as it is."""
    if "\\" not in body:
        return body
    if "\\u{" in body:
        check_code_points(body)

    def value(match: re.Match[str]) -> bytes:
        kind = match.lastgroup
        text = match[kind or 0]
        if kind == "simple":
            return _SIMPLE[text].encode()
        if kind == "quote":
            return text.encode() if quote == text else b"\\" + text.encode()
        if kind == "code":
            # PHP encodes surrogates too, which is not UTF-8: they end as escaped bytes.
            return chr(int(text, 16)).encode("utf-8", "surrogatepass")
        return bytes([int(text, 8 if kind == "octal" else 16) & 0xFF])

    parts: list[bytes] = []
    at = 0
    for match in _DOUBLE.finditer(body):
        parts += (body[at : match.start()].encode("utf-8", "surrogateescape"), value(match))
        at = match.end()
    parts.append(body[at:].encode("utf-8", "surrogateescape"))
    return b"".join(parts).decode("utf-8", "surrogateescape")


def check_code_points(body: str) -> None:
    for match in re.finditer(r"\\(?:u\{(?P<code>[^}]*)(?P<end>\}?)|.)", body, re.DOTALL):
        code = match["code"]
        if code is not None and not (match["end"] and _HEX.fullmatch(code) and int(code[:40], 16) <= 0x10FFFF):
            raise StringError("a \\u{…} escape is invalid", match.start())


def unindent(body: str, indent: str) -> str:
    """A heredoc's body without the indentation of its closing mark. Raises StringError when a line has less."""
    if not indent:
        return body
    parts: list[str] = []
    at = 0
    while True:
        newline = NEWLINE.search(body, at)
        end = newline.end() if newline else len(body)
        line = body[at:end]
        if line.startswith(indent):
            parts.append(line[len(indent) :])
        elif line.strip("\r\n"):
            raise StringError("a line of a heredoc is indented less than its end", at)
        else:
            parts.append(line)
        if not newline:
            return "".join(parts)
        at = end


def integer(text: str) -> int | float:
    """The value of an integer literal; beyond 64 bits PHP makes it a float. Raises ValueError when malformed."""
    digits = text.replace("_", "").lower()
    if digits[:2] in ("0x", "0b", "0o"):
        value = int(digits[2:], {"x": 16, "b": 2, "o": 8}[digits[1]])
    elif digits[0] == "0" and len(digits) > 1:
        value = int(digits[1:], 8)
    elif len(digits) > 30:
        return float(digits)
    else:
        value = int(digits)
    return value if value <= INT_MAX else _to_float(value)


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
