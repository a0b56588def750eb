"""The machine that we run on, as a :class:`provision_py.system.host.Host`."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import pwd
import secrets
import shutil
import stat as statlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from provision_py.errors import HostError
from provision_py.system import faults, process
from provision_py.system.host import Completed, FileState, Look, Program, Secret

_KINDS = {statlib.S_IFREG: "file", statlib.S_IFDIR: "directory", statlib.S_IFLNK: "link"}


class LocalHost:
    """Local files and processes. Group changes need the caller to be a member of the group, or root."""

    def __init__(self, name: str = "localhost") -> None:
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def is_local(self) -> bool:
        return True

    def ready(self) -> None:
        """They always can."""

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Secret | None = None,
        env: Mapping[str, str | Secret] | None = None,
        cwd: str | None = None,
        timeout: float | None = None,
        check: bool = True,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        return process.run(
            argv, stdin=stdin, env=env, cwd=cwd, timeout=timeout, check=check, on_line=on_line, where=self.name
        )

    def run_all(self, programs: Sequence[Program], *, timeout: float | None = None) -> list[Completed]:
        end = None if timeout is None else time.monotonic() + timeout
        found = []
        for program in programs:
            left = None if end is None else max(0.0, end - time.monotonic())
            done = self.run(program.argv, stdin=program.stdin, timeout=left, check=False)
            found.append(replace(done, heard=time.time()))
        return found

    def stat(self, path: str) -> FileState | None:
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed("look at", path, error) from error
        kind = _KINDS.get(statlib.S_IFMT(found.st_mode), "other")
        return FileState(
            kind=kind,
            mode=statlib.S_IMODE(found.st_mode),
            owner=_user_name(found.st_uid),
            group=_group_name(found.st_gid),
            size=found.st_size,
            target=os.readlink(path) if kind == "link" else None,
        )

    def stat_all(self, paths: Sequence[str]) -> dict[str, FileState | None]:
        return {path: self.stat(path) for path in paths}

    def look(self, files: Sequence[str], others: Sequence[str] = ()) -> Look:
        states = self.stat_all([*files, *others])
        kinds = {path: state.kind for path, state in states.items() if state is not None}
        return Look(states, {path: self.read(path) for path in files if kinds.get(path) == "file"})

    def read(self, path: str) -> bytes:
        with self._failing("read", path):
            return Path(path).read_bytes()

    def write(self, path: str, content: bytes, *, mode: int = 0o644, group: str | None = None) -> None:
        # The name of a temporary file must not look like a configuration file that a web server includes.
        directory, name = os.path.split(path)
        temporary = f"{directory}/.{name}.{secrets.token_hex(4)}.tmp"
        with self._failing("write", path), _opened(directory):
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    if group is not None:
                        os.fchown(file.fileno(), -1, _gid(group))
                    os.fchmod(file.fileno(), mode)
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary)
                raise

    def mkdir(self, path: str, *, mode: int = 0o755, group: str | None = None) -> bool:
        with self._failing("make the directory", path), contextlib.ExitStack() as stack:
            os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
            stack.enter_context(_opened(os.path.dirname(path)))
            try:
                os.mkdir(path, mode & 0o777)
                made = True
            except FileExistsError:
                if not os.path.isdir(path):
                    raise
                made = False
        self.set_access(path, mode=mode, group=group)
        return made

    def symlink(self, target: str, path: str) -> None:
        with self._failing("make the link", path):
            if not os.path.lexists(path):
                # In one call: a process that is killed leaves nothing beside it.
                os.symlink(target, path)
                return
            if not os.path.islink(path):
                raise FileExistsError(errno.EEXIST, "something that is not a link is in its place")
            temporary = f"{path}.{secrets.token_hex(4)}.tmp"
            os.symlink(target, temporary)
            os.replace(temporary, path)

    def set_access(self, path: str, *, mode: int | None = None, group: str | None = None) -> bool:
        with self._failing("set mode and group of", path):
            found = os.lstat(path)
            if statlib.S_ISLNK(found.st_mode):
                return False
            changed = False
            if group is not None and found.st_gid != _gid(group):
                os.chown(path, -1, _gid(group), follow_symlinks=False)
                found, changed = os.lstat(path), True
            if mode is not None and statlib.S_IMODE(found.st_mode) != mode:
                os.chmod(path, mode)
                changed = True
            return changed

    def remove(self, path: str) -> bool:
        with self._failing("remove", path), _opened(os.path.dirname(path)):
            try:
                os.unlink(path)
            except FileNotFoundError:
                return False
            return True

    def rmdir(self, path: str) -> bool:
        try:
            with _opened(os.path.dirname(path)):
                os.rmdir(path)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise self._failed("remove the directory", path, error) from error
        return True

    def remove_tree(self, path: str) -> None:
        with self._failing("remove", path):
            if os.path.islink(path):
                raise NotADirectoryError(errno.ENOTDIR, "is a link")
            if os.path.lexists(path):
                shutil.rmtree(path, onerror=_make_writable_and_retry)

    def rename(self, old: str, new: str) -> None:
        with self._failing("rename", old):
            os.rename(old, new)

    def listdir(self, path: str) -> list[str]:
        with self._failing("list", path):
            return sorted(os.listdir(path))

    @contextlib.contextmanager
    def _failing(self, doing: str, path: str) -> Iterator[None]:
        try:
            yield
        except KeyError as error:
            raise faults.unknown_group(doing, path, error.args[0], self.name) from error
        except OSError as error:
            raise self._failed(doing, path, error) from error

    def _failed(self, doing: str, path: str, error: OSError) -> HostError:
        return faults.file_failure(doing, path, error.errno, error.strerror, self.name)


@contextlib.contextmanager
def _opened(directory: str) -> Iterator[None]:
    """Let us write in a folder of our own that Drupal's installer has made read-only, as it does with a site's."""
    try:
        found = os.stat(directory)
    except OSError:  # which whatever is done next will tell
        found = None
    if found is None or found.st_mode & statlib.S_IWUSR or found.st_uid != os.geteuid():
        yield
        return
    former = statlib.S_IMODE(found.st_mode)
    os.chmod(directory, former | statlib.S_IWUSR)
    try:
        yield
    finally:
        os.chmod(directory, former)


def _make_writable_and_retry(function: Callable[..., object], path: str, info: object) -> None:
    """Drupal makes site folders read-only: their owner may still empty them."""
    parent = os.path.dirname(path)
    for folder in (parent, path):
        if os.path.isdir(folder) and not os.path.islink(folder):
            os.chmod(folder, statlib.S_IMODE(os.lstat(folder).st_mode) | statlib.S_IRWXU)
    function(path)


@lru_cache(maxsize=256)
def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@lru_cache(maxsize=256)
def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


@lru_cache(maxsize=256)
def _gid(group: str) -> int:
    """The number of a group; KeyError with its bare name when there is none."""
    if group.isdigit():
        return int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise KeyError(group) from None
