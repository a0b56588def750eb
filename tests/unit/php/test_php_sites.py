"""sites.php: setting and removing host names without losing what others wrote into it."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.errors import PhpDataError
from provision_py.php.parser import parse
from provision_py.php.sitesphp import read_sites_php, sites_php_key, update_sites_php

FOREIGN = """<?php
// Ours since 2009.
$sites = array(
  'old.test' => 'a.test',
  'www.b.test' => 'b.test',
);
$sites['dev.test'] = 'a.test'; // keep this remark
$sites['gone.test'] = "a.test";
if (file_exists(__DIR__ . '/local.sites.php')) {
  include __DIR__ . '/local.sites.php';
  $sites['inner.test'] = 'a.test';
}
foreach (range(1, 3) as $n) $sites["n$n.test"] = 'c.test';
?>
"""


def sites(text: str) -> object:
    return parse(text, "/d/sites.php").get("sites")


def test_a_new_file() -> None:
    text = update_sites_php("", {"www.a.test": "a.test", "a.test/shop": "shop.test", "no.test": None})
    assert text.startswith("<?php \n/**\n")
    assert text.endswith("\n$sites = array (\n  'www.a.test' => 'a.test',\n  'a.test.shop' => 'shop.test',\n);\n")
    assert sites(text) == {"www.a.test": "a.test", "a.test.shop": "shop.test"}


def test_entries_of_our_own_file_come_and_go() -> None:
    text = update_sites_php("", {"www.a.test": "a.test", "m.a.test": "a.test"})
    more = update_sites_php(text, {"www.b.test": "b.test"})
    assert sites(more) == {"www.a.test": "a.test", "m.a.test": "a.test", "www.b.test": "b.test"}
    less = update_sites_php(more, {"www.b.test": None, "a.test/none": None})
    assert less == text
    assert sites(update_sites_php(less, {"www.a.test": None, "m.a.test": None})) == {}


def test_setting_what_is_there_changes_nothing() -> None:
    assert update_sites_php(FOREIGN, {"www.b.test": "b.test", "gone.test": "a.test", "x": None}) == FOREIGN


def test_foreign_code_is_kept() -> None:
    text = update_sites_php(
        FOREIGN, {"old.test": None, "new.test": "n.test", "dev.test": "d.test", "gone.test": None}
    )
    expected = FOREIGN.replace(
        "array(\n  'old.test' => 'a.test',\n  'www.b.test' => 'b.test',\n)",
        "array (\n  'www.b.test' => 'b.test',\n  'new.test' => 'n.test',\n)",
    )
    expected = expected.replace("$sites['dev.test'] = 'a.test';", "$sites['dev.test'] = 'd.test';")
    assert text == expected.replace("$sites['gone.test'] = \"a.test\";\n", "")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "<?php\n# nothing but a remark",
            "<?php\n# nothing but a remark\n$sites = array (\n  'x.test' => 'x',\n);\n",
        ),
        ("<?php\n$other = 1;\n?>\n", "<?php\n$other = 1;\n?>\n<?php\n$sites = array (\n  'x.test' => 'x',\n);\n"),
        ("<?php\n$sites += f();\n", "<?php\n$sites += f();\n$sites['x.test'] = 'x';\n"),
        ("<?php\ninclude 'common.php';\n", "<?php\ninclude 'common.php';\n$sites['x.test'] = 'x';\n"),
        ("<?php $sites['y.test'] = 'y' ?>", "<?php $sites['y.test'] = 'y' ?><?php\n$sites['x.test'] = 'x';\n"),
        ("<?php\nif (f()) {\n  $sites = [];\n}\n", "<?php\nif (f()) {\n  $sites = [];\n}\n$sites['x.test'] = 'x';\n"),
        (
            "<?php\n$sites = [];\n$sites = ['a' => 'b'];\n",
            "<?php\n$sites = [];\n$sites = array (\n  'a' => 'b',\n  'x.test' => 'x',\n);\n",
        ),
    ],
)
def test_where_new_entries_go(before: str, after: str) -> None:
    assert update_sites_php(before, {"x.test": "x"}) == after


def test_names_are_quoted() -> None:
    text = update_sites_php("<?php\n$sites['y'] = 'y';\n", {"it's": "\\x'"})
    assert sites(text) == {"y": "y", "it's": "\\x'"}


@pytest.mark.parametrize(
    "text",
    [
        "<?php\nif (f()):\n$sites['a'] = 'b';\nendif;\n",
        "<?php\nif (f()) return;\n",
        "<?php\nnamespace x;\n",
        "<?php\n$sites = array(\n",
        "<?php\n$sites = 'text';\n",
        "<?php\n$x = `id`;\n",
        "no php at all",
    ],
)
def test_what_cannot_be_changed_safely_is_an_error(text: str) -> None:
    with pytest.raises(PhpDataError):
        update_sites_php(text, {"x.test": "x"}, "/d/sites.php")


def test_reading(tmp_path: Path) -> None:
    path = tmp_path / "sites.php"
    assert read_sites_php(path) == {}
    path.write_text("<?php\n")
    assert read_sites_php(path) == {}
    path.write_text("<?php\n$sites = ['a.test' => 'a', 'empty' => '', 8080 => 'b'];\n")
    assert read_sites_php(path) == {"a.test": "a", "8080": "b"}
    path.write_text("<?php\n$sites = 'x';\n")
    with pytest.raises(PhpDataError, match="no array"):
        read_sites_php(path)


def test_keys() -> None:
    assert sites_php_key("a.test/shop/x") == "a.test.shop.x"
