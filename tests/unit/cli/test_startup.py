"""What the program imports before it knows what to do: start-up is paid by every cron job and every script."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "argparse",
    "dataclasses",
    "importlib.metadata",
    "jinja2",
    "lxml",
    "paramiko",
    "pathlib",
    "pluggy",
    "pymysql",
    "yaml",
}


def imported_by(code: str) -> set[str]:
    """Modules that running ``code`` loads, those of a bare interpreter left out."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; before = set(sys.modules)\n{code}\nprint(*(set(sys.modules) - before))"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_version_needs_nothing() -> None:
    found = imported_by("from provision_py.cli.main import main\nmain(['--version'])")
    assert found - {"__future__"} == {"provision_py", "provision_py.cli", "provision_py.cli.main"}


def test_help_on_a_command_of_ours_and_wrong_usage_need_little() -> None:
    for words in (["help", "provision-save"], ["provision-verify"]):
        found = imported_by(f"from provision_py.cli.main import main\nmain({words!r})")
        assert not found & (HEAVY - {"dataclasses", "pathlib"})


def test_showing_a_context_needs_no_network_and_no_templates() -> None:
    found = imported_by("from provision_py.cli.main import main\nmain(['sa', '--drush-dir=/nonexistent'])")
    assert not found & {"lxml", "paramiko", "pymysql"}
