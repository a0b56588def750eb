"""Undoing a database and its accounts. The step that makes them belongs to the db service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision_py.steps.step import World, undoes


@undoes("database")
def undo_database(world: World, record: Mapping[str, Any]) -> None:
    """Drop what the step made, and nothing else.

    Between ``CREATE DATABASE`` and the note of it the process may have died: a database that is not noted as ours
    is dropped only when it is empty, an account only when it was noted.
    """
    admin = world.database_admin(record["server"])
    name = record["name"]
    if record.get("database_made") or admin.is_empty(name):
        admin.drop_database(name)
    for host in record.get("accounts_made", ()):
        admin.drop_account(record["user"], host)
