"""The tokens of a PHP file, as far as data files need them, found by regular expressions."""

from __future__ import annotations

import re
from typing import NamedTuple

from provision_py.errors import PhpDataError
from provision_py.php.strings import (
    NEWLINE,
    StringError,
    check_code_points,
    double_quoted,
    integer,
    interpolates,
    single_quoted,
    unindent,
)

# Letters, digits, "_" and everything beyond ASCII, written as what is not: ranges up to U+10FFFF compile slowly.
_IDENTIFIER_PART = r"[^\x00-/:-@\[-^`{-\x7f]"
IDENTIFIER = rf"[^\x00-@\[-^`{{-\x7f]{_IDENTIFIER_PART}*+"
_LNUM = r"[0-9]++(?:_[0-9]++)*+"
_OPERATORS = (
    r"===|!==|<=>|\*\*=|\.\.\.|<<=|>>=|\?\?=|\?->"
    r"|=>|->|::|==|!=|<>|<=|>=|&&|\|\||\?\?|\+\+|--|\+=|-=|\*=|/=|\.=|%=|&=|\|=|\^=|\*\*|<<|>>|\#\["
    r"|[-;:,.|^&+/=%!~$<>?@*()\[\]{}]"
)

BLANK = re.compile(r"(?:[ \t\r\n]++|(?:\#(?!\[)|//)(?:(?!\?>)[^\r\n])*+|/\*(?s:.*?)\*/)*+")
_TOKEN = re.compile(
    rf"""
      [bB]?'(?P<single>(?:[^'\\]++|\\.)*+)'
    | [bB]?"(?P<double>(?:[^"\\]++|\\.)*+)"
    | \$(?P<variable>{IDENTIFIER})
    | [bB]?<<<[ \t]*+(?P<heredoc>"{IDENTIFIER}"|'{IDENTIFIER}'|{IDENTIFIER})(?:\r\n|\n|\r)
    | (?P<close>\?>)(?:\r\n|\n|\r)?
    | (?P<float>(?:(?:{_LNUM})?\.{_LNUM}|{_LNUM}\.)(?:[eE][+-]?{_LNUM})?|{_LNUM}[eE][+-]?{_LNUM})
    | (?P<int>0[xX][0-9a-fA-F]++(?:_[0-9a-fA-F]++)*+|0[bB][01]++(?:_[01]++)*+|0[oO][0-7]++(?:_[0-7]++)*+|{_LNUM})
    | (?P<name>\\?{IDENTIFIER}(?:\\{IDENTIFIER})*+)
    | (?P<op>{_OPERATORS})
    """,
    re.VERBOSE | re.DOTALL,
)
_OPEN = re.compile(r"<\?(?:php(?=[ \t\r\n]|\Z)|(=)|)", re.IGNORECASE)
_BOM = "\ufeff"


class PhpSyntaxError(PhpDataError):
    """A PHP file that PHP could not even compile."""


class NotPlainError(Exception):
    """The file is more than data: only PHP itself can say what it means. ``where`` is file and line."""

    def __init__(self, where: str) -> None:
        super().__init__(where)
        self.where = where


class Token(NamedTuple):
    """``kind`` is string, number, variable, name, op, template (a string with variables in it) or end.

    ``value`` is what a literal stands for, or the text; a closing tag is the op ``;``, as for PHP.
    """

    kind: str
    value: str | int | float
    start: int
    end: int


