from __future__ import annotations

import io

import pytest

from provision_py.cli import render
from provision_py.commands.registry import COMMANDS, Registry
from provision_py.errors import ContextError
from provision_py.tasklog import LogEntry, TaskLog


def shown(verbosity: int) -> str:
    stream = io.StringIO()
    log = TaskLog([render.TerminalSink(stream, verbosity)])
    for kind in ("error", "warning", "success", "info", "notice", "debug"):
        log.entry(LogEntry(kind, f"a {kind}"))
    return stream.getvalue()


@pytest.mark.parametrize(
    ("verbosity", "kinds"),
    [
        (-1, ["error", "warning"]),
        (0, ["error", "warning", "success", "info"]),
        (1, ["error", "warning", "success", "info", "notice"]),
        (2, ["error", "warning", "success", "info", "notice", "debug"]),
    ],
)
def test_how_much_is_shown(verbosity: int, kinds: list[str]) -> None:
    assert [line.split(":")[0] for line in shown(verbosity).splitlines()] == kinds


def test_errors_say_what_where_and_what_to_do() -> None:
    text = render.error_text(ContextError("It is gone", where="/x", hint="Find it"))
    assert text == "Error: It is gone\n  Where: /x\n  Hint:  Find it\n  Code:  PROVISION_MISSING_CONTEXT\n"
    assert render.error_text(ContextError("a\x1b]0;evil\x07\nb")).splitlines()[0] == "Error: a\\x1b]0;evil\\x07"


def test_help_names_every_command_and_option() -> None:
    everything = render.overview(Registry().all())
    for command in COMMANDS:
        assert command.name in everything
        text = render.command_help(command)
        for option in command.options:
            assert f"--{option.name}" in text
        for argument in command.arguments:
            assert argument.name in text
    assert max(map(len, everything.splitlines())) < 140
