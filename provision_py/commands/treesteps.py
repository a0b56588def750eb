"""Steps that make whole folders: code that a tool builds, and the folder of a site."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from provision_py.drupal.toolrun import ToolRun
from provision_py.errors import DrupalError, ProcessError
from provision_py.steps.step import Note, Record, World, undoes
from provision_py.system.process import end_marked, failure

#: A platform build fetches much; longer than this it hangs. Seconds.
BUILD_TIMEOUT = 3600.0

#: Variable in the environment of everything that a build starts.
MARK = "PROVISION_PY_BUILD"


@dataclass(frozen=True)
class BuildTree:
    """Run a tool that builds code. Undo removes ``root`` when it was not there before.

    Such tools start others (git, unzip), which may outlive them when we are killed: all of them carry a mark in their
    environment, by which the undo finds and ends them first. ``complaint`` picks from what the tool says why it
    failed.
    """

    server: str
    root: str
    call: ToolRun
    code: str
    description: str
    complaint: Callable[[str], str] = str
    kind: str = "new-tree"

    def prepare(self, world: World, vault: Path) -> Record:
        return _new_tree(world, self.server, self.root) | {"mark": secrets.token_hex(8)}

    def apply(self, world: World, record: Record, note: Note) -> None:
        host = world.host(self.server)
        env = {MARK: record["mark"]}
        world.log.info(f"{self.description}: {self.call.reason}", host=host.name)
        try:
            done = host.run(
                self.call.argv,
                cwd=self.call.cwd,
                env=env,
                timeout=BUILD_TIMEOUT,
                check=False,
                on_line=world.log.notice,
            )
            if done.returncode != 0:
                said = self.complaint(done.stderr.strip() or done.stdout)
                raise failure(replace(done, stderr=said), host.name)
        except ProcessError as error:
            raise DrupalError(
                f"{self.description}: {error.what}",
                where=error.where,
                hint="Run the command by hand to see what it lacks, then verify the platform again",
                code=self.code,
            ) from error
        world.log.success(f"{self.description}: done", host=host.name)


@dataclass(frozen=True)
class OwnTree:
    """Take charge of a folder that later steps and Drupal fill. Undo removes it, unless it was there before."""

    server: str
    path: str
    description: str = "Make the folder of the site"
    kind: str = "new-tree"

    def prepare(self, world: World, vault: Path) -> Record:
        return _new_tree(world, self.server, self.path)

    def apply(self, world: World, record: Record, note: Note) -> None:
        """The folder is made by the step that knows its mode."""


def _new_tree(world: World, server: str, path: str) -> Record:
    existed = world.host(server).stat(path) is not None
    return {"server": server, "path": path, "existed": existed}


@undoes("new-tree")
def undo_new_tree(world: World, record: Mapping[str, Any]) -> None:
    if record.get("mark"):
        end_marked(MARK, record["mark"])
    if not record["existed"]:
        world.host(record["server"]).remove_tree(record["path"])
