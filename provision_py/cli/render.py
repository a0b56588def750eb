"""What people see: log lines, errors and help."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TextIO

from provision_py.cli.formats import scalar
from provision_py.commands.registry import NEEDED, Command
from provision_py.errors import ProvisionError
from provision_py.tasklog import LogEntry

USAGE = "provision-py [@context] COMMAND [arguments] [--option=value] [--no-option]"

GLOBAL_OPTIONS = (
    ("--format=FORMAT", "Print the result as table, json, yaml or php"),
    ("--drush-dir=PATH", "The folder of the alias files; $PROVISION_PY_DRUSH_DIR or ~/.drush when not given"),
    ("-y, --yes", "Ask nothing; only recover asks, before it gives something up"),
    ("-v, --verbose", "Print more of what is done"),
    ("-d, --debug", "Print everything, and where a defect is"),
    ("-q, --quiet", "Print warnings and errors only"),
    ("-h, --help", "Print help on a command"),
    ("--version", "Print the version"),
)

#: From which verbosity on a type of entry is shown; other types from 1.
_FROM = {"error": -1, "failed": -1, "warning": -1, "success": 0, "ok": 0, "info": 0, "debug": 2}
_COLOURS = {"error": "31", "failed": "31", "warning": "33", "success": "32", "ok": "32"}


class TerminalSink:
    """Writes log entries as lines, as far as ``verbosity`` (-1 to 2) asks for them."""

    def __init__(self, stream: TextIO, verbosity: int) -> None:
        self._stream = stream
        self._verbosity = verbosity
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")

    def write(self, entry: LogEntry) -> None:
        if self._verbosity >= _FROM.get(entry.type, 1):
            code = f" [{entry.error}]" if entry.error else ""
            self._print(f"{self._label(entry.type)} {_lines(entry.text)}{code}\n")

    def _print(self, text: str) -> None:
        """What cannot be shown, because the reader has gone or the disk is full, must not stop what is shown."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except OSError:
            # What is still in the stream's buffer would fail again at the end.
            with contextlib.suppress(OSError, ValueError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._stream.fileno())
                os.close(null)

    def _label(self, kind: str) -> str:
        label = f"{kind + ':':<8}"
        colour = _COLOURS.get(kind) if self._coloured else None
        return f"\x1b[{colour}m{label}\x1b[0m" if colour else label


def error_text(error: ProvisionError) -> str:
    """An error for people: what, where, what to do, and the code to look for."""
    lines = [f"Error: {_lines(error.what)}"]
    if error.where:
        lines.append(f"  Where: {_lines(error.where)}")
    if error.hint:
        lines.append(f"  Hint:  {_lines(error.hint)}")
    lines.append(f"  Code:  {error.code}")
    return "\n".join(lines) + "\n"


def overview(commands: Sequence[Command]) -> str:
    """Help on everything."""
    rows = [(", ".join((command.name, *command.aliases)), command.help) for command in commands]
    return f"Usage: {USAGE}\n\nCommands:\n{_rows(rows)}\nOptions of every command:\n{_rows(GLOBAL_OPTIONS)}"


def command_help(command: Command) -> str:
    """Help on one command."""
    words = [f"<{argument.name}>" if argument.required else f"[{argument.name}]" for argument in command.arguments]
    words = [word + ("…" if argument.many else "") for word, argument in zip(words, command.arguments, strict=True)]
    before = "@context " if command.context == NEEDED else ""
    text = f"{command.help}.\n\nUsage: {' '.join([f'provision-py {before}{command.name}', *words])} [options]\n"
    if command.aliases:
        text += f"Also: {', '.join(command.aliases)}\n"
    if command.context == NEEDED:
        text += f"Works on: {', '.join(command.context_types)}\n"
    if command.arguments:
        text += f"\nArguments:\n{_rows([(argument.name, argument.help) for argument in command.arguments])}"
    if command.options:
        rows = [
            (f"--{option.name}" + (f"={option.value}" if option.value else ""), option.help)
            for option in command.options
        ]
        text += f"\nOptions:\n{_rows(rows)}"
    if command.formats:
        text += f"\nFormats of its own: {', '.join(f'--format={name}' for name in command.formats)}\n"
    if command.any_option:
        text += "\nFurther options are taken as properties that packages bring.\n"
    return text


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    width = min(30, max((len(first) for first, _ in rows), default=0))
    return "".join(
        f"  {first:<{width}}  {second}\n" if len(first) <= width else f"  {first}\n  {'':<{width}}  {second}\n"
        for first, second in rows
    )


def _lines(text: str) -> str:
    """Control characters escaped, so that no text from elsewhere steers the terminal; line breaks stay, indented."""
    return "\n         ".join(scalar(line) for line in text.splitlines()) if text else ""
