"""Our readers and writers of PHP data against the real PHP."""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision_py.php.lexer import NotPlainError, PhpSyntaxError
from provision_py.php.literals import export, quote
from provision_py.php.parser import parse
from provision_py.php.serialization import serialize, unserialize
from provision_py.php.values import PhpArray, PhpValue, php_list


@pytest.fixture(scope="module", autouse=True)
def _need_php() -> None:
    if shutil.which("php") is None:
        if os.environ.get("CI"):
            pytest.fail("php is missing")
        pytest.skip("php is missing")


def php(code: str, data: bytes) -> bytes:
    """What PHP code prints; ``data`` is its standard input."""
    command = ["php", "-n", "-d", "display_errors=stderr", "-d", "serialize_precision=-1", "-r", code]
    done = subprocess.run(command, input=data, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout


def php_array(code: str, values: list[PhpValue]) -> list[PhpValue]:
    """``code`` turns ``$values`` (an array) into the array that comes back."""
    text = php(
        f"$values = unserialize(stream_get_contents(STDIN)); {code}; echo serialize($result);", serialize(values)
    )
    result = unserialize(text)
    assert isinstance(result, dict)
    return list(result.values())


def same(first: object, second: object) -> bool:
    """Equal as PHP's === would have it, with the order of keys; NAN equals NAN, 1 is not 1.0 nor true."""
    if type(first) is not type(second):
        return False
    if isinstance(first, float) and isinstance(second, float):
        return (math.isnan(first) and math.isnan(second)) or repr(first) == repr(second)
    if isinstance(first, dict) and isinstance(second, dict):
        return list(first) == list(second) and all(same(first[key], second[key]) for key in first)
    return first == second


def as_bytes(text: str) -> str:
    """Text as it comes back from a file: bytes that happen to form UTF-8 are decoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogateescape")


ESCAPED = st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)
PLAIN = st.characters(exclude_categories=["Cs"])
AWKWARD = st.sampled_from(list("\0'\"\\\r\n$#?>é\x7f€\U0001f600 "))
TEXT = st.text(st.one_of(PLAIN, AWKWARD, ESCAPED), max_size=12).map(as_bytes)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
KEYS = st.one_of(INTEGERS, TEXT.filter(lambda text: not text.lstrip("-").isdecimal()))
SCALARS = st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(), TEXT)
VALUES: st.SearchStrategy[PhpValue] = st.recursive(
    SCALARS, lambda inner: st.dictionaries(KEYS, inner, max_size=5), max_leaves=12
)
BATCHES = st.lists(VALUES, min_size=1, max_size=40)
PHP_SETTINGS = settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))


@PHP_SETTINGS
@given(BATCHES)
def test_what_we_export_is_what_var_export_writes(values: list[PhpValue]) -> None:
    texts = php_array("$result = array_map(function ($v) { return var_export($v, true); }, $values)", values)
    assert texts == [export(value) for value in values]


@PHP_SETTINGS
@given(BATCHES)
def test_php_reads_what_we_export(values: list[PhpValue]) -> None:
    sources: list[PhpValue] = [export(value) for value in values]
    found = php_array('$result = array_map(function ($s) { return eval("return $s;"); }, $values)', sources)
    assert all(same(mine, theirs) for mine, theirs in zip(values, found, strict=True))


@PHP_SETTINGS
@given(BATCHES)
def test_serialised_values_agree_with_php(values: list[PhpValue]) -> None:
    texts = php_array("$result = array_map('serialize', $values)", values)
    assert texts == [serialize(value).decode("utf-8", "surrogateescape") for value in values]
    back = [unserialize(str(text).encode("utf-8", "surrogateescape")) for text in texts]
    assert all(same(mine, theirs) for mine, theirs in zip(values, back, strict=True))


@PHP_SETTINGS
@given(BATCHES)
def test_we_read_what_php_exports(values: list[PhpValue]) -> None:
    code = "$result = array_map(function ($v) { return '<?php $v = ' . var_export($v, true) . ';'; }, $values)"
    for value, text in zip(values, php_array(code, values), strict=True):
        assert same(parse(str(text), "/v.php")["v"], value)


JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), INTEGERS, st.floats(allow_nan=False, allow_infinity=False), st.text(PLAIN)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(PLAIN), inner, max_size=4)),
    max_leaves=12,
)


@PHP_SETTINGS
@given(st.lists(JSON_VALUES, min_size=1, max_size=30))
def test_we_read_what_php_made_of_json(values: list[object]) -> None:
    """PHP's own arrays, whose keys and numbers were made by its JSON reader, in both of its formats."""
    code = """
    foreach (json_decode(stream_get_contents(STDIN), true) as $v) {
      $result[] = [serialize($v), '<?php $v = ' . var_export($v, true) . ';', json_encode($v)];
    }
    echo serialize($result);
    """
    result = unserialize(php(code, json.dumps(values).encode()))
    assert isinstance(result, dict)
    for row in result.values():
        assert isinstance(row, dict)
        first = unserialize(str(row[0]).encode("utf-8", "surrogateescape"))
        assert same(first, parse(str(row[1]), "/v.php")["v"])
        assert as_json(first) == as_json(json.loads(str(row[2])))


def as_json(value: object) -> object:
    """A value of JSON with every list as a mapping and every number as a float, as the formats differ in that."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


# Source text, at random, against PHP. What we read as data, PHP must read to the same; what we call a syntax
# error, PHP must refuse. (What we leave to PHP is right by definition.)

_RUN_EACH = r"""
$sources = unserialize(stream_get_contents(STDIN));
foreach ($sources as $i => $source) {
  if ($i < START) { continue; }
  try {
    $found = (static function () {
      set_error_handler(function () { return true; });
      eval('?>' . func_get_arg(0));
      return array_diff_key(get_defined_vars(), ['_SERVER' => 1]);
    })($source);
    $answer = ['ok', $found];
  }
  catch (\Throwable $e) {
    $answer = [get_class($e), $e->getMessage(), $e->getLine()];
  }
  fwrite(STDERR, "\nanswer:" . base64_encode(serialize($answer)) . "\n");
}
"""


def run_each(sources: list[str]) -> list[tuple[str, PhpValue]]:
    """For each source: ('ok', its variables), or (the class of the error, its line); 'fatal' when PHP died."""
    results: list[tuple[str, PhpValue]] = []
    while len(results) < len(sources):
        command = ["php", "-n", "-d", "display_errors=0", "-r", _RUN_EACH.replace("START", str(len(results)))]
        done = subprocess.run(command, input=serialize(list(sources)), capture_output=True, timeout=60, check=False)
        for line in done.stderr.split(b"\n"):
            if not line.startswith(b"answer:"):
                continue
            answer = unserialize(b64decode(line.removeprefix(b"answer:")))
            assert isinstance(answer, dict)
            results.append((str(answer[0]), answer[1] if answer[0] == "ok" else answer.get(2)))
        if len(results) < len(sources):
            results.append(("fatal", None))
    return results


def check_sources(sources: list[str]) -> int:
    """Compare with PHP; how many of the sources we could judge ourselves."""
    judged = 0
    for source, (status, found) in zip(sources, run_each(sources), strict=True):
        try:
            variables: PhpValue = {**parse(source, "/nowhere/file.php")}
        except NotPlainError:
            continue
        except PhpSyntaxError as error:
            judged += 1
            assert status in ("ParseError", "fatal"), (source, str(error), status, found)
            continue
        judged += 1
        assert status == "ok", (source, variables, status, found)
        assert same(variables, found), (source, variables, found)
    return judged


BODIES = st.text(st.sampled_from(list("\\\\\\\"'$${}nrtvefxu01789AFfz \n\t[]é\x00-")), max_size=14)
HEREDOC_LINES = st.lists(
    st.sampled_from(["", " ", "  a", "\tb", "E", "EO", "EOT1", "\\x41", "\\$c", "$ d", "{ $"]), max_size=4
)


@st.composite
def heredocs(draw: st.DrawFn) -> str:
    lines, indent = draw(HEREDOC_LINES), draw(st.sampled_from(["", " ", "\t", " \t"]))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    label = draw(st.sampled_from(["EOT", '"EOT"', "'EOT'"]))
    after = draw(st.sampled_from([";", " ;", ", 'x'];", "x;"]))
    opening = "[" if "]" in after else ""
    text = newline.join([f"<<<{label}", *(indent + line for line in lines), f"{indent}EOT{after}"])
    return f"<?php\n$v = {opening}{text}\n"


SOURCES = st.one_of(
    BODIES.map(lambda body: f'<?php $v = "{body}";'),
    BODIES.map(lambda body: f"<?php $v = '{body}';"),
    heredocs(),
)


@settings(PHP_SETTINGS, max_examples=25)
@given(st.lists(SOURCES, min_size=20, max_size=60))
def test_random_strings_mean_what_php_says(sources: list[str]) -> None:
    check_sources(sources)


PROGRAM = r"""
$v = array ( 'a' => 'x' , 'b' => array ( 0 => 1 , ) , 'c' => [ 'd' , 007 , ] , ) ; \n
$w [ 'k' ] [ ] = - 5 ; $w [ 'k' ] [ 3 ] = "q\n" . 'r' ; # note \n
$u = $v [ 'b' ] ; /*c*/ $t = PHP_INT_MIN ; // more \n
$s = ( 'a' . 1 ) ; $r = - 9223372036854775807 - 1 ; $q [ null ] = 1.5 ; ?> <?php \n
$p = NULL ;
"""
OTHERS = r"""
; = => , . - + ( ) [ ] array array( 'a' '5' "c\n" 1 0x1F 0b11 1_0 .5 2. 1e3 9223372036854775808 08 FALSE Null INF $v
$w $w[1] $v[] # // /*c*/ /* ?> <?php b'x' @ && ! & { } "$v" "{$v}" and __LINE__ as if ' " ... ?? ? : :: -> $ \ `
foo \n
"""


def tokens_of(text: str) -> list[str]:
    return [token.replace("\\n", "\n") if token == "\\n" else token for token in text.split()]


@st.composite
def broken_programs(draw: st.DrawFn) -> str:
    """A valid data file with up to two tokens removed, replaced or added."""
    tokens = tokens_of(PROGRAM)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(tokens) - 1))
        new = draw(st.lists(st.sampled_from(tokens_of(OTHERS)), max_size=1))
        tokens[at : at + draw(st.integers(0, 1))] = new
    return "<?php\n" + " ".join(tokens)


@settings(PHP_SETTINGS, max_examples=25)
@given(st.lists(broken_programs(), min_size=20, max_size=60))
def test_broken_files_are_what_php_says(sources: list[str]) -> None:
    check_sources(sources)


KEY_SOURCES = [
    *("0", "-0", "5", "-7", "1.5", "-1.5", "1e3", "1e30", "true", "false", "null", "[]", "9223372036854775807"),
    *("'5'", "'05'", "'-5'", "'-0'", "' 5'", "'5 '", "'1.5'", "''", "'a'", "'A'", "'9223372036854775808'"),
    "-9223372036854775808",
]
ENTRIES = st.tuples(
    st.sampled_from([*KEY_SOURCES, ""]), st.sampled_from(["1", "'x'", "[]", "[2, 3]", "array('k' => NULL)"])
)


@settings(PHP_SETTINGS, max_examples=15)
@given(st.lists(st.lists(ENTRIES, max_size=6), min_size=10, max_size=40), st.booleans())
def test_random_arrays_have_the_keys_that_php_gives_them(arrays: list[list[tuple[str, str]]], old: bool) -> None:
    opening, closing = ("array(", ")") if old else ("[", "]")
    sources = []
    for entries in arrays:
        literal = ", ".join(f"{key} => {value}" if key else value for key, value in entries)
        statements = " ".join(f"$w[{key}] = {value};" for key, value in entries)
        sources.append(f"<?php $v = {opening}{literal}{closing}; $w = [];\n{statements}\n$u = $w; $u['last'][] = 1;")
    assert check_sources(sources) > 0


def test_quoting_survives_php(tmp_path: Path) -> None:
    texts = ["", "'", "\\", "\\'", "a\0b", "\0", "?>", "<?php", "${x}", "é\udcff", "*/", "\r\n", "EOT;\n"]
    file = tmp_path / "file.php"
    source = "<?php return array(" + ", ".join(quote(text) for text in texts) + ");"
    file.write_bytes(source.encode("utf-8", "surrogateescape"))
    found = unserialize(php("echo serialize(include trim(stream_get_contents(STDIN)));", str(file).encode()))
    expected: PhpArray = php_list(texts)
    assert found == expected
