"""Which other machines have a tree already, by a checksum over what rsync would compare: one round trip each.

A machine that says the same needs no rsync, and no connection for it. Any doubt (another answer, none, too many
uploads to name, links that lead in a circle) counts as a difference: then rsync finds out by itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from provision_py.system import fanout
from provision_py.system.host import Completed, Host, Program
from provision_py.system.shell import find_pattern, quote, words

#: Target and path of links.
_LINK = ("-printf", r"l %l %p\0")
#: Behind the group, which is printed first: mode and path of folders, whose times are not synced; and of anything
#: else kind, mode, size, time and path.
_OTHER = ("(", "-type", "d", "-printf", r"d %m %p\0", "-o", "-printf", r"%y %m %s %T@ %p\0", ")")
#: Sets ``group``, an expression of ``find`` that prints the group. ``find`` alone looks for each group's name anew in
#: the system's list, which takes longer than all else: it is told the names of the account's own groups, as long as
#: they are plain words.
_GROUP = r"""group='('
while IFS=: read -r name _ id _; do
    case $name:$id in
        :* | *: | *[!A-Za-z0-9_.:-]*) ;;
        *) group="$group -gid $id -printf $name: -o" ;;
    esac
done <<END
$(getent group $(id -G) 2>/dev/null)
END
group="$group -printf %g: )"
export group"""
#: More names of uploads than this, in bytes, are left to rsync.
_MOST = 256 * 1024
#: Seconds that a machine may take for it.
TIMEOUT = 300.0


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
class Question:
    """What a machine is asked for; ``names`` are the uploads that it is asked about."""

    names: bytes
    program: Program


@dataclass(frozen=True)
class Answers:
    """What machines said about a tree; ``names`` are the uploads that they were asked for, None: nobody was asked."""

    names: bytes | None
    said: Sequence[tuple[Host, str | None]] = ()


def question(here: Host, wanted: Wanted) -> Question | None:
    """What to let other machines sum up, to be asked for ahead, while the tree changes here; None when there is too
    much to name."""
    names = _uploaded(here, wanted) if wanted.merged else b""
    return None if names is None else Question(names, _program(wanted, names))


def answers(asked: Question | None, ended: Sequence[tuple[Host, Completed]]) -> Answers:
    """What machines said, from how the question's program ended on them."""
    names = None if asked is None else asked.names
    return Answers(names, tuple((host, _said(done)) for host, done in ended))


def having(here: Host, others: Sequence[Host], wanted: Wanted, ahead: Answers | None = None) -> list[Host]:
    """Those of the machines that have it as it is here now; ``ahead`` is what they said before."""
    names = _uploaded(here, wanted) if wanted.merged else b""
    if names is None:
        return []
    known = ahead.said if ahead is not None and ahead.names == names else None
    program = _program(wanted, names)
    asked = [here] if known is not None else [here, *others]
    found, _ = fanout.each(asked, lambda host: _said(_ask(host, program)))
    ours = next((said for host, said in found if host is here), None)
    theirs = [one for one in found if one[0] is not here] if known is None else known
    return [host for host, said in theirs if ours is not None and said == ours]


def _uploaded(here: Host, wanted: Wanted) -> bytes | None:
    """Names of the uploads here, each with a NUL; None when there are too many of them, or odd ones."""
    folders = [folder for folder in wanted.uploads if os.path.isdir(folder)]
    if not folders:
        return b""
    # Not to the end of what is too much: it may take minutes, and is asked for twice.
    script = f"find -L {words(folders)} -print0 | head -c {_MOST + 1}"
    done = here.run(["sh", "-c", script], check=False, timeout=TIMEOUT)
    names = done.stdout.encode("utf-8", "surrogateescape")
    return names if not done.stderr.strip() and len(names) <= _MOST else None


def _program(wanted: Wanted, names: bytes) -> Program:
    paths, left_out = words(wanted.paths), words(_left_out(wanted))
    # A link that leads to a folder is a folder, as for rsync: two links that are alike may hide what is not.
    links = f'find "$@" -maxdepth 0 {words(_LINK)}'
    behind_links = f"-xtype l ! -type d -exec sh -c 'eval \"$links\"' sh {{}} + -o $group {words(_OTHER)}"
    followed = f'find -L "$@" {left_out} {behind_links}'
    named = f'find -L "$@" -maxdepth 0 {behind_links}'
    script = rf"""LC_ALL=C links={quote(links)} followed={quote(followed)}
export LC_ALL links followed
{_GROUP}
{{
    find {paths} {left_out} -type l \( -xtype d -exec sh -c 'eval "$followed"' sh {{}} + -o {words(_LINK)} \) \
        -o $group {words(_OTHER)} </dev/null
    {f"xargs -0 -r sh -c {quote(named)} sh" if names else ""}
}} | sort -z | sha256sum
"""
    return Program(("sh", "-c", script), names)


def _left_out(wanted: Wanted) -> list[str]:
    """The beginning of an expression of ``find``, for what is not looked at."""
    tests = [["-path", f"{find_pattern(folder)}/*"] for folder in wanted.uploads]
    tests += [["-name", find_pattern(name)] for name in wanted.names]
    if wanted.apart:
        kept = [find_pattern(path) for path in wanted.kept]
        but = [word for path in kept for word in ("!", "-path", path, "!", "-path", f"{path}/*")]
        tests.append(["-path", f"{find_pattern(wanted.apart)}/*", *but])
    either = [word for test in tests for word in ("-o", *test)][1:]
    return ["(", *either, ")", "-prune", "-o"] if either else []


def _ask(host: Host, program: Program) -> Completed:
    return host.run(program.argv, stdin=program.stdin, check=False, timeout=TIMEOUT)


def _said(done: Completed) -> str | None:
    # A program that fails within a pipe is known by its words only.
    return done.stdout if done.returncode == 0 and not done.stderr.strip() else None
