"""What is measured of syncs, called on the hub of a lab."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import seconds

from provision_py.steps.release import ReleaseTree
from provision_py.system import rsync
from provision_py.system.rsync import Tree
from provision_py.system.ssh import SshHost, SshPool
from provision_py.system.sshconfig import SshSettings
from provision_py.tasklog import MemorySink, TaskLog

ROOT = "/var/aegir/platforms/large"
ROOTS = ("/var/aegir",)


@dataclass(frozen=True)
class Members:
    """What the step needs of a session. A member's context is called by its host name."""

    pool: SshPool
    log: TaskLog

    def host(self, server: str) -> SshHost:
        return self.pool.host(server, "aegir")

    def database_admin(self, server: str) -> object:
        raise NotImplementedError

    def reload_lock(self, server: str) -> Path:
        raise NotImplementedError


def make_tree(files: int) -> None:
    """folders of fifty files of some hundred bytes to 8 KB."""
    for number in range(files):
        folder = Path(ROOT, "modules", f"m{number // 500}", f"part{number // 50}")
        if number % 50 == 0:
            folder.mkdir(parents=True)
        code = "// A line of code.\n" * (number % 400 + 10)
        (folder / f"file{number}.inc").write_text(f"<?php // {number}\n{code}")


def release(members: Sequence[str]) -> float:
    """seconds that the step takes, connections included."""
    log = TaskLog([MemorySink()])
    pool = SshPool(SshSettings.of_session())
    world = Members(pool, log)
    step = ReleaseTree(list(members), Tree(ROOT, exclude_sites=True, docroot=ROOT), ROOTS)

    def run() -> None:
        record = step.prepare(world, Path("/tmp"))  # type: ignore[arg-type]  # a world without database and web
        step.apply(world, record, lambda more: None)  # type: ignore[arg-type]  # the same

    try:
        return seconds(run)
    finally:
        pool.close()


def single(member: str) -> float:
    """seconds of a push by hand."""
    argv = rsync.push_argv(Tree(ROOT, exclude_sites=True, docroot=ROOT), member, ["ssh"])
    return seconds(lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL))
