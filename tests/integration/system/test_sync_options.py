"""Options of the drushrc and what they do to a sync that is planned first."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.php.values import PhpValue
from provision_py.sandbox.base import Sandbox
from provision_py.steps.release import ReleaseTree
from provision_py.system.rsync import SyncOptions, Tree
from system.machines import OneWorld, Other, put, start_other


@pytest.fixture
def other(sandbox: Sandbox) -> Iterator[Other]:
    found = start_other(sandbox, sandbox.path / "aegir root")
    put(found.disk, platforms__one__index="old")
    put(found.root, platforms__one__index="the new one")
    yield found
    found.machine.close()


#: All that may change what rsync prints, as far as it is allowed.
TALK: list[dict[int | str, PhpValue]] = [
    {"quiet": True}, {"q": None}, {"quiet": ""}, {"info": "none"}, {"debug": "all"}, {"verbose": True},
    {"no-v": True}, {"stats": True}, {"progress": True}, {"P": True}, {"no-itemize-changes": True},
    {"8-bit-output": True}, {"h": True}, {"outbuf": "N"},
]  # fmt: skip


@pytest.mark.parametrize("options", TALK, ids=lambda options: next(iter(options)))
def test_whatever_rsync_shows_what_changed_arrives(
    other: Other, options: dict[int | str, PhpValue], tmp_path: Path
) -> None:
    found = SyncOptions.from_drushrc({"global_sync_options": options})
    world = OneWorld(web1=other.host)
    step = ReleaseTree(["web1"], Tree(str(other.root / "platforms/one")), [str(other.root)], found)
    record = step.prepare(world, tmp_path)
    step.apply(world, record, record.update)
    assert other.text("platforms/one/index") == "the new one"
    assert world.sink.entries[-1].message.endswith("synced: 1 sent")
