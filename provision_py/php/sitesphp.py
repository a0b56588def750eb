"""``sites/sites.php``: which site directory answers for which host name (reference: sites.php).

The original writes the whole file anew and loses everything in it that is not Aegir's. Here only the entries
that change are touched; code and comments around them stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import PhpDataError
from provision_py.php.expressions import Expressions
from provision_py.php.files import read_variables
from provision_py.php.keys import string_key
from provision_py.php.lexer import Lexer, NotPlainError, Token
from provision_py.php.literals import export, quote
from provision_py.php.parser import MissingFileError, check_brackets, parse
from provision_py.php.values import PhpArray, PhpValue

_NEW_FILE = """<?php\x20
/**
 * @file
 * Host names and the site directories that answer for them.
 *
 * Aegir sets the entries of the sites that it manages: the key is a host name (a path follows a dot), the
 * value a directory beside this file. Other entries and code in this file are kept.
 */

"""
# Words after which a statement that stands alone in its line may still not run, or not only once.
_TANGLED = frozenset({"endif", "endfor", "endforeach", "endwhile", "endswitch", "enddeclare", "goto"})
_LEAVING = frozenset({"return", "exit", "die", "__halt_compiler", "namespace"})


def read_sites_php(path: str | Path) -> dict[str, str]:
    """``$sites`` as PHP sees it, by host name; {} when there is no file or it sets none. Entries without a
    directory are left out, as the original does. Raises PhpDataError with file and line."""
    try:
        sites = read_variables(path, ["sites"], given={"sites": {}}).get("sites")
    except MissingFileError:
        return {}
    if not isinstance(sites, dict):
        raise PhpDataError("$sites is no array", where=str(path), hint="Mend the file.")
    return {str(name): str(site) for name, site in sites.items() if site and not isinstance(site, dict)}


def sites_php_key(alias: str) -> str:
    """The key of a site alias in ``$sites``: a slash before a path becomes a dot."""
    return alias.replace("/", ".")


def update_sites_php(text: str, entries: Mapping[str, str | None], file: str = "sites.php") -> str:
    """The text of sites.php with these entries set, or removed where the value is None; the rest unchanged.

    ``text`` is '' for a new file; ``file`` is for errors. Entries that other code in the file computes are that
    code's business. Raises PhpDataError for a file that is broken or that cannot be changed safely.
    """
    wanted = {sites_php_key(alias): site for alias, site in entries.items()}
    if not text.strip().removeprefix("\ufeff"):
        return f"{_NEW_FILE}$sites = {export({name: site for name, site in wanted.items() if site is not None})};\n"
    try:
        check_brackets(text, file)
        changed = _Editor(text, file).update(wanted)
    except NotPlainError as reason:
        raise _unsafe("It holds code that is not understood", reason.where) from None
    _verify(text, changed, wanted, file)
    return changed


def _unsafe(what: str, where: str) -> PhpDataError:
    return PhpDataError(
        f"sites.php cannot be changed safely: {what}",
        where=where,
        hint="Write the entries of $sites as one array at the top of the file.",
    )


def _verify(old: str, new: str, wanted: Mapping[str, str | None], file: str) -> None:
    """What is plain data must mean what it should; code that computes entries cannot be checked here."""
    try:
        expected = parse(old, file, includes=False).get("sites") or {}
    except NotPlainError:
        return
    if not isinstance(expected, dict):
        raise PhpDataError("$sites is no array", where=file, hint="Mend the file.")
    found = parse(new, file, includes=False).get("sites") or {}
    for name, site in wanted.items():
        key = string_key(name)
        if site is None:
            expected.pop(key, None)
        else:
            expected[key] = site
    if found != expected:
        raise _unsafe("its entries are set more than once", file)


@dataclass(frozen=True)
class _Assignment:
    """``$sites = array (…)`` (``key`` is None) or ``$sites[key] = '…'``, as a statement of its own.

    ``start`` and ``end`` span the statement, ``value_start`` and ``value_end`` what is assigned.
    """

    start: int
    end: int
    value_start: int
    value_end: int
    key: int | str | None
    value: PhpValue


class _Editor:
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._mentioned = False
        self._leaving: Token | None = None
        self._lexer = Lexer(text, file)
        self._assignments = list(self._find())

    def update(self, wanted: Mapping[str, str | None]) -> str:
        whole, single = self._live()
        edits: list[tuple[int, int, str]] = []
        array: PhpArray = dict(whole.value) if whole and isinstance(whole.value, dict) else {}
        before = dict(array)
        missing: dict[str, str] = {}
        for name, site in wanted.items():
            key = string_key(name)
            same = [each for each in single if each.key == key]
            if site is None:
                array.pop(key, None)
                edits += [self._removal(each) for each in same]
                continue
            edits += [(each.value_start, each.value_end, quote(site)) for each in same if each.value != site]
            if whole and (key in array or not same):
                array[key] = site
            elif not same:
                missing[name] = site
        if whole and array != before:
            edits.append((whole.value_start, whole.value_end, export(array)))
        text = self._text
        for start, end, replacement in sorted(edits, reverse=True):
            text = text[:start] + replacement + text[end:]
        return text + self._appended(missing, text) if missing else text

    def _live(self) -> tuple[_Assignment | None, list[_Assignment]]:
        """The last assignment of the whole array, and those of single entries after it."""
        last = max((at for at, each in enumerate(self._assignments) if each.key is None), default=-1)
        return (self._assignments[last] if last >= 0 else None), self._assignments[last + 1 :]

    def _removal(self, assignment: _Assignment) -> tuple[int, int, str]:
        """The statement with its line, when it has one of its own."""
        start, end = assignment.start, assignment.end
        line = self._text.rfind("\n", 0, start) + 1
        newline = self._text.find("\n", end)
        alone = not self._text[line:start].strip() and newline >= 0 and not self._text[end:newline].strip()
        return (line, newline + 1, "") if alone and line else (start, end, "")

    def _appended(self, missing: Mapping[str, str], text: str) -> str:
        if self._leaving is not None:
            raise _unsafe("it may end early", self._lexer.where(self._leaving.start))
        if self._mentioned:
            added = "".join(f"$sites[{quote(name)}] = {quote(site)};\n" for name, site in missing.items())
        else:
            array: PhpArray = {name: site for name, site in missing.items()}  # noqa: C416  (widens the type)
            added = f"$sites = {export(array)};\n"
        if not self._lexer.inside:
            return f"<?php\n{added}"
        return added if text.endswith("\n") else f"\n{added}"

    def _find(self) -> Iterator[_Assignment]:
        for statement in self._statements():
            first = statement[0]
            if first.kind == "variable" and first.value == "sites" and len(statement) > 3:
                found = self._assignment(statement)
                if found:
                    yield found

    def _assignment(self, statement: list[Token]) -> _Assignment | None:
        reader = Lexer(self._text, self._file)
        reader.at = statement[0].end
        expressions = Expressions(reader, {})
        try:
            keys = expressions.path(assigned=True)
            if reader.next().value != "=" or len(keys) > 1:
                return None
            value_start = reader.peek().start
            value = expressions.expression()
            if reader.next().value != ";":
                return None
        except (NotPlainError, PhpDataError):
            return None
        key = keys[0] if keys else None
        if isinstance(value, dict) == bool(keys) or not (key is None or isinstance(key, (int, str))):
            return None
        last = statement[-1]
        end = last.start if self._text.startswith("?>", last.start) else last.end
        return _Assignment(statement[0].start, end, value_start, statement[-2].end, key, value)

    def _statements(self) -> Iterator[list[Token]]:
        """Statements outside of all brackets, each with its end (``;`` or a closing brace)."""
        statement: list[Token] = []
        depth = 0
        while True:
            token = self._lexer.next()
            if token.kind == "end":
                return
            statement.append(token)
            self._watch(token, depth)
            if token.kind != "op":
                continue
            if token.value in ("(", "[", "{", "#["):
                depth += 1
            elif token.value in (")", "]", "}"):
                depth -= 1
            if depth == 0 and token.value in (";", "}"):
                yield statement
                statement = []

    def _watch(self, token: Token, depth: int) -> None:
        if token.kind == "template" or (token.kind == "variable" and token.value == "sites"):
            self._mentioned = True
        elif token.kind == "name":
            word = str(token.value).lower()
            if word in _TANGLED:
                raise _unsafe(f"'{word}'", self._lexer.where(token.start))
            if depth == 0 and word in _LEAVING:
                self._leaving = token
            elif word in ("include", "include_once", "require", "require_once", "extract", "eval"):
                self._mentioned = True
