#!/usr/bin/env python3
"""Ten queued verifies of sites on one platform: by one run of the queue, and one after the other by hand."""

from __future__ import annotations

import argparse
import os
import sys

from measure import Table, alternate, ms, seconds
from stage import stage

SITES = 10


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3, help="times that each way is measured")
    rounds = parser.parse_args().rounds
    table = Table(f"{SITES} site verifies on one platform", ("what", "total", "each"))
    with stage() as made:
        platform, _code = made.platform("P", made.stand_in(10))
        sites = [made.site(f"s{number}.example.test", platform) for number in range(SITES)]

        def queued() -> list[int]:
            made.empty_queue()
            return [made.queue(site, "verify") for site in sites]

        def by_queue(parallel: int) -> float:
            tasks = queued()
            words = ("hosting-tasks", f"--items={SITES}", f"--parallel={parallel}")
            taken = seconds(lambda: made.command(*words))
            done = [task for task in made.front.tasks() if task.nid in tasks and task.status == 1]
            if len(done) != SITES:
                raise SystemExit(f"{len(done)} of {SITES} tasks succeeded")
            return taken

        def by_hand() -> float:
            tasks = queued()
            return seconds(lambda: [made.run_alone(nid) for nid in tasks])

        cores = os.cpu_count() or 1
        ways = {
            f"{SITES} times hosting-task NID": by_hand,
            f"hosting-tasks --items={SITES} --parallel=1": lambda: by_queue(1),
            f"hosting-tasks --items={SITES} --parallel={cores}": lambda: by_queue(cores),
            f"hosting-tasks --items={SITES} --parallel={SITES}": lambda: by_queue(SITES),
        }
        found = alternate(ways, rounds)
    single = next(iter(found.values()))
    for name, total in found.items():
        table.add(name, ms(total), ms(total / SITES), value=total / single)
    table.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
