"""Know that a scan would find the same again, without scanning.

A seal is a file with every question that a scan asked the file system, every answer, and what the scan was given.
Whoever finds all of it unchanged need not even load what the scan found. What is noticed is what a scan notices: an
edit of the same size, a replaced file with the old times, a symlink that leads elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from provision_py import __version__
from provision_py.drupal.questions import ASK
from provision_py.drupal.scan import FORMAT, JsonValue, ScanCache
from provision_py.errors import HostError
from provision_py.system.cachefile import read_cache, write_cache

_IDENTITY: Final = struct.Struct("=qqqQ")
_SEPARATOR: Final = b"\0"  # no path has one


def _own_sources() -> str:
    """A name for the code that turns files into packages, and packages into rows and files.

    A release has a number, but a checkout is changed under the same one.
    """
    package = Path(__file__).parent.parent
    states = [__version__, str(FORMAT)]
    for folder in ("drupal", "php", "hostmaster"):
        with os.scandir(package / folder) as entries:
            states += sorted(f"{e.path} {e.stat().st_mtime_ns} {e.stat().st_size}" for e in entries if e.is_file())
    return hashlib.blake2b("\n".join(states).encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


#: Taken when the code is loaded: a process that runs on while it is replaced keeps the old name.
OWN_SOURCES: Final = _own_sources()


@dataclass(frozen=True)
class Seal:
    """``digest`` names what a scan found, ``said`` is what the one who sealed it wanted to know again."""

    digest: str
    said: JsonValue


def intact(path: str, docroot: str, inputs: JsonValue) -> Seal | None:
    """The seal in the file ``path``, if a scan of ``docroot`` with these ``inputs`` would find the same again."""
    content = read_cache(path)
    if content is None:
        return None
    head, _, body = content.partition(b"\n")
    try:
        header = json.loads(head)
        if header["inputs"] != [OWN_SOURCES, docroot, inputs]:
            return None
        if any(_answer(kind, place) != answer for kind, place, answer in header["answers"]):
            return None
        size = int(header["paths"])
        paths = body[:size].split(_SEPARATOR) if size else []
        if len(body) != size + len(paths) * _IDENTITY.size or not _unchanged(docroot, paths, body[size:]):
            return None
        return Seal(header["digest"], header["said"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def put_seal(path: str, docroot: str, inputs: JsonValue, cache: ScanCache, said: JsonValue) -> Seal | None:
    """Seal what a scan has found with ``cache``, which has not been saved yet.

    None when nothing may be concluded from its answers next time; then there is no seal. Raises HostError when the
    file cannot be written.
    """
    identities = cache.identities()
    missing = sorted(cache.questions.missing)
    sound = cache.questions.sound and identities is not None and identities.keys().isdisjoint(missing)
    if identities is None or not sound or not all(name.startswith(f"{docroot}/") for name in identities):
        _remove(path)
        return None
    answers = [[kind, place, answer] for (kind, place), answer in cache.questions.answers.items()]
    answers += [["missing", name, True] for name in missing if not follows(name, identities)]
    names = _SEPARATOR.join(os.fsencode(name[len(docroot) + 1 :]) for name in identities)
    try:
        states = b"".join(_IDENTITY.pack(*identity) for identity in identities.values())
        given: JsonValue = [OWN_SOURCES, docroot, inputs]
        about = json.dumps([given, answers]).encode()
    except (struct.error, UnicodeError):
        _remove(path)
        return None
    digest = hashlib.blake2b(b"\n".join((about, names, states)), digest_size=16).hexdigest()
    header = {"inputs": given, "answers": answers, "paths": len(names), "digest": digest, "said": said}
    write_cache(path, [json.dumps(header).encode() + b"\n", names, states])
    return Seal(digest, said)


def follows(missing: str, identities: Mapping[str, Sequence[int]]) -> bool:
    """Whether a missing file must stay missing while the folders that were looked at stay the same.

    So it is when the first part of its path that is not there would have to be made in one of them. A dangling
    symlink is there: what it leads to may come without a change of its folder.
    """
    path = missing
    while not os.path.lexists(path):
        path, former = os.path.dirname(path), path
        if path in identities:
            return True
        if path == former:
            break
    return False


def _unchanged(docroot: str, paths: Sequence[bytes], states: bytes) -> bool:
    folder = os.open(docroot, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    stat = os.stat
    try:
        for path, (mtime, ctime, size, inode) in zip(paths, _IDENTITY.iter_unpack(states), strict=True):
            found = stat(path, dir_fd=folder)
            if (
                found.st_mtime_ns != mtime
                or found.st_ctime_ns != ctime
                or found.st_size != size
                or found.st_ino != inode
            ):
                return False
    except OSError:
        return False
    finally:
        os.close(folder)
    return True


def _answer(kind: str, path: str) -> object:
    return not os.path.exists(path) if kind == "missing" else ASK[kind](path)


def _remove(path: str) -> None:
    """A seal that is not renewed would only be looked at in vain."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise HostError(f"The cache {path} cannot be removed: {error.strerror}", where=path) from error
