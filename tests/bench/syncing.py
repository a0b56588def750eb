"""What is measured of syncs, called on the hub of a lab."""

from __future__ import annotations

import subprocess

from cluster_runs import DRUSH_DIR, PLATFORMS
from measure import seconds

from provision_py.commands import farm
from provision_py.commands.invoke import prepare
from provision_py.commands.session import new_session
from provision_py.drupal.codebase import detect
from provision_py.services.plugins import Plugins
from provision_py.system import rsync
from provision_py.system.rsync import Tree
from provision_py.tasklog import MemorySink


def push(name: str) -> float:
    """Seconds in which a verify by a worker brings a platform's code to the web servers, connections included."""
    with new_session(DRUSH_DIR, Plugins.load(), sinks=[MemorySink()]) as session:
        prepare(session, "provision-verify", f"platform_{name}")
        platform = session.store.platform(f"platform_{name}")
        code = detect(platform.root)
        with session.journaled("provision-verify", platform.name):
            return seconds(lambda: farm.push_platform(session, platform, code))


def single(name: str, member: str) -> float:
    """Seconds of a push of the same by hand."""
    root = str(PLATFORMS / name)
    argv = rsync.push_argv(Tree(root, exclude_sites=True, docroot=root), member, ["ssh"])
    return seconds(lambda: subprocess.run(argv, check=True, stdout=subprocess.DEVNULL))
