"""Data as text: tables for people, JSON, YAML and PHP for programs. Pure; each library is imported when needed."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping

from provision_py.php.values import PhpArray, PhpValue


def render(data: PhpValue, format_name: str) -> str:
    """``data`` in a format (see ``arguments.FORMATS``), ending in a line break."""
    if format_name == "json":
        import json

        return json.dumps(_finite(plain(data)), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    if format_name == "yaml":
        import yaml

        return str(yaml.safe_dump(plain(data), allow_unicode=True, sort_keys=False, default_flow_style=False))
    if format_name == "php":
        from provision_py.php.literals import export

        return export(data) + "\n"
    return table(data)


def plain(value: PhpValue) -> object:
    """A PHP value as JSON has it: an array with the keys 0, 1, 2 … is a list, as for PHP's json_encode."""
    if not isinstance(value, dict):
        return value
    if list(value) == list(range(len(value))):
        return [plain(item) for item in value.values()]
    return {str(key): plain(item) for key, item in value.items()}


def _finite(value: object) -> object:
    """Plain data with texts for numbers that JSON does not have: INF, -INF and NAN as PHP writes them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value).upper()
    return value


def table(data: PhpValue, indent: str = "") -> str:
    """Keys and values in two columns; nested records under their key."""
    if not isinstance(data, dict):
        return f"{indent}{scalar(data)}\n"
    short = {key: value for key, value in data.items() if not _is_record(value)}
    width = max((len(str(key)) for key in short), default=0)
    lines = []
    for key, value in data.items():
        if isinstance(value, dict) and _is_record(value):
            lines.append(f"{indent}{key}\n{table(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{key:<{width}}  {scalar(value)}".rstrip() + "\n")
    return "".join(lines)


def scalar(value: PhpValue) -> str:
    """A value in one line: lists with commas, control characters escaped."""
    if isinstance(value, dict):
        return ", ".join(scalar(item) for item in value.values())
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(value))


def _is_record(value: PhpValue) -> bool:
    """Whether an array needs lines of its own: it has names for keys, or arrays in it."""
    if not isinstance(value, dict):
        return False
    return any(isinstance(key, str) for key in value) or any(isinstance(item, dict) for item in value.values())


def as_data(value: object) -> PhpValue:
    """Dataclasses, sequences and mappings as PHP data; fields that are None are left out, secrets are stars."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {name: as_data(item) for name, item in fields.items() if item is not None}
    if isinstance(value, Mapping):
        array: PhpArray = {key if isinstance(key, int) else str(key): as_data(item) for key, item in value.items()}
        return array
    if isinstance(value, (list, tuple, set, frozenset)):
        return dict(enumerate(as_data(item) for item in value))
    return str(value)
