"""What was given up: kept for people, after the journal that owed it is gone.

``<state>/given-up/<id>/given-up.json`` (mode 0600)::

    {"journal": "…", "command": "provision-verify", "context": "example.org", "task": 17, "started": 1700000000.0,
     "given_up": 1700000100.0, "left": [{"server": "server_web2", "step": "…", "things": ["/var/aegir/…"]}]}

``task`` may be null, times are in unix seconds. Where nothing at all was undone, the journal and its vault with the
former contents of files are moved into the same folder.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from provision_py.errors import HostError
from provision_py.steps.journal import JournalState
from provision_py.steps.leftovers import Left
from provision_py.system.local import LocalHost

FOLDER = "given-up"


def kept(state_folder: Path, journal: JournalState) -> list[Left]:
    """What was given up of the same journal before; nothing where that cannot be read."""
    try:
        record = json.loads(_file(state_folder, journal).read_text(encoding="utf-8", errors="surrogateescape"))
        return [Left(one["server"], one["step"], tuple(one["things"])) for one in record["left"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def keep(state_folder: Path, journal: JournalState, left: Sequence[Left]) -> Path:
    """Write what is left, each once, in place of what was written before; the file. Raises HostError."""
    path = _file(state_folder, journal)
    record = {
        "journal": journal.id,
        "command": journal.command,
        "context": journal.context,
        "task": journal.task,
        "started": journal.started,
        "given_up": time.time(),
        "left": [asdict(one) for one in dict.fromkeys(left)],
    }
    host = LocalHost()
    for folder in (path.parent.parent, path.parent):
        host.mkdir(str(folder), mode=0o700)
    text = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
    host.write(str(path), text.encode("utf-8", "surrogateescape"), mode=0o600)
    return path


def _file(state_folder: Path, journal: JournalState) -> Path:
    return state_folder / FOLDER / journal.id / "given-up.json"


def forget(state_folder: Path, journal: JournalState) -> None:
    """Nothing was given up after all."""
    shutil.rmtree(state_folder / FOLDER / journal.id, ignore_errors=True)


def put_away(state_folder: Path, journal: JournalState, folder: Path) -> None:
    """Move the journal's files to what :func:`keep` wrote. Raises HostError."""
    try:
        for name in ("journal.jsonl", "vault"):
            if (folder / name).exists():
                os.rename(folder / name, state_folder / FOLDER / journal.id / name)
    except OSError as error:
        raise HostError(
            f"The journal could not be put away: {error.strerror}",
            where=str(folder),
            hint="Correct the owner of the folder and try again",
        ) from error
