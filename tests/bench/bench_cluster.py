#!/usr/bin/env python3
"""Verify of a site on a cluster of eight members against the same on one, as whole tasks in a process like a worker.

All machines are hosts of one lab (see provision_py/sandbox/lab), with an Apache and nginx in turn, so they share the
cores of this one. The shortest of all rounds counts; the processor time of the hub's own processes is shown apart.
``--members`` changes their number. Code bases are named as for the other benchmarks; the stand-in is measured too.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from cluster_runs import PLATFORMS, Run, place_code, profile, run_all
from measure import Table, ms
from stage import code_bases

from provision_py.errors import HostError
from provision_py.sandbox.base import reap_abandoned
from provision_py.sandbox.lab.hosting import LabHosting
from provision_py.sandbox.lab.lab import Lab

BOUND = 1.6


@dataclass
class Farm:
    """A hosting system in a lab, with a cluster of one member and one of all."""

    lab: Lab
    hosting: LabHosting
    one: int
    all: int

    def queue(self, nid: int, task_type: str = "verify") -> int:
        return self.hosting.front_end.queue_task(nid, task_type)

    def run(self, nids: list[int]) -> list[Run]:
        """Run tasks one after the other. Ends the benchmark when one fails."""
        runs = self.lab.hub.call(run_all, nids, timeout=900)
        for nid, run in zip(nids, runs, strict=True):
            if run.status != 1:
                raise SystemExit(self.hosting.said(nid))
        return runs

    def site(self, source: Path | None, cluster: int, name: str) -> int:
        """An installed site on a platform of its own on a cluster; its node id."""
        root = PLATFORMS / name
        self.lab.hub.call(place_code, str(source) if source else "", str(root))
        front = self.hosting.front_end
        platform = front.add_platform(name, str(root), cluster, verify=False)
        site = front.add_site(f"{name}.test", platform, front.db_server, install=False)
        self.run([self.queue(platform), self.queue(site, "install")])
        return site


def set_up(lab: Lab) -> Farm:
    hosting = LabHosting.install(lab)
    front = hosting.front_end
    servers = [hosting.add_web_server(host, verify=False) for host in lab.webs]
    clusters = [hosting.add_cluster(name, members, verify=False) for name, members in
                (("one", servers[:1]), ("all", servers))]  # fmt: skip
    farm = Farm(lab, hosting, *clusters)
    farm.run([farm.queue(nid) for nid in (front.web_server, front.db_server, *servers, *clusters)])
    front.db.execute("UPDATE {hosting_task} SET task_status = 1 WHERE task_status = 0")
    return farm


def measure(farm: Farm, table: Table, label: str, source: Path | None, options: argparse.Namespace) -> None:
    name = label.replace("-", "").replace(".", "")
    sites = [
        farm.site(source, cluster, f"{name}on{size}") for size, cluster in (("one", farm.one), ("all", farm.all))
    ]
    if options.profile:
        print(farm.lab.hub.call(profile, farm.queue(sites[1]), farm.queue(sites[1])))
        return
    runs = farm.run([farm.queue(site) for _ in range(options.rounds + 1) for site in sites])
    one, every = runs[2::2], runs[3::2]  # the first two have what is only once per process
    alone, together = (min(run.seconds for run in some) for some in (one, every))
    hub = " and ".join(ms(min(run.processor for run in some)) for some in (one, every))
    counts = f"{every[-1].scripts / options.members:.1f} + {every[-1].rsyncs / options.members:.1f}"
    table.add(label, ms(alone), ms(together), hub, counts, value=together / alone, bound=BOUND)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="times that each site is verified")
    parser.add_argument("--members", type=int, default=8, help="members of the large cluster")
    parser.add_argument("--profile", action="store_true", help="show where a verify on all members spends its time")
    options = parser.parse_args()
    reap_abandoned()
    sources = code_bases()
    columns = ("site", "1 member", f"{options.members} members", "hub's processor time", "scripts + rsyncs a member")
    table = Table("Verify of a site on a cluster", columns)
    try:
        with Lab.start(webs=options.members, expose=sources) as lab:
            farm = set_up(lab)
            measure(farm, table, "stand-in", None, options)
            for source in sources:
                measure(farm, table, source.name, source, options)
            farm.hosting.close()
    except HostError as error:
        print(f"Nothing could be measured: {error}", file=sys.stderr)
        return 1
    table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
