"""docs/operating.md says of every folder in ``.provision-py`` what it is and whether it may be deleted."""

from __future__ import annotations

import re
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
_PLACES = (re.compile(r'^FOLDER = "([a-z-]+)"', re.MULTILINE), re.compile(r'\.state / "([a-z-]+)"'))


def test_every_folder_of_ours_is_explained() -> None:
    sources = [path for path in (TOP / "provision_py").rglob("*.py") if "sandbox" not in path.parts]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    folders = {name for text in texts for place in _PLACES for name in place.findall(text)}
    assert {"cache", "journal", "locks"} <= folders
    page = (TOP / "docs/operating.md").read_text(encoding="utf-8")
    assert [name for name in sorted(folders) if f"| `.provision-py/{name}/` |" not in page] == []
