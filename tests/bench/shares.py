"""Hosts of a lab as machines with a processor of their own, an equal and slow one: control groups with a quota.

The kernel lets the processes of a group run for so much of each short period and then stops them until the next, in
version 1 of control groups as in version 2.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from provision_py.errors import HostError
from provision_py.sandbox.lab.host import LabHost

TOP = Path("/sys/fs/cgroup")
PREFIX = "provision-py-bench-"

#: Microseconds. In short periods a processor is slow, in long ones it makes pauses. The kernel sees every 4 ms (with
#: a clock of 250 ticks a second) who has used up a quota; one tick of each period is a fifth of a core.
PERIOD = 20_000
LEAST_QUOTA = 1_000


@dataclass(frozen=True)
class Groups:
    """Where groups are made, the group in which the caller is, and the version."""

    top: Path
    home: Path
    version: int

    @classmethod
    def find(cls) -> Groups:
        """Tries them, and removes what a killed run has left. Raises HostError."""
        lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
        # With version 1 each controller has a tree of its own. One with "cpu" goes first: no controller is in two.
        found = [(TOP / names, path, 1) for _, names, path in lines if "cpu" in names.split(",")]
        found += [(TOP, path, 2) for _, names, path in lines if not names]
        top, path, version = found[0] if found else (TOP, "/", 2)
        home = top / path.lstrip("/")
        # In a container the path may be the machine's, and what can be seen begins with the container's own group.
        groups = cls(top, home if home.is_dir() else top, version)
        for left in top.glob(f"{PREFIX}*"):
            # One that is in use stays: what has processes cannot be removed.
            for group in (*left.glob("*/"), left):
                with suppress(OSError):
                    group.rmdir()
        with groups.made(["probe"], 0.5):
            return groups

    @contextmanager
    def made(self, names: Sequence[str], cores: float) -> Iterator[dict[str, Path]]:
        """A group with each of these names, its processes limited to so much of a core. At the end all go home."""
        ours = self.top / f"{PREFIX}{os.getpid()}"
        with ExitStack() as stack:
            try:
                if self.version == 2:
                    self._pass_on(self.top, stack)
                groups = {}
                for group in (ours, *(ours / name for name in names)):
                    group.mkdir()
                    stack.callback(self._remove, group)
                    if group != ours:
                        self._limit(group, cores)
                        groups[group.name] = group
                    elif self.version == 2:
                        self._pass_on(group, stack)
            except OSError as error:
                hint = (
                    "It takes root and control groups with the controller cpu (Docker: --privileged --cgroupns=host)"
                )
                what = f"No share of a processor can be given: {error.strerror}"
                raise HostError(what, where=str(error.filename or ours), hint=hint) from error
            yield groups

    @staticmethod
    def _pass_on(group: Path, stack: ExitStack) -> None:
        """Version 2: groups below this one may have quotas, until the stack is closed."""
        control = group / "cgroup.subtree_control"
        if "cpu" not in control.read_text().split():
            control.write_text("+cpu")
            stack.callback(control.write_text, "-cpu")

    def _limit(self, group: Path, cores: float) -> None:
        period = max(PERIOD, round(LEAST_QUOTA / cores))
        quota = round(period * cores)
        if self.version == 2:
            (group / "cpu.max").write_text(f"{quota} {period}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(period))
            (group / "cpu.cfs_quota_us").write_text(str(quota))

    def _remove(self, group: Path, patience: float = 10.0) -> None:
        deadline = time.monotonic() + patience
        while True:
            for pid in (group / "cgroup.procs").read_text().split():
                put(pid, self.home)
            try:
                return group.rmdir()
            except OSError:  # somebody was born meanwhile, or is just dying
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)


@dataclass(frozen=True)
class Shares:
    """How much of a core each host may use."""

    groups: Groups
    cores: float

    @contextmanager
    def given_to(self, hosts: Sequence[LabHost]) -> Iterator[None]:
        """While this is open each host has its share, and what the caller starts is of the first host's. Raises
        HostError, also when that one was never stopped at the end of its share."""
        with self.groups.made([host.name for host in hosts], self.cores) as groups:
            for host in hosts:
                _move(host, groups[host.name])
            first = groups[hosts[0].name]
            put("0", first)
            yield
            if not throttled(first):
                raise HostError(f"{hosts[0].name} was never stopped at the end of its share", where=str(first))


def put(pid: str, group: Path) -> None:
    """Move a process with all its threads; ``0`` is the caller's own. It may be gone."""
    with suppress(ProcessLookupError):
        (group / "cgroup.procs").write_text(pid)


def throttled(group: Path) -> int:
    """In how many periods its processes were stopped."""
    counts = dict(line.split() for line in (group / "cpu.stat").read_text().splitlines())
    return int(counts["nr_throttled"])


def _move(host: LabHost, group: Path) -> None:
    """All processes of a host; those born later are in the group of their parents."""
    moved: set[str] = set()
    while new := set(_processes(host)) - moved:
        for pid in new:
            put(pid, group)
        moved |= new


def _processes(host: LabHost) -> Iterator[str]:
    table = os.readlink(host.holder.namespace("pid"))
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if os.readlink(process / "ns/pid") == table:
                yield process.name
