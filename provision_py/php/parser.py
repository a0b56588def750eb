"""Reading PHP files that are plain data, without PHP.

What is more than data raises NotPlainError: then PHP itself has to evaluate the file (``evaluate.py``).
"""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from provision_py.errors import PhpDataError
from provision_py.php.expressions import SUPERGLOBALS, Append, Expressions, scalar
from provision_py.php.keys import string_key
from provision_py.php.lexer import IDENTIFIER, Lexer, Token
from provision_py.php.values import PhpArray, PhpValue

# The usual statement of a data file in one match: $name['key'] = scalar;
_SET = re.compile(
    rf"""\$(?P<name>{IDENTIFIER})\['(?P<key>[^'\\]*+)'\][ \t]*+=[ \t]*+
    (?:'(?P<string>[^'\\]*+)'|(?P<int>0|-?[1-9][0-9]{{0,17}})|(?P<word>true|false|NULL|TRUE|FALSE|null))
    [ \t]*+;""",
    re.VERBOSE,
)
_INCLUDES = frozenset({"include", "include_once", "require", "require_once"})
_MAX_INCLUDES = 50


class MissingFileError(PhpDataError):
    """There is no such file, as against one that cannot be read."""


def read_text(path: str | Path) -> str:
    """A PHP file as text, bytes that are not UTF-8 escaped. Raises PhpDataError when it cannot be read."""
    try:
        kind = os.stat(path).st_mode
        # A pipe would make us wait for somebody who writes into it.
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            raise PhpDataError("This is no file", where=str(path), hint="Put a PHP file there, or remove it.")
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
        raise (MissingFileError if missing else PhpDataError)(
            f"A PHP file cannot be read: {error.strerror}",
            where=str(path),
            hint="Check that the file is there and that this user may read it, and enter the folders above it.",
        ) from error


def parse(
    text: str, file: str, variables: dict[str, PhpValue] | None = None, *, includes: bool = True
) -> dict[str, PhpValue]:
    """The variables that a plain data file sets, beside those given (which are changed in place).

    ``file`` is the absolute path, for errors, ``__DIR__`` and included files, which are read too unless
    ``includes`` is False. Raises PhpDataError for a syntax error, NotPlainError for PHP that is not data.
    """
    variables = {} if variables is None else variables
    _Program(text, file, variables, [os.path.realpath(file)], set(), follow=includes).run()
    return variables


