"""The step that changes a site's entries in the platform's sites.php."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision_py.php.parser import read_text
from provision_py.php.sitesphp import read_sites_php, update_sites_php
from provision_py.steps.files import look_at, write_files
from provision_py.steps.step import Note, Record, World, undoes
from provision_py.system.configfile import ConfigFile
from provision_py.system.locks import FileLock
from provision_py.system.presence import exists


@dataclass(frozen=True)
class SetSiteNames:
    """Set entries of sites.php (host name to folder, None to remove).

    Sites of one platform are worked on side by side and the file is theirs together: it is changed under a lock, and
    undoing puts back these entries only, not the file.
    """

    server: str
    path: str
    entries: Mapping[str, str | None]
    lock: Path
    description: str = "Write the names of sites"
    kind: str = "site-names"

    def prepare(self, world: World, vault: Path) -> Record:
        known = read_sites_php(Path(self.path))
        former = {name: known.get(name) for name in self.entries}
        return {"server": self.server, "path": self.path, "lock": str(self.lock), "former": former}

    def apply(self, world: World, record: Record, note: Note) -> None:
        if _set(world, self.server, self.path, self.lock, self.entries):
            host = world.host(self.server)
            world.log.info(f"{self.description}: {self.path}", host=host.name)


@undoes("site-names")
def undo_site_names(world: World, record: Mapping[str, Any]) -> None:
    if exists(record["path"]):
        _set(world, record["server"], record["path"], Path(record["lock"]), record["former"])


def _set(world: World, server: str, path: str, lock: Path, entries: Mapping[str, str | None]) -> bool:
    file = Path(path)
    with FileLock(lock):
        text = read_text(file) if exists(file) else ""
        known = read_sites_php(file)
        if text and all(known.get(name) == folder for name, folder in entries.items()):
            return False
        content = update_sites_php(text, entries, path)
        host, files = world.host(server), [ConfigFile(path, content)]
        return bool(write_files(host, files, look_at(host, files)))
