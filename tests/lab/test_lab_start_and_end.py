"""How labs begin and end: in seconds, beside each other, and without a trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab_answers import eventually, page, ssh, ssh_failure

from provision_py.errors import HostError
from provision_py.sandbox.base import reap_abandoned
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.processes import ProcessRecord


def test_four_hosts_are_up_in_seconds_and_leave_nothing(lab_of: Callable[..., Lab]) -> None:
    start = time.monotonic()
    lab = lab_of()
    assert time.monotonic() - start < 8
    folder, pids = lab.sandbox.path, [host.pid for host in lab.hosts.values()]
    assert str(folder) not in Path("/proc/mounts").read_text()
    lab.stop()
    assert not folder.exists()
    assert [pid for pid in pids if ProcessRecord.of(pid)] == []


def test_two_labs_run_side_by_side(lab: Lab, lab_of: Callable[..., Lab]) -> None:
    other = lab_of([HostSpec("hub"), HostSpec("web1", web="apache", php="fpm"), HostSpec("bare", prepared=False)])
    assert other.web1.address == lab.web1.address
    other.web1.write("/var/www/html/index.php", "<?php print php_sapi_name();")
    eventually(lambda: page(other, other.web1) == "fpm-fcgi")
    assert page(lab, lab.web1) == "web1"
    assert other.webs == [other.web1]
    # A machine that is not prepared for Aegir.
    assert ssh(other, "bare", "hostname", user="root") == "bare"
    assert "Permission denied" in ssh_failure(other, "bare")
    assert other.bare.run(["id", "aegir"], check=False).returncode != 0
    with pytest.raises(HostError, match="No host of the lab runs a database"):
        _ = other.database


def test_a_lab_of_unknown_or_double_hosts() -> None:
    for wrong in ([], [HostSpec("a"), HostSpec("a")], [HostSpec("a b")], [HostSpec("a", database=True)] * 2):
        with pytest.raises(HostError):
            Lab.start(wrong)


STARTER = """
import json, os, sys, time
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
lab = Lab.start([HostSpec("hub"), HostSpec("web1", web="nginx")])
pids = [host.pid for host in lab.hosts.values()]
lab.hub.popen(["sleep", "987"])
lab.web1.sh("setsid sleep 987 >/dev/null 2>&1 </dev/null &")
print(json.dumps([pids, str(lab.sandbox.path), os.readlink(f"/proc/{lab.web1.pid}/ns/net")]), flush=True)
time.sleep(60)
"""


def test_nothing_outlives_a_process_that_is_killed(lab: Lab) -> None:
    process = subprocess.Popen([sys.executable, "-c", STARTER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids, folder, network = json.loads(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))
    eventually(lambda: network not in networks())
    assert Path(folder) in reap_abandoned()
    assert not Path(folder).exists()
    assert lab.hub.run(["hostname"]).stdout == "hub\n"


def networks() -> set[str]:
    """The network namespaces of all processes."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            found.add(os.readlink(folder / "ns/net"))
        except OSError:
            continue
    return found
