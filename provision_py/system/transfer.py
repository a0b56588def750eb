"""Running rsync between this machine and another, over that machine's one multiplexed connection."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from provision_py.errors import HostError, ProcessError
from provision_py.system import process, rsync, uploadkinds
from provision_py.system.host import Host
from provision_py.system.mounts import missing_mounts, read_fstab
from provision_py.system.multiplex import meaning
from provision_py.system.rsync import NO_OPTIONS, Change, SyncOptions, Tree, Uploads
from provision_py.system.shell import find_pattern, words
from provision_py.system.ssh import SshHost
from provision_py.system.uploadkinds import Kinds

#: Gets the number of paths changed so far, every few seconds.
Progress = Callable[[int], None]
_PROGRESS_EVERY = 5.0
#: Seconds that looking through a tree and removing it may take.
_REMOVE_TIMEOUT = 900.0
#: Makes folders that are missing, whatever the account's own umask is: the web server has to pass them.
_MAKE_FOLDER = 'umask 022; exec mkdir -p -- "$0"'
_TOO_MANY_LINKS = "Too many levels of symbolic links"
_ON_ARRIVAL = re.compile(rf"\[(generator|receiver|Receiver)\].*{_TOO_MANY_LINKS}")


def push(
    host: SshHost,
    tree: Tree,
    roots: Sequence[str],
    options: SyncOptions = NO_OPTIONS,
    *,
    uploads: Uploads = Uploads.LEAVE,
    progress: Progress | None = None,
) -> list[Change]:
    """Make a tree on another machine what it is here; what was changed.

    Raises HostError when the source or the target is not fit (see :func:`check_source`, :func:`check_target`), or
    when the transfer fails; what had arrived by then stays, and nothing was deleted.
    """
    changes = push_tree(host, tree, roots, options, uploads=uploads, progress=progress)
    if uploads is not Uploads.MERGE:
        return changes
    return [*changes, *merge(host, tree, upload_kinds(tree), options, progress).changes]


def push_tree(
    host: SshHost,
    tree: Tree,
    roots: Sequence[str],
    options: SyncOptions = NO_OPTIONS,
    *,
    uploads: Uploads = Uploads.LEAVE,
    progress: Progress | None = None,
) -> list[Change]:
    """:func:`push` up to the uploads that are to be merged."""
    check_source(tree.path, roots)
    check_target(host, tree.path, roots)
    _make_parents(host, tree.path)
    ssh = host.multiplexer.command()
    return run_rsync(host, rsync.push_argv(tree, host.name, ssh, options, uploads=uploads), tree.path, progress)


def _make_parents(host: SshHost, path: str) -> None:
    """Make the folders above a tree that the machine lacks. Those that are there are others' too."""
    try:
        host.run(["sh", "-c", _MAKE_FOLDER, os.path.dirname(path)])
    except ProcessError as error:
        advice = f"Make the folder there by hand, with the right for {host.target.user} to write in it"
        raise _failed(host, path, error, advice) from error


@dataclass(frozen=True)
class Merged:
    """What was changed on the other machine, and paths of uploads that are of another kind there: they were left."""

    changes: Sequence[Change] = ()
    left: Sequence[str] = ()


def upload_kinds(tree: Tree) -> Kinds:
    """What uploads of a tree's sites are here. All of them are looked at: once is enough for all machines."""
    folders = _upload_folders(tree)
    return uploadkinds.kinds_here(folders) if folders else {}


def merge(
    host: SshHost, tree: Tree, here: Kinds, options: SyncOptions = NO_OPTIONS, progress: Progress | None = None
) -> Merged:
    """Add uploads of a tree's sites to those on another machine; ``here`` is what :func:`upload_kinds` found.

    Raises HostError.
    """
    folders = _upload_folders(tree)
    if not folders:
        return Merged()
    left = uploadkinds.conflicts(host, folders, here)
    argv = rsync.merge_argv(folders, host.name, host.multiplexer.command(), options, leave=left)
    return Merged(run_rsync(host, argv, tree.path, progress), left)


def _upload_folders(tree: Tree) -> list[str]:
    return [folder for folder in rsync.uploads_of(tree) if os.path.isdir(folder)]


