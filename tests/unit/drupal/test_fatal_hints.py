from __future__ import annotations

import pytest

from provision_py.drupal.fatalhints import fatal_hint

VERSION = "made for PHP 8.2.36"


@pytest.mark.parametrize(
    ("message", "file", "says"),
    [
        (
            "Failed opening required '/p/web/../vendor/autoload.php' (include_path='.')",
            "autoload.php",
            "composer install",
        ),
        ("require(): Failed opening required 'settings.shared.php'", "sites/a.test/settings.php", "bring it back"),
        (
            "ParseError: syntax error, unexpected identifier",
            "sites/a.test/settings.php",
            "php -l sites/a.test/settings",
        ),
        ("ParseError: syntax error, unexpected identifier", "sites/a.test/local.settings.php", "Correct that file"),
        ("ParseError: Unclosed '{'", "sites/sites.php", "Correct that file"),
        ("syntax error, unexpected end of file", "/var/aegir/config/includes/global.inc", "Correct that file"),
        ("Allowed memory size of 1073741824 bytes exhausted", "core/x.php", ""),
    ],
)
def test_what_has_nothing_to_do_with_the_version_of_php(message: str, file: str, says: str) -> None:
    hint = fatal_hint(message, file, php="8.2.36", major=10)
    assert says in hint and bool(says) == bool(hint)
    assert VERSION not in hint


@pytest.mark.parametrize(
    "message",
    [
        "Error: Call to undefined function hosting_get_servers()",
        'Error: Class "Drupal\\views\\Views" not found',
        "Error: Interface 'Psr\\Log\\LoggerInterface' not found",
        'Error: Undefined constant "HOSTING_TASK_QUEUED"',
    ],
)
def test_what_a_missing_module_may_explain_as_well(message: str) -> None:
    hint = fatal_hint(message, "profiles/hostmaster/modules/x/x.module", php="8.2.36", major=7)
    assert "no module" in hint and VERSION in hint


@pytest.mark.parametrize(
    ("message", "file"),
    [
        ("TypeError: Unsupported operand types: string + int", "includes/common.inc"),
        ('ParseError: syntax error, unexpected token "match"', "sites/all/modules/x/x.module"),
        ('ParseError: syntax error, unexpected token "{"', "/p/vendor/a/b/src/C.php"),
    ],
)
def test_what_another_version_of_php_is_likely_to_explain(message: str, file: str | None) -> None:
    assert VERSION in fatal_hint(message, file, php="8.2.36", major=7)
