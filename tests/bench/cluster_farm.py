"""A hosting system in a lab, with a cluster of one web server and one of all, for benchmarks of clusters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cluster_runs import PLATFORMS, Run, place_code, run_all

from provision_py.sandbox.lab.hosting import LabHosting
from provision_py.sandbox.lab.lab import Lab


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
        platform = self.platform(source, cluster, name)
        front = self.hosting.front_end
        site = front.add_site(f"{name}.test", platform, front.db_server, install=False)
        self.run([self.queue(site, "install")])
        return site

    def platform(self, source: Path | None, cluster: int, name: str, *, files: int = 0) -> int:
        """A verified platform on a cluster, its code with so many files more; its node id."""
        root = PLATFORMS / name
        self.lab.hub.call(place_code, str(source) if source else "", str(root), files)
        platform = self.hosting.front_end.add_platform(name, str(root), cluster, verify=False)
        self.run([self.queue(platform)])
        return platform


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
