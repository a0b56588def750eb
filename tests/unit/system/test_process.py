"""Programs whose output nobody can take, and programs that outlive their starter."""

from __future__ import annotations

import subprocess
import time

import pytest

from provision_py.system.process import end_marked, run


def test_a_program_ends_when_its_output_cannot_be_taken() -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    begun = time.monotonic()
    with pytest.raises(ValueError, match="first"):
        run(["sh", "-c", "echo first; echo second; sleep 30"], on_line=refuse)
    assert time.monotonic() - begun < 10


def test_a_program_that_floods_does_not_wait_for_ever_for_a_listener_that_failed() -> None:
    def refuse(line: str) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        run(["sh", "-c", "while :; do echo a line that fills the pipe; done"], on_line=refuse, timeout=20)


def test_only_marked_programs_are_ended() -> None:
    marked = [
        subprocess.Popen(["sh", "-c", "setsid sleep 30 & wait"], env={"PATH": "/usr/bin:/bin", "MARK": "a"})
        for _ in range(2)
    ]
    with subprocess.Popen(["sleep", "30"], env={"PATH": "/usr/bin:/bin", "MARK": "ab"}) as other:
        time.sleep(0.2)
        assert end_marked("MARK", "a") >= 4
        assert [process.wait(5) for process in marked] == [-9, -9]
        assert other.poll() is None
        other.kill()
    assert end_marked("MARK", "a") == 0
