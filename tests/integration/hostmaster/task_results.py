"""Tasks that end in the small front end, and what they have written there."""

from __future__ import annotations

from dataclasses import replace

from small_front_end import BORN, SITE

from provision_py.drupal.model import Package, PlatformPackages, SitePackages
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.outcome import Outcome
from provision_py.hostmaster.tasks import TaskRecord, claim_task, create_task
from provision_py.hostmaster.writeback import apply_failure, apply_success

NOW = BORN + 5000

PACKAGES = PlatformPackages(
    base=(
        Package("modules", "node", "Node", "/srv/d7/modules/node/node.module", "7.105"),
        Package("profiles", "minimal", "Minimal", "./profiles/minimal/minimal.info", "7.105", languages=("en",)),
    ),
    sites_all=(),
    profiles={"minimal": ()},
)
NODE_MODULE = replace(PACKAGES.base[0], status=1)
VERIFIED = Outcome(site_packages=SitePackages((NODE_MODULE,)), db_name="oneexampletest", cron_key="k-_1")

OBJECT_TABLES = (
    *("hosting_site", "hosting_platform", "hosting_server", "hosting_service", "hosting_package", "hosting_context"),
    *("hosting_package_instance", "hosting_site_alias", "hosting_site_backups", "url_alias", "cache"),
)


def claimed(db: Database, rid: int, task_type: str, **arguments: object) -> TaskRecord:
    nid = create_task(db, rid, task_type, arguments, now=NOW - 10)
    return claim_task(db, nid, now=NOW)


def succeed(
    db: Database, kind: str, rid: int, task_type: str, outcome: Outcome | None = None, **arguments: object
) -> list[tuple[str, str]]:
    return apply_success(db, claimed(db, rid, task_type, **arguments), kind, outcome or Outcome(), now=NOW)


def fail(db: Database, kind: str, rid: int, task_type: str, *codes: str) -> list[tuple[str, str]]:
    return apply_failure(db, claimed(db, rid, task_type), kind, codes, now=NOW)


def column(db: Database, sql: str, *arguments: object) -> list[object]:
    return [next(iter(row.values())) for row in db.rows(sql, arguments)]


def site_row(db: Database, nid: int = SITE) -> dict[str, object]:
    row = db.row("SELECT s.* FROM {hosting_site} s JOIN {node} n ON n.vid = s.vid WHERE n.nid = %s", (nid,))
    assert row is not None
    return row


def queued(db: Database) -> list[tuple[object, object]]:
    """Object and type of each queued task."""
    rows = db.rows(
        "SELECT t.rid, t.task_type FROM {node} n JOIN {hosting_task} t ON t.vid = n.vid WHERE t.task_status = 0"
        " ORDER BY n.nid"
    )
    return [(row["rid"], row["task_type"]) for row in rows]


def saved(db: Database, nid: int) -> tuple[object, ...]:
    row = db.row(
        "SELECT n.changed, r.timestamp, r.uid FROM {node} n JOIN {node_revision} r ON r.vid = n.vid WHERE n.nid = %s",
        (nid,),
    )
    assert row is not None
    return tuple(row.values())


def snapshot(db: Database, *tables: str) -> dict[str, list[object]]:
    return {table: list(db.rows(f"SELECT * FROM {{{table}}}")) for table in tables}
