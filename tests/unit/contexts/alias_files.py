"""The alias files behind a store: where they are, what stands in them, others written by hand."""

from __future__ import annotations

from pathlib import Path

from provision_py.contexts.store import ContextStore

SITE_KEYS = [
    "context_type",
    "platform",
    "server",
    "db_server",
    "uri",
    "root",
    "site_path",
    "site_enabled",
    "language",
    "client_name",
    "aliases",
    "redirection",
    "cron_key",
    "drush_aliases",
    "profile",
    "install_method",
]


def file_of(store: ContextStore, name: str) -> Path:
    return store.drush_dir / f"{name}.alias.drushrc.php"


def write_raw(store: ContextStore, name: str, content: str) -> Path:
    path = file_of(store, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path
