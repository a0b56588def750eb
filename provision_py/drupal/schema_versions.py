"""The schema version a module's code would bring a site to: the highest number of its update functions.

Drupal numbers database changes by functions called ``<module>_update_<number>`` in ``<module>.install`` and the
files it includes; ``<module>_update_last_removed`` tells the number of updates that were dropped. Both count, as
they do when Drupal installs the module (Provision's scan knew only the former, so that it believed a module with
dropped updates to be older than the sites that use it).
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from provision_py.drupal.info import decode
from provision_py.drupal.scan import Folder, JsonValue, ScanCache

MAX_BYTES = 4 * 1024 * 1024

_UPDATE = re.compile(r"^[ \t]*function\s+&?(\w+)_update_(\d{1,9})\s*\(", re.MULTILINE | re.IGNORECASE)
_LAST_REMOVED = re.compile(
    r"""^[ \t]*function\s+&?(\w+)_update_last_removed\s*\(\s*\)[^{]*\{[^}]*?\breturn\s+['"]?(\d{1,9})['"]?\s*;""",
    re.MULTILINE | re.IGNORECASE,
)
_STATEMENT = re.compile(
    r"""^[ \t]*(?:include|require)(?:_once)?\b[^;'"]*['"](?P<path>[^'"\n]+)['"]
      | module_load_include\(\s*['"](?P<type>\w+)['"]\s*,\s*['"](?P<module>\w+)['"]\s*
        (?:,\s*['"](?P<name>[\w./-]+)['"])?""",
    re.MULTILINE | re.VERBOSE,
)


def highest_update(folder: Folder, module: str, docroot: str, cache: ScanCache) -> int | None:
    """The highest update number of the module in ``folder``; None when it has no update functions."""
    if f"{module}.install" not in folder.files:
        return None
    install = f"{folder.path}/{module}.install"
    numbers, seen = [], set()
    waiting = [install, f"{folder.path}/includes/{module}.install.update.inc"]
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.startswith(docroot + "/"):
            continue
        seen.add(path)
        found = _numbers_in(path, module, cache)
        if found is None:
            continue
        numbers += [number for number in _list(found, "numbers") if isinstance(number, int)]
        if path == install:
            for name in _list(found, "includes"):
                waiting.append(os.path.normpath(f"{folder.path}/{name}"))
    return max(numbers, default=None)


def update_numbers(source: str, module: str) -> list[int]:
    """Numbers of the update functions of ``module`` that PHP source defines, and of the last one it dropped."""
    name = module.lower()
    numbers = [int(number) for owner, number in _UPDATE.findall(source) if owner.lower() == name]
    removed = [int(number) for owner, number in _LAST_REMOVED.findall(source) if owner.lower() == name]
    return numbers + removed


def included_files(source: str, module: str) -> list[str]:
    """Files of the module that PHP source includes by a literal name, relative to the module's folder."""
    names = []
    for found in _STATEMENT.finditer(source):
        if found["path"] is not None:
            names.append(found["path"].lstrip("/"))
        elif found["module"] == module:
            names.append(f"{found['name'] or module}.{found['type']}")
    return names


def _numbers_in(path: str, module: str, cache: ScanCache) -> Mapping[str, JsonValue] | None:
    try:
        status = cache.questions.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
        cache.questions.sound = False  # its identity is kept nowhere
        return None

    def read(path: str) -> JsonValue:
        try:
            source = decode(Path(path).read_bytes())
        except OSError:
            return None
        source = source.replace("\r\n", "\n").replace("\r", "\n")
        return {"numbers": [*update_numbers(source, module)], "includes": [*included_files(source, module)]}

    value = cache.value(path, f"updates {module}", read, status)
    return value if isinstance(value, dict) else None


def _list(value: Mapping[str, JsonValue], key: str) -> list[JsonValue]:
    items = value.get(key)
    return items if isinstance(items, list) else []
