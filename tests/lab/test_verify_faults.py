"""Verifies of a member, its cluster, a platform and a site while one machine of several is not well.

Before each fault every file that the verifies would write is changed by hand. So the members show whether a task that
fails has left anything of its own, and the retry whether it reached all of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, Farm, Ran, mentions, site_folder

MEMBERS = ("web1", "web2")
MACHINES = ("hub", *MEMBERS)

ALL = ("server", "cluster", "platform", "site")
SYNCED = ("platform", "site")

MARK = "by hand"
CONFIG = "/var/aegir/config"
#: A file of the platform, another one on each machine.
CODE = f"{PLATFORMS}/shared/by-hand.txt"
SETTINGS = f"{site_folder('shared', 'one.test')}/settings.php"

#: Changes what belongs to the members themselves, to the platform and to the site, and nothing of other sites.
BY_HAND = f"""
find {CONFIG}/server_web1* {CONFIG}/server_web2* -type f 2>/dev/null |
  grep -vE "/(vhost|platform|subdir)[.]d/" >/tmp/by-hand || :
find {CONFIG}/ -path "*/vhost.d/one.test" -o -path "*/platform.d/platform_shared.conf" >>/tmp/by-hand
while read -r file; do echo "# {MARK}" >>"$file"; done </tmp/by-hand
echo "// {MARK}" >>{SETTINGS}
hostname >>{CODE}
chown aegir:aegir {CODE}
"""


@dataclass(frozen=True)
class Fault:
    """What is broken on ``host``, words that the log of each of these tasks has then, and who serves all the while.

    ``owed``: what the host cannot take back now either is done by the next runner.
    """

    begin: Callable[[Farm], AbstractContextManager[object]]
    host: str
    words: Sequence[str]
    tasks: Sequence[str] = ALL
    serving: Sequence[str] = MEMBERS
    owed: bool = False


def no_reload(farm: Farm) -> AbstractContextManager[object]:
    body = 'case "$*" in *reload*) echo nobody reloads >&2; exit 1 ;; esac\nexec "$original" "$@"'
    return farm.lab.faults.wrapped(farm.lab.web2, "/usr/sbin/nginx", body)


FAULTS = {
    "the member is down": Fault(
        lambda farm: farm.lab.faults.down(farm.lab.web2),
        "web2",
        ("@server_web2labtest", "PROVISION_SSH_UNREACHABLE", "Nothing was changed on any server"),
        serving=("web1",),
    ),
    "its sshd is stopped": Fault(
        lambda farm: farm.lab.faults.sshd_stopped(farm.lab.web1),
        "web1",
        ("@server_web1labtest", "PROVISION_SSH_UNREACHABLE", "Nothing was changed on any server"),
    ),
    "it shows another key": Fault(
        lambda farm: farm.lab.faults.other_host_key(farm.lab.web2),
        "web2",
        ("@server_web2labtest", "PROVISION_SSH_CHANGED_HOST_KEY", "Nothing was changed on any server"),
    ),
    "its disk is full": Fault(
        lambda farm: farm.lab.faults.disk_full(farm.lab.web1), "web1", ("web1.lab.test", "full"), owed=True
    ),
    "its configuration test fails": Fault(
        lambda farm: farm.lab.faults.config_broken(farm.lab.web2),
        "web2",
        ("web2.lab.test", "PROVISION_CONFIG_TEST_FAILED", "NoSuchDirective"),
    ),
    "it cannot be reloaded": Fault(
        no_reload, "web2", ("web2.lab.test", "PROVISION_WEB_RELOAD_FAILED", "nobody reloads")
    ),
    "its web server is stopped": Fault(
        lambda farm: farm.lab.faults.web_stopped(farm.lab.web2),
        "web2",
        ("web2.lab.test", "PROVISION_WEB_RELOAD_FAILED"),
        serving=("web1",),
    ),
    "ssh breaks in the middle of rsync": Fault(
        lambda farm: farm.lab.faults.ssh_dropped_after(farm.lab.web1, 600),
        "web1",
        ("web1.lab.test was not synced",),
        tasks=SYNCED,
        owed=True,
    ),
    "it does not reach the database": Fault(
        lambda farm: farm.lab.faults.unreachable(farm.lab.db, from_=farm.lab.web1),
        "web1",
        ("@server_web1labtest", "No route to host", "Let that machine reach"),
        tasks=("site",),
        serving=("web2",),
    ),
}


#: Found, like a member that is down, before anything is done, or told by the same phase as another.
SLOW = ("its sshd is stopped", "it shows another key", "its web server is stopped")


def fault_names() -> list[object]:
    return [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in FAULTS]


@pytest.mark.parametrize("name", fault_names())
def test_a_verify_fails_everywhere_and_works_once_that_is_over(farm: Farm, name: str) -> None:
    fault = FAULTS[name]
    before = changed_by_hand(farm)
    with fault.begin(farm):
        tasks = run_all(farm, fault.tasks, fault.host)
        farm.serves("one.test", *fault.serving)
    for what, ran in tasks.items():
        assert ran.status == ERROR, f"{what}: {ran.log}"
        mentions(ran.log, *fault.words)
        assert "PROVISION_INTERNAL" not in ran.log
    assert left_of(farm) == before
    assert fault.owed or farm.journals() == []
    farm.serves("one.test", *MEMBERS)
    retried(farm, fault.tasks, fault.host)


#: A task, and a program of ``web1`` at whose start ``web2`` goes away for good.
LOST = [
    pytest.param("site", "/usr/bin/rsync", marks=pytest.mark.slow),
    ("site", "/usr/sbin/apache2ctl"),
    ("platform", "/usr/bin/rsync"),
    pytest.param("cluster", "/usr/sbin/apache2ctl", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("what", "program"), LOST)
def test_a_member_that_goes_away_in_the_middle_is_put_right_when_it_is_back(
    farm: Farm, what: str, program: str
) -> None:
    before = changed_by_hand(farm)
    (task,) = queued(farm, [what], "web2").values()
    with farm.lab.faults.held(farm.lab.web1, program) as held, farm.dispatching() as dispatcher:
        held.wait()
        with farm.lab.faults.sshd_stopped(farm.lab.web2):
            held.release()
            dispatcher.wait(60)
            farm.serves("one.test", *MEMBERS)
    ran = farm.ran(task)
    assert ran.status == ERROR, ran.log
    mentions(ran.log, "web2")
    # What is still owed to the member is done by the next runner.
    farm.hosting.dispatch()
    assert farm.journals() == []
    assert left_of(farm) == before
    farm.serves("one.test", *MEMBERS)
    retried(farm, [what], "web2")


def test_a_clock_apart_is_named_and_hinders_no_verify(farm: Farm) -> None:
    with farm.lab.faults.clock_apart(farm.lab.web1, -3600):
        for what, ran in run_all(farm, ALL, "web1").items():
            assert ran.status != ERROR, f"{what}: {ran.log}"
        said = farm.hosting.provision("@one.test", "check", check=False)
        assert said.returncode == 1
        (line,) = [line for line in said.stdout.splitlines() if "clock" in line]
        mentions(line, "server_web1labtest", "seconds apart")
        farm.serves("one.test", *MEMBERS)
    assert farm.hosting.provision("@one.test", "check").stdout.count(": well, ") == len(MEMBERS)


def queued(farm: Farm, names: Sequence[str], host: str) -> dict[str, int]:
    """Verifies of a member, its cluster, the platform and the site, as far as they are named; their tasks."""
    nids = {"server": farm.servers[host], "cluster": farm.cluster, "platform": farm.platform_nid, "site": farm.one}
    return {name: farm.queue(nids[name]) for name in names}


def run_all(farm: Farm, names: Sequence[str], host: str) -> dict[str, Ran]:
    """Run such verifies, all queued at once."""
    return {name: farm.run(task) for name, task in queued(farm, names, host).items()}


def changed_by_hand(farm: Farm) -> dict[str, dict[str, str]]:
    """What each machine has then; what other tests have left in the queue is done before."""
    farm.empty_queue()
    for machine in MACHINES:
        farm.lab[machine].sh(BY_HAND)
    return left_of(farm)


def left_of(farm: Farm) -> dict[str, dict[str, str]]:
    """Checksums of all configuration, of the platform with its sites and of the front page, by machine."""
    return {machine: farm.files(machine, CONFIG) | farm.code(machine, "shared") for machine in MACHINES} | {
        f"page of {member}": {"/": checksum(farm.fetch(member, "one.test").text)} for member in MEMBERS
    }


def checksum(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def retried(farm: Farm, names: Sequence[str], host: str) -> None:
    """The same verifies succeed, and what they write is nowhere left as it was changed by hand."""
    before = left_of(farm)
    for what, ran in run_all(farm, names, host).items():
        assert ran.status == SUCCESS, f"{what}: {ran.log}"
    assert farm.journals() == []
    assert any(left_of(farm)[member] != before[member] for member in MEMBERS)
    if names == ALL:
        for machine in MACHINES:
            found = farm.lab[machine].sh(f'grep -rl "{MARK}" {CONFIG} {SETTINGS} || :')
            assert found == "", f"{machine}: {found}"
    farm.serves("one.test", *MEMBERS)
