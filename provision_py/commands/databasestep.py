"""The step that makes a site's database and its accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from provision_py.drupal.model import Credentials
from provision_py.errors import DatabaseError
from provision_py.services.db_mysql import DbMysql
from provision_py.steps import databases as _undo  # noqa: F401 (registers how the step is undone)
from provision_py.steps.step import Note, Record, World


class NameTakenError(DatabaseError):
    """Somebody else has made a database of this name since it was found free."""

    code = "PROVISION_CREATE_DB_FAILED"


@dataclass(frozen=True)
class CreateSiteDatabase:
    """Make the database, then an account with all privileges on it for each host that PHP connects from.

    ``CREATE DATABASE`` itself decides whether the name is free, so two installs at once never share a database.
    """

    db: DbMysql
    credentials: Credentials
    hosts: Sequence[str]
    description: str = "Create the database"
    kind: str = "database"

    def prepare(self, world: World, vault: Path) -> Record:
        existed = self.db.database_exists(self.credentials.name)
        return {
            "server": self.db.server.name,
            "name": self.credentials.name,
            "user": self.credentials.user,
            "existed": existed,
            "new_accounts": sorted(set(self.hosts) - set(self.db.account_hosts(self.credentials.user))),
        }

    def apply(self, world: World, record: Record, note: Note) -> None:
        name, user = self.credentials.name, self.credentials.user
        where = f"@{self.db.server.name}"
        if record["existed"] or not self.db.create_database(name):
            note({"existed": True})
            raise NameTakenError(
                f"The database {name} exists already and is not touched",
                where=where,
                hint="Run the task again: it takes another name",
            )
        note({"database_made": True})
        for host in self.hosts:
            self.db.create_account(user, host, self.credentials.password)
            self.db.grant(name, user, host)
        world.log.success(f"Created the database {name} for {user}@{', '.join(self.hosts)} on {where}")


@dataclass(frozen=True)
class GrantHosts:
    """Make the accounts that a site's database user lacks for these hosts. Undo drops those that were made."""

    db: DbMysql
    credentials: Credentials
    hosts: Sequence[str]
    description: str = "Grant the web servers the site's database"
    kind: str = "grants"

    def prepare(self, world: World, vault: Path) -> Record:
        missing = sorted(set(self.hosts) - set(self.db.account_hosts(self.credentials.user)))
        return {"server": self.db.server.name, "user": self.credentials.user, "missing": missing}

    def apply(self, world: World, record: Record, note: Note) -> None:
        for host in record["missing"]:
            self.db.create_account(self.credentials.user, host, self.credentials.password)
            self.db.grant(self.credentials.name, self.credentials.user, host)
            world.log.info(f"{self.credentials.user}@{host} may use the database {self.credentials.name}")
