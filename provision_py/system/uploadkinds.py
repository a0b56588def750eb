"""Uploads that are of one kind here and of another on another machine, such as a file and a folder.

rsync would remove the one to make room for the other, whichever is newer.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence

from provision_py.system import process
from provision_py.system.host import Completed
from provision_py.system.shell import words
from provision_py.system.ssh import SshHost

#: Folders, with links that lead to one, links, and what is neither that nor a plain file: kind and path.
_SPECIAL = (
    "(", "-type", "d", "-printf", r"d%p\0", "-o", "-xtype", "l", "-printf", r"l%p\0",
    "-o", "!", "-type", "f", "-printf", r"o%p\0", ")",
)  # fmt: skip
_PLAIN = ("-maxdepth", "0", "-type", "f", "!", "-xtype", "l", "-printf", r"f%p\0")
_TIMEOUT = 300.0


def conflicts(host: SshHost, folders: Sequence[str]) -> list[str]:
    """Paths in folders (absolute paths) where there is something of another kind on ``host``. What cannot be looked
    at is left to rsync, which says why. Raises HostError when the machine is out of reach."""
    script = f"find -L {words(folders)} {words(_SPECIAL)} 2>/dev/null </dev/null"
    here = _kinds(process.run(["sh", "-c", f"{{ {script}; }} | base64 -w 0"], timeout=_TIMEOUT))
    # Most uploads are plain files on both sides, and need not be named.
    plain = words([f'find -L "$@" {words(_PLAIN)} 2>/dev/null'])
    argv = ["sh", "-c", f"{{ {script}; xargs -0 -r sh -c {plain} sh 2>/dev/null; }} | base64 -w 0"]
    named = b"".join(os.fsencode(path) + b"\0" for path in here)
    there = _kinds(host.run(argv, stdin=named, timeout=_TIMEOUT))
    plain_here = {path: "f" for path in there if path not in here and os.path.lexists(path)}
    return differing({**here, **plain_here}, there)


def differing(here: Mapping[str, str], there: Mapping[str, str]) -> list[str]:
    """Paths with different kinds, but none below another one."""
    found: list[str] = []
    for path in sorted(path for path, kind in there.items() if here.get(path, kind) != kind):
        if not any(path.startswith(f"{above}/") for above in found):
            found.append(path)
    return found


def _kinds(done: Completed) -> dict[str, str]:
    entries = base64.b64decode(done.stdout).split(b"\0")[:-1]
    return {os.fsdecode(entry[1:]): chr(entry[0]) for entry in entries}
