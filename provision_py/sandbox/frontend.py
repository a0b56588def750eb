"""A front end without pages: its database as an installation leaves it, and what its forms write.

The rows are those that a running front end was recorded to write (a new node with its revision, the tables of its
type, the context, access, and a queued task). Everything that the backend reads or changes is there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from provision_py.hostmaster.access import rewrite_access
from provision_py.hostmaster.connection import Database, DatabaseSettings
from provision_py.hostmaster.nodes import context_name, insert_node, register_context
from provision_py.hostmaster.tasks import create_task
from provision_py.hostmaster.variables import set_variable
from provision_py.sandbox import frontend_rows as sql
from provision_py.system.host import Secret

#: Modules of a fresh installation that concern a backend, with their schema versions.
CORE_MODULES = {
    "hosting": 7304,
    "hosting_client": 7002,
    "hosting_db_server": 6001,
    "hosting_package": 7301,
    "hosting_platform": 6208,
    "hosting_server": 7302,
    "hosting_site": 7301,
    "hosting_task": 7301,
    "hosting_web_server": 6002,
}


@dataclass(frozen=True)
class ServiceForm:
    """One service on the form of a server; ``user`` and ``password`` are those of a database server's admin."""

    service: str
    type: str
    port: int
    restart_cmd: str = ""
    user: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))


@dataclass(frozen=True)
class TaskRow:
    """A task in its current revision; ``status`` 0 queued, -1 processing, 1 success, 2 error, 3 warning.

    ``seconds`` is None until a run has ended.
    """

    nid: int
    vid: int
    title: str
    type: str
    target: str
    status: int
    seconds: int | None


@dataclass(frozen=True)
class LogRow:
    lid: int
    vid: int
    nid: int
    type: str
    message: str


