"""Drives web servers on other machines as an operator would: forms on the hub's front end, and its dispatcher."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hosting import INSERT_CLUSTER_MEMBER, LabHosting
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.webserver import Response

HOSTS = (
    HostSpec("hub", web="nginx"),
    HostSpec("web1", web="apache"),
    HostSpec("web2", web="nginx"),
    HostSpec("web3", web="apache", php="fpm"),
    HostSpec("db", database=True),
)

SUCCESS, ERROR, WARNING = 1, 2, 3

PLATFORMS = "/var/aegir/platforms"


@dataclass(frozen=True)
class Ran:
    """A task after its run: its status and its log, one row per line, with the codes of errors."""

    status: int
    log: str


@dataclass
class Farm:
    """A hosting system whose members have nodes; ``servers`` holds their node ids by the name of the host.

    ``cluster``, ``platform_nid`` and ``one`` are what :func:`clustered` made; ``packs`` holds node ids by name.
    """

    lab: Lab
    hosting: LabHosting
    servers: dict[str, int] = field(default_factory=dict)
    cluster: int = 0
    platform_nid: int = 0
    one: int = 0
    packs: dict[str, int] = field(default_factory=dict)

    @property
    def hub(self) -> LabHost:
        return self.lab.hub

    # Forms

    def add_servers(self, *names: str) -> list[int]:
        """Nodes of members, verified."""
        for name in names:
            self.servers[name] = self.hosting.add_web_server(self.lab[name])
        found = [self.servers[name] for name in names]
        self.all_verified(*found)
        return found

    def all_verified(self, *nids: int) -> None:
        """Like :meth:`verified` of several objects, side by side."""
        tasks = [self.queued(nid, "verify") or self.queue(nid) for nid in nids]
        for task in tasks:
            ran = self.run(task)
            assert ran.status == SUCCESS, ran.log

    def join(self, cluster: int, *names: str) -> None:
        """Save a cluster's form with more members."""
        db = self.hosting.front_end.db
        vid = db.value("SELECT vid FROM {node} WHERE nid = %s", (cluster,))
        for name in names:
            db.insert(INSERT_CLUSTER_MEMBER, {"nid": cluster, "vid": vid, "member": self.servers[name]})

    def verified(self, nid: int) -> Ran:
        """Run the newest queued verify of an object, or a new one; it has to succeed."""
        ran = self.run(self.queued(nid, "verify") or self.queue(nid))
        assert ran.status == SUCCESS, ran.log
        return ran

    def queue(self, nid: int, task_type: str = "verify") -> int:
        return self.hosting.front_end.queue_task(nid, task_type)

    def queued(self, nid: int, task_type: str) -> int | None:
        value = self.hosting.front_end.db.value(
            "SELECT MAX(n.nid) FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid"
            " WHERE t.rid = %s AND t.task_type = %s AND t.task_status = 0",
            (nid, task_type),
        )
        return None if value is None else int(value)

    def add_platform(self, name: str, web_server: int, *, docroot: str = "", major: int = 10) -> int:
        """A platform on the hub with a node that waits for its verify; its node id."""
        root = f"{PLATFORMS}/{name}"
        self.hub.call(write_platform, root, major, docroot)
        return self.hosting.front_end.add_platform(name, root, web_server)

    def platform(self, name: str, web_server: int, *, docroot: str = "", major: int = 10) -> int:
        """A platform that is verified; its node id."""
        nid = self.add_platform(name, web_server, docroot=docroot, major=major)
        self.verified(nid)
        return nid

    def add_site(self, uri: str, platform: int) -> int:
        """A site whose install waits; its node id."""
        return self.hosting.front_end.add_site(uri, platform, self.hosting.front_end.db_server)

    def site(self, uri: str, platform: int) -> int:
        """A site that is installed; its node id."""
        nid = self.add_site(uri, platform)
        ran = self.install(nid)
        assert ran.status == SUCCESS, ran.log
        return nid

    # Runs

    def install(self, site: int) -> Ran:
        """Run the queued install of a site, or a new one."""
        return self.run(self.queued(site, "install") or self.queue(site, "install"))

    def verify(self, nid: int) -> Ran:
        return self.run(self.queue(nid))

    def run(self, task: int) -> Ran:
        """Let the dispatcher run what is queued up to and with this task."""
        said = ""
        for _ in range(4):
            if self.status(task) not in (0, -1):
                return self.ran(task)
            done = self.hosting.dispatch()
            said = done.stdout + done.stderr
        assert self.status(task) not in (0, -1), f"task {task} was not run: {said}"
        return self.ran(task)

    def empty_queue(self) -> None:
        """Let the dispatcher run whatever is queued, say by what other tests have left."""
        waiting = "SELECT COUNT(*) FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid WHERE t.task_status = 0"
        for _ in range(20):
            if not self.hosting.front_end.db.value(waiting):
                return
            self.hosting.dispatch()
        raise AssertionError(f"The queue does not end:\n{self.hosting.said()}")

    @contextmanager
    def dispatching(self) -> Iterator[subprocess.Popen[bytes]]:
        """The dispatcher as a process on the hub, which is to end by itself or by :meth:`kill_runners`."""
        argv = [sys.executable, "-m", "provision_py.cli.main", "hosting-dispatch", "--force"]
        quiet = subprocess.DEVNULL
        with self.hub.popen(argv, user="aegir", cwd="/var/aegir", stdin=quiet, stdout=quiet, stderr=quiet) as process:
            try:
                yield process
            except BaseException:
                self.kill_runners()
                raise

    def kill_runners(self) -> None:
        """Kill the dispatcher and its workers; other hosts' processes are in process tables of their own."""
        self.hub.sh(
            "for process in /proc/[0-9]*; do"
            ' if tr "\\0" " " <"$process/cmdline" 2>/dev/null | grep -q "[h]osting-dispatch --force"; then'
            ' kill -9 "${process#/proc/}"; fi; done'
        )

    def newest(self, nid: int, task_type: str) -> int:
        """The newest task of a type on an object."""
        value = self.hosting.front_end.db.value(
            "SELECT MAX(n.nid) FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid"
            " WHERE t.rid = %s AND t.task_type = %s",
            (nid, task_type),
        )
        assert value is not None
        return int(value)

    def ran(self, task: int) -> Ran:
        rows = self.hosting.front_end.db.rows(
            "SELECT l.type, l.message, l.error FROM {hosting_task_log} l JOIN {node} n ON n.vid = l.vid"
            " WHERE n.nid = %s ORDER BY l.lid",
            (task,),
        )
        lines = (f"{row['type']}: {row['message']} {row['error'] or ''}".rstrip() for row in rows)
        return Ran(self.status(task), "\n".join(lines))

    def status(self, task: int) -> int:
        value = self.hosting.front_end.db.value(
            "SELECT t.task_status FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid WHERE n.nid = %s", (task,)
        )
        assert value is not None
        return int(value)

    # What members show

    def fetch(self, host: str, uri: str, path: str = "/") -> Response:
        return self.lab.fetch(host, path, host=uri)

    def fetch_until(self, status: int, host: str, uri: str, path: str = "/") -> Response:
        """The answer once it has this status, or after 5 seconds: a graceful reload takes its time."""
        deadline = time.monotonic() + 5
        while (answer := self.fetch(host, uri, path)).status != status and time.monotonic() < deadline:
            time.sleep(0.02)
        return answer

    def serves(self, uri: str, *hosts: str) -> None:
        """Every one of the hosts answers for the site, with the site's own page."""
        for host in hosts:
            answer = self.fetch_until(200, host, uri)
            assert answer.status == 200, f"{host} answers {answer.status} for {uri}: {answer.text[:400]}"
            assert uri in answer.text, f"{host} serves something else than {uri}: {answer.text[:400]}"

    def refuses(self, uri: str, *hosts: str) -> None:
        """None of the hosts knows the site, and nothing of it is in their configuration."""
        for host in hosts:
            answer = self.fetch_until(404, host, uri)
            assert answer.status == 404, f"{host} answers {answer.status} for {uri}"
            found = self.lab[host].sh('find /var/aegir/config /var/aegir/platforms -name "$1*" 2>/dev/null || :', uri)
            assert found == "", f"{host} still has {found}"

    def grants(self, site: int) -> set[str]:
        """The hosts from which the site's database account may log in."""
        name = self.database_of(site)
        rows = self.lab.database.query("SELECT Host FROM mysql.user WHERE User = %s", (name,))
        return {str(row[0]) for row in rows}

    def database_of(self, site: int) -> str:
        value = self.hosting.front_end.db.value(
            "SELECT s.db_name FROM {hosting_site} s JOIN {node} n ON n.vid = s.vid WHERE n.nid = %s", (site,)
        )
        return str(value)

    def files(self, host: str, folder: str) -> dict[str, str]:
        """Relative path and checksum of every file below a folder of a host; links by their target."""
        script = 'cd "$1" 2>/dev/null || exit 0; find . -type f -exec md5sum {} +; find . -type l -printf "%l  %p\\n"'
        lines = self.lab[host].sh(script, folder).splitlines()
        return {path: digest for digest, _, path in (line.partition("  ") for line in lines)}

    def code(self, host: str, platform: str) -> dict[str, str]:
        """:meth:`files` of a platform and its sites, without what Drupal ships beside its sites."""
        found = self.files(host, f"{PLATFORMS}/{platform}")
        return {path: digest for path, digest in found.items() if not re.search(r"sites/(default/|dev)", path)}

    def databases(self) -> set[str]:
        """Databases and accounts."""
        accounts = self.lab.database.query("SELECT User, Host FROM mysql.user")
        return {*self.lab.database.databases(), *(f"{row[0]}@{row[1]}" for row in accounts)}

    def journals(self) -> list[str]:
        """Commands that are still to be undone."""
        return self.hub.sh("ls /var/aegir/.provision-py/journal 2>/dev/null || :").split()


