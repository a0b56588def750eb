"""What runs on the hub of the lab of the cluster benchmark: tasks, one after the other, as in a worker."""

from __future__ import annotations

import cProfile
import gc
import io
import os
import pstats
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision_py.commands.session import new_session
from provision_py.dispatch.taskrun import run_task
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.discovery import find_settings
from provision_py.sandbox.lab.disk import AEGIR_HOME
from provision_py.sandbox.platforms import make_platform
from provision_py.services.plugins import Plugins
from provision_py.system import transfer
from provision_py.system.sshlink import Link
from provision_py.tasklog import MemorySink

DRUSH_DIR = Path(AEGIR_HOME) / ".drush"
PLATFORMS = Path(AEGIR_HOME) / "platforms"


def place_code(source: str, root: str, files: int = 0) -> None:
    """A copy of a code base, or the stand-in for one where ``source`` is empty, and so many files more: fifty to a
    folder, of some hundred bytes to 8 KB."""
    PLATFORMS.mkdir(exist_ok=True)
    if source:
        shutil.copytree(source, root, symlinks=True)
    else:
        make_platform(Path(root), 7)
    for number in range(files):
        folder = Path(root, "sites/all/libraries", f"l{number // 500}", f"part{number // 50}")
        if number % 50 == 0:
            folder.mkdir(parents=True)
        code = "// A line of code.\n" * (number % 400 + 10)
        (folder / f"file{number}.inc").write_text(f"<?php // {number}\n{code}")


@dataclass(frozen=True)
class Run:
    """A task: its status, how long it took, and the processor time of the hub's own processes, both in seconds (PHP,
    ssh and rsync are among them, other machines and the database server not); scripts and rsyncs that it ran on or to
    other machines."""

    status: int
    seconds: float
    processor: float
    scripts: int
    rsyncs: int


def run_all(nids: Sequence[int]) -> list[Run]:
    """Run queued tasks in this process. What is imported and compiled once is in the first one's time."""
    gc.freeze()
    gc.set_threshold(50_000)
    plugins, settings = Plugins.load(), find_settings(DRUSH_DIR)
    with counted(Link, "run") as scripts, counted(transfer, "run_rsync") as rsyncs:
        return [_timed(nid, plugins, settings, scripts, rsyncs) for nid in nids]


def _timed(nid: int, plugins: Plugins, settings: DatabaseSettings, scripts: list[float], rsyncs: list[float]) -> Run:
    before = len(scripts), len(rsyncs)
    started, used = time.perf_counter(), _processor()
    status = _run(nid, plugins, settings)
    seconds, processor = time.perf_counter() - started, _processor() - used
    return Run(status, seconds, processor, len(scripts) - before[0], len(rsyncs) - before[1])


def _processor() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system


def _run(nid: int, plugins: Plugins, settings: DatabaseSettings) -> int:
    with new_session(DRUSH_DIR, plugins, sinks=[MemorySink()]) as session, Database(settings) as db:
        return run_task(session, db, nid).status


def profile(warm_up: int, nid: int) -> str:
    """Where one task spends its time, by the main thread's clock, after another one."""
    plugins, settings = Plugins.load(), find_settings(DRUSH_DIR)
    _run(warm_up, plugins, settings)
    profiler = cProfile.Profile()
    profiler.runcall(_run, nid, plugins, settings)
    text = io.StringIO()
    pstats.Stats(profiler, stream=text).sort_stats("cumulative").print_stats("provision_py|services|contexts", 70)
    return text.getvalue()


@contextmanager
def counted(owner: Any, name: str) -> Iterator[list[float]]:
    """Moments at which a function was called."""
    calls: list[float] = []
    function: Callable[..., object] = getattr(owner, name)

    def counting(*arguments: object, **options: object) -> object:
        calls.append(time.perf_counter())
        return function(*arguments, **options)

    setattr(owner, name, counting)
    try:
        yield calls
    finally:
        setattr(owner, name, function)
