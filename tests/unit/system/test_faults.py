from __future__ import annotations

import errno

import pytest

from provision_py.system.faults import file_failure


@pytest.mark.parametrize(
    ("doing", "right"),
    [("read", "read"), ("list", "read"), ("look at", "read"), ("write", "write"), ("remove", "write")],
)
def test_the_right_that_is_missing_is_the_one_that_was_needed(doing: str, right: str) -> None:
    error = file_failure(doing, "/p/settings.php", errno.EACCES, None, "localhost")
    assert f"the right to {right}" in error.hint
    assert error.code == "DRUSH_PERM_ERROR"


def test_other_failures_keep_their_own_advice() -> None:
    assert "mounted read-only" in file_failure("write", "/p", errno.EROFS, None, "localhost").hint
    assert file_failure("read", "/p", errno.EIO, None, "localhost").hint == ""
