"""Files that PHP itself has to evaluate."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from provision_py.errors import PhpDataError
from provision_py.php.files import read_drushrc, read_variables
from provision_py.php.sitesphp import read_sites_php, update_sites_php
from provision_py.php.values import PhpValue

BROKEN = Path(__file__).parents[1] / "unit" / "php" / "broken"
ROWS = [row.split() for row in (BROKEN / "lines.txt").read_text().splitlines() if not row.startswith("#")]
# PHP reads a file without an opening tag as text to print.
NO_PHP_IN_IT = {"no-opening-tag.php", "html-page.php"}
# PHP names the last line of the file; ours, on which the string begins, is of more use.
NEVER_ENDS = {"double-quoted-end.php", "unclosed-heredoc.php"}


@pytest.fixture(scope="module", autouse=True)
def _need_php() -> None:
    if shutil.which("php") is None:
        if os.environ.get("CI"):
            pytest.fail("php is missing")
        pytest.skip("php is missing")


def read(folder: Path, code: str, timeout: float = 10.0, **given: PhpValue) -> dict[str, PhpValue]:
    path = folder / "file.php"
    path.write_text(f"<?php\n{code}")
    return read_variables(path, ["a", "b"], given=given, timeout=timeout)


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("$a = strtoupper('x'); $b = null; $c = 1;", {"a": "X", "b": None}),
        ("$a = [1, 'k' => strrev('xy'), 2 => 0.1 + 0.2];", {"a": {0: 1, "k": "yx", 2: 0.1 + 0.2}}),
        ("$b = [5]; $a = &$b[0]; $a++;", {"a": 6, "b": {0: 6}}),
        ('$a = "\\xff" . chr(0);', {"a": "\udcff\0"}),
        ("$a = 'before'; return; $b = 1;", {"a": "before"}),
        ("class X {} $x = new X; $a = get_class($x);", {"a": "X"}),
    ],
)
def test_values(tmp_path: Path, code: str, found: dict[str, PhpValue]) -> None:
    assert read(tmp_path, code) == found


def test_noise_does_not_break_the_answer(tmp_path: Path) -> None:
    noise = (
        "echo str_repeat('noise', 100000); print_r($_SERVER); fwrite(STDERR, 'x'); trigger_error('w'); ob_start();"
    )
    assert read(tmp_path, f"{noise} $a = md5(''); register_shutdown_function(function () {{ echo 'end'; }});") == {
        "a": "d41d8cd98f00b204e9800998ecf8427e"
    }


def test_the_child_has_nothing_of_our_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_TEST_SECRET", "hidden")
    found = read(tmp_path, "$a = array_diff(array_keys(getenv()), ['PWD', 'SHLVL', '_']); $b = fgets(STDIN);")
    assert found == {"a": {0: "PATH"}, "b": False}


def test_given_variables_and_the_folder(tmp_path: Path) -> None:
    assert read(tmp_path, "$a = strrev($root); $b = [getcwd(), __FILE__];", root="xy") == {
        "a": "yx",
        "b": {0: str(tmp_path), 1: str(tmp_path / "file.php")},
    }


@pytest.mark.parametrize(
    ("code", "line", "words"),
    [
        ("\n$a = no_such_function();", 3, "no_such_function"),
        ("\n\nthrow new Exception('reason');", 4, "reason"),
        ("$a = str_repeat('x', 1 << 31);", 2, "memory"),
        ("if (true) {\n  require '/nonexistent/x.php';\n}", 3, "/nonexistent/x.php"),
        ("$a = strrev('x')\n$b = 1;", 3, "unexpected variable"),
        ("function f() {\n  $a = ;\n}", 3, "unexpected token"),
        ("$a = hunter2;", 2, "Undefined constant"),
    ],
)
def test_errors_say_where(tmp_path: Path, code: str, line: int, words: str) -> None:
    with pytest.raises(PhpDataError, match=words) as caught:
        read(tmp_path, code)
    assert caught.value.where == f"{tmp_path}/file.php:{line}"
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("exit;", "ends the program"),
        ("$a = 1; die('message');", "ends the program"),
        ("$a = new ArrayObject;", "object"),
        ("$a = function () {};", "no data"),
        ("$a = ['deep' => [(object) ['x' => 1]]];", "object"),
        ("posix_kill(getmypid(), 9);", "without an answer"),
    ],
)
def test_what_gives_no_data(tmp_path: Path, code: str, words: str) -> None:
    with pytest.raises(PhpDataError, match=words) as caught:
        read(tmp_path, code)
    assert str(tmp_path / "file.php") in caught.value.where


def test_a_file_that_never_ends_is_stopped_with_its_children(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(PhpDataError, match=r"within 0\.5 seconds"):
        read(tmp_path, "file_put_contents(__DIR__ . '/pid', getmypid()); exec('sleep 30'); while (true) {}", 0.5)
    assert time.monotonic() - start < 5
    assert not Path("/proc", (tmp_path / "pid").read_text()).exists()


def test_an_error_in_an_included_file_names_that_file(tmp_path: Path) -> None:
    (tmp_path / "local.drushrc.php").write_text("<?php\n\n$options['x'] = no_such_function();\n")
    (tmp_path / "drushrc.php").write_text("<?php\n@include_once(__DIR__ . '/local.drushrc.php');\n")
    with pytest.raises(PhpDataError) as caught:
        read_drushrc(tmp_path / "drushrc.php")
    assert caught.value.where == f"{tmp_path}/local.drushrc.php:3"


def test_an_included_file_that_computes_is_honoured(tmp_path: Path) -> None:
    (tmp_path / "local.drushrc.php").write_text("<?php if (isset($options['a'])) { $options['b'] = 1 + 1; }")
    (tmp_path / "drushrc.php").write_text("<?php $options['a'] = 1; @include_once(__DIR__ . '/local.drushrc.php');")
    assert read_drushrc(tmp_path / "drushrc.php") == {"a": 1, "b": 2}


def test_a_changed_sites_php_gives_php_the_right_sites(tmp_path: Path) -> None:
    path = tmp_path / "sites.php"
    path.write_text(
        "<?php\n$sites = ['a.test' => 'a'];\nforeach ([1, 2] as $n) $sites[\"n$n.test\"] = 'n';\n"
        "$sites['b.test'] = 'b'; // by hand\n"
    )
    text = update_sites_php(path.read_text(), {"b.test": None, "a.test": "new", "it's.test": "c"}, str(path))
    path.write_text(text)
    assert read_sites_php(path) == {"a.test": "new", "it's.test": "c", "n1.test": "n", "n2.test": "n"}
    assert "// by hand" in text


@pytest.mark.parametrize(("name", "line"), ROWS)
def test_broken_files_give_the_same_line_with_php(name: str, line: str) -> None:
    with pytest.raises(PhpDataError) as caught:
        read_variables(BROKEN / name, ["a", "b", "options", "aliases", "sites"])
    assert caught.value.where == f"{BROKEN / name}:{line}"
    assert caught.value.hint
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(("name", "line"), [row for row in ROWS if row[0] not in NO_PHP_IN_IT])
def test_php_finds_broken_files_broken_in_that_line(name: str, line: str) -> None:
    command = ["php", "-n", "-d", "display_errors=1", "-l", str(BROKEN / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    if name not in NEVER_ENDS:
        assert f" on line {line}\n" in done.stdout
