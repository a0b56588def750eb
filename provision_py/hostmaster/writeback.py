"""Write the outcome of a task into the front end's database, as the front end's own hooks would.

One transaction per outcome, the caller's if one is open. Which rows change for which task is said in reference
sections 6.4 to 6.9 and 7; where the original's effect is a mistake, the right thing is done and listed in
``docs/differences.md``. The task's own rows (status, duration, log) are the business of
:mod:`provision_py.hostmaster.tasks`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from provision_py.drupal.found_packages import FoundPackages
from provision_py.drupal.model import PlatformPackages
from provision_py.errors import TaskError
from provision_py.hostmaster import writeback_queries as sql
from provision_py.hostmaster.access import rewrite_access
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.features import Features, load_features
from provision_py.hostmaster.nodes import (
    DELETED,
    DISABLED,
    ENABLED,
    LOCKED,
    Node,
    PlatformRecord,
    SiteRecord,
    delete_context,
    load_node,
    load_platform,
    load_server,
    load_site,
    touch_node,
)
from provision_py.hostmaster.outcome import Outcome
from provision_py.hostmaster.package_mark import sync_found_packages
from provision_py.hostmaster.package_sync import remove_packages, sync_site_packages
from provision_py.hostmaster.site_aliases import AutomaticNames, automatic_names, load_alias_settings
from provision_py.hostmaster.site_import import FoundSites, add_found_sites, place_imported_site, select_sites
from provision_py.hostmaster.sites import SiteChange, add_backup, save_site
from provision_py.hostmaster.tasks import LABELS, TaskRecord, create_task
from provision_py.hostmaster.variables import flag
from provision_py.php.serialization import serialize

Line: TypeAlias = tuple[str, str]
"""Type and text of a log row."""

LOGIN_LINK_LIFETIME: Final = 86400  # seconds

_ALREADY_INSTALLED: Final = "PROVISION_DRUPAL_SITE_INSTALLED"
_TAKEN: Final = "PROVISION_SITE_INSTALLED"


@dataclass(frozen=True)
class _Run:
    """What an effect works with. ``names`` are the automatic aliases of the site, or of each found site by name."""

    db: Database
    task: TaskRecord
    node: Node
    outcome: Outcome
    now: int
    features: Features
    names: Mapping[str, AutomaticNames]
    found: FoundSites
    codes: frozenset[str]
    lines: list[Line] = field(default_factory=list)

    def save_site(self, change: SiteChange) -> None:
        save_site(self.db, self.node, change, self.names[self.node.title], self.features, now=self.now)

    def save_node(self) -> None:
        touch_node(self.db, self.node.nid, self.now)
        rewrite_access(self.db, self.node.nid, self.features)

    def add_backup(self, site: SiteRecord, description: str) -> None:
        made = self.outcome
        add_backup(
            self.db, site.node.nid, site.platform, description, made.backup_file, made.backup_size, now=self.now
        )


Effect: TypeAlias = Callable[[_Run], None]


def apply_success(
    db: Database,
    task: TaskRecord,
    object_type: str,
    outcome: Outcome,
    *,
    now: int,
    features: Features | None = None,
) -> list[Line]:
    """Write what a successful task changes about its object; ``now`` is the start of the run in unix seconds.

    Returns log rows to show. Raises TaskError for a task type that is unknown for this type of object, and
    HostmasterError when the object is gone or the database fails; then nothing was written.
    """
    effect = _ON_SUCCESS.get((object_type, task.task_type))
    if effect is None:
        raise TaskError(
            f"Nobody knows what a task {task.task_type} of a {object_type} changes in the front end",
            where=f"task {task.nid}",
            hint="Its type comes from a module of the front end that is not supported",
        )
    return _apply(db, task, object_type, effect, outcome, frozenset(), now, features or load_features(db))


def is_foreign(object_type: str, task_type: str) -> bool:
    """Whether a task type comes from a package: then no row of the front end is known to depend on it."""
    return task_type not in LABELS.get(object_type, {})


def apply_failure(
    db: Database, task: TaskRecord, object_type: str, error_codes: Collection[str], *, now: int
) -> list[Line]:
    """Write what a failed task changes about its object; most change nothing.

    ``error_codes`` are the codes of the errors that were logged. Returns log rows to show.
    """
    effect = _ON_FAILURE.get((object_type, task.task_type))
    if effect is None:
        return []
    return _apply(db, task, object_type, effect, Outcome(), frozenset(error_codes), now, load_features(db))


def _apply(
    db: Database,
    task: TaskRecord,
    object_type: str,
    effect: Effect,
    outcome: Outcome,
    codes: frozenset[str],
    now: int,
    features: Features,
) -> list[Line]:
    node = load_node(db, task.rid)
    if node.type != object_type:
        raise TaskError(f"Task {task.nid} is about a {node.type}, not a {object_type}", where=f"node {node.nid}")
    found = FoundSites()
    if outcome.sites and flag(db, "hosting_platform_automatic_site_import", True):
        found = select_sites(db, outcome.sites, features)
    # The name service may be slow: it is asked before any row is locked.
    titles = (node.title,) if node.type == "site" else found.new
    names = _automatic_names(db, titles, features)

    def write() -> list[Line]:
        run = _Run(db, task, node, outcome, now, features, names, found, codes)
        effect(run)
        return run.lines

    return db.together(write)


def _automatic_names(db: Database, titles: Collection[str], features: Features) -> dict[str, AutomaticNames]:
    if not titles or not features.has_module("hosting_alias"):
        return {title: AutomaticNames() for title in titles}
    settings = load_alias_settings(db)
    return {title: automatic_names(title, settings) for title in titles}


# Servers


def _server_verified(run: _Run) -> None:
    server = load_server(run.db, run.node.nid)
    for platform in run.db.rows(sql.PLATFORMS_ON_SERVER, {"nid": run.node.nid}):
        # The fork leaves platforms alone that are not in use.
        if not run.features.fork or platform["status"] == ENABLED:
            create_task(run.db, int(platform["nid"]), "verify", {}, now=run.now)
    status = None if server.status == DELETED else ENABLED
    run.db.execute(sql.CHANGE_SERVER, {"nid": run.node.nid, "status": status, "verified": run.now})
    run.save_node()


def _server_deleted(run: _Run) -> None:
    run.db.execute(sql.CHANGE_SERVER, {"nid": run.node.nid, "status": DELETED, "verified": None})
    run.db.execute(sql.REMOVE_SERVICES, {"nid": run.node.nid})
    delete_context(run.db, run.node.nid)
    run.save_node()


# Platforms


def _platform_verified(run: _Run) -> None:
    platform = load_platform(run.db, run.node.nid)
    status = _verified_status(run, platform)
    run.db.execute(sql.CHANGE_PLATFORM, {"nid": run.node.nid, "status": status, "verified": run.now})
    run.save_node()
    packages = run.outcome.platform_packages
    found = FoundPackages.of(packages) if isinstance(packages, PlatformPackages) else packages
    if found is not None:
        sync_found_packages(run.db, run.node.nid, found, now=run.now)
    base = found.load().base if found is not None and run.found.new else ()
    names = {name: run.names[name] for name in run.found.new}
    run.lines.extend(add_found_sites(run.db, run.node.nid, names, base, run.features, now=run.now))
    run.lines.extend(
        ("notice", f"The folder sites/{name} is not imported: its name is not a host name in lower case")
        for name in run.found.unusable
    )


def _verified_status(run: _Run, platform: PlatformRecord) -> int | None:
    if platform.status in (DELETED, LOCKED):
        return None
    first = platform.verified == 0
    return LOCKED if first and flag(run.db, "hosting_lock_platforms_by_default") else ENABLED


def _set_platform_status(status: int) -> Effect:
    def effect(run: _Run) -> None:
        run.db.execute(sql.CHANGE_PLATFORM, {"nid": run.node.nid, "status": status, "verified": None})
        run.save_node()

    return effect


def _platform_deleted(run: _Run) -> None:
    run.db.execute(sql.CHANGE_PLATFORM, {"nid": run.node.nid, "status": DELETED, "verified": None})
    # Access first: without its list of clients the platform would be open to all of them.
    run.save_node()
    delete_context(run.db, run.node.nid)
    run.db.execute(sql.CLOSE_PLATFORM, {"nid": run.node.nid})
    remove_packages(run.db, run.node.nid)


# Sites


def _site_verified(run: _Run) -> None:
    made = run.outcome
    run.save_site(SiteChange(verified=run.now, db_name=made.db_name, cron_key=made.cron_key))
    _store_site_packages(run)


def _site_installed(run: _Run) -> None:
    made = run.outcome
    run.save_site(SiteChange(status=ENABLED, verified=run.now, db_name=made.db_name, cron_key=made.cron_key))
    _store_site_packages(run)
    if made.login_link:
        _cache_login_link(run, made.login_link)
        run.lines.append(("notice", f"Log in to the new site once with this link: {made.login_link}"))


def _site_imported(run: _Run) -> None:
    known = run.outcome.imported
    cron_key = run.outcome.cron_key
    if known is not None:
        place_imported_site(run.db, run.node, known, run.features, now=run.now)
        cron_key = known.cron_key or cron_key
    save_site(
        run.db,
        run.node,
        SiteChange(db_name=run.outcome.db_name, cron_key=cron_key),
        run.names[run.node.title],
        run.features,
        now=run.now,
        more_aliases=known.aliases if known is not None else (),
        redirection=known.redirection if known is not None else None,
    )
    create_task(run.db, run.node.nid, "verify", {}, now=run.now)
    _store_site_packages(run)


def _site_backed_up(run: _Run) -> None:
    description = run.task.arguments.get("description") or "Generated on request"
    run.add_backup(load_site(run.db, run.node.nid), description)


def _site_restored(run: _Run) -> None:
    site = load_site(run.db, run.node.nid)
    run.add_backup(site, "Generated before being restored to a previous version")
    if run.outcome.db_name and run.outcome.db_name != site.db_name:
        run.save_site(SiteChange(db_name=run.outcome.db_name))


def _backups_deleted(run: _Run) -> None:
    for bid, filename in run.task.arguments.items():
        if filename != "0" and bid.isdecimal():
            run.db.execute(sql.REMOVE_BACKUP, {"bid": int(bid), "site": run.node.nid})


def _site_disabled(run: _Run) -> None:
    run.save_site(SiteChange(status=DISABLED))
    run.add_backup(load_site(run.db, run.node.nid), "Pre-disable backup")


def _site_enabled(run: _Run) -> None:
    run.save_site(SiteChange(status=ENABLED))


def _login_reset(run: _Run) -> None:
    run.save_site(SiteChange())
    if run.outcome.login_link:
        _cache_login_link(run, run.outcome.login_link)


def _site_deleted(run: _Run) -> None:
    site = load_site(run.db, run.node.nid)
    run.save_site(SiteChange(status=DELETED))
    delete_context(run.db, run.node.nid)
    run.add_backup(site, "Pre-delete backup")
    remove_packages(run.db, run.node.nid)
    if run.features.has_module("hosting_task_gc"):
        run.db.execute(sql.FORGET_CACHED, {"cid": "hosting_task_gc_count_sites"})


def _store_site_packages(run: _Run) -> None:
    packages = run.outcome.site_packages
    if packages is not None:
        platform = load_site(run.db, run.node.nid).platform
        sync_site_packages(run.db, run.node.nid, packages, platform=platform, now=run.now)


def _cache_login_link(run: _Run, link: str) -> None:
    """Let the front end offer the link on the site's page (section 7.6)."""
    expire = run.now + LOGIN_LINK_LIFETIME
    run.db.execute(
        sql.CACHE,
        {
            "cid": f"hosting:site:{run.node.nid}:login_link",
            "data": serialize({"expire": expire, "link": link}),
            "expire": expire,
            "now": run.now,
        },
    )


