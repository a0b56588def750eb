#!/usr/bin/env python3
"""Bringing an unchanged platform to the members of a cluster, against one rsync of the same tree to each of them.

The members are hosts of a lab on this machine, so all of them share its processors; each rsync goes over its own
connection, as it would when called by hand. What a verify does has its connections in it too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial

from cluster_farm import set_up
from measure import Table, alternate, ms
from syncing import push, single

from provision_py.errors import HostError
from provision_py.sandbox.base import reap_abandoned
from provision_py.sandbox.lab.lab import Lab

FILES = 20_000
MEMBERS = 4
BOUND = 1.5


def measure(lab: Lab, table: Table, files: int, rounds: int) -> None:
    farm = set_up(lab)
    for name, cluster in (("one", farm.one), ("all", farm.all)):
        farm.platform(None, cluster, name, files=files)
    members = [host.full_name for host in lab.webs]
    ways = {member: partial(lab.hub.call, single, "all", member) for member in members}
    ways |= {name: partial(lab.hub.call, push, name) for name in ("one", "all")}
    found = alternate(ways, rounds)
    farm.hosting.close()
    slowest = max(found[member] for member in members)
    for name, count, bound in (("one", 1, None), ("all", MEMBERS, BOUND)):
        table.add(f"to {count}", ms(slowest), ms(found[name]), value=found[name] / slowest, bound=bound)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="times that each way is measured")
    parser.add_argument("--files", type=int, default=FILES)
    given = parser.parse_args()
    table = Table(f"{given.files} files, nothing changed", ("what", "slowest single rsync", "verify's part"))
    reap_abandoned()
    try:
        with Lab.start(webs=MEMBERS) as lab:
            measure(lab, table, given.files, given.rounds)
    except HostError as error:
        print(f"Nothing could be measured: {error}", file=sys.stderr)
        return 1
    table.print()
    print(f"  {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at {time.strftime('%H:%M')}")
    return int(bool(table.broken))


if __name__ == "__main__":
    sys.exit(main())
