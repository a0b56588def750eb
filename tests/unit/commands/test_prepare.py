"""What a process has at hand before it forks workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import sys
from pathlib import Path
from provision_py.commands.invoke import prepare
from provision_py.commands.session import new_session
from provision_py.services.plugins import Plugins

prepare(new_session(Path(sys.argv[1]), Plugins.load()), sys.argv[2])
before = set(sys.modules)
from provision_py.drupal import settings
from provision_py.services import templating
import jinja2, provision_py.commands.verify, provision_py.services.http_nginx
new = set(sys.modules) - before
compiled = {key[1] for made in (settings, templating) for key in made._environment().cache.keys()}
print(sorted(new), sorted(compiled))
"""

MASTER = """<?php
$aliases['server_master'] = array (
  'context_type' => 'server',
  'server' => '@server_master',
  'remote_host' => 'host.example.test',
  'aegir_root' => '%s',
  'script_user' => 'aegir',
  'http_service_type' => 'nginx',
);
"""


def run(drush_dir: Path, command: str) -> str:
    argv = [sys.executable, "-c", PROGRAM, str(drush_dir), command]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_workers_find_command_services_and_templates_ready(tmp_path: Path) -> None:
    (tmp_path / "server_master.alias.drushrc.php").write_text(MASTER % tmp_path)
    said = run(tmp_path, "provision-verify")
    assert said.startswith("[] ")
    for name in ("nginx/vhost.conf.j2", "drupal/settings_7.php.j2", "drupal/settings_8.php.j2"):
        assert name in said
    assert "apache/" not in said


@pytest.mark.parametrize("command", ["provision-verify", "provision-nothing"])
def test_what_cannot_be_prepared_is_left_to_the_task(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, command)
