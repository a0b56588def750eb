"""``make demo`` itself, stopped hard where it has programs at work, and taken down afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.sandbox.base import MARK, remove_tree
from provision_py.sandbox.takedown import take_down
from provision_py.system.process import marked


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the demo is to live; its servers' accounts may pass."""
    around = Path(f"/tmp/provision-py-demo-test-{os.getpid()}")
    around.mkdir(mode=0o755)
    yield around / ".sandbox"
    remove_tree(around)


def start(folder: Path) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "provision_py.sandbox.demo", "--folder", str(folder)]
    return subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.parametrize("program", ["mariadb-install-db", "hosting-dispatch"])
def test_a_demo_that_was_killed_is_taken_down_completely(folder: Path, program: str) -> None:
    demo = start(folder)
    deadline = time.monotonic() + 60
    while program not in " ".join(commands(folder)):
        assert demo.poll() is None
        assert time.monotonic() < deadline
    demo.send_signal(signal.SIGKILL)
    demo.wait()
    assert commands(folder)
    assert take_down(folder)
    assert commands(folder) == []
    assert not folder.exists()


def commands(folder: Path) -> list[str]:
    """The command lines of what works in the sandbox."""
    found = []
    for pid in marked(MARK, str(folder)):
        try:
            found.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
