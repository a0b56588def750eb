"""What composer says when it fails, shortened as it was recorded."""

from __future__ import annotations

from provision_py.drupal.composer import complaint

OPTIONS = "install [--prefer-source] [--prefer-dist] [--dry-run] [--] [<packages>...]\n"

REQUIREMENTS = """Installing dependencies from lock file
Verifying lock file contents can be installed on current platform.
Your lock file does not contain a compatible set of packages. Please run composer update.

  Problem 1
    - Root composer.json requires php >=9 but your php version (8.2.36) does not satisfy that requirement.
  Problem 2
    - a/b 1.0.0 requires ext-foo * -> it is missing from your system.

To enable extensions, verify that they are enabled in your .ini files:
    - /etc/php/8.2/cli/php.ini
You can also run `php --ini` in a terminal to see which files are used by PHP in CLI mode.
"""

EXCEPTIONS = f"""Loading composer repositories with package information

In Factory.php line 320:

  "./composer.json" does not match:
   - require.a : Integer value found


In Other.php line 3:

  because


{OPTIONS}
"""


def test_requirements_that_are_not_met() -> None:
    lines = complaint(REQUIREMENTS).splitlines()
    assert lines[0].startswith("Your lock file does not contain")
    assert "ext-foo" in lines[-1]
    assert complaint(REQUIREMENTS.partition("\nTo enable")[0]) == complaint(REQUIREMENTS)


def test_of_many_problems_the_first_are_shown() -> None:
    many = REQUIREMENTS.replace("    - a/b", "    - a/b requires much more\n" * 200 + "    - a/b")
    shown = complaint(many)
    assert "requires php >=9" in shown and shown.endswith(" …") and len(shown) < 2000


def test_exceptions_with_what_caused_them() -> None:
    assert " ".join(complaint(EXCEPTIONS).split()) == (
        'In Factory.php line 320: "./composer.json" does not match: - require.a : Integer value found '
        "In Other.php line 3: because"
    )
    older = f"Updating\n\n  [RuntimeException]  \n  It failed  \n\n{OPTIONS}"
    assert complaint(older) == "  [RuntimeException]\n  It failed"


def test_what_is_not_known_is_kept() -> None:
    assert complaint(f"- Required package a/b is not present.\n{OPTIONS}") == "- Required package a/b is not present."
    assert complaint("") == ""
