"""Plain data files, read without PHP."""

from __future__ import annotations

import math
import time
from pathlib import Path

import pytest

from provision_py.errors import PhpDataError
from provision_py.php.lexer import NotPlainError, PhpSyntaxError
from provision_py.php.literals import export
from provision_py.php.parser import check_brackets, parse
from provision_py.php.values import PhpArray, PhpValue


def value_of(expression: str) -> PhpValue:
    return parse(f"<?php $v = {expression};", "/d/file.php")["v"]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("'it\\'s \\n \\\\ $x'", "it's \\n \\ $x"),
        (r'"a\n\t\x41\101\u{e9}\$x\q\""', 'a\n\tAAé$x\\q"'),
        (r'"\400\xff"', "\0\udcff"),
        (r'"\xc3\xa9"', "é"),
        (r'"\u{D800}"', "\udced\udca0\udc80"),
        ('"$ 5 and { $"', "$ 5 and { $"),
        ("b'x'", "x"),
        ('<<<EOT\n  a\\x41\n  \\"b\n  EOT', 'aA\n\\"b'),
        ("<<<'EOT'\na\\x41 $b\nEOT", "a\\x41 $b"),
        ("<<<EOT\nEOT", ""),
        ("<<<EOT\r\na\r\nb\r\nEOT", "a\r\nb"),
        ("'a' . \"\\0\" . 'b' . 5 . true . null", "a\0b51"),
        ("0x1F", 31),
        ("0b101", 5),
        ("0o17", 15),
        ("017", 15),
        ("1_000", 1000),
        ("-5", -5),
        ("- - 5", 5),
        ("-9223372036854775807-1", -(2**63)),
        ("9223372036854775808", float(2**63)),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-INF", -math.inf),
        ("TRUE", True),
        ("False", False),
        ("nULL", None),
        ("array()", {}),
        ("ARRAY ( 'a' => array(1, 2,), )", {"a": {0: 1, 1: 2}}),
        ("[3 => 'a', 'b', '7' => 'c', 'd', '08' => 'e']", {3: "a", 4: "b", 7: "c", 8: "d", "08": "e"}),
        ("[true => 'a', 1.7 => 'b', null => 'c', false => 'd']", {1: "b", "": "c", 0: "d"}),
        ("['x' => 1, 'y' => 2, 'x' => 3]", {"x": 3, "y": 2}),
        ("[-5 => 'a']", {-5: "a"}),
        ("('a')", "a"),
        ("__DIR__ . '/x'", "/d/x"),
        ("dirname(__FILE__) . '/x'", "/d/x"),
        ("DIRNAME(__DIR__)", "/"),
        ("__LINE__", 1),
        ("PHP_INT_MAX", 2**63 - 1),
    ],
)
def test_expressions(expression: str, value: PhpValue) -> None:
    found = value_of(expression)
    assert found == value
    assert type(found) is type(value)
    assert not isinstance(found, dict) or (isinstance(value, dict) and list(found) == list(value))


def test_statements() -> None:
    text = """#!/usr/bin/php
<?php
# comment with 'quote
// comment with "quote ?> text outside <?php
/* $a = 1; */
$a = 1; $b['x']['y'] = 'z'; $b['x'][] = 'first'; $b['x'][] = 'second';
$list[] = 'a'; $list[5] = 'b'; $list[] = 'c';
$copy = $b['x'];
$copy['y'] = 'changed';
$_SERVER['db_name'] = $b['x']['y'];
$missing = $b['nothing']['at all'];
;;
$last = 'no semicolon needed' ?>
trailing text
"""
    found = parse(text, "/d/file.php")
    assert found == {
        "a": 1,
        "b": {"x": {"y": "z", 0: "first", 1: "second"}},
        "list": {0: "a", 5: "b", 6: "c"},
        "copy": {"y": "changed", 0: "first", 1: "second"},
        "_SERVER": {"db_name": "z"},
        "missing": None,
        "last": "no semicolon needed",
    }


@pytest.mark.parametrize(
    "text", ["", " \n", "\ufeff", "<?php", "<?php\n", "<?PHP ?>", "\ufeff<?php $a = 1;", "<?php # end ?>"]
)
def test_files_with_little_in_them(text: str) -> None:
    assert parse(text, "/d/file.php") in ({}, {"a": 1})


@pytest.mark.parametrize(
    "statement",
    [
        "$v = foo();",
        '$v = "a $b";',
        "$v = \"a {$b['c']} d\";",
        "$v = <<<EOT\n$b\nEOT;",
        "$v = $undefined;",
        "$v = $_SERVER['HOME'];",
        "$v = `id`;",
        "$v += 1;",
        "$v['a'] .= 'x';",
        "$v = 1 ? 2 : 3;",
        "$v = !true;",
        "$v = (string) 5;",
        "$v = 'abc'[0];",
        "$v = 1.5 . 'x';",
        "$v = 2 + 2 . 'x';",
        "$v = 9223372036854775807 + 1;",
        "$v = [...[1]];",
        "$v = [&$w];",
        "$v = [-5 => 1, 2];",
        "$v = [9223372036854775807 => 1, 2];",
        "$v = [[] => 1];",
        "$v = 'text'; $v['a'] = 1;",
        "$v = false; $v[] = 1;",
        "$$v = 1;",
        "$this->v = 1;",
        "$w = $v = 1;",
        "$GLOBALS['v'] = 1;",
        "if (true) { $v = 1; }",
        "return;",
        "unset($v);",
        "echo 'x';",
        "'x';",
        "include 'relative.php';",
        "include $v;",
        "$v = include '/x';",
        "#[Attribute]\nfunction f() {}",
        "?><?= 5 ?>",
        "?><? $v = 1; ?>",
        "$v = __NAMESPACE__;",
        "$v = SOME_CONSTANT;",
    ],
)
def test_what_is_more_than_data_is_left_to_php(statement: str) -> None:
    with pytest.raises(NotPlainError) as caught:
        parse(f"<?php\n{statement}", "/d/file.php")
    assert caught.value.where.startswith("/d/file.php:")


