"""``sites/all/drush/drushrc.php``: what drush and the original know of a platform's packages and sites.

A large platform's is megabytes of text. While nothing new was found and the file is the one that was written from
it, it is not rendered again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import Enum

from provision_py.commands.session import Session
from provision_py.drupal.found_packages import FoundPackages
from provision_py.drupal.model import CodeBase
from provision_py.drupal.package_options import platform_options
from provision_py.errors import HostError
from provision_py.php.render import render_platform_drushrc
from provision_py.steps.files import ApplyFiles
from provision_py.steps.step import Step
from provision_py.system.cachefile import read_cache, write_cache
from provision_py.system.configfile import ConfigFile
from provision_py.system.identity import FileIdentity, regular_file

MODE = 0o444


@dataclass(frozen=True)
class Written:
    """What was written last: from which ``source``, which ``content`` (a digest), how many bytes.

    ``identity`` is that of the file when its content was last seen to be this; None until then.
    """

    source: str
    content: str
    size: int
    identity: FileIdentity | None = None


class Standing(Enum):
    """What the file may be: surely what was written, perhaps (its content tells), or something else."""

    SAME = "same"
    PERHAPS = "perhaps"
    OTHER = "other"


def standing(written: Written | None, source: str, found: os.stat_result | None) -> Standing:
    """How a file stands to what was written; ``found`` is None when there is no regular file.

    Only a file with equal times, size and inode is trusted unread, and only when its mode is right.
    """
    if written is None or not source or written.source != source:
        return Standing.OTHER
    if found is None or found.st_size != written.size or stat.S_IMODE(found.st_mode) != MODE:
        return Standing.OTHER
    return Standing.SAME if FileIdentity.of(found) == written.identity else Standing.PERHAPS


class PlatformDrushrc:
    """The file of one platform; ask for :meth:`steps`, run them, then :meth:`remember`."""

    def __init__(self, session: Session, name: str, code: CodeBase, packages: FoundPackages, sites: Sequence[str]):
        self.path = f"{code.docroot}/sites/all/drush/drushrc.php"
        self._memory = session.cache_file(f"{name}.drushrc.json")
        self._hub = session.master.name
        self._packages, self._sites = packages, sites
        self._source = _digest(json.dumps([packages.digest, *sites]).encode()) if packages.digest else ""
        self._written: Written | None = None

    def steps(self) -> list[Step]:
        """What brings the file up to date; nothing when it is."""
        if self._stands():
            return []
        text = render_platform_drushrc(platform_options(self._packages.load(), self._sites))
        content = text.encode("utf-8", "surrogateescape")
        self._written = Written(self._source, _digest(content), len(content))
        description = "Write what drush knows of the platform"
        return [ApplyFiles(self._hub, [ConfigFile(self.path, text, MODE)], description=description)]

    def remember(self) -> None:
        """Note what was written. When that cannot be, the next verify renders the file again."""
        if self._written is not None and self._source:
            self._note(self._written)

    def _stands(self) -> bool:
        written, found = _recalled(self._memory), regular_file(self.path)
        now = time.time_ns()
        match standing(written, self._source, found):
            case Standing.SAME:
                return True
            case Standing.OTHER:
                return False
        content = _content(self.path)
        if written is None or found is None or content is None or _digest(content) != written.content:
            return False
        identity = FileIdentity.of(found)
        if identity.settled(now):
            self._note(replace(written, identity=identity))
        return True

    def _note(self, written: Written) -> None:
        with contextlib.suppress(HostError):
            write_cache(self._memory, [json.dumps(asdict(written)).encode()])


def _recalled(path: str) -> Written | None:
    try:
        known = json.loads(read_cache(path) or b"{}")
        identity = FileIdentity(*known["identity"]) if known["identity"] is not None else None
        return Written(known["source"], known["content"], known["size"], identity)
    except (ValueError, KeyError, TypeError):
        return None


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()
