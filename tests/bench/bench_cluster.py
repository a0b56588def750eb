#!/usr/bin/env python3
"""Verify of a site on a cluster of eight members against the same on one, as whole tasks in a process like a worker.

All machines are hosts of one lab (see provision_py/sandbox/lab), with an Apache and nginx in turn. While something
is measured each has a processor of its own, all equally slow, as if they were machines (see shares.py). Where that
cannot be, and with ``--together``, they share the cores of this one, and what members do is in the hub's way. The
shortest of all rounds counts; the processor time of the hub's own processes is shown apart.

``--members`` changes their number, ``--php`` how the Apaches run PHP: a module loses all compiled code with each
reload, php-fpm does not. Code bases are named as for the other benchmarks; the stand-in is measured too.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path

from cluster_farm import Farm, set_up
from cluster_runs import profile
from measure import Table, ms
from shares import Groups, Shares
from stage import code_bases

from provision_py.errors import HostError
from provision_py.sandbox.base import reap_abandoned
from provision_py.sandbox.lab.hostspec import default_hosts
from provision_py.sandbox.lab.lab import Lab

BOUND = 1.6


def measure(
    farm: Farm, table: Table, label: str, source: Path | None, options: argparse.Namespace, shares: Shares | None
) -> None:
    name = label.replace("-", "").replace(".", "")
    sites = [
        farm.site(source, cluster, f"{name}on{size}") for size, cluster in (("one", farm.one), ("all", farm.all))
    ]
    # Nothing but what is measured is slow.
    slow: AbstractContextManager[None] = shares.given_to([*farm.lab.hosts.values()]) if shares else nullcontext()
    if options.profile:
        queued = [farm.queue(sites[1]), farm.queue(sites[1])]
        with slow:
            print(farm.lab.hub.call(profile, *queued))
        return
    queued = [farm.queue(site) for _ in range(options.rounds + 1) for site in sites]
    with slow:
        runs = farm.run(queued)
    one, every = runs[2::2], runs[3::2]  # the first two have what is only once per process
    alone, together = (min(run.seconds for run in some) for some in (one, every))
    hub = " and ".join(ms(min(run.processor for run in some)) for some in (one, every))
    counts = f"{every[-1].scripts / options.members:.1f} + {every[-1].rsyncs / options.members:.1f}"
    table.add(label, ms(alone), ms(together), hub, counts, value=together / alone, bound=BOUND)


def equal_shares(cores: float) -> Shares | None:
    """None, and why, where nothing can be shared out."""
    try:
        return Shares(Groups.find(), cores)
    except HostError as error:
        print(f"{error}\nSo all machines share the cores of this one.", file=sys.stderr)
        return None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, help="times that each site is verified (4, with --together 9)")
    parser.add_argument("--members", type=int, default=8, help="members of the large cluster")
    parser.add_argument("--php", choices=("module", "fpm"), default="module", help="PHP of the members with Apache")
    parser.add_argument(
        "--shares",
        type=float,
        metavar="CORES",
        help="how much of a core each machine has for its own (an equal part of all that are here)",
    )
    parser.add_argument("--together", action="store_true", help="let all machines share the cores of this one")
    parser.add_argument("--profile", action="store_true", help="show where a verify on all members spends its time")
    options = parser.parse_args()
    reap_abandoned()
    sources = code_bases()
    hosts = [replace(host, php=options.php) for host in default_hosts(options.members)]
    title = f"Verify of a site on a cluster, Apache with PHP as {options.php}"
    most = (os.cpu_count() or 1) / len(hosts)
    cores = options.shares or most
    if not 0 < cores <= most:
        parser.error(f"--shares is for each of {len(hosts)} machines, up to {most:.2g}")
    shares = None if options.together else equal_shares(cores)
    options.rounds = options.rounds or (4 if shares else 9)
    title += f", each machine with {cores:.2g} cores of its own" if shares else ", all machines on the same cores"
    columns = ("site", "1 member", f"{options.members} members", "hub's processor time", "scripts + rsyncs a member")
    table = Table(title, columns)
    try:
        with Lab.start(hosts, expose=sources, disk_size="2g") as lab:
            farm = set_up(lab)
            measure(farm, table, "stand-in", None, options, shares)
            for source in sources:
                measure(farm, table, source.name, source, options, shares)
            farm.hosting.close()
    except HostError as error:
        print(f"Nothing could be measured: {error}", file=sys.stderr)
        return 1
    finally:
        table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