class _Program(Expressions):
    """One file. ``active`` are the files being read, innermost last; ``seen`` those that were read."""

    def __init__(
        self, text: str, file: str, variables: dict[str, PhpValue], active: list[str], seen: set[str], *, follow: bool
    ) -> None:
        super().__init__(Lexer(text, file), variables)
        self._active = active
        self._seen = seen
        seen.add(active[-1])
        self._follow = follow
        self._highest: dict[int, tuple[PhpArray, int]] = {}  # by id of an array: the array, its last index

    def run(self) -> None:
        try:
            while True:
                if self._plain_assignment():
                    continue
                token = self.lexer.next()
                self.began = token.start
                if token.kind == "end":
                    return
                self._statement(token)
        except RecursionError:
            raise self.lexer.not_plain(self.began) from None

    def _plain_assignment(self) -> bool:
        """Read a statement of the usual form, if the next one is of it."""
        lexer = self.lexer
        at = lexer.skip_blank()
        match = _SET.match(lexer.text, at)
        if match is None:
            return False
        name, key, text, number, word = match.group("name", "key", "string", "int", "word")
        if name in SUPERGLOBALS or name == "this":
            return False
        lexer.at = match.end()
        self._assign(name, [string_key(key)], scalar(text, number, word), Token("variable", name, at, lexer.at))
        return True

    def _statement(self, token: Token) -> None:
        if token.kind == "variable":
            self._assignment(token)
        elif token.kind == "op" and token.value == "@" and self._is_include(self.lexer.peek()):
            self._include(self.lexer.next())
        elif self._is_include(token):
            self._include(token)
        elif token.kind == "name" or token.value == "{":
            raise self.lexer.not_plain(token.start)
        elif token.kind != "op" or token.value != ";":
            raise self.unexpected(token, continues=False)

    @staticmethod
    def _is_include(token: Token) -> bool:
        return token.kind == "name" and str(token.value).lower() in _INCLUDES

    def _assignment(self, token: Token) -> None:
        name = str(token.value)
        keys = self.path(assigned=True)
        following = self.lexer.next()
        if following.kind == "op" and following.value == ";":
            if any(isinstance(key, Append) for key in keys):
                raise self.lexer.not_plain(token.start)
            return  # an expression without effect
        if following.kind != "op" or following.value != "=":
            raise self.unexpected(following, continues=True)
        value = self.expression()
        self._end()
        if name in SUPERGLOBALS and (len(keys) != 1 or name == "GLOBALS" or isinstance(keys[0], Append)):
            raise self.lexer.not_plain(token.start)
        if name == "this":
            raise self.lexer.not_plain(token.start)
        self._assign(name, keys, value, token)

    def _end(self) -> None:
        token = self.lexer.next()
        if token.kind != "op" or token.value != ";":
            raise self.unexpected(token, continues=True)

    def _assign(self, name: str, keys: list[PhpValue | Append], value: PhpValue, token: Token) -> None:
        if not keys:
            self.variables[name] = value
            return
        if self.variables.get(name) is None:
            self.variables[name] = {}
        container = self.variables[name]
        for position, key in enumerate(keys):
            if not isinstance(container, dict):
                raise self.lexer.not_plain(token.start)
            index = self._append(container, token) if isinstance(key, Append) else key
            if not isinstance(index, (int, str)):
                raise self.lexer.not_plain(token.start)
            if isinstance(index, int) and not isinstance(key, Append):
                self._highest.pop(id(container), None)
            if position == len(keys) - 1:
                container[index] = value
            else:
                if container.get(index) is None:
                    container[index] = {}
                container = container[index]

    def _append(self, array: PhpArray, token: Token) -> int:
        known = self._highest.get(id(array))
        index = known[1] + 1 if known and known[0] is array else self.next_index(array, token)
        self._highest[id(array)] = (array, index)
        return index

    def _include(self, token: Token) -> None:
        kind = str(token.value).lower()
        path = self.expression()
        self._end()
        if not isinstance(path, str) or not os.path.isabs(path) or "\0" in path:
            # A relative path is looked up in places that only PHP knows.
            raise self.lexer.not_plain(token.start)
        if not self._follow:
            return
        real = os.path.realpath(path)
        if kind.endswith("_once") and real in self._seen:
            return
        if not os.path.isfile(real) or not os.access(real, os.R_OK):
            if kind.startswith("require"):
                raise PhpDataError(
                    f"A required file is missing or not readable: {path}",
                    where=self.lexer.where(token.start),
                    hint="Put the file there, or remove the line.",
                )
            return
        if len(self._active) >= _MAX_INCLUDES:
            raise PhpDataError(
                "Files include each other without end",
                where=self.lexer.where(token.start),
                hint="Use include_once, or remove the line.",
            )
        self._seen.add(real)
        _Program(read_text(real), path, self.variables, [*self._active, real], self._seen, follow=self._follow).run()


def check_brackets(text: str, file: str) -> None:
    """Raise PhpDataError, with the line, for brackets, strings and comments that do not match up.

    What can be said about a file that is more than data where there is no PHP.
    """
    lexer = Lexer(text, file)
    opened: list[Token] = []
    pairs = {"(": ")", "[": "]", "#[": "]", "{": "}"}
    while True:
        token = lexer.next()
        if token.kind == "end":
            break
        if token.kind != "op":
            continue
        operator = str(token.value)
        if operator in pairs:
            opened.append(token)
        elif operator in pairs.values() and (not opened or pairs[str(opened.pop().value)] != operator):
            raise lexer.error(f"unexpected '{operator}'", token.start)
    if opened:
        raise lexer.error(f"'{opened[-1].value}' is never closed", opened[-1].start)