def test_nesting_deeper_than_our_stack_is_left_to_php() -> None:
    with pytest.raises(NotPlainError):
        parse("<?php $v = " + "[" * 5000 + "]" * 5000 + ";", "/d/file.php")


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_lines_are_counted_as_php_does(newline: str) -> None:
    with pytest.raises(PhpSyntaxError) as caught:
        parse(newline.join(["<?php", "$a = 'two", "lines';", "$b = 1 2;"]), "/d/file.php")
    assert caught.value.where == "/d/file.php:4"


def test_an_error_does_not_show_what_is_in_the_file() -> None:
    with pytest.raises(PhpDataError) as caught:
        parse("<?php\n$options['db_passwd'] = 'top'secret'more';", "/d/file.php")
    assert "secret" not in str(caught.value)
    assert "more" not in str(caught.value)


class TestIncludes:
    def read(self, folder: Path, text: str, **files: str) -> dict[str, PhpValue]:
        for name, content in files.items():
            (folder / f"{name}.php").write_text(content)
        return parse(text, str(folder / "main.php"))

    def test_included_files_share_the_variables(self, tmp_path: Path) -> None:
        found = self.read(
            tmp_path,
            "<?php $o = ['a' => 1, 'b' => 2]; @include_once(__DIR__ . '/local.php'); $last = $o['a'];",
            local="<?php $o['a'] = 'local'; $here = __FILE__;",
        )
        assert found == {"o": {"a": "local", "b": 2}, "last": "local", "here": str(tmp_path / "local.php")}

    def test_missing_files_are_passed_over_but_not_required_ones(self, tmp_path: Path) -> None:
        for how in ("include", "@include", "include_once", "@INCLUDE_ONCE"):
            assert self.read(tmp_path, f"<?php {how} __DIR__ . '/no.php'; $a = 1;") == {"a": 1}
        for how in ("require", "@require_once"):
            with pytest.raises(PhpDataError, match=r"no\.php") as caught:
                self.read(tmp_path, f"<?php\n{how} __DIR__ . '/no.php';")
            assert caught.value.where == f"{tmp_path}/main.php:2"

    def test_once_is_once(self, tmp_path: Path) -> None:
        text = "<?php $n[] = 'main'; include_once __DIR__ . '/x.php'; require_once(__DIR__ . '/x.php');"
        assert self.read(tmp_path, text, x="<?php $n[] = 'x';") == {"n": {0: "main", 1: "x"}}
        again = text.replace("_once", "")
        assert self.read(tmp_path, again, x="<?php $n[] = 'x';") == {"n": {0: "main", 1: "x", 2: "x"}}

    def test_an_error_names_the_included_file(self, tmp_path: Path) -> None:
        with pytest.raises(PhpSyntaxError) as caught:
            self.read(tmp_path, "<?php include __DIR__ . '/x.php';", x="<?php\n\n$a = ;")
        assert caught.value.where == f"{tmp_path}/x.php:3"

    def test_a_file_that_includes_itself_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(PhpDataError, match="without end"):
            self.read(tmp_path, "<?php include __DIR__ . '/x.php';", x="<?php include __FILE__;")

    def test_includes_can_be_left_out(self, tmp_path: Path) -> None:
        (tmp_path / "x.php").write_text("<?php $a = 'included';")
        text = "<?php $a = 'own'; include __DIR__ . '/x.php';"
        assert parse(text, str(tmp_path / "main.php"), includes=False) == {"a": "own"}

    def test_symlinks_are_resolved_as_php_does(self, tmp_path: Path) -> None:
        real = tmp_path / "real"
        real.mkdir()
        (real / "main.php").write_text("")
        (tmp_path / "link").symlink_to(real)
        found = parse("<?php $d = __DIR__;", str(tmp_path / "link" / "main.php"))
        assert found == {"d": str(real)}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("<?php\nif (f()) {\n", 2),
        ("<?php\nf(]);\n", 2),
        ("<?php\nf();\n}\n", 3),
        ('<?php\n$a = "{$b["c"]} ok"; f(\n', 2),
        ("<?php\nf();\n'open", 3),
    ],
)
def test_brackets_are_checked_in_any_php(text: str, line: int) -> None:
    with pytest.raises(PhpSyntaxError) as caught:
        check_brackets(text, "/d/file.php")
    assert caught.value.where == f"/d/file.php:{line}"


def test_brackets_in_strings_do_not_count() -> None:
    check_brackets('<?php f(\'(\', "[{$a["x"]}{", <<<E\n(\nE); // (\n#[A]\nfunction g() {}', "/d/file.php")


def test_a_large_file_is_read_fast() -> None:
    """200 KB of packages: well under 100 ms on an idle machine; the bound leaves room for busy ones."""
    entry: PhpArray = {
        "filename": "/srv/platform/modules/x/x.module",
        "basename": "x.module",
        "info": {"name": "It's", "dependencies": {0: "a", 1: "b"}, "php": "5.3.3", "hidden": False},
        "schema_version": 0,
    }
    value: PhpArray = {f"module_{number}": entry for number in range(450)}
    text = f"<?php \n$options['packages'] = {export(value)};\n"
    assert len(text) > 150_000
    times = []
    for _ in range(3):
        start = time.perf_counter()
        found = parse(text, "/d/file.php")
        times.append(time.perf_counter() - start)
        assert found == {"options": {"packages": value}}
    assert min(times) < 0.1
