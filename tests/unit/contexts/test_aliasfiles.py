"""What alias folders remember, and when they read again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provision_py.contexts import aliasfiles
from provision_py.contexts.aliasfiles import AliasFolder


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are parsed from now on."""
    files: list[str] = []
    original = aliasfiles.read_aliases

    def noted(path: str | Path) -> object:
        files.append(Path(path).name)
        return original(path)

    monkeypatch.setattr(aliasfiles, "read_aliases", noted)
    return files


def test_a_file_that_we_wrote_is_parsed_once_per_process(tmp_path: Path, parsed: list[str]) -> None:
    AliasFolder(tmp_path).write("site", {"uri": "one.example"})
    assert AliasFolder(tmp_path).read("site") == AliasFolder(tmp_path).read("site") == {"uri": "one.example"}
    assert parsed == ["site.alias.drushrc.php"]


def test_what_another_process_writes_is_seen(tmp_path: Path) -> None:
    folder = AliasFolder(tmp_path)
    folder.write("site", {"uri": "one.example"})
    folder.read("site")
    other = tmp_path / "new"
    other.write_text("<?php \n$aliases['site'] = array (\n  'uri' => 'two.example',\n);\n")
    os.replace(other, folder.path("site"))
    assert folder.read("site") == {"uri": "two.example"}


def test_what_a_file_includes_is_read_again_by_the_next_folder(tmp_path: Path) -> None:
    included = tmp_path / "common.inc"
    included.write_text("<?php\n$aliases['site'] = array('uri' => 'one.example');\n")
    Path(AliasFolder(tmp_path).path("site")).write_text(f"<?php\ninclude '{included}';\n")
    assert AliasFolder(tmp_path).read("site") == {"uri": "one.example"}
    included.write_text("<?php\n$aliases['site'] = array('uri' => 'two.example');\n")
    assert AliasFolder(tmp_path).read("site") == {"uri": "two.example"}


def test_a_caller_cannot_change_what_is_remembered(tmp_path: Path) -> None:
    folder = AliasFolder(tmp_path)
    folder.write("site", {"uri": "one.example"})
    folder.read("site")["uri"] = "two.example"
    assert folder.read("site") == {"uri": "one.example"}
