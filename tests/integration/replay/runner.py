"""The real runner as the runner of a replay."""

from __future__ import annotations

from dataclasses import dataclass, field

from provision_py.dispatch.taskrun import run_task
from provision_py.hostmaster.connection import Database, DatabaseSettings
from replay.relocation import Machine


@dataclass
class Run:
    """Runs the task of a replay; how it ended stands in it afterwards."""

    machine: Machine
    status: int | None = None
    errors: list[str] = field(default_factory=list)
    said: str = ""

    def __call__(self, settings: DatabaseSettings, nid: int) -> None:
        with Database(settings) as db:
            finished = run_task(self.machine.session(), db, nid)
            rows = db.rows("SELECT type, message, error FROM {hosting_task_log} WHERE vid = %s", (finished.task.vid,))
        self.status = finished.status
        self.errors = [str(row["error"]) for row in rows if row["type"] == "error"]
        self.said = "\n".join(f"{row['type']}: {row['message']}" for row in rows)
