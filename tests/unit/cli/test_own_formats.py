"""Commands with formats that others have not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provision_py.cli.main import main
from provision_py.commands.registry import COMMANDS, Command


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROVISION_PY_DRUSH_DIR", str(tmp_path))
    (tmp_path / "web1.alias.drushrc.php").write_text(
        "<?php\n$aliases['web1'] = array('context_type' => 'server', 'remote_host' => 'web1.test', "
        "'http_service_type' => 'nginx');\n"
    )
    return tmp_path


@pytest.mark.parametrize(
    ("option", "beginning"),
    [
        ([], "@web1  web1.test  nginx\n"),
        (["--format=text"], "@web1  web1.test  nginx\n"),
        (["--format=table"], "@web1  web1.test  nginx\n"),
        (["--format=svg"], "<svg "),
        (["--format=mermaid"], "flowchart LR\n"),
        (["--format=php"], "array"),
    ],
)
def test_formats(installation: Path, capsys: pytest.CaptureFixture[str], option: list[str], beginning: str) -> None:
    assert main(["topology", *option]) == 0
    assert capsys.readouterr().out.startswith(beginning)


def test_json_for_one_server(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["@web1", "topology", "--format=json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["servers"]] == ["web1"]


def test_other_commands_refuse_them(installation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["site:alias", "--format=svg"]) == 2
    assert "no format svg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "formats"),
    [("topology", "table, json, yaml, php, text, svg, mermaid"), ("site:alias", "table, json, yaml, php")],
)
def test_a_format_that_is_none_is_refused_with_those_that_there_are(
    command: str, formats: str, installation: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--format=xml", command]) == 2
    said = capsys.readouterr().err
    assert f"{command} has no format xml" in said
    assert f"Formats are {formats}\n" in said


def test_help_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "topology"]) == 0
    assert "--format=svg" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_loaded(command: Command) -> None:
    assert callable(command.load())
