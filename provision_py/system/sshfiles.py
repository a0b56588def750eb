"""File operations on a machine that has a POSIX shell and coreutils: one script, one round trip each."""

from __future__ import annotations

import base64
import errno
import os
import secrets
import stat as statlib
from collections.abc import Callable, Mapping, Sequence

from provision_py.errors import HostError
from provision_py.system import faults
from provision_py.system.host import FileState, Look
from provision_py.system.shell import encode, quote, words
from provision_py.system.sshexec import Ended

#: Runs a script with this standard input; the last argument says what is going on, for errors.
RunScript = Callable[[str, bytes, str], Ended]

_KINDS = {statlib.S_IFREG: "file", statlib.S_IFDIR: "directory", statlib.S_IFLNK: "link"}
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
#: Paths that one run of stat gets: the argument list of a process is limited.
_PATHS_AT_ONCE = 500
#: A script longer than this comes as input of its own: the first part is read byte by byte.
_SHORT = 4096
_CHANGED = b"changed"


class RemoteFiles:
    """The file operations of a :class:`provision_py.system.host.Host`, by scripts.

    A rename between two file systems is a copy there, and not atomic.
    """

    def __init__(self, where: str, run: RunScript) -> None:
        self._where = where
        self._run = run

    def stat(self, path: str) -> FileState | None:
        return self.stat_all([path])[path]

    def stat_all(self, paths: Sequence[str]) -> dict[str, FileState | None]:
        return dict(self.look((), paths).states)

    def look(self, files: Sequence[str], others: Sequence[str] = ()) -> Look:
        paths = [*files, *others]
        found: dict[str, FileState | None] = dict.fromkeys(paths)
        if not found:
            return Look(found, {})
        script = "\n".join([_stat_script(list(found)), _content_script(files), "exit 0"])
        ended = self._do("look at", paths[0] if len(found) == 1 else "files", script, check=False)
        for line in ended.stderr.decode(errors="backslashreplace").splitlines():
            if line and faults.number_of(line) not in _ABSENT:
                raise faults.file_failure(
                    "look at", paths[0], faults.number_of(line), line.partition(": ")[2], self._where
                )
        if ended.status != 0:
            raise self._failure("look at", paths[0], ended)
        states, contents = _found(ended.stdout)
        found.update(states)
        return Look(found, contents)

    def read(self, path: str) -> bytes:
        return self._do("read", path, f"cat -- {quote(path)}").stdout

    def write(self, path: str, content: bytes, *, mode: int = 0o644, group: str | None = None) -> None:
        directory, name = os.path.split(path)
        temporary = f"{directory}/.{name}.{secrets.token_hex(4)}.tmp"
        # The size tells content that was cut short by a lost connection: cat sees no difference to its end.
        script = f"""
t={quote(temporary)}
trap 'rm -f -- "$t"' EXIT
trap 'exit 1' HUP INT TERM PIPE
umask 077
set -C -e
cat > "$t"
test "$(wc -c < "$t")" -eq {len(content)} || {{ echo 'write: Connection reset by peer' >&2; exit 1; }}
{f'chgrp -- {quote(group)} "$t"' if group is not None else ""}
chmod {mode:05o} -- "$t"
mv -fT -- "$t" {quote(path)}
trap - EXIT"""
        self._do("write", path, script, content, group=group)

    def mkdir(self, path: str, *, mode: int = 0o755, group: str | None = None) -> bool:
        parent = quote(os.path.dirname(path))
        script = f"""
set -e
umask 022
p={quote(path)}
test -d {parent} || mkdir -p -- {parent}
if mkdir -m {mode & 0o777:04o} -- "$p" 2>/dev/null; then echo made
elif test ! -d "$p"; then mkdir -- "$p"; fi
{_access_script(mode, group)}"""
        return b"made" in self._do("make the directory", path, script, group=group).stdout

    def symlink(self, target: str, path: str) -> None:
        temporary = f"{path}.{secrets.token_hex(4)}.tmp"
        script = f"""
p={quote(path)}; t={quote(temporary)}
if test -e "$p" && test ! -L "$p"; then
  echo ': something that is not a link is in its place' >&2; exit 1
fi
ln -s -- {quote(target)} "$t" || exit 1
mv -fT -- "$t" "$p" || {{ rm -f -- "$t"; exit 1; }}"""
        self._do("make the link", path, script)

    def set_access(self, path: str, *, mode: int | None = None, group: str | None = None) -> bool:
        script = f"set -e\np={quote(path)}\n{_access_script(mode, group)}"
        return _CHANGED in self._do("set mode and group of", path, script, group=group).stdout

    def remove(self, path: str) -> bool:
        ended = self._do("remove", path, f"unlink -- {quote(path)}", check=False)
        if ended.status == 0 or _number(ended) == errno.ENOENT:
            return ended.status == 0
        raise self._failure("remove", path, ended)

    def rmdir(self, path: str) -> bool:
        ended = self._do("remove the directory", path, f"rmdir -- {quote(path)}", check=False)
        if ended.status == 0 or _number(ended) in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
            return ended.status == 0
        raise self._failure("remove the directory", path, ended)

    def remove_tree(self, path: str) -> None:
        # Drupal makes site folders read-only: their owner may still empty them.
        script = f"""
p={quote(path)}
if test -L "$p"; then echo 'rm: Not a directory' >&2; exit 1; fi
rm -rf -- "$p" 2>/dev/null || {{ chmod -R u+rwX -- "$p" 2>/dev/null; rm -rf -- "$p"; }}"""
        self._do("remove", path, script)

    def rename(self, old: str, new: str) -> None:
        self._do("rename", old, f"mv -fT -- {words([old, new])}")

    def listdir(self, path: str) -> list[str]:
        script = f"""
d={quote(path)}
ls -- "$d/" > /dev/null || exit 1
for f in "$d"/* "$d"/.[!.]* "$d"/..?*; do
  if test -e "$f" || test -L "$f"; then printf '%s\\0' "${{f##*/}}"; fi
done"""
        listed = self._do("list", path, script).stdout
        return sorted(name.decode("utf-8", "surrogateescape") for name in listed.split(b"\0")[:-1])

    def _do(
        self, doing: str, path: str, script: str, content: bytes | None = None, *, check: bool = True,
        group: str | None = None,
    ) -> Ended:  # fmt: skip
        script = f"LC_ALL=C; export LC_ALL\n{script}"
        if content is None and len(script) > _SHORT:
            script, content = 'eval "$(cat)"', encode(script)
        ended = self._run(script, content or b"", f"{self._where} was to {doing} {path}")
        if check and ended.status != 0:
            if group is not None and b"invalid group" in ended.stderr:
                raise faults.unknown_group(doing, path, group, self._where)
            raise self._failure(doing, path, ended)
        return ended

    def _failure(self, doing: str, path: str, ended: Ended) -> HostError:
        said = ended.stderr.decode(errors="backslashreplace").strip().splitlines()
        line = said[-1] if said else f"status {ended.status}"
        number = faults.number_of(line)
        why = os.strerror(number) if number is not None else line.partition(": ")[2] or line
        return faults.file_failure(doing, path, number, why, self._where)


