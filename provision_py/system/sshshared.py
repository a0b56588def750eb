"""How machines are reached, asked of ``ssh -G`` once for all of them where its configuration tells none apart."""

from __future__ import annotations

import re
import shlex
import threading
from collections.abc import Iterator
from glob import glob
from pathlib import Path

from provision_py.system.sshconfig import SshSettings, SshTarget, ask, parse, resolve

_BYTE = r"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
#: Names and IPv4 addresses that OpenSSH takes as they are. It writes others anew: 127.1 is 127.0.0.1.
_PLAIN = re.compile(rf"[a-z]([a-z0-9.-]*[a-z0-9])?|({_BYTE}\.){{3}}{_BYTE}", re.ASCII)
_LINE = re.compile(r"([A-Za-z0-9]+)(?:\s*=\s*|\s+)(.*)")
#: What makes a difference between machines, or may: conditions, other names, and ways that lead through a machine.
_TELLING = ("match", "hostname", "proxy", "canonical")
#: Files within files, as OpenSSH's own limit.
_DEPTH = 16


class Resolver:
    """Resolves names as :func:`provision_py.system.sshconfig.resolve` does; usable from several threads.

    What is in files counts as it is at the second name: it lives no longer than a command.
    """

    def __init__(self, settings: SshSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._answers: dict[str, str | None] = {}
        self._alike: bool | None = None

    def resolve(self, name: str, user: str) -> SshTarget:
        """How OpenSSH would reach a machine. Raises HostError."""
        if not _PLAIN.fullmatch(name):
            return resolve(name, user, self._settings)
        with self._lock:
            if user not in self._answers:
                answer = ask(name, user, self._settings)
                self._answers[user] = answer if re.search(rf"^hostname {re.escape(name)}$", answer, re.M) else None
                return parse(name, answer, self._settings)
            shared = self._answers[user] if self._are_alike() else None
        if shared is None:
            return resolve(name, user, self._settings)
        return parse(name, re.sub(r"^(host|hostname) .*$", rf"\1 {name}", shared, flags=re.M), self._settings)

    def _are_alike(self) -> bool:
        if self._alike is None:
            self._alike = not self._settings.options and not tells_apart(self._settings)
        return self._alike


def tells_apart(settings: SshSettings) -> bool:
    """Whether the files of ssh_config(5) may treat machines differently. What is not understood may."""
    try:
        return any(_is_telling(keyword, value) for file in _files(settings) for keyword, value in _lines(file))
    except (OSError, ValueError, RecursionError):
        return True


def _files(settings: SshSettings) -> list[Path]:
    own = Path(settings.folder, "config")
    files = [own, Path("/etc/ssh/ssh_config")]
    there = [file for file in files if file.exists()]
    # With a home folder of its own, ssh is given one file.
    return there[:1] if settings.home is not None else there


def _lines(file: Path, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Keywords, in lower case, and their values, with those of included files. Raises ValueError for a line that is
    not understood."""
    if depth > _DEPTH:
        raise ValueError(str(file))
    for line in file.read_text(encoding="utf-8").splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(line)
        keyword, value = found[1].lower(), found[2]
        yield keyword, value
        if keyword == "include":
            for pattern in shlex.split(value):
                if not pattern.startswith("/"):  # another folder for each way in which a file is read
                    raise ValueError(line)
                for included in sorted(glob(pattern)):
                    yield from _lines(Path(included), depth + 1)


def _is_telling(keyword: str, value: str) -> bool:
    if keyword == "host":
        return value.strip() not in ("*", '"*"')
    return keyword.startswith(_TELLING) or "%" in value
