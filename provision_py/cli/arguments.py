"""Takes a command line apart, in drush's syntax. Pure, and light to import.

``provision-py [global options] [@context] COMMAND [arguments] [--option[=value]] [--no-option]``; options stand
anywhere, ``--`` ends them. Values are always joined by ``=``, because a command may take options that nobody listed.
"""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.errors import UsageError

#: Formats of every command; some have others of their own beside them.
FORMATS = ("table", "json", "yaml", "php")

#: Global options that are on or off, with their short forms.
SWITCHES = {"yes": "y", "verbose": "v", "debug": "d", "quiet": "q", "help": "h", "version": ""}

#: Global options that have a value.
VALUES = ("format", "drush-dir")

_SHORT = {short: name for name, short in SWITCHES.items() if short}
_SHORT_VALUES = {"r": "root", "l": "uri"}


class CommandLine:
    """What stood on the command line.

    ``context`` is the ``@name`` before the command, without ``@``; ``options`` are those of the command: True for
    ``--name``, False for ``--no-name``, else text.
    """

    def __init__(self) -> None:
        self.context: str | None = None
        self.command: str | None = None
        self.arguments: list[str] = []
        self.options: dict[str, str | bool] = {}
        self.switches: set[str] = set()
        self.format: str | None = None
        self.drush_dir: str | None = None

    @property
    def verbosity(self) -> int:
        """-1 quiet, 0 normal, 1 verbose, 2 debug."""
        if "debug" in self.switches:
            return 2
        if "verbose" in self.switches:
            return 1
        return -1 if "quiet" in self.switches else 0


def parse(words: Sequence[str]) -> CommandLine:
    """Raises UsageError for what no command could mean."""
    line = CommandLine()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            for each in rest:
                _positional(line, each)
            break
        if word.startswith("--"):
            _long(line, word[2:])
        elif word.startswith("-") and len(word) > 1:
            _short(line, word[1:], rest)
        else:
            _positional(line, word)
    return line


def _positional(line: CommandLine, word: str) -> None:
    if line.command is not None:
        line.arguments.append(word)
    elif word.startswith("@") and line.context is None:
        if word == "@":
            raise UsageError("A context has a name", where="@", hint="Write @name")
        line.context = word.lstrip("@")
    elif word.startswith("@"):
        raise UsageError(
            "Only one context can stand before the command",
            where=f"@{line.context} {word}",
            hint="provision-py @context COMMAND [arguments]",
        )
    else:
        line.command = word


def _long(line: CommandLine, text: str) -> None:
    name, equals, value = text.partition("=")
    if not name or name.startswith(("-", "=")):
        raise UsageError(f"--{text} is no option", hint="Write --name or --name=value")
    if name in SWITCHES:
        if equals and value not in ("1", "0"):
            raise UsageError(f"--{name} has no value", where=f"--{text}")
        if value != "0":
            line.switches.add(name)
    elif name in VALUES:
        if not value:
            raise UsageError(f"--{name} needs a value", hint=f"Write --{name}=value")
        _set_global(line, name, value)
    elif name.startswith("no-") and not equals and len(name) > 3:
        line.options[name[3:]] = False
    else:
        line.options[name] = value if equals else True


def _set_global(line: CommandLine, name: str, value: str) -> None:
    if name == "drush-dir":
        line.drush_dir = value
    else:
        line.format = value


def _short(line: CommandLine, letters: str, rest: list[str]) -> None:
    """Letters may stand together (``-yv``); ``-r PATH`` and ``-l URI`` are drush's short root and uri."""
    if letters[0] in _SHORT_VALUES:
        value = letters[1:].removeprefix("=") or (rest.pop(0) if rest else "")
        if not value:
            raise UsageError(f"-{letters[0]} needs a value", hint=f"Write --{_SHORT_VALUES[letters[0]]}=value")
        line.options[_SHORT_VALUES[letters[0]]] = value
        return
    for letter in letters:
        if letter not in _SHORT:
            raise UsageError(
                f"-{letter} is no option", where=f"-{letters}", hint="provision-py help lists all options"
            )
        line.switches.add(_SHORT[letter])
