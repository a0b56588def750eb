"""What the documents say of error codes, commands, options and other documents is true of the code."""

from __future__ import annotations

import ast
import re
import shlex
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.cli.arguments import SWITCHES, VALUES
from provision_py.commands.registry import COMMANDS, Command

TOP = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*TOP.glob("*.md"), *(TOP / "docs").glob("*.md")])

_CODE = re.compile(r"(?:PROVISION|DRUSH|DRUPAL|HOSTING|SSL)_[A-Z_]*[A-Z]")
#: Constants of Drupal and names of environment variables look the same.
_NO_CODE = re.compile(r"DRUPAL_(?:ROOT|CORE_COMPATIBILITY|MINIMUM_PHP)|PROVISION_PY_.*")

#: In place of a real command in the usage line.
_PLACEHOLDERS = {"COMMAND"}
#: What the example of docs/extending.md brings; a test of its own runs it.
_FOREIGN = {"provision-noindex", "search_service_type", "search_port"}


def sources(suffix: str) -> Iterator[Path]:
    """The files of the package, the linked folders once, without the Drupal look-alikes of the sandbox."""
    for folder in ("provision_py", "services", "contexts"):
        for path in sorted((TOP / folder).rglob(f"*{suffix}")):
            if "sandbox" not in path.parts and not any(parent.is_symlink() for parent in path.parents):
                yield path


def codes_in_the_source() -> set[str]:
    found: set[str] = set()
    for path in sources(".py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        found.update(text for text in texts if isinstance(text, str) and _CODE.fullmatch(text))
    for path in sources(".php"):
        found.update(re.findall(rf"'({_CODE.pattern})'", path.read_text(encoding="utf-8")))
    return {code for code in found if not _NO_CODE.fullmatch(code)}


def codes_given_as_such() -> set[str]:
    """Literals that stand where a code belongs: ``code=…`` of a call, ``code`` of an error class."""
    found: set[str] = set()
    for path in sources(".py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            value: ast.expr | None = None
            if isinstance(node, ast.keyword) and node.arg == "code":
                value = node.value
            elif isinstance(node, (ast.Assign, ast.AnnAssign)):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                if any(isinstance(target, ast.Name) and target.id == "code" for target in targets):
                    value = node.value
            if isinstance(value, ast.Constant) and isinstance(value.value, str) and value.value:
                found.add(value.value)
    return found


def documented_codes() -> list[str]:
    text = (TOP / "docs" / "error-codes.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE)


def test_every_error_code_is_explained_and_nothing_else() -> None:
    explained, existing = set(documented_codes()), codes_in_the_source()
    assert existing - explained == set(), "codes that docs/error-codes.md does not explain"
    assert explained - existing == set(), "codes in docs/error-codes.md that nothing raises"


def test_every_error_code_is_explained_once() -> None:
    assert [code for code, times in Counter(documented_codes()).items() if times > 1] == []


def test_codes_have_one_of_the_known_beginnings() -> None:
    assert len(codes_given_as_such()) > 30
    assert codes_given_as_such() <= codes_in_the_source()


def test_every_explanation_says_what_it_means_and_what_to_do() -> None:
    text = (TOP / "docs" / "error-codes.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [row for row in cells if len(row) != 3 or not all(row)] == []


# Links


def links(document: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.findall(r"\]\(([^)\s]+)\)", text)


def anchors(document: Path) -> set[str]:
    """The anchors that a page's headings get: lower case, blanks to dashes, other signs dropped."""
    text = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_relative_links_lead_somewhere(document: Path) -> None:
    broken = []
    for link in links(document):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_the_index_names_every_document() -> None:
    index = TOP / "docs" / "README.md"
    others = {path.name for path in (TOP / "docs").glob("*.md")} - {"README.md"}
    assert others <= set(links(index))


# Commands


def calls(document: Path) -> list[str]:
    """What stands behind ``provision-py`` in code spans, code blocks and crontab lines, one call each."""
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    rest = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    pieces = [line for block in blocks for line in block.splitlines()] + re.findall(r"`([^`\n]+)`", rest)
    found = []
    for piece in pieces:
        for call in re.split(r"(?:^|[\s/])provision-py\s+(?=[\w@\[-])", piece)[1:]:
            found.append(re.split(r"\s[;&|>#]|[;)]|\s\\$", call)[0].strip())
    return found


def command_of(call: str) -> tuple[str | None, list[str]]:
    """The command of a call and the names of its options; None when it is a placeholder, or there is none."""
    words = shlex.split(call.replace("[", " ").replace("]", " ").replace("…", " ").replace("'", ""))
    plain = [word for word in words if not word.startswith(("-", "@"))]
    options = [word[2:].partition("=")[0] for word in words if word.startswith("--")]
    command = plain[0] if plain else None
    return (None if command in _PLACEHOLDERS else command), options


def registered(name: str) -> Command | None:
    return next((command for command in COMMANDS if name == command.name or name in command.aliases), None)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_that_are_named_exist(document: Path) -> None:
    wrong = []
    for call in calls(document):
        name, options = command_of(call)
        if name is None or name in {"help", "version"} or name in _FOREIGN:
            continue
        command = registered(name)
        if command is None:
            wrong.append(call)
            continue
        known = {option.name for option in command.options} | set(SWITCHES) | set(VALUES) | _FOREIGN
        wrong += [
            f"{call} (--{name})"
            for name in options
            if name not in known and name.removeprefix("no-") not in known and not name.isupper() and name != "key"
        ]
    assert wrong == []
