from __future__ import annotations

import re

import pytest

from provision_py.services import http_rules as rules


def is_forbidden(path: str, folder: str = "") -> bool:
    patterns = [pattern for _, pattern in rules.FORBIDDEN]
    if folder:
        patterns = [rules.below(pattern, folder) for pattern in patterns]
    return any(re.search(pattern, path, re.IGNORECASE) for pattern in patterns)


SHOWN = [
    "/",
    "/index.php",
    "/index.php/node/1",
    "/update.php/selection",
    "/core/install.php",
    "/sites/all/modules/civicrm/extern/rest.php",
    "/sites/a.test/modules/contrib/ad/serve.php",
    "/sites/a.test/files/x.txt",
    "/sites/a.test/files/x.md",
    "/sites/a.test/files/x.php_.txt",
    "/sites/a.test/files/x.phpx",
    "/sites/a.test/themes/mine/style.css",
    "/core/assets/vendor/x.js",
    "/robots.txt",
    "/humans.txt",
    "/.well-known/acme-challenge/x",
    "/.well-known",
    "/information",
    "/testing",
    "/node.profiles",
    "/tag",
    "/repository/root/entries",
    "/sites/a.info/files/x.png",
    "/private",
    "/vendor/x",
    "/readme",
    "/user/a@b.test.example/x",
    "/sites/a.test/files/learn.sql_.pdf",
    "/sites/a.test/files/server.log",
    "/sites/a.test/files/settings.png",
    "/learn/sql.basics",
    "/changelog",
    "/distribution",
    "/search/node/settings.php permissions",
    "/forum/index.php-question",
    "/learn/x.sql_basics",
]
HIDDEN = [
    "/.git",
    "/a/.svn/entries",
    "/a.php",
    "/A.PHP",
    "/core/index.php",
    "/sites/index.php",
    "/index.php5",
    "/index.php.txt",
    "/index.phtml",
    "/index.phps",
    "/sites/a.test/files/civicrm/x.php",
    "/sites/a.test/files/modules/civicrm/x.php",
    "/x/sites/all/modules/ad/serve.php",
    "/sites/all/modules/ad/.x.php",
    "/x.yml",
    "/x.YAML",
    "/x.html.twig",
    "/x.mysql",
    "/x.sql.gz",
    "/x.inc.bak",
    "/x~",
    "/x/#y#",
    "/package-lock.json",
    "/core/yarn.lock",
    "/sites/a.test/private/files/x.pdf",
    "/sites/a.test/files/config_x/y",
    "/files/config_x/y",
    "/files/x\ny.php",
    "/x\n/y.php\n",
    "/modules/x\ny/z.txt",
    "/x.sql.tar.gz",
    "/files/x.sql.tgz",
    "/files/x.sql.7z",
    "/x.sql.1",
    "/x.sql.gz.2024-01-31",
    "/sites/a.test/settings.txt",
    "/sites/a.test/drushrc.php_.txt",
    "/sites/a.test/error.log",
    "/sites/a.test/error.log.1",
    "/error_log",
    "/core/phpunit.xml",
    "/core/phpunit.xml.dist",
    "/core/phpstan.neon",
]


@pytest.mark.parametrize("path", SHOWN)
def test_shown(path: str) -> None:
    assert not is_forbidden(path)


@pytest.mark.parametrize("path", HIDDEN)
def test_hidden(path: str) -> None:
    assert is_forbidden(path)


@pytest.mark.parametrize("path", SHOWN)
def test_shown_below_a_folder(path: str) -> None:
    assert not is_forbidden(f"/a/b{path}", "a/b")


@pytest.mark.parametrize("path", HIDDEN)
def test_hidden_below_a_folder(path: str) -> None:
    assert is_forbidden(f"/a/b{path}", "a/b")


@pytest.mark.parametrize("path", ["/vendor/autoload.js", "/private", "/core/node_modules/x", "/drush/x"])
def test_hidden_where_it_exists(path: str) -> None:
    assert re.search(rules.FORBIDDEN_IF_THERE, path)
    assert re.search(rules.below(rules.FORBIDDEN_IF_THERE, "sub"), f"/sub{path}")
    assert not re.search(rules.FORBIDDEN_IF_THERE, f"/modules{path}")


@pytest.mark.parametrize(
    "path",
    ["/a/x.php_bak", "/a/x.php-old", "/a/x.php copy", "/a/x.PHP_", "/a/x.php copy 2", "/a/x.php\ny", "/x.mysql_old"],
)
def test_a_copy_is_hidden_where_it_exists(path: str) -> None:
    assert re.search(rules.COPY_IF_THERE, path, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/files/x.php_.txt", "/files/learn.sql_.pdf", "/x.phpx", "/x.sqlite", "/a.php-b/c"])
def test_no_copy(path: str) -> None:
    assert not re.search(rules.COPY_IF_THERE, path, re.IGNORECASE)


def test_patterns_need_no_escaping_that_differs_between_the_servers() -> None:
    single = (rules.SCRIPT, rules.FORBIDDEN_IF_THERE, rules.COPY_IF_THERE)
    for pattern in (*(pattern for _, pattern in rules.FORBIDDEN), *single):
        assert not re.search(r"""["'\s]|\\\\""", pattern)
