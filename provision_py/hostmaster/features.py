"""Which modules of the front end are enabled, and which version of it this is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.variables import get_variable

#: Features whose module is not named ``hosting_<feature>`` (hosting.features.inc).
_FEATURE_MODULES: Final = {
    "hosting": "hosting",
    "sitemigrate": "hosting_migrate",
    "server_data": "hosting_server_data",
    "site_data": "hosting_site_data",
}


@dataclass(frozen=True)
class Features:
    """What an installation of the front end has.

    ``modules`` are the enabled modules with their schema versions; ``tables`` the names of all tables without prefix.
    ``upstream_2024`` is true for the last upstream code (canonical names in task titles, arrays as log filter …),
    ``fork`` for the fork that keeps cron intervals per site.
    """

    modules: dict[str, int]
    tables: frozenset[str]
    upstream_2024: bool
    fork: bool

    def has_module(self, name: str) -> bool:
        return name in self.modules

    def has_feature(self, feature: str) -> bool:
        """What ``hosting_feature()`` says: whether the feature's module is enabled, whatever the variable says."""
        return _FEATURE_MODULES.get(feature, f"hosting_{feature}") in self.modules

    def has_table(self, name: str) -> bool:
        return name in self.tables


def load_features(db: Database) -> Features:
    """Read them from the database; a few fast queries, done once per run of a task."""
    modules = {str(row["name"]): int(row["schema_version"]) for row in db.rows(queries.ENABLED_MODULES)}
    prefix = db.table("")
    names = (str(row["table_name"]) for row in db.rows(queries.TABLES, {"schema": db.schema()}))
    tables = frozenset(name.removeprefix(prefix) for name in names if name.startswith(prefix))
    fork = "hosting_cron" in tables
    return Features(modules=modules, tables=tables, upstream_2024=fork or _is_upstream_2024(db, modules), fork=fork)


def _is_upstream_2024(db: Database, modules: dict[str, int]) -> bool:
    """Update 7304 of module hosting turned the log filter of task pages into an array; nothing else in the database
    tells the versions apart."""
    if modules.get("hosting", 0) >= 7304:
        return True
    return isinstance(get_variable(db, "hosting_task_logs_types_display"), dict)
