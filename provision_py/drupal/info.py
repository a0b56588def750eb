"""Read ``.info`` (Drupal 7) and ``.info.yml`` (Drupal 8 and later) files.

The result is a PHP array, as Drupal's own readers give it. Files of contributed modules are often a little wrong;
a broken one gives what could be read and a complaint, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from provision_py.php.values import PhpArray, PhpValue

if TYPE_CHECKING:
    import yaml

MAX_BYTES = 512 * 1024
"""Larger files are not info files; reading them would only cost memory."""

_MAX_VALUES = 50_000  # stops documents whose aliases multiply
_MAX_DEPTH = 200  # libyaml recurses on the C stack and would take the whole process down
_ENTRY = re.compile(
    r"""[ \t]* (?P<name>[^=;\[\]\r\n]+) (?P<keys>(?:\[[^\[\]\r\n]*\][ \t]*)*) = [ \t]*
        (?: "(?P<double>(?:[^"\\]|\\.)*)" | '(?P<single>(?:[^'\\]|\\.)*)' | (?P<bare>[^\r\n]*) )
        [ \t]* (?=[\r\n]|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_KEY = re.compile(r"\[([^\[\]]*)\]")
_LINE_END = re.compile(r"[\r\n]+")
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_NESTING = re.compile(r"[-?](?=\s|$)")
_PLAIN_LINE = re.compile(r"^([A-Za-z_]\w*):[ \t]*(\S.*?)?[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class InfoFile:
    """What an info file says, and what is wrong with it (empty when nothing is)."""

    info: PhpArray
    complaint: str = ""


def parse_info(data: bytes, constants: Mapping[str, PhpValue] | None = None) -> PhpArray:
    """The values of a Drupal 7 ``.info`` file.

    Lines are ``key = value``, ``key[sub] = value``, ``key[] = value``; a value may stand in quotes and then span
    lines; lines that start with ``;`` are comments. A value that equals the name of a constant becomes that
    constant: TRUE, FALSE and those given. Lines that fit no rule are passed over, as Drupal does.
    """
    known: dict[str, PhpValue] = {"TRUE": True, "FALSE": False, **(constants or {})}
    text = decode(data)
    info: PhpArray = {}
    position = 0
    while position < len(text):
        entry = _ENTRY.match(text, position)
        if entry is None or not entry["name"].strip():
            line_end = _LINE_END.search(text, position)
            position = line_end.end() if line_end else len(text)
            continue
        value = _value_of(entry)
        _store(info, [entry["name"].strip(), *_KEY.findall(entry["keys"])], known.get(value, value))
        position = entry.end() + 1
    return info


def parse_info_yml(data: bytes) -> InfoFile:
    """The values of a ``.info.yml`` file.

    Broken YAML gives the plain ``key: value`` lines of its top level, so that the package does not vanish.
    """
    import yaml  # most runs find all that they need in the cache

    text = decode(data)
    try:
        if _depth_limit(text) > _MAX_DEPTH:
            raise ValueError("it is nested too deeply")
        document = yaml.load(text, Loader=_loader())  # noqa: S506 (derived from the safe loader)
        if document is None:
            return InfoFile({}, "it is empty")
        if not isinstance(document, dict):
            return InfoFile({}, "it is not a list of keys and values")
        return InfoFile(_php_array(document, _Budget(_MAX_VALUES)))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return InfoFile(_salvage(text), f"its YAML is broken ({_first_line(error)})")


def decode(data: bytes) -> str:
    """Text of a file that should be UTF-8; bytes that are not become question marks, a byte order mark goes."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("utf-8", errors="replace").replace("\ufffd", "?")
    return text.removeprefix("\ufeff")


def is_hidden(info: PhpArray) -> bool:
    """Whether an info file asks not to be listed; a quoted or lower-case false is false."""
    value = info.get("hidden")
    return bool(value) and str(value).strip().lower() not in ("0", "false", "no", "off")


def as_key(text: str) -> int | str:
    """The key that PHP makes of a string: whole numbers in plain form become integers."""
    return int(text) if text[:1] <= "9" and _INTEGER.fullmatch(text) else text


def _value_of(entry: re.Match[str]) -> str:
    quoted = entry["double"] if entry["double"] is not None else entry["single"]
    return _ESCAPED.sub(r"\1", quoted) if quoted is not None else entry["bare"].rstrip()


def _store(info: PhpArray, keys: list[str], value: PhpValue) -> None:
    target = info
    for text in keys[:-1]:
        inner = target.setdefault(_key_in(target, text), {})
        if not isinstance(inner, dict):  # "a = 1" followed by "a[] = 2": the later line wins
            inner = target[_key_in(target, text)] = {}
        target = inner
    target[_key_in(target, keys[-1])] = value


def _key_in(target: PhpArray, text: str) -> int | str:
    return len(target) if text == "" else as_key(text)


@cache
def _loader() -> type[yaml.CSafeLoader]:
    """YAML as PHP's parser reads it: no dates, no octal times, no yes/no/on/off."""
    import yaml

    class Loader(yaml.CSafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012 (declared so by its parent)
            first: [
                (tag, pattern) for tag, pattern in resolvers if not tag.endswith((":timestamp", ":bool", ":value"))
            ]
            for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
        }

    truth = re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$")
    Loader.add_implicit_resolver("tag:yaml.org,2002:bool", truth, list("tTfF"))
    return Loader


def _depth_limit(text: str) -> int:
    """A number that the nesting of a YAML document cannot exceed, told without parsing it."""
    deepest = 0
    for line in text.splitlines():
        if len(line) > deepest:  # neither indentation nor markers can make a short line deep
            indent = len(line) - len(line.lstrip())
            deepest = max(deepest, indent + len(_NESTING.findall(line)))
    return deepest + text.count("[") + text.count("{")


class _Budget:
    """How many values a document may still have."""

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise ValueError("it has too many values")


def _php_array(document: Mapping[object, object], budget: _Budget) -> PhpArray:
    return {_php_key(key): _php_value(value, budget) for key, value in document.items()}


def _php_key(key: object) -> int | str:
    if isinstance(key, bool | float):
        return int(key)
    return key if isinstance(key, int) else as_key("" if key is None else str(key))


def _php_value(value: object, budget: _Budget) -> PhpValue:
    budget.take()
    if isinstance(value, Mapping):
        return _php_array(value, budget)
    if isinstance(value, list | tuple | set):
        return {index: _php_value(item, budget) for index, item in enumerate(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return decode(value) if isinstance(value, bytes) else str(value)


def _salvage(text: str) -> PhpArray:
    """The first plain value of each top-level key of a document that cannot be parsed."""
    info: PhpArray = {}
    for key, value in _PLAIN_LINE.findall(text):
        if value and value[0] not in "|>[{&*!":
            info.setdefault(key, _unquoted(value))
    return info


def _unquoted(value: str) -> PhpValue:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return {"true": True, "false": False}.get(value.lower(), value)


def _first_line(error: Exception) -> str:
    problem = getattr(error, "problem", None)
    mark = getattr(error, "problem_mark", None)
    text = str(problem or error).splitlines()[0] if str(problem or error) else type(error).__name__
    return f"{text}, line {mark.line + 1}" if mark is not None else text