def _number(ended: Ended) -> int | None:
    said = ended.stderr.decode(errors="backslashreplace").strip().splitlines()
    return faults.number_of(said[-1]) if said else None


def _access_script(mode: int | None, group: str | None) -> str:
    """Set mode and group of ``$p`` where they differ, and say so; links are left alone."""
    script = ['if test ! -L "$p"; then', "set -- $(stat -c '%a %g %G' -- \"$p\"); test $# -gt 2"]
    if group is not None:
        # A change of the group takes setuid and setgid away: the mode is looked at again.
        script += [
            f'if test "$2" != {quote(group)} && test "$3" != {quote(group)}; then',
            f'chgrp -- {quote(group)} "$p"; echo changed; set -- $(stat -c %a -- "$p"); fi',
        ]
    if mode is not None:
        # Five digits: with fewer, chmod keeps the setgid bit of a directory.
        script.append(f'if test "$1" != {mode:o}; then chmod {mode:05o} -- "$p"; echo changed; fi')
    return "\n".join([*script, "fi"])


def _stat_script(paths: Sequence[str]) -> str:
    """One program for many paths; a second answer for links. Every path comes back, so nothing is counted off."""
    lines = []
    for start in range(0, len(paths), _PATHS_AT_ONCE):
        lines += [
            f"set -- {words(paths[start : start + _PATHS_AT_ONCE])}",
            "stat --printf='%n\\0%f\\0%U\\0%u\\0%G\\0%g\\0%s\\0' -- \"$@\"",
            "for p do",
            'if test -L "$p"; then printf \'%s\\0\' "$p" link; readlink -n -- "$p"; printf \'\\0\'; fi',
            "done",
        ]
    return "\n".join(lines)


def _content_script(paths: Sequence[str]) -> str:
    """What files hold, in a form that has no NUL and does not depend on a size that may change meanwhile."""
    lines = []
    for start in range(0, len(paths), _PATHS_AT_ONCE):
        lines += [
            f"for p in {words(paths[start : start + _PATHS_AT_ONCE])}; do",
            'if test -f "$p" && test ! -L "$p"; then',
            "printf '%s\\0' \"$p\" content; base64 -w 0 -- \"$p\"; printf '\\0'; fi",
            "done",
        ]
    return "\n".join(lines)


def _found(output: bytes) -> tuple[Mapping[str, FileState], Mapping[str, bytes]]:
    fields = iter(output.decode("utf-8", "surrogateescape").split("\0")[:-1])
    found: dict[str, FileState] = {}
    contents: dict[str, bytes] = {}
    for path in fields:
        raw = next(fields)
        if raw == "link":
            if path in found:
                found[path] = _with_target(found[path], next(fields))
            continue
        if raw == "content":
            contents[path] = base64.b64decode(next(fields))
            continue
        owner, uid, group, gid, size = (next(fields) for _ in range(5))
        mode = int(raw, 16)
        found[path] = FileState(
            kind=_KINDS.get(statlib.S_IFMT(mode), "other"),
            mode=statlib.S_IMODE(mode),
            owner=uid if owner == "UNKNOWN" else owner,
            group=gid if group == "UNKNOWN" else group,
            size=int(size),
        )
    return found, contents


def _with_target(state: FileState, target: str) -> FileState:
    return FileState(state.kind, state.mode, state.owner, state.group, state.size, target)
