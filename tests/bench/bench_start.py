#!/usr/bin/env python3
"""How long it takes until something begins: the program by itself, and a task that a worker has claimed."""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from measure import Table, alternate, ms, seconds
from stage import Stage, stage

from provision_py.commands import session as session_module
from provision_py.dispatch import taskrun
from provision_py.dispatch.queue import QueueRunner
from provision_py.tasklog import TaskLog

VERSION_BOUND = 5.0
CLAIM_BOUND = 20.0  # milliseconds
SITES = 5


def version(table: Table, rounds: int) -> None:
    program = str(Path(sys.executable).with_name("provision-py"))

    def run(*argv: str) -> Callable[[], float]:
        return lambda: seconds(lambda: subprocess.run(argv, stdout=subprocess.DEVNULL, check=True))

    found = alternate({"bare": run(sys.executable, "-c", "pass"), "ours": run(program, "--version")}, rounds)
    ratio = found["ours"] / found["bare"]
    what = "provision-py --version against python -c pass"
    table.add(what, ms(found["bare"]), ms(found["ours"]), value=ratio, bound=VERSION_BOUND)


def claims(stage: Stage, table: Table, rounds: int) -> None:
    """From the start of the claim's transaction to the first step of the command, noted by the workers themselves."""
    platform, _code = stage.platform("P", stage.stand_in(10))
    sites = [stage.site(f"s{number}.example.test", platform) for number in range(SITES)]
    notes = stage.folder / "claims"
    claim, run_steps = taskrun.claim_task, session_module.run_steps
    begun: list[float] = []

    def noting_claim(*arguments: Any, **options: Any) -> Any:
        begun.append(time.perf_counter())
        return claim(*arguments, **options)

    def noting_steps(*arguments: Any) -> None:
        if begun:
            with open(notes, "a") as file:
                file.write(f"{time.perf_counter() - begun.pop()}\n")
        run_steps(*arguments)

    taskrun.claim_task, session_module.run_steps = noting_claim, noting_steps  # type: ignore[assignment,attr-defined] # to take the time
    try:
        for parallel in (1, os.cpu_count() or 1):
            notes.write_text("")
            for _ in range(rounds):
                stage.empty_queue()
                for site in sites:
                    stage.queue(site, "verify")
                QueueRunner(stage.installation.settings, stage.session, TaskLog(), parallel).run(len(sites))
            taken = [float(line) * 1000 for line in notes.read_text().split()]
            if len(taken) != rounds * len(sites):
                raise SystemExit(f"{len(taken)} tasks began instead of {rounds * len(sites)}")
            what = f"claim to first step, {parallel} at a time"
            spread = f"{min(taken):.1f} to {max(taken):.1f} ms"
            table.add(what, "", spread, value=statistics.median(taken), bound=CLAIM_BOUND, unit=" ms")
    finally:
        taskrun.claim_task, session_module.run_steps = claim, run_steps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="times that each way is measured")
    rounds = parser.parse_args().rounds
    table = Table("Until something begins", ("what", "bare", "ours"))
    version(table, rounds * 4 + 1)
    with stage() as made:
        claims(made, table, rounds)
    table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
