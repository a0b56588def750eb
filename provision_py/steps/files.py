"""Steps that change files: configuration, directories, links, modes. Web servers: see rollout."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provision_py.errors import HostError
from provision_py.steps.step import Note, Record, World, undoes
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import FileState, Host, Look
from provision_py.tasklog import TaskLog


@dataclass(frozen=True)
class ApplyFiles:
    """Make files what they should be, on the host of one server. Only files that differ are touched."""

    server: str
    files: Sequence[ConfigFile]
    description: str = "Write configuration files"
    kind: str = "files"

    def prepare(self, world: World, vault: Path) -> Record:
        host = world.host(self.server)
        return {"server": self.server, "former": remember_all(host, self.files, vault, look_at(host, self.files))}

    def apply(self, world: World, record: Record, note: Note) -> None:
        host = world.host(self.server)
        changed = write_files(host, self.files, look_at(host, self.files))
        if changed:
            world.log.info(f"{self.description}: {shown_names(changed)}", host=host.name)


@undoes("files")
def undo_files(world: World, record: Mapping[str, Any]) -> None:
    host = world.host(record["server"])
    for former in reversed(record["former"]):
        restore(host, former, world.log)


@dataclass(frozen=True)
class EnsureDirectories:
    """Make directories and links with exactly their modes and groups. Undo removes those that it made, if empty."""

    server: str
    directories: Sequence[Directory]
    links: Sequence[Link] = ()
    description: str = "Make directories"
    kind: str = "directories"

    def prepare(self, world: World, vault: Path) -> Record:
        found = world.host(self.server).stat_all(
            [*(d.path for d in self.directories), *(link.path for link in self.links)]
        )
        return {
            "server": self.server,
            "directories": [{"path": d.path, "former": _access(found[d.path])} for d in self.directories],
            "links": [{"path": link.path, "target": _target(found[link.path])} for link in self.links],
        }

    def apply(self, world: World, record: Record, note: Note) -> None:
        host = world.host(self.server)
        made = [d.path for d in self.directories if host.mkdir(d.path, mode=d.mode, group=d.group)]
        for link in self.links:
            if _target(host.stat(link.path)) != link.target:
                host.symlink(link.target, link.path)
                made.append(link.path)
        if made:
            world.log.info(f"{self.description}: {shown_names(made)}", host=host.name)


@undoes("directories")
def undo_directories(world: World, record: Mapping[str, Any]) -> None:
    host = world.host(record["server"])
    for link in reversed(record["links"]):
        if link["target"] is not None:
            host.symlink(link["target"], link["path"])
        else:
            host.remove(link["path"])
    for directory in reversed(record["directories"]):
        former = directory["former"]
        if former is None:
            host.rmdir(directory["path"])
        elif host.stat(directory["path"]) is not None:
            _give_access(host, directory["path"], former, world.log)


def look_at(host: Host, files: Sequence[ConfigFile]) -> Look:
    """What is at the paths of the files, and at the folders around them."""
    return _look(host, [file.path for file in files])


def write_files(host: Host, files: Sequence[ConfigFile], found: Look) -> list[str]:
    """Make the files what they should be, where they are as :func:`look_at` has found them; returns the paths that
    changed."""
    folders = {path for path, state in found.states.items() if state is not None}
    return [file.path for file in files if _write(host, file, found, folders)]


def _write(host: Host, file: ConfigFile, found: Look, folders: set[str]) -> bool:
    """``folders`` are parents that exist; one that is made now is added."""
    state = found.states[file.path]
    if file.content is None:
        return state is not None and _remove(host, file, folders)
    if state is not None and file.only_if_missing:
        return _set_access(host, file, state)
    content = file.content.encode("utf-8", "surrogateescape")
    if _parent(file.path) not in folders:
        host.mkdir(_parent(file.path), mode=file.folder_mode)
        folders.add(_parent(file.path))
    if state is not None and state.kind == "file" and found.contents.get(file.path) == content:
        return _set_access(host, file, state)
    host.write(file.path, content, mode=file.mode, group=file.group)
    return True


def _remove(host: Host, file: ConfigFile, folders: set[str]) -> bool:
    if file.unless_there is not None and host.stat(file.unless_there) is not None:
        return False
    removed = host.remove(file.path)
    if file.with_folder and host.rmdir(_parent(file.path)):
        folders.discard(_parent(file.path))
    return removed


def _set_access(host: Host, file: ConfigFile, state: FileState) -> bool:
    if state.kind != "link" and (state.mode, state.group) == (file.mode, file.group or state.group):
        return False
    return host.set_access(file.path, mode=file.mode, group=file.group)


def _look(host: Host, paths: Sequence[str]) -> Look:
    return host.look(paths, list(dict.fromkeys(_parent(path) for path in paths)))


def remember_all(host: Host, files: Sequence[ConfigFile], vault: Path, found: Look) -> list[Record]:
    """What :func:`look_at` has found at the paths of the files, see :func:`remember`."""
    return [_remember(host, file.path, found, vault) for file in files]


def remember(host: Host, path: str, vault: Path) -> Record:
    """What is at ``path`` now, a file's content kept in the vault; :func:`restore` puts it back.

    Raises HostError when something is there that is no file and no link.
    """
    return _remember(host, path, _look(host, [path]), vault)


def _remember(host: Host, path: str, found: Look, vault: Path) -> Record:
    state, parent = found.states[path], found.states[_parent(path)]
    if state is None:
        return {"path": path, "kind": None, "parent": parent is not None}
    if state.kind == "link":
        return {"path": path, "kind": "link", "target": state.target}
    if state.kind != "file":
        raise HostError(
            f"{path} should be a file but is a {state.kind}", where=host.name, hint="Move it away and try again"
        )
    copy = vault / hashlib.sha256(f"{host.name}:{path}".encode()).hexdigest()
    if not copy.exists():
        # What has come since we looked is not among the contents.
        _keep(copy, found.contents[path] if path in found.contents else host.read(path))
    folder_mode = None if parent is None else parent.mode
    access = {"mode": state.mode, "group": state.group, "folder_mode": folder_mode}
    return {"path": path, "kind": "file", "copy": str(copy), **access}


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


def _keep(copy: Path, content: bytes) -> None:
    try:
        copy.touch(mode=0o600)
        copy.write_bytes(content)
    except OSError as error:
        raise HostError(
            f"Could not keep the former file: {error.strerror}",
            where=str(copy),
            hint="Nothing was changed; free space and try again",
        ) from error


def restore(host: Host, former: Mapping[str, Any], log: TaskLog) -> None:
    """Put back what :func:`remember` found."""
    path = former["path"]
    if former["kind"] is None:
        if host.stat(path) is not None:
            host.remove(path)
        if not former["parent"]:
            host.rmdir(_parent(path))
    elif former["kind"] == "link":
        if _target(host.stat(path)) != former["target"]:
            host.remove(path)
            host.symlink(former["target"], path)
    else:
        content = Path(former["copy"]).read_bytes()
        state = host.stat(path)
        if state is not None and state.kind == "file" and state.size == len(content) and host.read(path) == content:
            _give_access(host, path, former, log)
        else:
            if state is None and former.get("folder_mode") is not None and host.stat(_parent(path)) is None:
                host.mkdir(_parent(path), mode=former["folder_mode"])
            _as_far_as_allowed(
                host,
                path,
                former["group"],
                log,
                lambda group: host.write(path, content, mode=former["mode"], group=group),
            )


def _give_access(host: Host, path: str, former: Mapping[str, Any], log: TaskLog) -> None:
    _as_far_as_allowed(
        host, path, former["group"], log, lambda group: host.set_access(path, mode=former["mode"], group=group)
    )


def _as_far_as_allowed(
    host: Host, path: str, group: str, log: TaskLog, put_back: Callable[[str | None], object]
) -> None:
    """A group that the account is not in was given by somebody else, and cannot be given again. Nothing else is to
    stay undone for that."""
    try:
        put_back(group)
    except HostError as error:
        put_back(None)
        log.warning(
            f"{path} is as it was, except for its group: {group} could not be given ({error.what})",
            host=host.name,
            code=error.code,
        )


def _access(state: FileState | None) -> Record | None:
    return {"mode": state.mode, "group": state.group} if state is not None else None


def _target(state: FileState | None) -> str | None:
    return state.target if state is not None else None


def shown_names(paths: Sequence[str]) -> str:
    return ", ".join(paths) if len(paths) <= 4 else f"{', '.join(paths[:3])} and {len(paths) - 3} more"


@dataclass(frozen=True)
class SetAccess:
    """Set mode and group of files that exist; those that do not are no concern."""

    server: str
    files: Sequence[tuple[str, int, str | None]]
    description: str = "Set modes of files"
    kind: str = "access"

    def prepare(self, world: World, vault: Path) -> Record:
        host = world.host(self.server)
        former = host.stat_all([path for path, _, _ in self.files])
        return {
            "server": self.server,
            "former": [
                {"path": path, "mode": s.mode, "group": s.group} for path, s in former.items() if s is not None
            ],
        }

    def apply(self, world: World, record: Record, note: Note) -> None:
        host = world.host(self.server)
        there = {former["path"] for former in record["former"]}
        for path, mode, group in self.files:
            if path in there:
                host.set_access(path, mode=mode, group=group)


@undoes("access")
def undo_access(world: World, record: Mapping[str, Any]) -> None:
    host = world.host(record["server"])
    for former in record["former"]:
        if host.stat(former["path"]) is not None:
            _give_access(host, former["path"], former, world.log)
