"""The folder of a sandbox: what lives in it, who may pass, and how all of it goes away again."""

from __future__ import annotations

import contextlib
import getpass
import grp
import json
import os
import pwd
import random
import shlex
import shutil
import socket
import stat
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from provision_py.errors import HostError
from provision_py.sandbox.processes import ProcessRecord, launch, terminate, terminate_marked

T = TypeVar("T")

STATE_FILE = "sandbox.json"
_NEW_STATE_FILE = f".{STATE_FILE}"

#: Stands with the sandbox's path in the environment of all that works in it, so that what a killed starter has
#: not recorded is found too.
MARK = "PROVISION_PY_SANDBOX"

#: sun_path holds 108 bytes; MariaDB and php-fpm add suffixes of their own.
LONGEST_SOCKET = 90

#: Below Linux's ephemeral ports, so that no outgoing connection sits on one.
PORTS = range(20000, 32000)


@dataclass(frozen=True)
class Accounts:
    """The system accounts that daemons run under: Debian's when root starts them, else the caller's own."""

    script_user: str
    web_user: str
    web_group: str
    db_user: str
    is_root: bool

    @classmethod
    def of_caller(cls) -> Accounts:
        if os.geteuid() == 0:
            return cls("root", "www-data", "www-data", "mysql", True)
        user = pwd.getpwuid(os.geteuid()).pw_name
        group = grp.getgrgid(os.getegid()).gr_name
        return cls(user, user, group, user, False)


def free_port(prefer: int | None = None) -> int:
    """A TCP port that nobody listens on now. Starters try another one when somebody was quicker."""
    for port in [*([prefer] if prefer else []), *random.sample(PORTS, 200)]:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("", port))
            except OSError:
                continue
            return port
    raise HostError("No free TCP port found", where=f"{PORTS.start} to {PORTS.stop}")


def start_on_free_port(start: Callable[[int], T | None], *, prefer: int | None = None, attempts: int = 5) -> T:
    """Call ``start`` with free ports until it succeeds; it gives None when the port turned out to be taken."""
    for attempt in range(attempts):
        started = start(free_port(prefer if attempt == 0 else None))
        if started is not None:
            return started
    raise HostError("Every port that was free a moment ago is taken", hint="Try again")


def is_traversable(path: Path) -> bool:
    """True when every account may pass through ``path`` and its parents."""
    path = path.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents) if step.exists())


