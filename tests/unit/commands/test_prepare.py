"""What a process has at hand before it forks workers."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jinja2
import pytest

from provision_py.commands.invoke import prepare
from provision_py.commands.session import new_session
from provision_py.services import templating
from provision_py.services.plugins import Plugins

PROGRAM = """
import sys
from pathlib import Path
from provision_py.commands.invoke import prepare
from provision_py.commands.session import new_session
from provision_py.services.plugins import Plugins

prepare(new_session(Path(sys.argv[1]), Plugins.load()), *sys.argv[2:])
before = set(sys.modules)
from provision_py.drupal import settings
from provision_py.services import templating
import jinja2, provision_py.commands.verify, provision_py.services.http_nginx
new = set(sys.modules) - before
compiled = {key[1] for made in (settings, templating) for key in made._environment().cache.keys()}
print(sorted(new), sorted(compiled), "paramiko" in before)
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
MEMBER = """<?php
$aliases['server_%s'] = array (
  'context_type' => 'server',
  'remote_host' => '%s',
  'aegir_root' => '/var/aegir',
  'script_user' => 'aegir',
  'http_service_type' => 'apache',
);
"""
CLUSTER = """<?php
$aliases['server_cluster'] = array (
  'context_type' => 'server',
  'remote_host' => 'cluster',
  'aegir_root' => '/var/aegir',
  'script_user' => 'aegir',
  'http_service_type' => 'cluster',
  'cluster_web_servers' => array ('@server_near', '@server_far'),
);
"""
PLATFORM = """<?php
$aliases['platform_one'] = array (
  'context_type' => 'platform',
  'root' => '/var/aegir/platforms/one',
  'web_server' => '@server_%s',
  'server' => '@server_master',
);
"""


def run(drush_dir: Path, command: str, context: str = "server_master") -> str:
    argv = [sys.executable, "-c", PROGRAM, str(drush_dir), command, context]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_workers_find_command_services_and_templates_ready(tmp_path: Path) -> None:
    (tmp_path / "server_master.alias.drushrc.php").write_text(MASTER % tmp_path)
    said = run(tmp_path, "provision-verify")
    assert said.startswith("[] ")
    for name in ("nginx/vhost.conf.j2", "drupal/settings_7.php.j2", "drupal/settings_8.php.j2"):
        assert name in said
    assert "apache/" not in said
    assert said.endswith(" False\n")


@pytest.mark.parametrize(("server", "reaches_others"), [("near", False), ("far", True), ("cluster", True)])
def test_workers_are_ready_for_the_servers_of_their_task(tmp_path: Path, server: str, reaches_others: bool) -> None:
    aliases = {
        "server_master": MASTER % tmp_path,
        "server_near": MEMBER % ("near", "host.example.test"),
        "server_far": MEMBER % ("far", "far.example.test"),
        "server_cluster": CLUSTER,
        "platform_one": PLATFORM % server,
    }
    for name, text in aliases.items():
        (tmp_path / f"{name}.alias.drushrc.php").write_text(text)
    said = run(tmp_path, "provision-verify", "platform_one")
    assert said.startswith("[] ")
    assert "apache/vhost.conf.j2" in said
    assert said.endswith(f" {reaches_others}\n")


def test_a_broken_template_is_left_to_the_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its web server may be no other task's concern."""
    (tmp_path / "server_master.alias.drushrc.php").write_text(MASTER % tmp_path)
    templates = tmp_path / "templates" / "nginx"
    templates.mkdir(parents=True)
    (templates / "vhost.conf.j2").write_text("{% if %}")
    broken = jinja2.Environment(loader=jinja2.FileSystemLoader(templates.parent), autoescape=True)
    monkeypatch.setattr(templating, "_environment", lambda: broken)
    templating.compile_templates.cache_clear()
    with pytest.raises(jinja2.TemplateSyntaxError):
        templating.compile_templates("nginx")
    prepare(new_session(tmp_path, Plugins.load()), "provision-verify", "server_master")


@pytest.mark.parametrize("command", ["provision-verify", "provision-nothing"])
def test_what_cannot_be_prepared_is_left_to_the_task(tmp_path: Path, command: str) -> None:
    assert run(tmp_path, command)
