"""Reading PHP data files: settings, drush aliases, drushrc files.

Plain data is read here; PHP evaluates what is more (``evaluate.py``). Nothing is ever guessed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from provision_py.errors import PhpDataError
from provision_py.php.evaluate import evaluate, find_php
from provision_py.php.expressions import SUPERGLOBALS, copied
from provision_py.php.lexer import NotPlainError, PhpSyntaxError
from provision_py.php.parser import MissingFileError, check_brackets, parse, read_text
from provision_py.php.render import (
    render_alias,
    render_home_drushrc,
    render_platform_drushrc,
    render_site_drushrc,
)
from provision_py.php.values import PhpArray, PhpValue

__all__ = [
    "read_aliases",
    "read_drushrc",
    "read_variables",
    "render_alias",
    "render_home_drushrc",
    "render_platform_drushrc",
    "render_site_drushrc",
]


def read_variables(
    path: str | Path,
    names: Sequence[str],
    *,
    given: Mapping[str, PhpValue] | None = None,
    includes: bool = True,
    directory: str | None = None,
    timeout: float = 10.0,
) -> dict[str, PhpValue]:
    """The variables ``names`` that a PHP file sets; a name that it does not set is absent.

    ``given`` are variables that the file may use. With ``includes`` False, the ``include`` lines of a plain
    data file are passed over. ``directory`` and ``timeout`` (seconds) are for PHP, where it is needed.
    Raises PhpDataError with file and line.
    """
    if SUPERGLOBALS.intersection(names):
        raise ValueError(f"superglobals cannot be read: {', '.join(names)}")
    file = os.path.abspath(path)
    text = read_text(file)
    start = {name: copied(value) for name, value in (given or {}).items()}
    try:
        found = parse(text, file, start, includes=includes)
        return {name: found[name] for name in names if name in found}
    except NotPlainError as reason:
        if find_php() is None:
            raise _no_php(text, file, reason) from None
    except PhpSyntaxError as error:
        # Ours are PHP's errors, but the last word is PHP's: what it accepts, we accept.
        if find_php() is None:
            raise
        try:
            return evaluate(file, names, given, directory=directory, timeout=timeout)
        except PhpSyntaxError:
            raise error from None
    return evaluate(file, names, given, directory=directory, timeout=timeout)


def _no_php(text: str, file: str, reason: NotPlainError) -> PhpDataError:
    try:
        check_brackets(text, file)
    except PhpSyntaxError as error:
        return error
    except NotPlainError:
        pass
    return PhpDataError(
        "The file is more than plain data and there is no PHP to evaluate it",
        where=reason.where,
        hint="Install PHP's command line (the program php), or reduce the file to plain assignments.",
    )


def read_drushrc(path: str | Path, *, local: bool = True, needed: bool = True) -> PhpArray:
    """``$options`` of a drushrc file; {} when it sets none. ``local.drushrc.php`` counts unless ``local`` is
    False: leave it out where the options are written back, or they would end in the generated file. A file that
    is not ``needed`` may be missing."""
    try:
        found = read_variables(path, ["options"], given={"options": {}}, includes=local)
    except MissingFileError:
        if needed:
            raise
        return {}
    return _array(found.get("options"), "$options", path)


def read_aliases(path: str | Path) -> dict[str, PhpArray]:
    """The alias records of a drush alias file, by name without ``@``; {} when it has none.

    As drush 8 reads it: ``$options`` are defaults for every record of ``$aliases``, or, without any
    ``$aliases``, the record named by the file name up to its first dot.
    """
    found = read_variables(path, ["aliases", "options"], given={"aliases": {}, "options": {}})
    aliases = _array(found.get("aliases"), "$aliases", path)
    options = _array(found.get("options"), "$options", path)
    options.pop("site-aliases", None)
    if not aliases and options:
        aliases, options = {Path(path).name.partition(".")[0]: options}, {}
    return {
        str(name): _merged(options, _array(record, f"the alias {name}", path)) for name, record in aliases.items()
    }


def _merged(first: PhpArray, second: PhpArray) -> PhpArray:
    """PHP's array_merge: string keys of the second win in the place of the first, others are renumbered."""
    if not first:
        return second
    merged: PhpArray = {}
    count = 0
    for array in (first, second):
        for key, value in array.items():
            merged[count if isinstance(key, int) else key] = value
            count += isinstance(key, int)
    return merged


def _array(value: PhpValue, what: str, path: str | Path) -> PhpArray:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PhpDataError(f"{what} is no array", where=str(path), hint="Mend the file.")
    return value
