#!/usr/bin/env python3
"""Verify of a platform with many info files, as a whole task: from the claim to the final status.

The first verify reads every file and writes every package to the front end; those after it are what the bound is
about. ``--files`` changes the number, the bound grows with it.
"""

from __future__ import annotations

import argparse
import sys
import time

from bench_platform_scan import LIMIT, make
from measure import Table, alternate, ms, seconds
from stage import Stage, stage

from provision_py.system.identity import SETTLED_NS


def measure(stage: Stage, table: Table, major: int, files: int, rounds: int) -> None:
    root = stage.installation.home / "platforms" / f"large{major}"
    make(root, major, files)
    time.sleep(SETTLED_NS / 1e9 + 0.1)  # files that changed just now are not remembered
    platform = stage.front.add_platform(f"Large {major}", str(root), stage.front.web_server, verify=False)

    def verify() -> float:
        nid = stage.queue(platform, "verify")
        return seconds(lambda: stage.run(nid))

    def verify_alone() -> float:
        nid = stage.queue(platform, "verify")
        return seconds(lambda: stage.run_alone(nid))

    first = verify()
    packages = stage.front.db.value("SELECT COUNT(*) FROM {hosting_package_instance} WHERE rid = %s", (platform,))
    if int(packages) < files:
        raise SystemExit(f"{packages} packages stored instead of {files}")
    found = alternate({"worker": verify, "process": verify_alone}, rounds)
    bound = LIMIT * max(1.0, files / 2000)
    shape = f"drupal {major}, {files} info files"
    table.add(shape, "worker", ms(first), value=found["worker"], bound=bound, unit=" s")
    table.add(shape, "process", "", value=found["process"], unit=" s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="info files of each code base")
    parser.add_argument("--rounds", type=int, default=5, help="times that each way is measured")
    options = parser.parse_args()
    table = Table("Verify of a large platform, whole task", ("what", "run as", "first verify"))
    with stage() as made:
        for major in (7, 10):
            measure(made, table, major, options.files, options.rounds)
    table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
