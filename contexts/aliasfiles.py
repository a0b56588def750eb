"""The folder of alias files: one file per context, written whole and under a lock (backend.md 2.6 and 3)."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from provision_py.contexts.names import new_context_name
from provision_py.contexts.references import Key
from provision_py.contexts.values import to_text_of, to_texts
from provision_py.errors import ContextError, HostError
from provision_py.php.files import read_aliases, render_alias
from provision_py.php.values import PhpArray, PhpValue
from provision_py.system.local import LocalHost
from provision_py.system.locks import FileLock

SUFFIX = ".alias.drushrc.php"
MODE = 0o440
LOCK = ".provision-py.lock"


_STRING = re.compile(rb"'[^']*'")
#: What is left of one assignment of plain data when its strings are taken away.
_PLAIN = re.compile(rb"<\?php\s+\$aliases\[\] = array \((?:[\s0-9,()-]|=>|array|true|false|NULL)*\);\s*")


_Known = tuple[tuple[int, ...], PhpArray]

#: What was read of self-contained files, by path, and the state of the file then: for all folders of a process and
#: of those forked from it.
_READ: dict[str, _Known] = {}


class AliasFolder:
    """Records by context name. What was read is kept as long as the file does not change.

    What a file includes or computes may change without it; of such files this folder remembers what was read, and no
    other does.
    """

    def __init__(self, path: Path) -> None:
        self.folder = path
        self._host = LocalHost()
        self._start = os.path.join(path, "")
        self._computed: dict[str, _Known] = {}

    def path(self, name: str) -> str:
        return f"{self._start}{name}{SUFFIX}"

    def names(self) -> tuple[str, ...]:
        """Names with a file of their own, sorted; none without a folder. Raises ContextError when it is closed."""
        try:
            found = os.listdir(self.folder)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise ContextError(
                f"The alias files cannot be listed: {error.strerror}",
                where=str(self.folder),
                hint="Run as the user that owns them",
                code="PROVISION_UNREADABLE_CONTEXT",
            ) from error
        return tuple(
            sorted(file.removesuffix(SUFFIX) for file in found if file.endswith(SUFFIX) and not file.startswith("."))
        )

    def has(self, name: str) -> bool:
        """Whether there is something in the file's place, be it a link that leads nowhere. Raises ContextError."""
        path = self.path(name)
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            raise _unreadable(path, error) from error
        return True

    def read(self, name: str) -> PhpArray:
        """The record of a context, a copy of one's own. Raises ContextError when it is missing or unreadable."""
        path = self.path(name)
        try:
            found = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(name, path) from None
        except OSError as error:
            raise _unreadable(path, error) from error
        if not stat.S_ISREG(found.st_mode):
            raise ContextError(
                f"What should be the alias file of @{name} is no file",
                where=path,
                hint="Move it away",
                code="PROVISION_UNREADABLE_CONTEXT",
            )
        state = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
        known = self._computed.get(path) or _READ.get(path)
        if known is None or known[0] != state:
            known = (state, self._parse(name, path))
            self._keep(path, known)
        return dict(known[1])

    def mentions(self, name: str, words: Collection[str]) -> bool:
        """Whether a record may have one of these words as, or within, a value. False only when it surely has not.

        Reading a file is much quicker than understanding it, and an installation has hundreds. A file that is not of
        the form that we and drush write may say anything.
        """
        path = self.path(name)
        try:
            if not stat.S_ISREG(os.stat(path).st_mode):
                return True
            content = Path(path).read_bytes()
        except OSError:
            return True
        if any(word.encode() in content for word in words):
            return True
        return not _is_self_contained(content)

    def _parse(self, name: str, path: str) -> PhpArray:
        try:
            records = read_aliases(path)
        except OSError as error:
            raise _unreadable(path, error) from error
        if name not in records:
            raise ContextError(
                f"The file defines no alias of the name {name}",
                where=path,
                hint=f"It should assign $aliases['{name}']",
            )
        return records[name]

    def write(self, name: str, record: Mapping[int | str, PhpValue]) -> None:
        """Write a record where it differs from what is on disk; readers see the old file or the new one."""
        path = self.path(name)
        data = render_alias(name, record).encode("utf-8", "surrogateescape")
        if os.path.isfile(path) and Path(path).read_bytes() == data and os.stat(path).st_mode & 0o7777 == MODE:
            return
        self._host.write(path, data, mode=MODE)
        self._forget(path)

    def remove(self, name: str) -> bool:
        path = self.path(name)
        self._forget(path)
        return self._host.remove(path)

    def _keep(self, path: str, known: _Known) -> None:
        self._forget(path)
        with suppress(OSError):
            kept = _READ if _is_self_contained(Path(path).read_bytes()) else self._computed
            kept[path] = known

    def _forget(self, path: str) -> None:
        _READ.pop(path, None)
        self._computed.pop(path, None)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the folder. Raises HostError, LockedError among them."""
        lock = FileLock(self.folder / LOCK)
        try:
            lock.acquire()
        except OSError as error:
            raise HostError(
                f"The folder of the alias files cannot be changed: {error.strerror}",
                where=str(self.folder),
                hint="Run as the user that owns it",
            ) from error
        try:
            yield
        finally:
            lock.release()


def check_extra_names(
    files: AliasFolder, name: str, extra_names: Sequence[str], old: PhpArray, new: PhpArray
) -> None:
    """Refuse an extra drush alias that is another context. Raises ContextError (PROVISION_NAME_TAKEN).

    ``old`` and ``new`` are the site's record before and after the change: its extra file may hold either.
    """
    at = Key(name, "drush_aliases", files.path(name))
    for text in extra_names:
        try:
            extra = new_context_name(text)
        except ContextError as error:
            raise ContextError(error.what, where=at.where(), hint=error.hint, code=error.code) from error
        if extra == name or not files.has(extra):
            continue
        found = files.read(extra)
        if not same_site(found, old) and not same_site(found, new):
            raise ContextError(
                f"@{extra} is another context already",
                where=at.where(),
                hint="Choose another name for the extra alias",
                code="PROVISION_NAME_TAKEN",
            )


def former_extra_names(files: AliasFolder, name: str, old: PhpArray, new: PhpArray) -> list[str]:
    """Extra drush aliases that a site had and has no more, and whose files are still its own. Raises ContextError."""
    at = Key(name, "drush_aliases", files.path(name))
    kept = {name, *to_texts(new.get("drush_aliases"), at)}
    formers = [former for former in to_texts(old.get("drush_aliases"), at) if former not in kept]
    return [former for former in formers if files.has(former) and same_site(files.read(former), old)]


def _is_self_contained(content: bytes) -> bool:
    """Whether an alias file has the form that we and drush write, which says everything itself."""
    return b"\\" not in content and _PLAIN.fullmatch(_STRING.sub(b"", content)) is not None


def same_site(one: Mapping[int | str, PhpValue], other: Mapping[int | str, PhpValue]) -> bool:
    """Whether two records are of one site: an extra alias has the same host name and platform."""
    return all(to_text_of(one.get(key)) == to_text_of(other.get(key)) for key in ("context_type", "uri", "platform"))


def _missing(name: str, path: str) -> ContextError:
    if os.path.islink(path):
        return ContextError(
            f"The alias file of @{name} is a link that leads nowhere",
            where=f"{path}, a link to {os.readlink(path)}",
            hint="Put back what it links to, or remove the link",
            code="PROVISION_UNREADABLE_CONTEXT",
        )
    return ContextError(f"There is no context @{name}", where=path, hint="provision-py site:alias lists all contexts")


def _unreadable(path: str, error: OSError) -> ContextError:
    return ContextError(
        f"The alias file cannot be read: {error.strerror}",
        where=path,
        hint="Run as the user that owns it",
        code="PROVISION_UNREADABLE_CONTEXT",
    )
