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
    more elsewhere. ``merged``: what they hold here has to be there too."""

    paths: Sequence[str]
    uploads: Sequence[str] = ()
    merged: bool = True


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
    answers = ahead if ahead is not None and ahead.names == names else ask(here, others, wanted)
    if answers.names is None:
        return []
    ours = _said(_ask(here, _script(wanted), answers.names))
    return [host for host, said in answers.said if ours is not None and said == ours]


def _uploaded(here: Host, wanted: Wanted) -> bytes | None:
    """Names of the uploads here, each with a NUL; None when there are too many of them, or odd ones."""
    folders = [folder for folder in wanted.uploads if os.path.isdir(folder)]
    if not folders:
        return b""
    done = here.run(["find", *folders, "-print0"], check=False, timeout=_TIMEOUT)
    names = done.stdout.encode("utf-8", "surrogateescape")
    return names if done.returncode == 0 and len(names) <= _MOST else None


def _script(wanted: Wanted) -> str:
    left_out = [part for folder in wanted.uploads for part in ("-o", "-path", f"{_pattern(folder)}/*")][1:]
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
