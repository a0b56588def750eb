"""The life of a task: created, claimed, run, finished.

Each run is a new revision of the task's node with a ``hosting_task`` row of its own; rows of former revisions keep
their status for ever, so only the row of the current revision counts (task/hosting_task.module, task.hosting.inc).
"""

from __future__ import annotations

import html
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from provision_py.errors import HostmasterError, TaskError
from provision_py.hostmaster import queries
from provision_py.hostmaster.access import find_owned, rewrite_access, store_grants, task_grants
from provision_py.hostmaster.connection import Database, Row
from provision_py.hostmaster.features import Features, load_features
from provision_py.hostmaster.nodes import (
    ADMIN_UID,
    Node,
    find_node,
    insert_node,
    new_revision,
    node_of,
    touch_node,
)
from provision_py.hostmaster.variables import HOSTMASTER_SITE, nid_variable

PROCESSING: Final = -1
QUEUED: Final = 0
SUCCESS: Final = 1
ERROR: Final = 2
WARNING: Final = 3

STATUS_LABELS: Final = {
    PROCESSING: "Processing",
    QUEUED: "Queued",
    SUCCESS: "Successful",
    ERROR: "Failed",
    WARNING: "Warning",
}

#: Titles of the task types by type of object (the modules' hook_hosting_tasks).
LABELS: Final[Mapping[str, Mapping[str, str]]] = {
    "site": {
        "backup": "Backup",
        "backup-delete": "Delete backups",
        "clone": "Clone",
        "delete": "Delete Site",
        "disable": "Disable",
        "enable": "Enable",
        "import": "Import",
        "install": "Install",
        "login-reset": "Reset password",
        "migrate": "Migrate Site",
        "restore": "Restore",
        "verify": "Verify Site",
    },
    "platform": {
        "delete": "Delete Platform",
        "lock": "Lock",
        "migrate": "Migrate Sites",
        "unlock": "Unlock",
        "verify": "Verify Platform",
    },
    "server": {"delete": "Delete Server", "verify": "Verify Server"},
}
_FORK_LABELS: Final = {
    "dunlock": "Unlock Local Drush",
    "lock": "Lock Platform",
    "unlock": "Unlock Platform",
    "verify": "Verify + Lock Drush",
}

#: Task types that the hostmaster site and its platform never get.
_GUARDED: Final = frozenset({"delete", "disable"})
_FORK_GUARDED: Final = _GUARDED | {"backup", "backup-delete", "login-reset", "restore"}

_TITLE_LENGTH: Final = 255


@dataclass(frozen=True)
class TaskRecord:
    """A task at its current revision. ``executed`` is unix seconds, ``delta`` seconds; None before the first run."""

    nid: int
    vid: int
    title: str
    task_type: str
    rid: int
    status: int
    executed: int | None
    delta: int | None
    uid: int
    arguments: Mapping[str, str] = field(default_factory=dict)
    changed: int = 0


@dataclass(frozen=True)
class TaskOutline:
    """What a task is, without what its run needs: type, and type and context (without ``@``) of its object.

    ``object_type`` None: the object is gone.
    """

    task_type: str
    object_type: str | None
    context: str | None


def outline_task(db: Database, nid: int) -> TaskOutline:
    """What a task is. Raises TaskError (HOSTING_INVALID_TASK) when there is none with this node id."""
    row = _task_row(db, nid, queries.TASK_OUTLINE)
    return TaskOutline(str(row["task_type"] or ""), row["object_type"], row["context"])


def load_task(db: Database, nid: int) -> TaskRecord:
    """A task. Raises TaskError (HOSTING_INVALID_TASK) when there is none with this node id."""
    return _record(db, _task_row(db, nid, queries.TASK))


