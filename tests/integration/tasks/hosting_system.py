"""Drives a whole hosting system: front end, Aegir root and a real web, PHP and database server."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provision_py.commands.session import Session, new_session
from provision_py.dispatch.queue import QueueRunner
from provision_py.dispatch.taskrun import Finished, run_task
from provision_py.hostmaster.connection import Database
from provision_py.sandbox.frontend import FrontEnd
from provision_py.sandbox.installation import Installation
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.webserver import Response, WebServer
from provision_py.services.plugins import Plugins
from provision_py.tasklog import LogEntry, MemorySink, TaskLog


@dataclass
class Hosting:
    """An installation and the ways in which tests drive it. ``site`` … are helpers over its front end."""

    installation: Installation
    web: WebServer
    database: DatabaseServer
    plugins: Plugins = field(default_factory=Plugins.load)
    entries: list[LogEntry] = field(default_factory=list)

    @property
    def front(self) -> FrontEnd:
        return self.installation.front_end

    @property
    def db(self) -> Database:
        return self.front.db

    @property
    def home(self) -> Path:
        return self.installation.home

    def session(self) -> Session:
        sink = MemorySink()
        sink.entries = self.entries
        return new_session(self.installation.drush_dir, self.plugins, sinks=[sink])

    def run(self, nid: int) -> Finished:
        """Run one task in this process."""
        with Database(self.installation.settings) as db:
            return run_task(self.session(), db, nid)

    def run_queue(self, limit: int = 50) -> dict[int, int]:
        """Run the queue as the dispatcher does, in worker processes; exit status by task."""
        return QueueRunner(self.installation.settings, self.session, TaskLog(), 4).run(limit).results

    def queued(self, nid: int, task_type: str) -> int:
        """The newest queued task of a type on an object."""
        tasks = self.db.rows(
            "SELECT n.nid FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid"
            " WHERE t.rid = %s AND t.task_type = %s AND t.task_status = 0 ORDER BY n.nid DESC",
            (nid, task_type),
        )
        assert tasks, f"no queued {task_type} of {nid}"
        return int(tasks[0]["nid"])

    def prepared(self, major: int = 10, **options: Any) -> tuple[int, Path]:
        """Servers and a platform, verified; the platform's node id and its docroot."""
        for server in (self.front.web_server, self.front.db_server):
            assert self.run(self.front.queue_task(server, "verify")).status == 1, self.said()
        root = self.home / "platforms" / f"drupal{major}"
        docroot = make_platform(root, major, **options).docroot
        platform = self.front.add_platform(f"Drupal {major}", str(root), self.front.web_server)
        assert self.run(self.queued(platform, "verify")).status == 1, self.said()
        return platform, docroot

    def installed(self, uri: str = "one.example.test", major: int = 10, **options: Any) -> tuple[int, Path]:
        """A site that works; its node id and its folder."""
        platform, docroot = self.prepared(major)
        site = self.front.add_site(uri, platform, self.front.db_server, **options)
        assert self.run(self.queued(site, "install")).status == 1, self.said()
        return site, docroot / "sites" / uri

    def said(self) -> str:
        return "\n".join(f"{entry.type}: {entry.text} {entry.error}" for entry in self.entries)

    def log(self, nid: int) -> list[dict[str, object]]:
        """The log rows of a task's current revision."""
        return self.db.rows(
            "SELECT l.type, l.message, l.error FROM {hosting_task_log} l JOIN {node} n ON n.vid = l.vid"
            " WHERE n.nid = %s ORDER BY l.lid",
            (nid,),
        )

    def errors(self, nid: int) -> list[str]:
        """The codes of a task's errors."""
        return [str(row["error"]) for row in self.log(nid) if row["type"] == "error"]

    def site_row(self, nid: int) -> dict[str, object]:
        row = self.db.row("SELECT s.* FROM {hosting_site} s JOIN {node} n ON n.vid = s.vid WHERE n.nid = %s", (nid,))
        assert row is not None
        return row

    def fetch(self, path: str = "/", host: str = "one.example.test", **options: Any) -> Response:
        return self.web.fetch(path, host=host, **options)

    def fetch_until(
        self, status: int, path: str = "/", host: str = "one.example.test", patience: float = 10.0
    ) -> Response:
        """The answer once it has this status, or after ``patience`` seconds: web servers take a configuration in by
        and by.
        """
        deadline = time.monotonic() + patience
        while (answer := self.fetch(path, host)).status != status and time.monotonic() < deadline:
            time.sleep(0.02)
        return answer

    def databases(self) -> set[str]:
        return set(self.database.databases())

    def accounts(self) -> set[tuple[str, str]]:
        return {(str(row[0]), str(row[1])) for row in self.database.query("SELECT User, Host FROM mysql.user")}

    def tree(self, *without: str) -> dict[str, tuple[int, str]]:
        """Mode and content of everything below the home, state of provision-py and ``without`` left out."""
        found = {}
        for path in sorted(self.home.rglob("*")):
            name = str(path.relative_to(self.home))
            if name.startswith((".provision-py", *without)):
                continue
            if path.is_symlink():
                content = f"-> {os.readlink(path)}"
            else:
                content = path.read_bytes().hex() if path.is_file() and os.access(path, os.R_OK) else ""
            found[name] = (path.lstat().st_mode, content)
        return found
