"""Quoting for a POSIX shell: the one place where a value becomes part of a shell script."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

from provision_py.errors import HostError


def quote(text: str) -> str:
    """``text`` as one word of a script. Raises HostError for a NUL, which no argument can hold."""
    if "\0" in text:
        raise HostError("A value holds a NUL character and cannot be handed to a program", where=repr(text[:60]))
    return shlex.quote(text)


def words(texts: Iterable[str]) -> str:
    """Several words, a space between."""
    return " ".join(quote(text) for text in texts)


def find_pattern(text: str) -> str:
    """A text as a pattern of find(1) (``-path``, ``-name``) that fits nothing else."""
    return re.sub(r"([\\*?\[\]])", r"\\\1", text)


def encode(script: str) -> bytes:
    """A script as it goes over the wire. Bytes of file names that are no UTF-8 come out as they went in."""
    return script.encode("utf-8", "surrogateescape")
