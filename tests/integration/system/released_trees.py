"""A platform that is released from this machine to two others, and everything that can happen to its tree."""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision_py.errors import HostError
from provision_py.sandbox.base import Sandbox
from provision_py.steps.release import ReleaseTree
from provision_py.steps.step import CLEAN_UP, UNDO, Record
from provision_py.system.rsync import Tree
from provision_py.system.treeswitch import PROGRAM
from system.machines import OneWorld, Other, put

PLATFORM = "platforms/drupal 7"


@dataclass
class Two:
    """Two other machines with the same roots as this one, and the platform on this one."""

    web1: Other
    web2: Other
    sandbox: Sandbox

    @property
    def all(self) -> tuple[Other, Other]:
        return (self.web1, self.web2)

    @property
    def here(self) -> Path:
        return self.web1.root / PLATFORM

    @property
    def roots(self) -> list[str]:
        return [str(self.web1.root)]

    @property
    def world(self) -> OneWorld:
        return OneWorld(web1=self.web1.host, web2=self.web2.host)

    def step(self, **options: Any) -> ReleaseTree:
        return ReleaseTree(["web1", "web2"], Tree(str(self.here), exclude_sites=True), self.roots, **options)

    def released(self, step: ReleaseTree | None = None) -> Record:
        """Run the step; its record, notes included."""
        record, error = self.tried(step)
        if error is not None:
            raise error
        return record

    def tried(self, step: ReleaseTree | None = None) -> tuple[Record, HostError | None]:
        step = step or self.step()
        record = step.prepare(self.world, self.sandbox.path)
        try:
            step.apply(self.world, record, record.update)
        except HostError as error:
            return record, error
        return record, None

    def undo(self, record: Mapping[str, Any]) -> None:
        UNDO["release"](self.world, record)

    def clean_up(self, record: Mapping[str, Any]) -> None:
        CLEAN_UP["release"](self.world, record)

    def there(self) -> list[dict[bytes, tuple[object, ...]]]:
        return [state_of(other.disk / PLATFORM) for other in self.all]


def state_of(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """Everything below a folder: kind and mode, and of files content and time to the nanosecond, of links target and
    time. Times of folders are not synced."""
    found: dict[bytes, tuple[object, ...]] = {}
    top = os.fsencode(folder)
    for above, folders, files in os.walk(top):
        for name in (*folders, *files, b"."):
            path = os.path.join(above, name)
            state = os.lstat(path)
            what: tuple[object, ...] = (oct(state.st_mode), state.st_uid, state.st_gid)
            if os.path.islink(path):
                what += (os.readlink(path), state.st_mtime_ns)
            elif not os.path.isdir(path):
                what += (Path(os.fsdecode(path)).read_bytes(), state.st_mtime_ns)
            found[os.path.relpath(path, top)] = what
    return found


ODD = (
    "with space",
    "quo'te\"s",
    "new\nline",
    "-dash",
    "ünïcode",
    os.fsdecode(b"no-utf8-\xff\xfe"),
    "\\#012",
    "#hash",
    ";semi",
    "a -> b",
    "tab\there",
    "*?[x]",
    "$(true)`",
    "back\\slash",
    "cr\r",
    "%n",
    "~tilde",
    ":colon",
    "~",
)


def fill(here: Path) -> None:
    for name in ("index.php", "modules/node/node.module", "modules/old/deep/old.module", "gone.php", "kept.php",
                 "folder/one", "folder/deep/two", "file", "sites/all/modules/views.module", "sites/one/settings",
                 "locked/inner.php", "modes/file", *(f"odd/{name}" for name in ODD)):  # fmt: skip
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(f"old {name!r}")
    (here / "link").symlink_to("index.php")
    (here / "dead").symlink_to("nowhere")
    (here / "locked").chmod(0o555)
    (here / "modes").chmod(0o2750)
    date_back(here, 100_000)


def date_back(here: Path, seconds: int) -> None:
    """Give what is new another time: rsync takes moments of the same second for the same."""
    now = time.time()
    for above, folders, files in os.walk(here):
        for name in (*folders, *files):
            path = f"{above}/{name}"
            if os.lstat(path).st_mtime > now - 1000 and (os.path.islink(path) or not os.path.isdir(path)):
                os.utime(path, (now - seconds, now - seconds), follow_symlinks=False)


def change(here: Path) -> None:
    """Everything that can happen to a tree."""
    (here / "index.php").write_text("new index")
    (here / "new.php").write_text("new")
    put(here, fresh__folder__deep="x", fresh__two="y")
    (here / "fresh/empty").mkdir()
    (here / "gone.php").unlink()
    shutil.rmtree(here / "modules/old")
    shutil.rmtree(here / "folder")
    (here / "folder").write_text("a file now")
    (here / "file").unlink()
    put(here, file__inner="a folder now", file__deep__er="and more")
    (here / "link").unlink()
    (here / "link").symlink_to("kept.php")
    (here / "dead").unlink()
    (here / "dead").write_text("a file in the place of a link")
    (here / "modules/node").rename(here / "modules/core")
    (here / "modules/node").symlink_to("core/node.module")
    (here / "locked").chmod(0o755)
    (here / "locked/inner.php").write_text("new in a locked folder")
    (here / "locked").chmod(0o555)
    (here / "modes").chmod(0o711)
    (here / "modes/file").chmod(0o600)
    for name in ODD[::2]:
        (here / "odd" / name).write_text("new")
    for name in ODD[1::2]:
        (here / "odd" / name).unlink()
        (here / "odd" / f"{name}.new").write_text("new")
        (here / "odd" / f"{name}.folder").mkdir()
        (here / "odd" / f"{name}.folder" / name).write_text("new")
    date_back(here, 50_000)


def synced(here: Path) -> dict[bytes, tuple[object, ...]]:
    return {path: what for path, what in state_of(here).items() if not path.startswith(b"sites/one")}


def cut_short(after: int) -> bytes:
    """The program that switches, which kills itself before a change to the file system when it has made so many."""
    calls = ("rename", "link", "mkdir", "rmdir", "chmod")
    text = re.sub(rf"\b({'|'.join(calls)})\(", r"cut_\1(", PROGRAM.read_text())
    head = "".join(f"function cut_{call}(...$with) {{ cut(); return {call}(...$with); }}\n" for call in calls)
    head += f"function cut() {{ static $count = 0; if ($count++ >= {after}) {{ exec('kill -9 ' . getmypid()); }} }}\n"
    return text.replace("<?php\n", f"<?php\n{head}", 1).encode()
