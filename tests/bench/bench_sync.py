#!/usr/bin/env python3
"""Bringing an unchanged platform to the members of a cluster, against one rsync of the same tree to each of them.

The members are hosts of a lab on this machine, so all of them share its processors; each rsync goes over its own
connection, as it would when called by hand. The step's time has its connections in it too.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from functools import partial

from measure import Table, alternate, ms
from syncing import make_tree, release, single

from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

FILES = 20_000
MEMBERS = 4
BOUND = 1.5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="times that each way is measured")
    parser.add_argument("--files", type=int, default=FILES)
    given = parser.parse_args()
    table = Table(f"{given.files} files, nothing changed", ("what", "slowest single rsync", "step"))
    with Lab.start([HostSpec("hub"), *(HostSpec(f"web{number + 1}") for number in range(MEMBERS))]) as lab:
        hub = lab.hub
        members = [host.full_name for host in lab.hosts.values() if host is not hub]
        hub.call(make_tree, given.files)
        hub.call(release, members)
        ways = {name: partial(hub.call, single, name) for name in members}
        for count in (1, MEMBERS):
            ways[str(count)] = partial(hub.call, release, members[:count])
        found = alternate(ways, given.rounds)
    slowest = max(found[name] for name in members)
    for count, bound in ((1, None), (MEMBERS, BOUND)):
        step = found[str(count)]
        table.add(f"to {count}", ms(slowest), ms(step), value=step / slowest, bound=bound)
    table.print()
    print(f"  {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at {time.strftime('%H:%M')}")
    return int(bool(table.broken))


if __name__ == "__main__":
    sys.exit(main())