def create_task(
    db: Database,
    rid: int,
    task_type: str,
    arguments: Mapping[str, object] | None = None,
    *,
    now: int,
    acting_uid: int = ADMIN_UID,
) -> int:
    """Queue a task for a site, platform or server; its nid. Works inside a transaction too.

    Always makes a new task, as the front end does, even when the same is queued already. The owner is the acting
    user, or for anonymous (0) the object's owner. Raises TaskError when the object is missing or must not get a task
    of this type.
    """

    def create() -> int:
        target = find_node(db, rid)
        if target is None:
            raise TaskError(
                f"There is no object with node id {rid} to {task_type}",
                where=db.settings.where,
                hint="It may have been removed from the front end meanwhile",
            )
        features = load_features(db)
        _check_guard(db, target, task_type, features)
        title = _title(db, target, task_type, features) or f": {target.title}"
        nid, vid = insert_node(
            db, "task", title[:_TITLE_LENGTH], acting_uid or target.uid, now=now, acting_uid=acting_uid
        )
        _insert_task(db, nid, vid, task_type, rid, QUEUED, None, None)
        _insert_arguments(db, nid, vid, {name: _argument(value) for name, value in (arguments or {}).items()})
        rewrite_access(db, nid, features)
        return nid

    return db.together(create)


def claim_task(
    db: Database, nid: int, *, now: int, force: bool = False, features: Features | None = None
) -> TaskRecord:
    """Take a queued task for a run: a new revision with status *processing*.

    Of any number of runners exactly one gets it; the others get TaskError (HOSTING_TASK_RUNNING or
    HOSTING_TASK_NOT_QUEUED) and leave nothing behind. ``force`` runs a task whatever its status. ``now`` is the start
    of the run in unix seconds.
    """

    def claim() -> TaskRecord:
        row = _task_row(db, nid, queries.LOCK_TASK)
        former, node = _record(db, row), node_of(row)
        if not force:
            _check_queued(former)
        vid = new_revision(db, node, now)
        _insert_task(db, nid, vid, former.task_type, former.rid, PROCESSING, now, former.delta)
        _insert_arguments(db, nid, vid, former.arguments)
        known = features or load_features(db)
        target = find_owned(db, former.rid)
        title = _retitle(db, node, former, target.node if target else None, known)
        store_grants(db, nid, task_grants(db, node, target, known))
        return replace(former, vid=vid, title=title, status=PROCESSING, executed=now, changed=now)

    try:
        return db.retrying(claim)
    except HostmasterError as error:
        if error.code == "PROVISION_HOSTMASTER_CONFLICT":
            raise _running(nid) from error
        raise


def end_run(db: Database, task: TaskRecord, seconds: float, features: Features | None = None) -> None:
    """Store how long the run took; the status stays *processing* until :func:`finish`.

    ``seconds`` becomes whole seconds, at least 1. When the task has a newer revision by now (it was run again with
    force), that revision is left alone.
    """
    delta = max(1, math.floor(seconds + 0.5))

    def end() -> None:
        db.execute(queries.SET_DELTA, {"vid": task.vid, "delta": delta})
        node = find_node(db, task.nid)
        if node is None or node.vid != task.vid:
            return
        known = features or load_features(db)
        touch_node(db, task.nid, task.executed or node.changed)
        target = find_owned(db, task.rid)
        _retitle(db, node, task, target.node if target else None, known)
        store_grants(db, task.nid, task_grants(db, node, target, known))

    db.together(end)


def final_status(db: Database, vid: int) -> int:
    """The status that follows from a run's log, the only thing the front end looks at.

    A row of type ``error`` or ``failed`` gives 2, else one of type ``warning`` 3, else 1; letter case counts.
    """
    types = {_log_type(row["type"]) for row in db.rows(queries.LOG_TYPES, {"vid": vid})}
    if types & {"error", "failed"}:
        return ERROR
    return WARNING if "warning" in types else SUCCESS


def finish(db: Database, task: TaskRecord) -> int:
    """Store the final status of a run and log it; the status. The last thing that a run does."""
    status = final_status(db, task.vid)

    def store() -> None:
        if db.execute(queries.SET_STATUS, {"vid": task.vid, "status": status}) == 0:
            return  # the task was deleted meanwhile
        db.insert(
            queries.INSERT_LOG,
            {
                "vid": task.vid,
                "nid": task.nid,
                "type": "info",
                "message": html.escape(f"The task has ended with status: {STATUS_LABELS[status]}", quote=False),
                "error": "",
                "timestamp": round(time.time()),
            },
        )

    db.together(store)
    return status


def task_title(db: Database, target: Node, task_type: str, features: Features) -> str | None:
    """The title that a task on this object has; None for task types of extensions, whose labels are not known."""
    title = _title(db, target, task_type, features)
    return None if title is None else title[:_TITLE_LENGTH]


