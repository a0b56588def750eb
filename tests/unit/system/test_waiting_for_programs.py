"""Waiting for a program's end, on kernels that tell and on those that do not."""

from __future__ import annotations

import errno
import os

import pytest

from provision_py.errors import ProcessError
from provision_py.system import process


@pytest.fixture(params=["told by the kernel", "without pidfd"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without pidfd":

        def refused(pid: int, flags: int = 0) -> int:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(os, "pidfd_open", refused)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("timeout", [None, 30.0])
def test_status_and_output_of_a_program(timeout: float | None) -> None:
    done = process.run(["sh", "-c", "sleep 0.1; echo out; exit 3"], timeout=timeout, check=False)
    assert (done.returncode, done.stdout) == (3, "out\n")


@pytest.mark.usefixtures("way")
def test_a_program_that_ended_before_we_looked() -> None:
    assert process.run(["true"], timeout=30.0).returncode == 0


@pytest.mark.usefixtures("way")
def test_a_program_that_takes_too_long_is_stopped() -> None:
    with pytest.raises(ProcessError) as caught:
        process.run(["sh", "-c", "echo begun; sleep 60"], timeout=0.2)
    assert "did not end within 0.2 seconds" in str(caught.value)
    assert caught.value.output == "begun"


def test_no_descriptor_is_left_open() -> None:
    process.run(["true"], timeout=30.0)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        process.run(["true"], timeout=30.0)
    with pytest.raises(ProcessError):
        process.run(["sleep", "60"], timeout=0.05)
    assert len(os.listdir("/proc/self/fd")) == before
