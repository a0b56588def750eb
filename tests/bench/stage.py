"""A whole hosting system to measure on: private servers, a front end's database, platforms and sites."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from provision_py.commands.session import Session, new_session
from provision_py.dispatch.taskrun import Finished, run_task
from provision_py.drupal.codebase import detect
from provision_py.drupal.model import CodeBase
from provision_py.hostmaster.connection import Database
from provision_py.sandbox.base import Sandbox, reap_abandoned
from provision_py.sandbox.frontend import FrontEnd
from provision_py.sandbox.installation import Installation, Layout, install
from provision_py.sandbox.mariadb import DatabaseServer, start_mariadb
from provision_py.sandbox.nginx import start_nginx
from provision_py.sandbox.phpfpm import start_php_fpm
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.webserver import WebServer
from provision_py.services.plugins import Plugins
from provision_py.tasklog import MemorySink

PREFIX = "provision-py-bench-"
#: Code bases to measure on besides the stand-ins, as for the tests that need them.
CODE_VARIABLE = "PROVISION_PY_DRUPAL"
OK = 200


@dataclass
class Stage:
    """Where everything is; one task is run at a time."""

    installation: Installation
    database: DatabaseServer
    web: WebServer
    folder: Path
    plugins: Plugins = field(default_factory=Plugins.load)

    @property
    def front(self) -> FrontEnd:
        return self.installation.front_end

    @property
    def environment(self) -> dict[str, str]:
        path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
        return {"PATH": path, "LANG": "C.UTF-8", **self.installation.environment}

    def session(self) -> Session:
        return new_session(self.installation.drush_dir, self.plugins, sinks=[MemorySink()])

    def run(self, nid: int) -> Finished:
        """One task in this process, as a worker of the queue runs it."""
        session = self.session()
        with Database(self.installation.settings) as db:
            finished = run_task(session, db, nid)
        self.check(nid, finished.status)
        return finished

    def run_alone(self, nid: int) -> None:
        """One task in a process of its own."""
        self.command("hosting-task", str(nid))

    def command(self, *words: str) -> None:
        """``provision-py`` with these words. Ends the benchmark when it fails."""
        program = Path(sys.executable).with_name("provision-py")
        done = subprocess.run([str(program), *words], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"provision-py {' '.join(words)} failed:\n{done.stderr}")

    def check(self, nid: int, status: int) -> None:
        if status != 1:
            said = self.front.db.rows(
                "SELECT l.type, l.message FROM {hosting_task_log} l JOIN {node} n ON n.vid = l.vid WHERE n.nid = %s",
                (nid,),
            )
            raise SystemExit("\n".join(f"{row['type']}: {row['message']}" for row in said))

    def queue(self, nid: int, task_type: str) -> int:
        """A queued task on an object, without the ones that the front end has queued by itself."""
        self.front.db.execute(
            "DELETE t FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid"
            " WHERE t.rid = %s AND t.task_type = %s AND t.task_status = 0",
            (nid, task_type),
        )
        return self.front.queue_task(nid, task_type)

    def empty_queue(self) -> None:
        """What stands in the queue by itself shall not be run along with what is measured."""
        self.front.db.execute("DELETE t FROM {hosting_task} t JOIN {node} n ON n.vid = t.vid WHERE t.task_status = 0")

    def stand_in(self, major: int) -> Path:
        return make_platform(self.installation.home / "platforms" / f"drupal{major}", major).root

    def copy_of(self, source: Path) -> Path:
        """A writable copy of a code base, apart from the stand-ins, which may have its name."""
        target = self.installation.home / "platforms" / "copies" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-rT", "--no-preserve=mode", str(source), str(target)], check=True)
        return target

    def platform(self, title: str, root: Path) -> tuple[int, CodeBase]:
        """A verified platform on a code base."""
        nid = self.front.add_platform(title, str(root), self.front.web_server, verify=False)
        self.run(self.queue(nid, "verify"))
        return nid, detect(str(root))

    def site(self, uri: str, platform: int, profile: str = "standard") -> int:
        """An installed site that every worker of the web server knows; those from before a reload answer a moment
        longer."""
        nid = self.front.add_site(uri, platform, self.front.db_server, profile=profile, install=False)
        self.run(self.queue(nid, "install"))
        deadline = time.monotonic() + 5
        while self.web.fetch("/", host=f"{uri}:{self.web.port}", timeout=120).status != OK:
            if time.monotonic() > deadline:
                raise SystemExit(f"{uri} is installed and not served")
            time.sleep(0.02)
        return nid


@contextmanager
def stage() -> Iterator[Stage]:
    """Start the servers, verify them, and take everything away again at the end."""
    gc.freeze()  # as a worker of the queue does, and the program before it
    gc.set_threshold(50_000)
    reap_abandoned(PREFIX)
    sandbox = Sandbox.create(prefix=PREFIX)
    try:
        database = start_mariadb(sandbox)
        web = start_nginx(sandbox, php_fpm=start_php_fpm(sandbox))
        home = sandbox.path / "aegir"
        home.mkdir(mode=0o711)
        installation = install(Layout(home), database, web)
        web.serve(home)
        made = Stage(installation, database, web, sandbox.path)
        for server in (made.front.web_server, made.front.db_server):
            made.run(made.queue(server, "verify"))
        made.empty_queue()
        yield made
        made.front.close()
    finally:
        sandbox.remove()


def code_bases() -> list[Path]:
    """The code bases that the environment names."""
    return [Path(part) for part in os.environ.get(CODE_VARIABLE, "").split(":") if part]


def php(stage: Stage, script: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> Callable[[], None]:
    """A call of a bare PHP script. Ends the benchmark when it fails."""
    program = shutil.which("php") or "php"
    argv = [program, "-d", "memory_limit=1G", "-d", "display_errors=stderr", str(script), *arguments]

    def run() -> None:
        done = subprocess.run(argv, env={**stage.environment, **environment}, capture_output=True, text=True)
        if done.returncode or not done.stdout.endswith("done\n"):
            raise SystemExit(f"{script.name} failed ({done.returncode}): {done.stdout[-2000:]}{done.stderr[-2000:]}")

    return run