# Inside


def _task_row(db: Database, nid: int, sql: str) -> Row:
    row = db.row(sql, {"nid": nid})
    if row is None:
        raise TaskError(
            f"There is no task with node id {nid}",
            where=db.settings.where,
            hint="The task may have been deleted, or the number is that of another object",
        )
    return row


def _record(db: Database, row: Row) -> TaskRecord:
    arguments = db.rows(queries.TASK_ARGUMENTS, {"vid": row["vid"]})
    return TaskRecord(
        nid=int(row["nid"]),
        vid=int(row["vid"]),
        title=str(row["title"]),
        task_type=str(row["task_type"] or ""),
        rid=int(row["rid"]),
        status=int(row["task_status"] or 0),
        executed=row["executed"],
        delta=row["delta"],
        uid=int(row["uid"]),
        arguments={str(each["name"] or ""): str(each["value"] or "") for each in arguments},
        changed=int(row["changed"]),
    )


def _insert_task(
    db: Database, nid: int, vid: int, task_type: str, rid: int, status: int, executed: int | None, delta: int | None
) -> None:
    db.insert(
        queries.INSERT_TASK,
        {
            "vid": vid,
            "nid": nid,
            "task_type": task_type,
            "rid": rid,
            "status": status,
            "executed": executed,
            "delta": delta,
        },
    )


def _insert_arguments(db: Database, nid: int, vid: int, arguments: Mapping[str, str]) -> None:
    rows = [{"vid": vid, "nid": nid, "name": name, "value": value} for name, value in arguments.items()]
    db.insert_many(queries.INSERT_TASK_ARGUMENT, rows)


def _argument(value: object) -> str:
    """A scalar as PHP writes it into a text column."""
    if value is None or value is False:
        return ""
    return "1" if value is True else str(value)


def _check_queued(task: TaskRecord) -> None:
    if task.status == PROCESSING:
        raise _running(task.nid)
    if task.status != QUEUED:
        raise TaskError(
            f"Task {task.nid} is not queued, its status is {STATUS_LABELS.get(task.status, task.status)}",
            hint="Use --force to run it again",
            code="HOSTING_TASK_NOT_QUEUED",
        )


def _running(nid: int) -> TaskError:
    return TaskError(
        f"Task {nid} is being run already",
        hint="Use --force if you know that its runner is gone",
        code="HOSTING_TASK_RUNNING",
    )


def _check_guard(db: Database, target: Node, task_type: str, features: Features) -> None:
    if task_type not in (_FORK_GUARDED if features.fork else _GUARDED):
        return
    hostmaster = nid_variable(db, HOSTMASTER_SITE)
    if hostmaster is None:
        return
    site = db.row(queries.SITE, {"nid": hostmaster})
    if target.nid == hostmaster or (site and target.nid == site["platform"]):
        raise TaskError(
            f"The {target.type} {target.title} belongs to the front end itself and must not get a task {task_type}",
            hint="Disable or delete the front end by hand if that is really meant",
            code="HOSTING_TASK_GUARDED",
        )


def _title(db: Database, target: Node, task_type: str, features: Features) -> str | None:
    labels = LABELS.get(target.type, {})
    if features.fork and target.type == "platform":
        labels = {**labels, **_FORK_LABELS}
    label = labels.get(task_type)
    return None if label is None else f"{label}: {_shown_name(db, target, features)}"


def _shown_name(db: Database, target: Node, features: Features) -> str:
    """A site's canonical name where the front end shows that (upstream since 2024), else the title."""
    if target.type != "site" or not features.upstream_2024:
        return target.title
    redirection = None
    if features.has_module("hosting_alias") and features.has_table("hosting_site_alias"):
        redirection = db.value(queries.SITE_REDIRECTION, {"nid": target.nid})
    name = str(redirection) if redirection and redirection != "0" else target.title
    return name.strip().lower()


def _retitle(db: Database, node: Node, task: TaskRecord, target: Node | None, features: Features) -> str:
    """Every save of a task gives it the title that its object asks for now; the title."""
    title = task_title(db, target, task.task_type, features) if target else None
    if title is None or title == node.title:
        return node.title
    db.execute(queries.RENAME_NODE, {"nid": node.nid, "title": title})
    return title


def _log_type(raw: object) -> str:
    return raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
