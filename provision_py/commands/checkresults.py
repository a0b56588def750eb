"""Results of the last checks, kept so that other commands can show them.

One file for each site, ``<aegir root>/.provision-py/checks/<context>.json``::

    {"time": 1700000000, "state": "failed", "message": "…", "members": {"server_web1": {"state": "ok"}}}

``time`` is in unix seconds; ``state`` is ``ok``, ``warning`` or ``failed``; ``members`` holds what was found on each
of the site's web servers, and may be absent, like ``message``. Keys that are not known here are left to later
versions.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from provision_py.system.local import LocalHost

FOLDER = "checks"

OK, WARNING, FAILED = "ok", "warning", "failed"
STATES = (OK, WARNING, FAILED)


@dataclass(frozen=True)
class MemberResult:
    """What was found on one server."""

    state: str
    message: str = ""


@dataclass(frozen=True)
class CheckResult:
    """What the last check of a context found; ``time`` in unix seconds."""

    state: str
    time: int
    message: str = ""
    members: Mapping[str, MemberResult] = field(default_factory=dict)


def read_results(state_folder: Path) -> tuple[dict[str, CheckResult], list[str]]:
    """Results by context, and the names of files that cannot be read. There may be no folder at all."""
    found, broken = {}, []
    for path in sorted((state_folder / FOLDER).glob("*.json")):
        try:
            found[path.stem] = decode(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue  # removed meanwhile
        except (OSError, ValueError):
            broken.append(str(path))
    return found, broken


def decode(text: str) -> CheckResult:
    """Raises ValueError for anything that is no result."""
    record = _mapping(json.loads(text))
    time = record.get("time")
    if isinstance(time, bool) or not isinstance(time, (int, float)) or not math.isfinite(time):
        raise ValueError("no time")
    members = {str(name): _member(_mapping(value)) for name, value in _mapping(record.get("members", {})).items()}
    own = _member(record)
    return CheckResult(own.state, int(time), own.message, members)


def _member(record: Mapping[str, object]) -> MemberResult:
    if record.get("state") not in STATES:
        raise ValueError(f"state {record.get('state')!r}")
    return MemberResult(str(record["state"]), str(record.get("message") or ""))


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ValueError("no mapping")
    return value


def encode(result: CheckResult) -> str:
    """The text that :func:`decode` reads."""
    members = {name: {"state": one.state, "message": one.message} for name, one in result.members.items()}
    record = {"time": result.time, "state": result.state, "message": result.message, "members": members}
    return json.dumps(record, ensure_ascii=False, indent=1) + "\n"


def write_result(state_folder: Path, context: str, result: CheckResult) -> None:
    """Keep the result of a check in place of the former one. Raises HostError."""
    folder = state_folder / FOLDER
    host = LocalHost()
    host.mkdir(str(folder), mode=0o700)
    host.write(str(folder / f"{context}.json"), encode(result).encode(), mode=0o600)
