"""Reading PHP expressions that are plain data: literals, arrays, concatenation, copies of variables."""

from __future__ import annotations

import os.path
import re
from typing import Final

from provision_py.errors import PhpDataError
from provision_py.php.keys import INT_MAX, INT_MIN, fits_int, is_plain_int, string_key
from provision_py.php.lexer import Lexer, NotPlainError, Token
from provision_py.php.values import PhpArray, PhpValue

SUPERGLOBALS = frozenset({"_SERVER", "_ENV", "_GET", "_POST", "_COOKIE", "_FILES", "_REQUEST", "_SESSION", "GLOBALS"})

# The usual entry of an array in one match: key => scalar, or key => array ( … for which the loop goes on.
_ENTRY = re.compile(
    r"""[ \t\r\n]*+(?:'(?P<key>[^'\\]*+)'|(?P<index>0|-?[1-9][0-9]{0,17}))[ \t]*+=>[ \t\r\n]*+
    (?:
      (?P<open>array[ ]?\(|\[)
    | (?:'(?P<string>[^'\\]*+)'|(?P<int>0|-?[1-9][0-9]{0,17})|(?P<word>true|false|NULL|TRUE|FALSE|null))
      [ \t\r\n]*+(?:,|(?=[)\]]))
    )""",
    re.VERBOSE,
)
_COMMA = re.compile(r"[ \t\r\n]*+,")
_CLOSE = re.compile(r"[ \t\r\n]*+([)\]])")
_WORDS: Final[dict[str, bool | None]] = {"true": True, "false": False, "null": None}
_CONSTANTS: Final[dict[str, PhpValue]] = {
    "INF": float("inf"),
    "NAN": float("nan"),
    "PHP_INT_MAX": INT_MAX,
    "PHP_INT_MIN": INT_MIN,
    "PHP_EOL": "\n",
    "DIRECTORY_SEPARATOR": "/",
}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What may begin or go on an expression in PHP, but not in plain data. Anything else is a syntax error.
_PREFIXES = _words("! ~ & @ $ + - ++ -- ( [ ... #[")
_CONTINUES = _words(
    "= += -= *= **= /= .= %= &= |= ^= <<= >>= ??= ?? ? || && | ^ & == != <> === !== < <= > >= <=> << >>"
    " + - * / % ** . ++ -- -> ?-> :: [ ( {"
)
_WORD_OPERATORS = _words("and or xor instanceof")
_STATEMENT_WORDS = _WORD_OPERATORS | _words(
    "if else elseif endif for foreach endfor endforeach while endwhile do switch case endswitch break continue as"
    " return echo try catch finally const use goto unset global extends implements"
)