class Lexer:
    """Tokens of one file, one at a time. Raises PhpDataError with file and line for what cannot be PHP."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.at = 0
        self.inside = False  # False after the last closing tag
        self._peeked: tuple[int, Token, int] | None = None  # position before, token, position after
        self._enter_php(first=True)

    def line(self, at: int) -> int:
        return sum(1 for _ in NEWLINE.finditer(self.text, 0, at)) + 1

    def where(self, at: int) -> str:
        return f"{self.file}:{self.line(at)}"

    def error(self, what: str, at: int) -> PhpSyntaxError:
        return PhpSyntaxError(
            f"PHP syntax error: {what}",
            where=self.where(at),
            hint="Mend the file, or remove it when it can be made again.",
        )

    def not_plain(self, at: int) -> NotPlainError:
        return NotPlainError(self.where(at))

    def skip_blank(self) -> int:
        match = BLANK.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def next(self) -> Token:
        if self._peeked is not None and self._peeked[0] == self.at:
            self.at = self._peeked[2]
            return self._peeked[1]
        at = self.skip_blank()
        match = _TOKEN.match(self.text, at)
        if match is None:
            return self._no_token(at)
        self.at = match.end()
        kind = match.lastgroup
        if kind == "op":
            return Token("op", match[0], at, self.at)
        if kind == "single":
            return Token("string", single_quoted(match["single"]), at, self.at)
        if kind == "name" or kind == "variable":
            return Token(kind, match[kind], at, self.at)
        if kind == "int" or kind == "float":
            return self._number(kind, match)
        if kind == "double":
            return self._double(match)
        if kind == "heredoc":
            return self._heredoc(match)
        self._enter_php()
        return Token("op", ";", at, match.end())

    def peek(self) -> Token:
        before = self.at
        token = self.next()
        self._peeked = (before, token, self.at)
        self.at = before
        return token

    def _no_token(self, at: int) -> Token:
        rest = self.text[at : at + 2]
        if not rest:
            return Token("end", "", at, at)
        if rest == "/*":
            raise self.error("a comment has no end", at)
        if rest[0] in "'\"" or (rest[0] in "bB" and rest[1:] in ("'", '"')):
            raise self.error("a string has no end", at)
        if rest[0] == "`":
            raise self.not_plain(at)
        raise self.error("a character that is not allowed here", at)

    def _number(self, kind: str, match: re.Match[str]) -> Token:
        text = match[0]
        value: int | float
        if kind == "float":
            value = float(text.replace("_", ""))
        else:
            try:
                value = integer(text)
            except ValueError:
                raise self.error("a number is malformed", match.start()) from None
        return Token("number", value, match.start(), match.end())

    def _double(self, match: re.Match[str]) -> Token:
        body, at = match["double"], match.start()
        if interpolates(body):
            self.at = self._template_end(match.start("double"), at)
            return Token("template", "", at, self.at)
        try:
            return Token("string", double_quoted(body), at, self.at)
        except StringError as error:
            raise self.error(error.what, match.start("double") + error.index) from None

    def _template_end(self, at: int, start: int) -> int:
        """Where a double-quoted string with variables ends: expressions in ``{$…}`` may hold quotes."""
        while at < len(self.text):
            character = self.text[at]
            if character == '"':
                return at + 1
            if character == "\\":
                at += 2
            elif self.text.startswith(("{$", "${"), at):
                at = self._braces_end(at)
            else:
                at += 1
        raise self.error("a string has no end", start)

    def _braces_end(self, start: int) -> int:
        self.at = start + 2 if self.text.startswith("${", start) else start + 1
        depth = 1
        while depth:
            token = self.next()
            if token.kind == "end":
                raise self.error("a string has no end", start)
            if token.kind == "op":
                depth += {"{": 1, "}": -1}.get(str(token.value), 0)
        return self.at

    def _heredoc(self, match: re.Match[str]) -> Token:
        token = self._read_heredoc(match)
        self.at = token.end
        return token

    def _read_heredoc(self, match: re.Match[str]) -> Token:
        mark = match["heredoc"]
        label = mark.strip("'\"")
        end = re.compile(rf"(?:\r\n|\n|\r)([ \t]*){re.escape(label)}(?!{_IDENTIFIER_PART})")
        body_start = match.end()
        # An empty heredoc ends on its second line: its newline is that of the first.
        found = end.search(self.text, body_start - 1)
        if found is None:
            raise self.error("a heredoc has no end", match.start())
        body = self.text[body_start : max(body_start, found.start())]
        if found[1].strip(" ") and found[1].strip("\t"):
            raise self.error("the end of a heredoc is indented with both spaces and tabs", found.start(1))
        try:
            if mark[0] != "'" and not interpolates(body):
                check_code_points(body)
            body = unindent(body, found[1]) if found.start() >= body_start else ""
            if mark[0] == "'":
                return Token("string", body, match.start(), found.end())
            if interpolates(body):
                return Token("template", "", match.start(), found.end())
            return Token("string", double_quoted(body, quote=""), match.start(), found.end())
        except StringError as error:
            raise self.error(error.what, body_start + error.index) from None

    def _enter_php(self, *, first: bool = False) -> None:
        """Go to what follows the next opening tag, or to the end of the file."""
        start = self.at
        match = _OPEN.search(self.text, start)
        outside = self.text[start : match.start() if match else len(self.text)]
        if match is None:
            if first and outside.lstrip(_BOM).strip():
                raise PhpDataError(
                    "This is no PHP file: there is no opening tag <?php",
                    where=self.where(start),
                    hint="Mend the file, or remove it when it can be made again.",
                )
            self.at = len(self.text)
            self.inside = False
            return
        if match[0] in ("<?", "<?="):
            # Whether "<?" opens PHP depends on the settings of PHP.
            raise self.not_plain(match.start())
        self.at = match.end()
        self.inside = True