# Failures of sites; a failed verify of a server or platform keeps the time of its last good one


def _install_failed(run: _Run) -> None:
    site = load_site(run.db, run.node.nid)
    if _ALREADY_INSTALLED in run.codes:
        create_task(run.db, run.node.nid, "import", {}, now=run.now)
        run.lines.append(("notice", "The site is there already; its import is queued"))
    elif _TAKEN not in run.codes or site.status != ENABLED:
        run.save_site(SiteChange(status=DISABLED))


def _site_verify_failed(run: _Run) -> None:
    run.save_site(SiteChange(verified=0))


def _import_failed(run: _Run) -> None:
    run.save_site(SiteChange(verified=0, status=DISABLED))


_ON_SUCCESS: Final[dict[tuple[str, str], Effect]] = {
    ("server", "verify"): _server_verified,
    ("server", "delete"): _server_deleted,
    ("platform", "verify"): _platform_verified,
    ("platform", "lock"): _set_platform_status(LOCKED),
    ("platform", "unlock"): _set_platform_status(ENABLED),
    ("platform", "delete"): _platform_deleted,
    ("site", "verify"): _site_verified,
    ("site", "install"): _site_installed,
    ("site", "import"): _site_imported,
    ("site", "backup"): _site_backed_up,
    ("site", "backup-delete"): _backups_deleted,
    ("site", "restore"): _site_restored,
    ("site", "disable"): _site_disabled,
    ("site", "enable"): _site_enabled,
    ("site", "login-reset"): _login_reset,
    ("site", "delete"): _site_deleted,
}

_ON_FAILURE: Final[dict[tuple[str, str], Effect]] = {
    ("site", "install"): _install_failed,
    ("site", "verify"): _site_verify_failed,
    ("site", "import"): _import_failed,
}