def fetch(
    host: SshHost, path: str, roots: Sequence[str], options: SyncOptions = NO_OPTIONS, *,
    progress: Progress | None = None,
) -> list[Change]:  # fmt: skip
    """Bring here what another machine has at ``path`` and is newer or missing here; what was changed.

    Nothing is deleted, and what is of another kind here stays. A path that is not there is no failure: nothing is
    fetched.
    """
    clean = check_target(host, path, roots)
    _refuse_way_out(clean, roots)
    state = host.stat(clean)
    if state is None:
        return []
    folder = f"{clean}/" if state.kind == "directory" else clean
    if os.path.isdir(clean) and state.kind != "directory":
        raise rsync.outside(path, roots, why=f"is a {state.kind} on {host.name} and a folder here, which is not")
    left = uploadkinds.conflicts(host, [clean], uploadkinds.kinds_here([clean])) if os.path.isdir(clean) else []
    argv = rsync.fetch_argv(folder, host.name, host.multiplexer.command(), options, leave=left)
    return run_rsync(host, argv, clean, progress, source=host.name)


def check_source(path: str, roots: Sequence[str], fstab: str | None = None) -> None:
    """Refuse a source that may have been lost: it would be an order to remove everything on the other side.

    Raises HostError: PROVISION_SYNC_SOURCE_MISSING (not there, or its file system is not mounted),
    PROVISION_SYNC_SOURCE_EMPTY, PROVISION_SYNC_OUTSIDE (no allowed path, or a link that leads out of the roots).
    """
    clean = rsync.check_path(path, roots)
    if not os.path.exists(clean):
        hint = "Put it back, or remove the site or platform by its own task"
        raise _source("PROVISION_SYNC_SOURCE_MISSING", clean, "is not there", hint)
    _refuse_way_out(clean, roots)
    unmounted = missing_mounts(os.path.realpath(clean), read_fstab() if fstab is None else fstab)
    if unmounted:
        why = f"is not mounted ({', '.join(unmounted)})"
        raise _source("PROVISION_SYNC_SOURCE_MISSING", clean, why, f"Mount it: mount {unmounted[0]}")
    if os.path.isdir(clean) and not os.listdir(clean):
        hint = "Check that its disk is mounted and its files are there"
        raise _source("PROVISION_SYNC_SOURCE_EMPTY", clean, "is empty", hint)


def _refuse_way_out(path: str, roots: Sequence[str]) -> None:
    if not _is_inside(os.path.realpath(path), [os.path.realpath(root) for root in roots]):
        raise rsync.outside(path, roots, why=f"leads to {os.path.realpath(path)}, outside")


def check_target(host: Host, path: str, roots: Sequence[str]) -> str:
    """The path without a final slash, if it lies within the roots by its name and, following links, on the host.

    Raises HostError (PROVISION_SYNC_OUTSIDE).
    """
    clean = rsync.check_path(path, roots)
    real, *tops = host.run(["realpath", "-m", "-z", "--", clean, *roots]).stdout.split("\0")[:-1]
    if not _is_inside(real, tops):
        raise rsync.outside(path, roots, why=f"leads on {host.name} to {real}, outside")
    return clean


def _is_inside(path: str, roots: Sequence[str]) -> bool:
    return any(root != "/" and (path == root or path.startswith(f"{root}/")) for root in roots)


def remove(host: Host, path: str, roots: Sequence[str], *, ours: bool = False) -> bool:
    """Remove a folder or file below a root, never a folder that holds one. True when it was there.

    A root itself is removed only when it is ``ours``: made by the very command that removes it.
    Raises HostError (PROVISION_SYNC_OUTSIDE for what may not be removed).
    """
    clean = check_target(host, path, roots)
    tops = [root.rstrip("/") for root in roots]
    if any(top.startswith(f"{clean}/") or (top == clean and not ours) for top in tops):
        raise rsync.outside(path, roots, why="holds all of")
    state = host.stat(clean)
    if state is None:
        return False
    if state.kind == "directory":
        host.remove_tree(clean)
        return True
    return host.remove(clean)


