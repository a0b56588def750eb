from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.cli.arguments import CommandLine, parse
from provision_py.errors import UsageError


def parts(words: str) -> tuple[str | None, str | None, list[str], dict[str, str | bool]]:
    line = parse(words.split())
    return line.context, line.command, line.arguments, line.options


@pytest.mark.parametrize(
    ("words", "context", "command", "arguments", "options"),
    [
        ("", None, None, [], {}),
        ("provision-verify", None, "provision-verify", [], {}),
        ("@a.test provision-verify", "a.test", "provision-verify", [], {}),
        ("provision-save @a.test --uri=a.test", None, "provision-save", ["@a.test"], {"uri": "a.test"}),
        ("--uri=a.test @x provision-save", "x", "provision-save", [], {"uri": "a.test"}),
        (
            "hosting-task @a.test verify x=y --force",
            None,
            "hosting-task",
            ["@a.test", "verify", "x=y"],
            {"force": True},
        ),
        ("@hostmaster hosting-task 12", "hostmaster", "hosting-task", ["12"], {}),
        ("c --no-x --y= --z=a=b", None, "c", [], {"x": False, "y": "", "z": "a=b"}),
        ("c --no-x=1", None, "c", [], {"no-x": "1"}),
        ("c --x=1 --x=2", None, "c", [], {"x": "2"}),
        ("c -- --x -y @z", None, "c", ["--x", "-y", "@z"], {}),
        ("-r /p -l=u c", None, "c", [], {"root": "/p", "uri": "u"}),
        ("c -", None, "c", ["-"], {}),
    ],
)
def test_lines(
    words: str, context: str | None, command: str | None, arguments: list[str], options: dict[str, str | bool]
) -> None:
    assert parts(words) == (context, command, arguments, options)


@pytest.mark.parametrize("words", ["-yv --format=json c", "c -v -y --format=json", "--yes c --verbose --format=json"])
def test_global_options_stand_anywhere(words: str) -> None:
    line = parse(words.split())
    assert line.switches == {"yes", "verbose"}
    assert line.format == "json"
    assert line.command == "c"
    assert line.options == {}


@pytest.mark.parametrize(("words", "level"), [("c", 0), ("c -q", -1), ("c -v", 1), ("c -vd", 2), ("c --debug=0", 0)])
def test_verbosity(words: str, level: int) -> None:
    assert parse(words.split()).verbosity == level


def test_the_folder_of_alias_files() -> None:
    assert parse(["--drush-dir=/x", "c"]).drush_dir == "/x"


@pytest.mark.parametrize(
    "words",
    [
        ["@"],
        ["@a", "@b", "c"],
        ["-x", "c"],
        ["-yx", "c"],
        ["-r"],
        ["--=x"],
        ["---x"],
        ["--format", "json", "c"],
        ["--format=", "c"],
        ["--yes=maybe", "c"],
        ["--drush-dir"],
    ],
)
def test_lines_that_mean_nothing(words: list[str]) -> None:
    with pytest.raises(UsageError):
        parse(words)


@given(st.lists(st.text(max_size=12), max_size=8))
def test_any_line_is_parsed_or_refused(words: list[str]) -> None:
    try:
        line = parse(words)
    except UsageError:
        return
    assert isinstance(line, CommandLine)
    assert len(line.arguments) <= len(words)


@given(st.lists(st.text(max_size=12), max_size=5))
def test_after_two_dashes_all_is_taken_as_it_is(words: list[str]) -> None:
    assert parse(["command", "--", *words]).arguments == words
