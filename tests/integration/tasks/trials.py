"""Tries what goes wrong: what there was before a task, and what a failed task must not have changed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hosting_system import Hosting

from provision_py.sandbox.base import remove_tree
from provision_py.sandbox.frontend import ServiceForm
from provision_py.sandbox.installation import Layout, install
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.platforms import VERSIONS, Platform
from provision_py.sandbox.webserver import WebServer

TOP = Path(__file__).resolve().parents[3]
OTHER = "other.example.test"
DIED = "PROVISION_RUNNER_DIED"


@dataclass(frozen=True)
class Before:
    """What there was: files by name, databases, accounts, and the page of another site."""

    tree: Mapping[str, tuple[int, str]]
    databases: frozenset[str]
    accounts: frozenset[tuple[str, str]]
    page: str


@dataclass
class Trial:
    """A hosting system with a verified platform and a site that works beside those that a test breaks."""

    hosting: Hosting
    platform_nid: int
    docroot: Path
    count: int = 0

    @property
    def platform(self) -> Platform:
        return Platform(self.docroot, self.docroot, 10, VERSIONS[10])

    @property
    def sites(self) -> Path:
        return self.docroot / "sites"

    @property
    def state(self) -> Path:
        return self.hosting.home / ".provision-py"

    def name(self) -> str:
        """A site name of this test's own."""
        self.count += 1
        return f"s{self.count}.example.test"

    def add_site(self, uri: str, **options: Any) -> int:
        front = self.hosting.front
        return front.add_site(uri, self.platform_nid, front.db_server, **options)

    def new_site(self) -> tuple[int, str, int]:
        """A site that is to be installed: its node id, its name, its task."""
        uri = self.name()
        site = self.add_site(uri)
        return site, uri, self.hosting.queued(site, "install")

    def installed(self) -> tuple[int, Path]:
        """A site that works: its node id and its folder."""
        site, uri, task = self.new_site()
        assert self.hosting.run(task).status == 1, self.hosting.said()
        return site, self.sites / uri

    def installed_beside(self) -> str:
        """A site that is verified while others are worked on: its name."""
        task = self.hosting.front.queue_task(self.site_nid(OTHER), "verify")
        assert self.hosting.run(task).status == 1, self.hosting.said()
        return OTHER

    def before(self, *without: str) -> Before:
        hosting = self.hosting
        tree = hosting.tree(".drush", *without)
        return Before(tree, frozenset(hosting.databases()), frozenset(hosting.accounts()), self.other_page())

    def other_page(self) -> str:
        if not (self.docroot / "index.php").exists():
            return "nothing to serve"
        answer = self.hosting.fetch_until(200, "/", OTHER, patience=1.5)
        return f"{answer.status} {answer.text}"

    def fails(
        self,
        task: int,
        code: str,
        *words: str,
        without: Sequence[str] = (),
        run: Callable[[int], int] | None = None,
    ) -> str:
        """Run a task that must fail and leave nothing; the message of the error. ``words`` must be in it."""
        before = self.before(*without)
        status = (run or self.queue)(task)
        assert status == 1, self.log(task)
        return self.failed(task, code, *words, before=before, without=without)

    def failed(self, task: int, code: str, *words: str, before: Before, without: Sequence[str] = ()) -> str:
        """The task has failed with this error and left nothing."""
        assert self.status(task) == 2, self.log(task)
        rows = [row for row in self.hosting.log(task) if row["type"] == "error"]
        messages = [str(row["message"]) for row in rows if row["error"] == code]
        assert messages, f"no error {code}: {self.log(task)}"
        assert "PROVISION_INTERNAL" not in {row["error"] for row in rows}
        for word in words:
            assert word in messages[0], messages[0]
        self.unchanged(before, *without)
        return messages[0]

    def unchanged(self, before: Before, *without: str) -> None:
        """All is as it was, and no journal, lock of a task or half-written file is left."""
        self.same(before, self.before(*without))
        assert self.journals() == []
        assert self.hosting.db.rows("SELECT * FROM {semaphore}") == []
        assert [path for path in self.hosting.home.rglob("*.tmp") if path.name.startswith(".")] == []

    @staticmethod
    def same(before: Before, after: Before) -> None:
        names = before.tree.keys() | after.tree.keys()
        changed = sorted(name for name in names if before.tree.get(name) != after.tree.get(name))
        assert not changed, changed
        assert after.databases == before.databases, after.databases ^ before.databases
        assert after.accounts == before.accounts, after.accounts ^ before.accounts
        assert after.page == before.page

    def succeeds(self, nid: int, task_type: str, uri: str | None = None) -> None:
        """A new try works, and the site is served."""
        task = self.hosting.front.queue_task(nid, task_type)
        assert self.queue(task) == 0, self.log(task)
        assert self.status(task) == 1, self.log(task)
        if uri is not None:
            assert self.hosting.fetch_until(200, "/", uri).status == 200

    def site_nid(self, uri: str) -> int:
        return int(self.hosting.db.value("SELECT nid FROM {node} WHERE type = 'site' AND title = %s", (uri,)))

    def queue(self, task: int) -> int:
        """Run the queue; the exit status of this task's worker."""
        return self.hosting.run_queue()[task]

    def queue_all(self) -> dict[int, int]:
        """Run the queue; exit statuses of all workers."""
        return self.hosting.run_queue()

    def status(self, task: int) -> int:
        value = self.hosting.db.value(
            "SELECT t.task_status FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid WHERE n.nid = %s", (task,)
        )
        return int(value)

    def log(self, task: int) -> str:
        return "\n".join(f"{row['type']}: {row['message']} {row['error']}" for row in self.hosting.log(task))

    def journals(self) -> list[str]:
        folder = self.state / "journal"
        return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []

    def let_installs_wait(self) -> None:
        """The trouble ``slow`` is over as soon as the switch is gone, see :meth:`unlink_switches`."""
        path = self.docroot / "core/misc/trouble.php"
        waiting = "while (is_file($file)) { usleep(20000); clearstatcache(); }"
        path.write_text(path.read_text().replace("sleep(60);", waiting))

    def unlink_switches(self) -> None:
        (self.docroot / "fail-install").unlink(missing_ok=True)

    # Processes of the program itself.

    def start(self, *words: str, wrapper: Sequence[str] = (), **env: str) -> subprocess.Popen[str]:
        """``provision-py`` as a process."""
        argv = [*wrapper, sys.executable, "-m", "provision_py.cli.main", *words]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOP), **self.hosting.installation.environment}
        environment.update(env)
        return subprocess.Popen(
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def program(self, *words: str, wrapper: Sequence[str] = (), **env: str) -> tuple[int, str]:
        """Run ``provision-py`` to its end: exit status and what it said."""
        with self.start(*words, wrapper=wrapper, **env) as process:
            out, err = process.communicate(timeout=90)
        return process.returncode, out + err

    def by_program(self, task: int) -> int:
        return self.program("hosting-task", str(task))[0]

    def unprivileged(self, task: int) -> int:
        """Run a task in a process that file modes bind, whoever calls."""
        return self.program("hosting-task", str(task), wrapper=bound_by_modes())[0]

    def in_child(self, work: Callable[[], object]) -> int:
        """Do something in a forked process; its pid."""
        pid = os.fork()
        if pid == 0:
            try:
                work()
            except BaseException:
                os._exit(70)
            os._exit(0)
        return pid


def bound_by_modes() -> list[str]:
    """What makes a program obey file modes where the caller is root."""
    lost = "-dac_override,-dac_read_search"
    return ["setpriv", "--bounding-set", lost] if os.geteuid() == 0 else []


def wait_until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def reaped(pid: int) -> int:
    """Wait for a child; its exit status, negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@contextmanager
def trial_on(front_end: DatabaseServer, sites: DatabaseServer, web: WebServer) -> Iterator[Trial]:
    """A hosting system with a platform and a site; ``front_end`` and ``sites`` are where their databases are."""
    root = Path(tempfile.mkdtemp(prefix="aegir-"))
    root.chmod(0o711)
    with ExitStack() as stack:
        stack.callback(remove_tree, root)
        for server in {id(server): server for server in (front_end, sites)}.values():
            stack.enter_context(cleaned(server))
        stack.callback(web.forget, root)
        installation = install(Layout(root, database="hm_trial", modules={"hosting_alias": 0}), front_end, web)
        web.serve(root)
        hosting = Hosting(installation, web, sites)
        platform, docroot = hosting.prepared()
        assert set(hosting.run_queue().values()) <= {0}
        if sites is not front_end:
            form = ServiceForm("db", "mysql", sites.port, user=sites.user, password=sites.password)
            hosting.front.db_server = hosting.front.add_server(sites.host, [form], name="server_sites")
            assert hosting.run(hosting.queued(hosting.front.db_server, "verify")).status == 1, hosting.said()
        trial = Trial(hosting, platform, docroot)
        trial.let_installs_wait()
        assert hosting.run(hosting.queued(trial.add_site(OTHER), "install")).status == 1, hosting.said()
        assert hosting.fetch_until(200, "/", OTHER).status == 200
        stack.callback(hosting.front.close)
        yield trial


@contextmanager
def cleaned(server: DatabaseServer) -> Iterator[None]:
    """What is made on a database server meanwhile goes again."""
    databases, accounts = set(server.databases()), set(accounts_of(server))
    try:
        yield
    finally:
        _clean(server, databases, accounts)


def _clean(server: DatabaseServer, databases: set[str], accounts: set[tuple[str, str]]) -> None:
    for name in set(server.databases()) - databases:
        server.drop_database(name)
    for user, host in set(accounts_of(server)) - accounts:
        server.query("DROP USER %s@%s", (user, host))


def accounts_of(server: DatabaseServer) -> list[tuple[str, str]]:
    return [(str(row[0]), str(row[1])) for row in server.query("SELECT User, Host FROM mysql.user")]
