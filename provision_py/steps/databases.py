"""Undoing a database and its accounts. The step that makes them belongs to the db service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provision_py.steps.step import World, undoes


@undoes("database")
def undo_database(world: World, record: Mapping[str, Any]) -> None:
    """Drop what the step made, and nothing else.

    Between ``CREATE DATABASE`` and the note of it the process may have died: a database that was not there before and
    is not noted as ours is dropped only when it is empty. Accounts are dropped only with a database of ours, and only
    those that were not there before it.
    """
    admin = world.database_admin(record["server"])
    name = record["name"]
    if record.get("database_made") or (not record["existed"] and admin.is_empty(name)):
        admin.drop_database(name)
    if record.get("database_made"):
        for host in record["new_accounts"]:
            admin.drop_account(record["user"], host)


@undoes("grants")
def undo_grants(world: World, record: Mapping[str, Any]) -> None:
    """Drop the accounts that were missing before."""
    for host in record["missing"]:
        world.database_admin(record["server"]).drop_account(record["user"], host)
