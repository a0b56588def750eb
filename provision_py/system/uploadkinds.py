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

#: What is no plain file: kind and path. The kind is in the entry of the folder, so that no file is looked at.
_SPECIAL = (
    "(", "-type", "d", "-printf", r"d%p\0", "-o", "-type", "l", "-printf", r"l%p\0",
    "-o", "!", "-type", "f", "-printf", r"o%p\0", ")",
)  # fmt: skip
#: A link that leads to a folder is a folder, as for rsync. This looks at every file.
_SPECIAL_BEHIND_LINKS = (
    "(", "-type", "d", "-printf", r"d%p\0", "-o", "-xtype", "l", "-printf", r"l%p\0",
    "-o", "!", "-type", "f", "-printf", r"o%p\0", ")",
)  # fmt: skip
_PLAIN = ("-maxdepth", "0", "-type", "f", "!", "-xtype", "l", "-printf", r"f%p\0")

#: Kinds by path; paths of plain files are left out.
Kinds = Mapping[str, str]


def kinds_here(folders: Sequence[str]) -> Kinds:
    """What folders (absolute paths) hold on this machine."""
    return _kinds(process.run(["sh", "-c", f"{{ {_script(folders)}; }} | base64 -w 0"]))


def conflicts(host: SshHost, folders: Sequence[str], here: Kinds) -> list[str]:
    """Paths in folders where there is something of another kind on ``host``; ``here`` is what they hold on this
    machine. What cannot be looked at is left to rsync, which says why. Raises HostError when the machine is out of
    reach."""
    # Most uploads are plain files on both sides, and need not be named.
    plain = words([f'find -L "$@" {words(_PLAIN)} 2>/dev/null'])
    script = f"{{ {_script(folders)}; xargs -0 -r sh -c {plain} sh 2>/dev/null; }} | base64 -w 0"
    named = b"".join(os.fsencode(path) + b"\0" for path in here)
    there = _kinds(host.run(["sh", "-c", script], stdin=named))
    plain_here = {path: "f" for path in there if path not in here and os.path.lexists(path)}
    return differing({**here, **plain_here}, there)


def _script(folders: Sequence[str]) -> str:
    # The folders themselves may be links. To look for other links to folders costs little; most trees have none.
    look = f"find -H {words(folders)}"
    return f"""if [ -z "$({look} -type l -xtype d -print -quit 2>/dev/null </dev/null)" ]; then
    {look} {words(_SPECIAL)} 2>/dev/null </dev/null
else
    find -L {words(folders)} {words(_SPECIAL_BEHIND_LINKS)} 2>/dev/null </dev/null
fi"""


def differing(here: Kinds, there: Kinds) -> list[str]:
    """Paths with different kinds, but none below another one."""
    found: list[str] = []
    for path in sorted(path for path, kind in there.items() if here.get(path, kind) != kind):
        if not any(path.startswith(f"{above}/") for above in found):
            found.append(path)
    return found


def _kinds(done: Completed) -> Kinds:
    entries = base64.b64decode(done.stdout).split(b"\0")[:-1]
    return {os.fsdecode(entry[1:]): chr(entry[0]) for entry in entries}
