"""What a machine of a pack tells of the folders that it shares: the script that asks, and what it answers. Pure.

A master makes an empty file in each folder, under a name that was never there, and a slave says which it sees.
Nothing else proves that a folder is the same one: a machine that was cloned has files of the same inode numbers,
sizes and times, and how a folder is shared (NFS, a cluster's file system, a container's volume) is not for us to say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from provision_py.contexts.model import Server
from provision_py.errors import HostError

#: How the files are called that masters make for a moment.
PROBE = ".provision-probe-"

_SCRIPT = r"""
set -u
LC_ALL=C
export LC_ALL
user=$1 group=$2 token=$3 count=$4
shift 4

fact() {
  printf '%s\t%s\n' "$1" "$2"
}

mark() {
  where=$1
  while [ ! -d "$where" ]; do where=$(dirname -- "$where"); done
  for each in "$where" "$where/sites"; do
    [ -d "$each" ] || continue
    find "$each" -maxdepth 1 -name '.provision-probe-*' -mmin +60 -exec rm -f -- {} + 2>/dev/null
    if (umask 022; : >"$each/.provision-probe-$token") 2>/dev/null; then
      fact made "$index $each/.provision-probe-$token"
      return
    fi
  done
}

main() {
  fact uid "$(id -u -- "$user" 2>/dev/null)"
  fact gid "$(id -g -- "$user" 2>/dev/null)"
  fact group "$(id -gn -- "$user" 2>/dev/null)"
  fact web_gid "$(getent group "$group" | cut -d: -f3)"
  index=0
  while [ "$index" -lt "$count" ]; do
    [ ! -d "$1" ] || fact real "$index $(cd -- "$1" && pwd -P)"
    [ -z "$token" ] || mark "$1"
    index=$((index + 1))
    shift
  done
  if [ -z "$token" ]; then
    for probe; do
      # Reading the folder makes a client of NFS ask for it anew.
      ls -A -- "$(dirname -- "$probe")" >/dev/null 2>&1
      [ ! -e "$probe" ] || fact seen "$probe"
    done
    while IFS= read -r line; do fact mount "$line"; done </proc/self/mountinfo
    [ ! -r /etc/fstab ] || while IFS= read -r line; do fact fstab "$line"; done </etc/fstab
  fi
  fact end ''
}

main "$@" </dev/null
"""


@dataclass(frozen=True)
class Mount:
    """A file system at a place (proc(5), mountinfo). ``source`` is what stands before the folder in fstab."""

    point: str
    kind: str
    source: str
    read_only: bool


@dataclass(frozen=True)
class PackFacts:
    """What one machine told. ``server`` is its context's name, ``address`` its remote_host, ``user`` its script_user.

    Numbers are None where there is no such account or group. ``real`` maps folders that exist to where links lead,
    ``made`` folders to the file that a master made for them, in them or in the nearest folder above that exists.
    ``seen`` are files of masters that are seen there, ``mounts`` a slave's file systems, ``fstab`` those it should
    have. ``here``: it is this machine, where the code that masters get lies.
    """

    server: str
    address: str
    user: str
    uid: int | None
    gid: int | None
    group: str
    web_gid: int | None
    real: Mapping[str, str] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    seen: frozenset[str] = frozenset()
    mounts: tuple[Mount, ...] = ()
    fstab: str = ""
    here: bool = False

    def mount_of(self, folder: str) -> Mount | None:
        """The file system that a folder is on, or would be on if it existed; of several at one place the last."""
        path = PurePosixPath(self.real.get(folder, folder))
        holding = [mount for mount in self.mounts if path.is_relative_to(mount.point)]
        longest = max((len(mount.point) for mount in holding), default=0)
        return next((mount for mount in reversed(holding) if len(mount.point) == longest), None)


def question(
    user: str, group: str, folders: Sequence[str], *, token: str = "", probes: Sequence[str] = ()
) -> tuple[tuple[str, ...], bytes]:
    """A command and its input. ``token`` names the files that a master makes; ``probes`` are those to look for."""
    argv = ("sh", "-s", "--", user, group, token, str(len(folders)), *folders, *probes)
    return argv, _SCRIPT.encode()


def parse(output: str, server: Server, folders: Sequence[str], *, here: bool = False) -> PackFacts:
    """Raises HostError when the script did not come to its end."""
    rows: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, _, value = line.partition("\t")
        rows.setdefault(key, []).append(value)
    if "end" not in rows:
        raise HostError(
            "The machine did not say all that was asked",
            where=server.remote_host,
            hint="Look at its shell and disk",
        )

    def number(key: str) -> int | None:
        text = rows.get(key, [""])[0]
        return int(text) if text.isdigit() else None

    def by_folder(key: str) -> dict[str, str]:
        found = (row.partition(" ") for row in rows.get(key, ()))
        return {folders[int(index)]: path for index, _, path in found}

    mounts = (parse_mount(line) for line in rows.get("mount", ()))
    return PackFacts(
        server=server.name,
        address=server.remote_host,
        user=server.script_user,
        uid=number("uid"),
        gid=number("gid"),
        group=rows.get("group", [""])[0],
        web_gid=number("web_gid"),
        real=by_folder("real"),
        made=by_folder("made"),
        seen=frozenset(rows.get("seen", ())),
        mounts=tuple(mount for mount in mounts if mount is not None),
        fstab="\n".join(rows.get("fstab", ())),
        here=here,
    )


def parse_mount(line: str) -> Mount | None:
    """A line of mountinfo; None for what is none."""
    before, dash, after = line.partition(" - ")
    own, rest = before.split(" "), after.split(" ")
    if not dash or len(own) < 6 or len(rest) < 3:
        return None
    read_only = "ro" in own[5].split(",") or "ro" in rest[2].split(",")
    return Mount(_plain(own[4]), rest[0], _plain(rest[1]), read_only)


def _plain(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), text)