def remove_but_new_uploads(host: Host, path: str, roots: Sequence[str], uploads: Sequence[str]) -> list[str]:
    """Remove a tree that a command had brought, without folders of ``uploads`` that hold what is not here: somebody
    has sent it since. The folders that were left. Raises HostError, as :func:`remove`."""
    kept = [folder for folder in uploads if not _has_all(folder, host)]
    if not kept:
        remove(host, path, roots, ours=True)
        return []
    tree = words([check_target(host, path, roots)])
    below = words([word for folder in kept for word in ("!", "-path", f"{find_pattern(folder)}/*")])
    own = words([word for folder in kept for word in ("!", "-path", find_pattern(folder))])
    script = f"""find {tree} -type d {below} ! -perm -u+w -exec chmod u+rwx {{}} +
find {tree} ! -type d {below} {own} -exec rm -f -- {{}} +
find {tree} -depth -type d -empty {below} {own} -delete"""
    host.run(["sh", "-c", script], timeout=_REMOVE_TIMEOUT)
    return kept


def _has_all(folder: str, host: Host) -> bool:
    """Whether all files in a folder there are here, too. What cannot be looked at may hold more."""
    script = f"test ! -e {words([folder])} || find -L {words([folder])} ! -type d -print0"
    done = host.run(["sh", "-c", script], check=False, timeout=_REMOVE_TIMEOUT)
    return done.returncode == 0 and all(os.path.lexists(name) for name in done.stdout.split("\0") if name)


def run_rsync(
    host: SshHost,
    argv: Sequence[str],
    path: str,
    progress: Progress | None = None,
    *,
    stdin: bytes | None = None,
    source: str = "localhost",
    advice: str = "What had arrived stays and nothing was deleted; run the task again",
) -> list[Change]:
    """Run rsync to its end, in the locale ``C``; ``source`` is the machine that sends. Raises HostError with the code
    of what went wrong with the connection, or PROVISION_FILE_SYNC_FAILED; ``advice`` is its hint where the cause is
    not known better."""
    changes: list[Change] = []
    told = time.monotonic()

    def listen(line: str) -> None:
        nonlocal told
        change = rsync.parse_change(line)
        if change is not None:
            changes.append(change)
        if progress is not None and time.monotonic() - told >= _PROGRESS_EVERY:
            told = time.monotonic()
            progress(len(changes))

    try:
        process.run(argv, stdin=stdin, env={"LC_ALL": "C"}, on_line=listen)
    except ProcessError as error:
        if error.returncode != rsync.VANISHED:
            raise _failed(host, path, error, advice, source) from error
    return changes


def _failed(host: SshHost, path: str, error: ProcessError, advice: str, source: str = "localhost") -> HostError:
    said = error.output or error.what
    if error.returncode is None:
        return HostError(said, where=error.where, hint="Install it: apt-get install rsync", code=error.code)
    if error.returncode == 127 or re.search(r"rsync: (command )?not found", said):
        hint, code = f"Install rsync on {host.name}: apt-get install rsync", "PROVISION_FILE_SYNC_FAILED"
    elif "No space left" in said or "quota exceeded" in said:
        hint, code = f"The disk of {host.name} is full: free some space and try again", "PROVISION_FILE_SYNC_FAILED"
    elif _ON_ARRIVAL.search(said):
        # rsync 3.5 follows no absolute link on the receiving side, whatever --keep-dirlinks says.
        hint = f"On {host.name} a folder on the way is an absolute link: make it a relative one, or a bind mount"
        code = "PROVISION_FILE_SYNC_FAILED"
    elif _TOO_MANY_LINKS in said:
        # What rsync says holds the circle forty times.
        return HostError(
            f"{path} could not be synced: a link in it leads to itself or to a folder above it",
            where=source,
            hint=f"Take it out (find -L {words([path])} >/dev/null names it), or name it in exclude-paths",
            code="PROVISION_FILE_SYNC_FAILED",
        )
    elif "Permission denied" in said and error.returncode == 23:
        hint, code = f"Give {host.target.user} the right to write there", "PROVISION_FILE_SYNC_FAILED"
    else:
        hint = advice
        code = meaning(said) or "PROVISION_FILE_SYNC_FAILED"
    return HostError(f"{path} could not be synced: {said}", where=host.name, hint=hint, code=code)


def _source(code: str, path: str, why: str, hint: str) -> HostError:
    return HostError(
        f"{path} {why}, so nothing was synced and nothing removed elsewhere",
        where=path,
        hint=hint,
        code=code,
    )