class FrontEnd:
    """The front end's database. Each method is one form or page.

    ``client``, ``web_server``, ``db_server``, ``platform`` and ``site`` are the node ids of what the installation
    itself made: the first client, the servers of the hostmaster site, its platform and the site.
    """

    def __init__(self, settings: DatabaseSettings) -> None:
        self.db = Database(settings)
        self.modules: set[str] = set()
        self.client = 0
        self.web_server = 0
        self.db_server = 0
        self.platform = 0
        self.site = 0

    def close(self) -> None:
        self.db.close()

    # Forms

    def add_client(self, name: str, *, uid: int = 1) -> int:
        """A client; its node id."""
        with self._saving():
            nid, vid = self._node("client", name, language="")
            self.db.insert(sql.INSERT_CLIENT, {"vid": vid, "nid": nid, "name": name})
            self.db.insert(sql.INSERT_CLIENT_USER, {"uid": uid, "nid": nid})
            rewrite_access(self.db, nid)
        return nid

    def add_server(
        self,
        host: str,
        services: Sequence[ServiceForm],
        *,
        name: str | None = None,
        verify: bool = True,
        human_name: str = "",
    ) -> int:
        """A server; its node id. ``name`` is the context's where it does not follow from the host's."""
        with self._saving():
            nid, vid = self._node("server", host)
            state = {"verified": 0, "status": 0} if verify else {"verified": self._now(), "status": 1}
            self.db.insert(sql.INSERT_SERVER, {"vid": vid, "nid": nid, "human_name": human_name, **state})
            for each in services:
                self._add_service(nid, vid, each)
            register_context(self.db, nid, name or f"server_{reduced(host)}")
            self._finish(nid, "verify" if verify else None)
        return nid

    def add_platform(
        self,
        title: str,
        path: str,
        web_server: int,
        *,
        makefile: str = "",
        working_copy: bool = False,
        verify: bool = True,
    ) -> int:
        """A platform; its node id. ``web_server`` is a node id."""
        with self._saving():
            nid, vid = self._node("platform", title)
            fields: dict[str, object] = {
                "vid": vid,
                "nid": nid,
                "path": re.sub(r"/(?:\./)+|/{2,}", "/", path).rstrip("/"),
                "makefile": makefile,
                "web_server": web_server,
                "verified": 0 if verify else self._now(),
                "status": 0 if verify else 1,
                "working_copy": int(working_copy),
            }
            self.db.insert(sql.INSERT_PLATFORM, fields)
            register_context(self.db, nid, f"platform_{reduced(title)}")
            self._finish(nid, "verify" if verify else None)
        return nid

    def add_site(
        self,
        uri: str,
        platform: int,
        db_server: int,
        *,
        profile: str = "standard",
        client: int | None = None,
        language: str = "en",
        aliases: Sequence[str] = (),
        redirection: str = "0",
        name: str | None = None,
        install: bool = True,
    ) -> int:
        """A site; its node id. ``platform``, ``db_server`` and ``client`` (default: the first one) are node ids."""
        with self._saving():
            nid, vid = self._node("site", uri.lower())
            fields: dict[str, object] = {
                "vid": vid,
                "nid": nid,
                "client": client or self.client,
                "db_server": db_server,
                "db_name": "",
                "platform": platform,
                "profile": self.package("profile", profile),
                "language": language,
                "verified": 0 if install else 1,
                "status": 0 if install else 1,
            }
            self.db.insert(sql.INSERT_SITE, fields)
            if "hosting_alias" in self.modules:
                for alias in aliases:
                    row = {"vid": vid, "nid": nid, "alias": alias.lower(), "redirection": redirection}
                    self.db.insert(sql.INSERT_SITE_ALIAS, row)
            if "hosting_ssl" in self.modules:
                self.db.insert(sql.INSERT_SITE_SSL, {"vid": vid, "nid": nid})
            register_context(self.db, nid, name or uri.lower())
            self._finish(nid, "install" if install else None)
        return nid

    def queue_task(self, nid: int, task_type: str, arguments: Mapping[str, str] | None = None) -> int:
        """A queued task on an object; the task's node id."""
        return create_task(self.db, nid, task_type, arguments, now=self._now())

    # Pages

    def tasks(self) -> list[TaskRow]:
        """All tasks, oldest first."""
        return [
            TaskRow(
                nid=int(row["nid"]),
                vid=int(row["vid"]),
                title=str(row["title"]),
                type=str(row["task_type"]),
                target=str(row["target"] or ""),
                status=int(row["task_status"]),
                seconds=None if row["delta"] is None else int(row["delta"]),
            )
            for row in self.db.rows(sql.TASKS)
        ]

    def log_after(self, lid: int) -> list[LogRow]:
        """Log rows of all tasks that came after the row ``lid``, as the page of a running task polls them."""
        return [
            LogRow(int(row["lid"]), int(row["vid"]), int(row["nid"]), str(row["type"]), str(row["message"]))
            for row in self.db.rows(sql.LOG_AFTER, {"lid": lid})
        ]

    def context(self, nid: int) -> str:
        """The name of an object's context, without ``@``."""
        return context_name(self.db, nid) or ""

    # Details

    def package(self, package_type: str, name: str) -> int:
        """The node id of a package; a new node where it has none, as at the first verify that finds the package."""
        found = self.db.value(sql.FIND_PACKAGE, {"type": package_type, "name": name})
        if found is not None:
            return int(found)
        nid, vid = self._node("package", name, language="", promote=0)
        self.db.insert(sql.INSERT_PACKAGE, {"vid": vid, "nid": nid, "type": package_type, "name": name})
        rewrite_access(self.db, nid)
        return nid

    def enable_modules(self, modules: Mapping[str, int]) -> None:
        """Enable modules of the front end, named with their schema versions."""
        for name, version in modules.items():
            filename = f"profiles/hostmaster/modules/aegir/hosting/{name}.module"
            self.db.insert(sql.INSERT_MODULE, {"filename": filename, "name": name, "version": version})
            set_variable(self.db, f"hosting_feature_{name.removeprefix('hosting_')}", 1)
        self.modules |= set(modules)

    def _saving(self) -> AbstractContextManager[None]:
        """A transaction of its own, unless the caller has one."""
        return nullcontext() if self.db.in_transaction else self.db.transaction()

    def _add_service(self, nid: int, vid: int, form: ServiceForm) -> None:
        fields: dict[str, object] = {"vid": vid, "nid": nid, "service": form.service, "type": form.type}
        self.db.insert(sql.INSERT_SERVICE, {**fields, "restart_cmd": form.restart_cmd, "port": form.port})
        if form.service == "db":
            account = {"vid": vid, "nid": nid, "user": form.user, "password": form.password.reveal()}
            self.db.insert(sql.INSERT_DB_SERVER, account)

    def _finish(self, nid: int, task_type: str | None) -> None:
        rewrite_access(self.db, nid)
        if task_type is not None:
            self.queue_task(nid, task_type)

    def _node(self, node_type: str, title: str, *, language: str = "und", promote: int = 1) -> tuple[int, int]:
        return insert_node(self.db, node_type, title, 1, now=self._now(), language=language, promote=promote)

    @staticmethod
    def _now() -> int:
        return int(time.time())


def reduced(title: str) -> str:
    """What is left of a title in the name of its context."""
    return re.sub(r"[^A-Za-z0-9_]", "", title)