def write_platform(root: str, major: int, docroot: str) -> None:
    """Called on the hub."""
    Path(root).parent.mkdir(exist_ok=True)
    make_platform(Path(root), major, docroot=docroot)


@contextmanager
def farm_on(lab: Lab) -> Iterator[Farm]:
    """A hosting system on the hub, whose own servers are verified."""
    hosting = LabHosting.install(lab)
    try:
        farm = Farm(lab, hosting)
        farm.all_verified(hosting.front_end.web_server, hosting.front_end.db_server)
        yield farm
    finally:
        hosting.close()


def site_folder(platform: str, uri: str, docroot: str = "") -> str:
    return str(PurePosixPath(PLATFORMS, platform, docroot, "sites", uri))


def mentions(log: str, *words: str) -> None:
    """The log of a failed task names all of this."""
    for word in words:
        assert word in log, f"{word!r} is not in the log:\n{log}"


def clustered(farm: Farm) -> Farm:
    """With three members, a cluster of the first two, and a site on it."""
    servers = farm.add_servers("web1", "web2", "web3")
    farm.cluster = farm.hosting.add_cluster("cluster", servers[:2])
    farm.verified(farm.cluster)
    farm.platform_nid = farm.platform("shared", farm.cluster)
    farm.one = farm.site("one.test", farm.platform_nid)
    return farm