class Sandbox:
    """One folder with private servers. Make it with :meth:`create`, find it again with :meth:`open`.

    ``path`` holds data and configuration, ``run`` the sockets (the same folder unless its name is too long).
    """

    def __init__(
        self, path: Path, run: Path, owner: ProcessRecord | None, processes: Mapping[str, ProcessRecord]
    ) -> None:
        self.path = path
        self.run = run
        self.owner = owner
        self.accounts = Accounts.of_caller()
        self._processes = dict(processes)

    @classmethod
    def create(cls, path: Path | None = None, *, prefix: str = "provision-py-", keep: bool = False) -> Sandbox:
        """A new sandbox in ``path`` (made now, must not hold anything) or in a new folder of the temp directory.

        Without ``keep`` it belongs to this process: :func:`reap_abandoned` removes it once the process is gone.
        Raises HostError.
        """
        if path is None:
            path = Path(tempfile.mkdtemp(prefix=prefix))
        elif path.is_dir() and any(path.iterdir()):
            raise HostError("The folder of the sandbox is not empty", where=str(path), hint="Remove it first")
        path = path.absolute()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HostError(f"The folder of the sandbox cannot be made: {error.strerror}", where=str(path)) from error
        path.chmod(0o711)
        run = path / "run"
        if len(os.fsencode(run)) > LONGEST_SOCKET - len("/mariadb.sock"):
            run = Path(tempfile.mkdtemp(prefix="ppy-", dir="/tmp"))
        sandbox = cls(path, run, None if keep else ProcessRecord.of(os.getpid()), {})
        # First of all: a folder without it is not taken for a sandbox by those who clear up after a kill.
        sandbox._save()
        run.mkdir(exist_ok=True)
        run.chmod(0o711)
        (path / "log").mkdir()
        (path / "bin").mkdir()
        return sandbox

    @classmethod
    def open(cls, path: Path) -> Sandbox:
        """The sandbox that was made in ``path``. Raises HostError when there is none."""
        state_file = path / STATE_FILE
        try:
            state = json.loads(state_file.read_text())
            owner = ProcessRecord(*state["owner"]) if state["owner"] else None
            processes = {name: ProcessRecord(*record) for name, record in state["processes"].items()}
            return cls(path.absolute(), Path(state["run"]), owner, processes)
        except (FileNotFoundError, NotADirectoryError) as error:
            hint = _by_hand(path) if path.exists() else ""
            raise HostError("There is no sandbox", where=str(path), hint=hint) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            what = f"The state of the sandbox cannot be read: {error}"
            raise HostError(what, where=str(state_file), hint=_by_hand(path)) from error

    @property
    def mark(self) -> dict[str, str]:
        """What belongs into the environment of every program that works in the sandbox."""
        return {MARK: str(self.path.resolve())}

    def folder(self, name: str, *, mode: int = 0o755, user: str | None = None) -> Path:
        """Make a folder below the sandbox, owned by ``user`` (where the caller may give it away)."""
        path = self.path / name
        path.mkdir(exist_ok=True)
        if user is not None and self.accounts.is_root:
            shutil.chown(path, user)
        path.chmod(mode)
        return path

    def log(self, name: str) -> Path:
        return self.path / "log" / f"{name}.log"

    def script(self, path: Path, body: str) -> None:
        """Write an executable shell script."""
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{body}")
        path.chmod(0o755)

    def launch(self, name: str, argv: Sequence[str]) -> ProcessRecord:
        """Start a server whose process :meth:`stop` ends; its output goes to :meth:`log`. Raises HostError."""
        record = launch(argv, log=self.log(name), env=self.mark)
        self._processes[name] = record
        self._save()
        return record

    def running(self) -> dict[str, ProcessRecord]:
        return {name: record for name, record in self._processes.items() if record.is_running()}

    def stop(self, name: str | None = None) -> None:
        """Stop one of the servers, or all, the last started first; wait until they are gone."""
        self._end([name] if name is not None else list(reversed(self._processes)))
        self._save()

    def remove(self) -> None:
        """Stop everything and delete the folder with all that is in it. Raises HostError.

        The state goes last, so that it can be called again when something has come between.
        """
        try:
            self._end(list(reversed(self._processes)))
            for name, value in self.mark.items():
                terminate_marked(name, value)
            if self.run.parent != self.path:
                shutil.rmtree(self.run, ignore_errors=True)
            remove_tree(self.path, last=STATE_FILE)
        except OSError as error:
            raise HostError(
                f"The sandbox cannot be removed: {error.strerror}",
                where=error.filename or str(self.path),
                hint="Correct that, then remove it again",
            ) from error

    def _end(self, names: Sequence[str]) -> None:
        terminate([self._processes[one] for one in names if one in self._processes])
        for one in names:
            self._processes.pop(one, None)

    def _save(self) -> None:
        state = {
            "owner": [self.owner.pid, self.owner.started] if self.owner else None,
            "run": str(self.run),
            "processes": {name: [record.pid, record.started] for name, record in self._processes.items()},
        }
        temporary = self.path / _NEW_STATE_FILE
        temporary.write_text(json.dumps(state))
        temporary.replace(self.path / STATE_FILE)


def was_never_made(path: Path) -> bool:
    """True when ``path`` is a folder whose maker was stopped before the sandbox was one: there is nothing in it."""
    return path.is_dir() and all(child.name == _NEW_STATE_FILE for child in path.iterdir())


def _by_hand(path: Path) -> str:
    return f"If nothing in it is needed, remove it by hand: rm -rf {shlex.quote(str(path))}"


def remove_tree(path: Path, *, last: str = "") -> None:
    """Delete a folder, also where Drupal has taken the owner's write permission from folders in it.

    ``last`` is a file in it that goes when all the rest has gone.
    """
    if os.geteuid() != 0:
        for folder, folders, _files in os.walk(path):
            for child in (Path(folder, name) for name in folders):
                if not child.is_symlink():
                    with contextlib.suppress(OSError):
                        child.chmod(0o700)
    for child in path.iterdir() if last else ():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != last:
            child.unlink()
    shutil.rmtree(path)


def reap_abandoned(prefix: str = "provision-py-") -> list[Path]:
    """Remove the caller's sandboxes in the temp directory whose process died without cleaning up."""
    removed = []
    for state_file in Path(tempfile.gettempdir()).glob(f"{prefix}*/{STATE_FILE}"):
        with contextlib.suppress(OSError, HostError):
            if state_file.owner() != getpass.getuser():
                continue
            sandbox = Sandbox.open(state_file.parent)
            if sandbox.owner is not None and not sandbox.owner.is_running():
                sandbox.remove()
                removed.append(sandbox.path)
    return removed
