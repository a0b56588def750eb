"""Which other machines have a tree already, by a checksum over what rsync would compare: one round trip each.

A machine that says the same needs no rsync, and no connection for it. Any doubt (another answer, none, too many
uploads to name) counts as a difference: then rsync finds out by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from provision_py.system import fanout
from provision_py.system.host import Completed, Host
from provision_py.system.shell import words

#: Kind, mode, group and path of everything; size and time of files, targets of links. Folders' times are not synced.
_PRINT = (
    "(", "-type", "d", "-printf", r"d %m %g %p\0",
    "-o", "-type", "l", "-printf", r"l %l %p\0",
    "-o", "-printf", r"%y %m %g %s %T@ %p\0", ")",
)  # fmt: skip
#: More names of uploads than this, in bytes, are left to rsync.
_MOST = 256 * 1024
_TIMEOUT = 300.0


@dataclass(frozen=True)
class Wanted:
    """What should be alike: ``paths`` with all that is below, except that ``uploads``, folders below them, may hold
    more elsewhere. ``merged``: what they hold here has to be there too.

    Left out are things of these ``names``, wherever they are, and what ``apart``, a folder, holds, except ``kept``.
    """

    paths: Sequence[str]
    uploads: Sequence[str] = ()
    merged: bool = True
    names: Sequence[str] = ()
    apart: str = ""
    kept: Sequence[str] = ()


@dataclass(frozen=True)
class Answers:
    """What machines said about a tree; ``names`` are the uploads that they were asked for, None: nobody was asked."""

    names: bytes | None
    said: Sequence[tuple[Host, str | None]] = ()


def ask(here: Host, others: Sequence[Host], wanted: Wanted) -> Answers:
    """Let the machines sum up what they have. That may be done ahead, while the tree changes here."""
    names = _uploaded(here, wanted) if wanted.merged else b""
    if names is None:
        return Answers(None)
    script = _script(wanted)
    found, _ = fanout.each(others, lambda host: _said(_ask(host, script, names)))
    return Answers(names, found)


def having(here: Host, others: Sequence[Host], wanted: Wanted, ahead: Answers | None = None) -> list[Host]:
    """Those of the machines that have it as it is here now; ``ahead`` is what they said before."""
    names = _uploaded(here, wanted) if wanted.merged else b""
    if names is None:
        return []
    known = ahead.said if ahead is not None and ahead.names == names else None
    script = _script(wanted)
    asked = [here] if known is not None else [here, *others]
    found, _ = fanout.each(asked, lambda host: _said(_ask(host, script, names)))
    ours = next((said for host, said in found if host is here), None)
    theirs = [one for one in found if one[0] is not here] if known is None else known
    return [host for host, said in theirs if ours is not None and said == ours]


def _uploaded(here: Host, wanted: Wanted) -> bytes | None:
    """Names of the uploads here, each with a NUL; None when there are too many of them, or odd ones."""
    folders = [folder for folder in wanted.uploads if os.path.isdir(folder)]
    if not folders:
        return b""
    done = here.run(["find", *folders, "-print0"], check=False, timeout=_TIMEOUT)
    names = done.stdout.encode("utf-8", "surrogateescape")
    return names if done.returncode == 0 and len(names) <= _MOST else None


def _script(wanted: Wanted) -> str:
    tests = [["-path", f"{_pattern(folder)}/*"] for folder in wanted.uploads]
    tests += [["-name", _pattern(name)] for name in wanted.names]
    if wanted.apart:
        kept = [_pattern(path) for path in wanted.kept]
        but = [word for path in kept for word in ("!", "-path", path, "!", "-path", f"{path}/*")]
        tests.append(["-path", f"{_pattern(wanted.apart)}/*", *but])
    left_out = [word for test in tests for word in ("-o", *test)][1:]
    pruned = ["(", *left_out, ")", "-prune", "-o"] if left_out else []
    each = words([*_PRINT])
    return f"""LC_ALL=C; export LC_ALL
find {words(wanted.paths)} {words(pruned)} {each} </dev/null | sort -z | sha256sum
xargs -0 -r sh -c {words([f'find "$@" -maxdepth 0 {each}'])} sh | sha256sum
"""


def _ask(host: Host, script: str, names: bytes) -> Completed:
    return host.run(["sh", "-c", script], stdin=names, check=False, timeout=_TIMEOUT)


def _said(done: Completed) -> str | None:
    # A program that fails within a pipe is known by its words only.
    return done.stdout if done.returncode == 0 and not done.stderr.strip() else None


def _pattern(path: str) -> str:
    return re.sub(r"([\\*?\[\]])", r"\\\1", path)
