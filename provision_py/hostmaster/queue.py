"""The queue of tasks: which come next, how many run, and whether the front end wants them run now.

Rules: hosting_get_new_tasks (task/hosting_task.module), hosting.queues.inc and dispatch.hosting.inc.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.locks import RUN_PREFIX
from provision_py.hostmaster.tasks import TaskRecord, load_task
from provision_py.hostmaster.variables import flag, get_variable, number, set_variable
from provision_py.php.values import truthy

#: A task that has been *processing* for longer than this counts as abandoned, in seconds.
RUNNING_WINDOW: Final = 28800

TASKS: Final = "tasks"
DISPATCH_ENABLED: Final = "hosting_dispatch_enabled"
DISPATCH_LAST_RUN: Final = "hosting_dispatch_last_run"

#: Locks that the PHP dispatcher and its daemon respect, with their timeouts in seconds.
QUEUE_LOCK: Final = "hosting_queue_tasks_running"
DISPATCH_LOCK: Final = "hosting_dispatch_tasks_running"
QUEUE_LOCK_TIMEOUT: Final = 3600.0
QUEUE_LOCK_WAIT: Final = 30.0

_DEFAULT_FREQUENCY: Final = 60
_DEFAULT_ITEMS: Final = 5


@dataclass(frozen=True)
class QueueSettings:
    """The front end's settings of the task queue: ``frequency`` in seconds, ``last_run`` in unix seconds."""

    enabled: bool
    frequency: int
    items: int
    last_run: int

    def items_due(self, running: int, now: int) -> int:
        """How many tasks a dispatcher may start now, given how many run; never negative."""
        if not self.enabled or now - self.last_run < self.frequency:
            return 0
        return max(0, self.items - running)


def next_tasks(
    db: Database,
    limit: int,
    exclude_rids: Collection[int] = (),
    *,
    runs: Callable[[str, str], bool] = lambda object_type, task_type: True,
) -> list[TaskRecord]:
    """The oldest queued task of each object, oldest first; at most ``limit``.

    Objects with a task that is being run, and those in ``exclude_rids``, are left out. So is what stands on an object
    with a task that is older or being run: a site on its platform and servers, a platform on its web server, a
    cluster or pack on its members. A platform is verified before a site is installed on it. A queued task that
    disappears while this is read is left out too. ``runs`` says which tasks the caller can run (type of the object,
    type of the task); an object whose oldest task it cannot run waits for somebody who can, so that tasks keep their
    order.
    """
    if limit <= 0:
        return []
    queued = db.rows(queries.QUEUED_TASKS)
    parents = _parents(db) if len(queued) > 1 else {}
    # What a runner of Provision has left behind says "processing" for hours; nothing else waits for that.
    unfinished = (
        {int(row["rid"]) for row in db.rows(queries.LIVING_RUNS, {"start": RUN_PREFIX})} if parents else set()
    )
    seen = {*exclude_rids, *_busy(db)}
    found: list[int] = []
    for row in queued:
        rid = int(row["rid"])
        if rid in seen:
            continue
        seen.add(rid)
        if not runs(str(row["type"] or ""), str(row["task_type"] or "")):
            continue
        if not parents.get(rid, set()) & unfinished:
            found.append(int(row["nid"]))
        unfinished.add(rid)
        if len(found) == limit:
            break
    return [load_task(db, nid) for nid in found]


def running_count(db: Database) -> int:
    """How many tasks are being run, by whatever runner."""
    return int(db.value(queries.RUNNING_COUNT, {"since": _since()}))


def queued_count(db: Database) -> int:
    """How many tasks wait."""
    return int(db.value(queries.QUEUED_COUNT))


def dispatch_enabled(db: Database) -> bool:
    """Whether the front end wants its queues run at all (``hosting-setup`` switches it on)."""
    return flag(db, DISPATCH_ENABLED)


def note_dispatch(db: Database, now: int) -> None:
    """Tell the front end that its dispatcher ran; its pages show that."""
    set_variable(db, DISPATCH_LAST_RUN, now)


def queue_settings(db: Database, queue: str = TASKS) -> QueueSettings:
    """The settings of a queue with the defaults of the front end's code."""
    return QueueSettings(
        enabled=truthy(get_variable(db, f"hosting_queue_{queue}_enabled", True)),
        frequency=number(db, f"hosting_queue_{queue}_frequency", _DEFAULT_FREQUENCY),
        items=number(db, f"hosting_queue_{queue}_items", _DEFAULT_ITEMS),
        last_run=number(db, f"hosting_queue_{queue}_last_run", 0),
    )


def note_queue_run(db: Database, now: int, queue: str = TASKS) -> None:
    """Tell the front end that a queue was run."""
    set_variable(db, f"hosting_queue_{queue}_last_run", now)


def _parents(db: Database) -> dict[int, set[int]]:
    """What sites, platforms, clusters and packs stand on, all the way up; node ids."""
    parents = _members(db)
    servers: dict[int, set[int]] = {}
    for row in db.rows(queries.PLATFORM_SERVERS):
        server = int(row["web_server"] or 0)
        servers[int(row["nid"])] = {server, *parents.get(server, ())}
    for row in db.rows(queries.SITE_PARENTS):
        platform = int(row["platform"] or 0)
        parents[int(row["nid"])] = {platform, int(row["db_server"] or 0), *servers.get(platform, ())}
    return parents | servers


def _members(db: Database) -> dict[int, set[int]]:
    """The web servers of each cluster and pack. Their modules may be missing, and with them their tables."""
    members: dict[int, set[int]] = {}
    for module in db.rows(queries.GROUP_MODULES):
        for row in db.rows(queries.GROUP_MEMBERS[str(module["name"])]):
            members.setdefault(int(row["nid"]), set()).add(int(row["web_server_nid"]))
    return members


def _busy(db: Database) -> set[int]:
    return {int(row["rid"]) for row in db.rows(queries.BUSY_OBJECTS, {"since": _since()})}


def _since() -> int:
    return int(time.time()) - RUNNING_WINDOW