class Expressions:
    """Reads expressions of one file from ``lexer``; ``variables`` is what ``$name`` refers to.

    Raises PhpDataError for a syntax error and NotPlainError for PHP that is more than data.
    """

    def __init__(self, lexer: Lexer, variables: dict[str, PhpValue]) -> None:
        self.lexer = lexer
        self.variables = variables
        self.began = 0  # where the statement being read begins

    def expression(self) -> PhpValue:
        value, added = self._sum()
        token = self.lexer.peek()
        if token.value != "." or token.kind != "op":
            return value
        parts: list[str] = []
        while True:
            if added:
                # The precedence of "+" and "." differs between versions of PHP.
                raise self.lexer.not_plain(token.start)
            parts.append(self._text(value, token))
            if not self._accept("."):
                return "".join(parts).encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")
            value, added = self._sum()
            token = self.lexer.peek()

    def path(self, *, assigned: bool) -> list[PhpValue | Append]:
        """The ``[…]`` after a variable; ``[]`` is APPEND where something is assigned."""
        keys: list[PhpValue | Append] = []
        while self._accept("["):
            token = self.lexer.peek()
            if self._accept("]"):
                if not assigned:
                    raise self.lexer.not_plain(token.start)
                keys.append(APPEND)
                continue
            keys.append(self.key(self.expression(), token))
            self.expect("]")
        return keys

    def expect(self, *operators: str) -> str:
        token = self.lexer.next()
        if token.kind != "op" or token.value not in operators:
            raise self.unexpected(token, continues=True)
        return str(token.value)

    def unexpected(self, token: Token, *, continues: bool) -> PhpDataError | NotPlainError:
        """What to raise for a token that plain data cannot have here: an error if no PHP could.

        ``continues`` is True after a complete expression, False where one should begin.
        """
        allowed = False
        if continues:
            word = str(token.value).lower()
            allowed = word in _CONTINUES if token.kind == "op" else token.kind == "name" and word in _WORD_OPERATORS
        elif token.kind == "op":
            allowed = token.value in _PREFIXES
        elif token.kind == "name":
            allowed = str(token.value).lower() not in _STATEMENT_WORDS
        else:
            allowed = token.kind != "end"
        if allowed:
            return self.lexer.not_plain(token.start)
        if token.kind == "end":
            line = self.lexer.line(self.began)
            return self.lexer.error(f"the file ends within the statement that begins on line {line}", token.start)
        # Names and strings are not shown: they may be part of a password with a wrong quote.
        shown = f"'{token.value}'" if token.kind == "op" else {"template": "string"}.get(token.kind, token.kind)
        return self.lexer.error(f"unexpected {shown}", token.start)

    def key(self, value: PhpValue, token: Token) -> int | str:
        """The array key that PHP makes of ``value``."""
        if isinstance(value, str):
            return string_key(value)
        if value is None:
            return ""
        if isinstance(value, (bool, int)):
            return int(value)
        if isinstance(value, float) and abs(value) <= -float(INT_MIN) and fits_int(int(value)):
            return int(value)
        raise self.lexer.not_plain(token.start)

    def next_index(self, array: PhpArray, token: Token) -> int:
        """The key that ``[]`` gets."""
        return self.following(max((key for key in array if isinstance(key, int)), default=None), token)

    def following(self, highest: int | None, token: Token) -> int:
        if highest is None:
            return 0
        if highest < 0 or highest == INT_MAX:
            # What follows a negative key depends on the version of PHP; nothing follows the last one.
            raise self.lexer.not_plain(token.start)
        return highest + 1

    def _accept(self, operator: str) -> bool:
        token = self.lexer.peek()
        if token.kind == "op" and token.value == operator:
            self.lexer.next()
            return True
        return False

    def _sum(self) -> tuple[PhpValue, bool]:
        value = self._operand()
        added = False
        while True:
            token = self.lexer.peek()
            if token.kind != "op" or token.value not in ("+", "-"):
                return value, added
            self.lexer.next()
            other = self._operand()
            if not (is_plain_int(value) and is_plain_int(other)):
                raise self.lexer.not_plain(token.start)
            value = value + other if token.value == "+" else value - other
            if not fits_int(value):
                raise self.lexer.not_plain(token.start)
            added = True

    def _operand(self) -> PhpValue:
        token = self.lexer.next()
        if token.kind == "string" or token.kind == "number":
            return token.value
        if token.kind == "name":
            return self._name(token)
        if token.kind == "variable":
            return self._read(token)
        if token.kind != "op":
            raise self.unexpected(token, continues=False)
        if token.value == "[":
            return self._array("]")
        if token.value == "(":
            value = self.expression()
            self.expect(")")
            return value
        if token.value in ("-", "+"):
            return self._signed(token)
        raise self.unexpected(token, continues=False)

    def _signed(self, token: Token) -> int | float:
        value = self._operand()
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.lexer.not_plain(token.start)
        if token.value == "+":
            return value
        return -value if isinstance(value, float) or value != INT_MIN else float(-value)

    def _name(self, token: Token) -> PhpValue:
        text = str(token.value)
        lower = text.lower()
        if lower in _WORDS:
            return _WORDS[lower]
        if lower == "array" and self._accept("("):
            return self._array(")")
        if text in _CONSTANTS:
            return _CONSTANTS[text]
        if lower == "__dir__":
            return os.path.dirname(self._file())
        if lower == "__file__":
            return self._file()
        if lower == "__line__":
            return self.lexer.line(token.start)
        if lower == "dirname" and self._accept("("):
            value = self.expression()
            self.expect(")")
            # PHP's dirname differs from ours for relative paths and slashes at the end.
            if isinstance(value, str) and os.path.isabs(value) and os.path.normpath(value) == value:
                return os.path.dirname(value)
            raise self.lexer.not_plain(token.start)
        raise self.unexpected(token, continues=False)

    def _file(self) -> str:
        """``__FILE__``: PHP resolves symlinks."""
        return os.path.realpath(self.lexer.file)

    def _read(self, token: Token) -> PhpValue:
        """A copy of what a variable, or an element of it, holds; null for a missing element, as in PHP."""
        name = str(token.value)
        keys = self.path(assigned=False)
        missing = name not in self.variables
        if name in SUPERGLOBALS:
            known = self.variables.get(name)
            missing = len(keys) != 1 or not isinstance(known, dict) or keys[0] not in known
        if missing or name in ("this", "GLOBALS"):
            raise self.lexer.not_plain(token.start)
        value = self.variables[name]
        for key in keys:
            if value is None:
                return None
            if not isinstance(value, dict) or not isinstance(key, (int, str)):
                raise self.lexer.not_plain(token.start)
            value = value.get(key)
        return copied(value)

    def _text(self, value: PhpValue, token: Token) -> str:
        """``value`` as a part of a concatenation."""
        if isinstance(value, str):
            return value
        if isinstance(value, bool) or value is None:
            return "1" if value else ""
        if isinstance(value, int):
            return str(value)
        # The digits of a float depend on PHP's settings.
        raise self.lexer.not_plain(token.start)

    def _array(self, close: str) -> PhpArray:
        array: PhpArray = {}
        highest: int | None = None
        lexer = self.lexer
        while True:
            match = _ENTRY.match(lexer.text, lexer.at)
            if match:
                lexer.at = match.end()
                key, value = self._entry(match)
                if match["open"]:
                    self._end_entry(close)
            else:
                end = _CLOSE.match(lexer.text, lexer.at)
                if end and end[1] == close:
                    lexer.at = end.end()
                    return array
                token = lexer.peek()
                if self._accept(close):
                    return array
                explicit, value = self._slow_entry()
                key = self.following(highest, token) if explicit is None else explicit
                self._end_entry(close)
            array[key] = value
            if isinstance(key, int) and (highest is None or key > highest):
                highest = key

    def _entry(self, match: re.Match[str]) -> tuple[int | str, PhpValue]:
        name, index, opening, text, number, word = match.group("key", "index", "open", "string", "int", "word")
        key = int(index) if name is None else string_key(name)
        if opening is not None:
            return key, self._array("]" if opening == "[" else ")")
        return key, scalar(text, number, word)

    def _slow_entry(self) -> tuple[int | str | None, PhpValue]:
        token = self.lexer.peek()
        value = self.expression()
        if not self._accept("=>"):
            return None, value
        return self.key(value, token), self.expression()

    def _end_entry(self, close: str) -> None:
        """Read the comma after an entry; a closing bracket is left to be read."""
        comma = _COMMA.match(self.lexer.text, self.lexer.at)
        if comma:
            self.lexer.at = comma.end()
            return
        token = self.lexer.peek()
        if token.kind == "op" and token.value == close:
            return
        self.expect(",")


def scalar(text: str | None, number: str | None, word: str) -> PhpValue:
    """The value of a literal without escapes: a string's text, a whole number's digits, or a word."""
    if text is not None:
        return text
    return int(number) if number is not None else _WORDS[word.lower()]


class Append:
    """The key of ``$name[] = …``."""


APPEND: Final = Append()


def copied(value: PhpValue) -> PhpValue:
    """PHP's arrays are values: assigning one makes a copy."""
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return value
