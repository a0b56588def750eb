"""A site to run the bridge on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from provision_py.drupal.bridge import BridgeAnswer, BridgeJob, BridgeLogEntry, Operation, install, run_job
from provision_py.drupal.model import Credentials
from provision_py.drupal.settings import SettingsData, render_settings
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.system.host import Host
from provision_py.system.local import LocalHost

URI = "site.example.test"
#: What a quoting mistake in PHP, SQL, shell, URL or web server configuration would change.
PASSWORD = "p'w\"$x ${y}%2B+\\q\\\\'é<?php ?>//#"


@dataclass(frozen=True)
class Page:
    """An answer of a web server."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass
class BridgeSite:
    """A site folder on a code base, with settings.php and a database that may be empty."""

    docroot: Path
    major: int
    version: str
    credentials: Credentials
    server: DatabaseServer
    host: Host = field(default_factory=LocalHost)
    uri: str = URI
    entries: list[BridgeLogEntry] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.docroot / "sites" / self.uri

    def settings(self, **changes: Any) -> SettingsData:
        data = SettingsData(
            uri=self.uri,
            docroot=str(self.docroot),
            major=self.major,
            core_version=self.version,
            profile="minimal",
            include_path=str(self.docroot.parent / "includes"),
            hash_salt="a salt that stays" if self.major >= 8 else "",
        )
        return replace(data, **changes)

    def write_settings(self, **changes: Any) -> None:
        path = self.folder / "settings.php"
        self.folder.chmod(self.folder.stat().st_mode | 0o200)  # which the installer has taken away
        path.unlink(missing_ok=True)
        path.write_text(render_settings(self.settings(**changes)))

    def job(self, *operations: Operation, **changes: Any) -> BridgeJob:
        job = BridgeJob(
            str(self.docroot), self.uri, self.major, operations, credentials=self.credentials, timeout=100
        )
        return replace(job, **changes)

    def run(self, *operations: Operation, **changes: Any) -> BridgeAnswer:
        self.entries.clear()
        return run_job(self.host, self.job(*operations, **changes), on_entry=self.entries.append)

    def install(self, *further: Operation, profile: str = "minimal", **changes: Any) -> BridgeAnswer:
        operation = install(profile=profile, site_name="The site's name", site_mail="client@example.test")
        return self.run(operation, *further, **changes)

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the site's database, read as the server's admin."""
        return self.server.query(sql, database=self.credentials.name)

    def texts(self, *, type: str | None = None, source: str | None = None) -> str:
        """The messages of the last run's entries of a type and source, one per line."""
        return "\n".join(
            str(entry)
            for entry in self.entries
            if (type is None or entry.type == type) and (source is None or entry.source == source)
        )


MakeSite = Callable[[Path, int, str], BridgeSite]
Serve = Callable[[BridgeSite], Callable[..., Page]]


def stored(site: BridgeSite) -> str:
    """All that the site's database holds of names and settings, as one text."""
    tables = ["variable", "users"] if site.major == 7 else ["config", "key_value", "users_field_data"]
    cells = (cell for table in tables for row in site.query(f"SELECT * FROM {table}") for cell in row)
    return "\n".join(cell.decode() if isinstance(cell, bytes) else str(cell) for cell in cells)
