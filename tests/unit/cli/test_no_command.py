"""A command line without a command."""

from __future__ import annotations

import pytest

from provision_py.cli.main import main


@pytest.mark.parametrize("words", [["@site"], ["--uri=x"], ["-v"], ["--drush-dir=/srv/x", "@site", "--delete"]])
def test_words_without_a_command_are_wrong_usage(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "No command was given" in err
    assert "PROVISION_USAGE" in err


@pytest.mark.parametrize("words", [[], ["help"], ["--help"], ["@site", "--help"]])
def test_who_asks_for_help_gets_it(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(words) == 0
    assert "Commands:" in capsys.readouterr().out
