"""Changing a tree on another machine in two parts: what is new is staged beside the tree, then exchanged at once.

See :mod:`provision_py.system.treeswitch`. The caller stages on all machines before it lets any of them switch.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from provision_py.errors import HostError, ProcessError
from provision_py.system import rsync, transfer, treeswitch
from provision_py.system.rsync import Change, SyncOptions, Tree, Uploads
from provision_py.system.ssh import SshHost
from provision_py.system.transfer import Progress

#: Seconds that exchanging or removing files of one tree may take.
_TIMEOUT = 900.0
_ADVICE = "The tree there is as it was; run the task again"


def work_folders(host: SshHost, path: str) -> list[str]:
    """Work folders in the tree that commands which nobody undid have left there."""
    return [f"{path}/{name}" for name in host.listdir(path) if name.startswith(rsync.WORK_FOLDERS)]


def names_in_tree(host: SshHost, path: str) -> list[str]:
    """What a tree holds besides work folders."""
    return [name for name in host.listdir(path) if not name.startswith(rsync.WORK_FOLDERS)]


def plan(host: SshHost, tree: Tree, roots: Sequence[str], options: SyncOptions, uploads: Uploads) -> list[Change]:
    """What a push would change of a tree that is there; nothing is changed. Raises HostError as ``transfer.push``."""
    transfer.check_source(tree.path, roots)
    argv = rsync.plan_argv(tree, host.name, host.multiplexer.command(), options, uploads=uploads)
    found = transfer.run_rsync(host, argv, tree.path, advice=_ADVICE)
    changes = [replace(change, path=treeswitch.unescape(change.path)) for change in found]
    if any(change.path == tree.path.strip("/") and not change.is_directory for change in changes):
        raise HostError(
            f"{tree.path} is no folder of its own, so it cannot be synced",
            where="localhost",
            hint="Put the folder there in the place of the link",
            code="PROVISION_FILE_SYNC_FAILED",
        )
    return changes


def stage(
    host: SshHost,
    tree: Tree,
    work: str,
    changes: Sequence[Change],
    options: SyncOptions,
    progress: Progress | None = None,
) -> None:
    """Make the folder ``work`` in the tree and bring there what the changes need. Raises HostError."""
    _call(host, "open", work)
    switch = treeswitch.switch_of(changes, tree.path)
    host.write(f"{work}/plan", switch.plan(), mode=0o600)
    if switch.staged:
        argv = rsync.stage_argv(tree.path, f"{work}/new", host.name, host.multiplexer.command(), options)
        files = switch.files(os.path.basename(tree.path))
        transfer.run_rsync(host, argv, tree.path, progress, stdin=files, advice=_ADVICE)


def check(host: SshHost, work: str, roots: Sequence[str]) -> None:
    """Find out whether :func:`switch` could do all that is planned, and change nothing. Raises HostError."""
    _call(host, "check", work, *roots)


def switch(host: SshHost, work: str, roots: Sequence[str]) -> None:
    """Exchange what is staged against what is in the tree. Raises HostError; then :func:`undo` is called for.

    Once begun it goes on there, whatever becomes of the connection and of this process.
    """
    _call(host, "switch", work, *roots)


def undo(host: SshHost, work: str, *, was_empty: bool = False) -> None:
    """Put back what was exchanged, all of it or none, and remove the work folder. May be called again.

    Raises HostError, also where nothing is to be found, unless the tree ``was_empty``: its disk may be away.
    """
    _call(host, "undo", work, *(["empty"] if was_empty else []))


def close(host: SshHost, work: str) -> None:
    """Remove the work folder, and with it what undoing needs. Raises HostError."""
    _call(host, "close", work)


def _call(host: SshHost, what: str, *arguments: str) -> None:
    # In a session of its own: what ends the programs of a lost connection must not end this one half-way.
    argv = ["setsid", "--wait", "php", "-n", "--", what, *arguments]
    try:
        host.run(argv, stdin=treeswitch.PROGRAM.read_bytes(), timeout=_TIMEOUT)
    except ProcessError as error:
        raise _failed(host, what, arguments[0], error) from error


def _failed(host: SshHost, what: str, work: str, error: ProcessError) -> HostError:
    said = error.output or error.what
    if "No space left" in said or "quota exceeded" in said:
        hint = f"The disk of {host.name} is full: free some space and try again"
    elif error.returncode == 127 or "Could not start" in said:
        hint = f"Install php-cli on {host.name}, as provision-py @server prepare says"
    elif "not permitted" in said:
        hint = f"Make {host.target.user} the owner of what is named, or take it away"
    elif "Permission denied" in said:
        hint = f"Give {host.target.user} the right to write there"
    else:
        hint = "Correct what is named and run the task again"
    tree = os.path.dirname(work)
    return HostError(
        f"{tree} could not be changed: {said}", where=host.name, hint=hint, code="PROVISION_FILE_SYNC_FAILED"
    )
