"""A corpus of hand-broken files: each gives a clear error with file and line, without any help from PHP."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.errors import PhpDataError
from provision_py.php.files import read_variables

BROKEN = Path(__file__).parent / "broken"
ROWS = [row.split() for row in (BROKEN / "lines.txt").read_text().splitlines() if not row.startswith("#")]


def test_each_file_has_its_line() -> None:
    assert {path.name for path in BROKEN.glob("*.php")} == {name for name, _ in ROWS}


@pytest.mark.parametrize(("name", "line"), ROWS)
def test_the_error_says_where(name: str, line: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PhpDataError) as caught:
        read_variables(BROKEN / name, ["a", "b", "options", "aliases", "sites"])
    assert caught.value.where == f"{BROKEN / name}:{line}"
    assert caught.value.hint
    assert "secret" not in str(caught.value)
