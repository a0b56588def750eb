"""Which keys a machine may show: OpenSSH's known_hosts files (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""

from __future__ import annotations

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class KnownKey:
    """A key that a file lists for a machine. ``kind`` is the key's type (``ssh-ed25519``), ``blob`` its bytes."""

    kind: str
    blob: bytes
    revoked: bool
    file: str
    line: int


def known_keys(files: Iterable[str], name: str) -> list[KnownKey]:
    """The keys listed for ``name`` (``host`` or ``[host]:port``). Files that cannot be read list nothing.

    Keys of certificate authorities are left out: certificates of hosts are not understood here.
    """
    found = []
    for file in files:
        try:
            text = Path(file).read_text(errors="replace")
        except OSError:
            continue
        for number, line in enumerate(text.splitlines(), start=1):
            key = _parse(line, name, file, number)
            if key is not None:
                found.append(key)
    return found


def _parse(line: str, name: str, file: str, number: int) -> KnownKey | None:
    fields = line.split()
    marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
    if len(fields) < 3 or fields[0].startswith("#") or marker not in ("", "@revoked"):
        return None
    if not matches(fields[0], name):
        return None
    try:
        blob = base64.b64decode(fields[2], validate=True)
    except binascii.Error:
        return None
    return KnownKey(fields[1], blob, marker == "@revoked", file, number)


def matches(patterns: str, name: str) -> bool:
    """Whether the first field of a line speaks of ``name``: patterns, ``!`` negation, or a hashed name."""
    if patterns.startswith("|1|"):
        return _matches_hash(patterns, name)
    hit = False
    for pattern in patterns.lower().split(","):
        if fnmatch.fnmatchcase(name.lower(), _pattern(pattern.removeprefix("!"))):
            if pattern.startswith("!"):
                return False
            hit = True
    return hit


def _pattern(pattern: str) -> str:
    """OpenSSH knows ``*`` and ``?`` only; a bracket stands for itself."""
    return pattern.replace("[", "[[]")


def _matches_hash(field: str, name: str) -> bool:
    parts: Sequence[str] = field.split("|")
    try:
        salt, digest = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except (IndexError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), digest)


def fingerprint(blob: bytes) -> str:
    """A key's fingerprint as ``ssh-keygen -l`` shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
