"""The grammars of .info and .info.yml files."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provision_py.drupal.info import InfoFile, is_hidden, parse_info, parse_info_yml
from provision_py.drupal.scan import array_from_json, to_json
from provision_py.php.values import PhpArray


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = Node", {"name": "Node"}),
        ("  name=Node  \n", {"name": "Node"}),
        ("name = Node\r\ncore = 7.x\r\n", {"name": "Node", "core": "7.x"}),
        ("name = Node\rcore = 7.x\r", {"name": "Node", "core": "7.x"}),
        ("\ufeffname = Node", {"name": "Node"}),
        ("; name = Comment\nname = Node", {"name": "Node"}),
        ("  ; a = b\n", {}),
        ("name = a ; not a comment", {"name": "a ; not a comment"}),
        ("name = a = b", {"name": "a = b"}),
        ("a[] = x\na[] = y", {"a": {0: "x", 1: "y"}}),
        ("a[k] = x\na[l] = y", {"a": {"k": "x", "l": "y"}}),
        ("a[all][] = x.css\na[all][] = y.css", {"a": {"all": {0: "x.css", 1: "y.css"}}}),
        ("a[b][c][d] = x", {"a": {"b": {"c": {"d": "x"}}}}),
        ("a[7] = x\na[] = y", {"a": {7: "x", 1: "y"}}),  # the next number is the count, not the highest plus one
        ("a[07] = x", {"a": {"07": "x"}}),
        ("a[x=y] = z", {"a": {"x=y": "z"}}),
        ("a = 1\na[] = 2", {"a": {0: "2"}}),
        ("a = 1\na = 2", {"a": "2"}),
        ('a = "quoted = ; text  "', {"a": "quoted = ; text  "}),
        ("a = 'it\\'s'", {"a": "it's"}),
        ('a = "say \\"hi\\" \\\\ done"', {"a": 'say "hi" \\ done'}),
        ('a = "two\nlines"\nb = c', {"a": "two\nlines", "b": "c"}),
        ('a = "not closed\nb = c', {"a": '"not closed', "b": "c"}),
        ('a = "quoted" and more\nb = c', {"a": '"quoted" and more', "b": "c"}),
        ("a = \nb = c", {"a": "", "b": "c"}),
        ('a = ""', {"a": ""}),
        ("no equal sign\nb = c", {"b": "c"}),
        ("= value\nb = c", {"b": "c"}),
        ("a[ = x\nb = c", {"b": "c"}),
        ("a[x]] = y\nb = c", {"b": "c"}),
        ("a = TRUE\nb = FALSE\nc = true\nd = NULL", {"a": True, "b": False, "c": "true", "d": "NULL"}),
        ("version = VERSION\nphp = DRUPAL_MINIMUM_PHP", {"version": "7.9", "php": "5.3.3"}),
        ('version = "VERSION"', {"version": "7.9"}),
        ("", {}),
        ("\n\n\n", {}),
    ],
)
def test_info(text: str, expected: PhpArray) -> None:
    constants = {"VERSION": "7.9", "DRUPAL_MINIMUM_PHP": "5.3.3"}
    assert parse_info(text.encode(), constants) == expected


def test_info_keeps_the_order_of_keys() -> None:
    assert list(parse_info(b"b = 1\na = 2\nc[] = 3\n")) == ["b", "a", "c"]


def test_bytes_that_are_not_utf8_become_question_marks() -> None:
    assert parse_info(b"name = Caf\xe9\n") == {"name": "Caf?"}
    assert parse_info_yml(b"name: Caf\xe9\ntype: module\n") == InfoFile({"name": "Caf?", "type": "module"})


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_info_reads_anything(data: bytes) -> None:
    info = parse_info(data)
    assert array_from_json({str(key): to_json(value) for key, value in info.items()}) == info


@settings(deadline=None)
@given(st.text(alphabet="a=[];\"'\\ \n\r", max_size=60))
def test_info_reads_any_syntax(text: str) -> None:
    parse_info(text.encode())


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(max_size=30), max_size=6))
def test_quoted_values_come_back(values: dict[str, str]) -> None:
    usable = {key: value for key, value in values.items() if value not in ("TRUE", "FALSE")}
    escaped = {key: value.replace("\\", "\\\\").replace('"', '\\"') for key, value in usable.items()}
    text = "".join(f'{key} = "{value}"\n' for key, value in escaped.items())
    assert parse_info(text.encode()) == usable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: Node\ntype: module\n", {"name": "Node", "type": "module"}),
        ("dependencies:\n  - drupal:text\n  - a\n", {"dependencies": {0: "drupal:text", 1: "a"}}),
        ("libraries: {}\nregions:\n  a: A\n", {"libraries": {}, "regions": {"a": "A"}}),
        ("hidden: true\nrequired: False\n", {"hidden": True, "required": False}),
        ("base theme: false\n", {"base theme": False}),
        ("name: yes\nother: off\n", {"name": "yes", "other": "off"}),
        ("datestamp: 1687958400\n", {"datestamp": 1687958400}),
        ("date: 2024-05-01\n", {"date": "2024-05-01"}),
        ("core: 8.x\nversion: 8.x-1.0\n", {"core": "8.x", "version": "8.x-1.0"}),
        ("version: 1.5\n", {"version": 1.5}),
        ("core_version_requirement: ^9 || ^10\n", {"core_version_requirement": "^9 || ^10"}),
        ("1: a\n'2': b\n", {1: "a", 2: "b"}),
        ("x: ~\ny:\n", {"x": None, "y": None}),
        ("a: &a [1]\nb: *a\n", {"a": {0: 1}, "b": {0: 1}}),
    ],
)
def test_info_yml(text: str, expected: PhpArray) -> None:
    assert parse_info_yml(text.encode()) == InfoFile(expected)


@pytest.mark.parametrize(
    "text",
    [
        "name: Node\ntype: module\n  bad: [indent\n",
        "<<<<<<< HEAD\nname: Node\n=======\nname: Other\n>>>>>>> x\ntype: module\n",
        "name: 'Node'\ntype: module\ndescription: a: b\n",
        "name: Node\ntype: module\nx: !php/object 'O:8:\"stdClass\":0:{}'\n",
        "name: Node\ntype: module\nx: !!python/object/apply:os.system ['true']\n",
        "name: Node\ntype: module\n\tx: 1\n",
    ],
)
def test_broken_yaml_gives_its_plain_lines_and_a_complaint(text: str) -> None:
    read = parse_info_yml(text.encode())
    assert (read.info["name"], read.info["type"]) == ("Node", "module")
    assert "YAML is broken" in read.complaint


@pytest.mark.parametrize(
    ("text", "part"), [("", "empty"), ("# nothing\n", "empty"), ("- a\n", "keys"), ("x", "keys")]
)
def test_yaml_that_is_no_mapping(text: str, part: str) -> None:
    read = parse_info_yml(text.encode())
    assert read.info == {}
    assert part in read.complaint


def test_multiplying_aliases_are_stopped() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    read = parse_info_yml(("name: Bomb\n" + "\n".join(lines)).encode())
    assert read.info["name"] == "Bomb"
    assert "too many values" in read.complaint


def test_alias_to_itself_is_stopped() -> None:
    assert parse_info_yml(b"name: Ring\na: &a [*a]\n").complaint


@pytest.mark.parametrize(
    "nest",
    [
        "[" * 200_000,
        "{x: " * 50_000,
        "\n" + "- " * 100_000,
        "\n" + "? " * 100_000,
        "\n" + "-\t" * 100_000,
        "\n" + "".join(f"{' ' * n}a:\n" for n in range(1, 900)),
        "\n" + "".join(f"{' ' * n}-\n" for n in range(1, 900)),
        "[" * 900 + "]" * 900,
    ],
)
def test_deep_nesting_is_refused_before_it_is_parsed(nest: str) -> None:
    """The C parser would use up the stack."""
    read = parse_info_yml(f"name: Deep\ntype: module\na: {nest}".encode())
    assert read.info["name"] == "Deep"
    assert "nested too deeply" in read.complaint


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_info_yml_reads_anything(data: bytes) -> None:
    read = parse_info_yml(data)
    assert isinstance(read.info, dict)


@pytest.mark.parametrize("value", [True, 1, "1", "TRUE", "true", "yes"])
def test_hidden(value: bool | int | str) -> None:
    assert is_hidden({"hidden": value})


@pytest.mark.parametrize("value", [False, 0, "0", "", "false", "FALSE", None])
def test_not_hidden(value: bool | int | str | None) -> None:
    assert not is_hidden({"hidden": value})
    assert not is_hidden({})
