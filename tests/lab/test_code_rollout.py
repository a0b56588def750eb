"""New code of a platform on the members of a cluster: all of them have it, or none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, Farm, Ran, mentions, site_folder

ALL = ("web1", "web2")
ROOT = f"{PLATFORMS}/rolled"

#: Everything in a platform but its sites: kind, mode, target, time (not of folders) and checksum, a line each.
STATE = """
cd "$1"
set -- . -path './sites/*' ! -path './sites/all*' -prune -o
find "$@" -type d -printf '%y %m %p\\n' -o -printf '%y %m %l %T@ %p\\n'
find "$@" -type f -exec md5sum {} +
"""

#: A new version: files new, changed and gone, links, folders and files that have changed places, enough to take time.
NEXT_VERSION = """
cd "$1"
head -c 3000000 /dev/urandom >core/lib/big.inc
echo "// $2" >>index.php
echo "$2" >version.txt
mkdir -p "core/fresh/$2 folder"
echo new >"core/fresh/$2 folder/new
line"
rm -rf changing; [ "$2" = two ] && { mkdir changing; echo in >changing/in; } || echo file >changing
ln -sfn "index.php" "link-$2"
rm -f "link-${3:-none}" going/*
mkdir -p going
for number in 1 2 3 4 5 6 7 8 9; do echo "$2" >"going/$2$number.inc"; done
"""


@dataclass(frozen=True)
class Rolled:
    """Node ids of a platform of the cluster and of the site on it."""

    platform: int
    site: int


@pytest.fixture(scope="module")
def rolled(farm: Farm) -> Iterator[Rolled]:
    """They have version one everywhere."""
    platform = farm.platform("rolled", farm.cluster)
    found = Rolled(platform, farm.site("rolled.test", platform))
    next_version(farm, "one")
    assert farm.verify(platform).status == SUCCESS
    yield found
    assert farm.journals() == []


@pytest.fixture(autouse=True)
def at_version_two(farm: Farm, rolled: Rolled) -> Iterator[dict[str, list[str]]]:
    """The hub has version two, the members version one: what they have. In the end all have version one again."""
    former = {host: state(farm, host) for host in ALL}
    assert rough(former["web1"]) == rough(former["web2"]) == rough(state(farm, "hub"))
    next_version(farm, "two", "one")
    yield former
    next_version(farm, "one", "two")
    assert farm.verify(rolled.platform).status == SUCCESS


def next_version(farm: Farm, name: str, former: str = "") -> None:
    farm.hub.sh(NEXT_VERSION, ROOT, name, former, user="aegir")


def state(farm: Farm, host: str) -> list[str]:
    return sorted(farm.lab[host].sh(STATE, ROOT).splitlines())


def rough(lines: list[str]) -> list[str]:
    """Times to the second: less is no change for rsync."""
    return [re.sub(r"(?<= \d{10})\.\d+(?= )", "", line) for line in lines]


def all_as_before(farm: Farm, former: dict[str, list[str]]) -> None:
    for host in ALL:
        assert state(farm, host) == former[host], host
    assert farm.journals() == []
    farm.serves("rolled.test", *ALL)


def works_then(farm: Farm, rolled: Rolled) -> Ran:
    """A retry brings the new version to both."""
    ran = farm.verify(rolled.platform)
    assert ran.status == SUCCESS, ran.log
    new = state(farm, "hub")
    for host in ALL:
        assert rough(state(farm, host)) == rough(new), host
        assert farm.lab[host].read(f"{ROOT}/version.txt") == "two\n"
    farm.serves("rolled.test", *ALL)
    return ran


def test_a_new_version_reaches_all_members_by_two_connections_each(farm: Farm, rolled: Rolled) -> None:
    before = {host: farm.lab[host].ssh_logins() for host in ALL}
    ran = works_then(farm, rolled)
    for host in ALL:
        assert farm.lab[host].ssh_logins() - before[host] <= 2
    mentions(ran.log, f"web1.lab.test: {ROOT} synced: ", f"web2.lab.test: {ROOT} synced: ")
    before = {host: farm.lab[host].ssh_logins() for host in ALL}
    again = farm.verify(rolled.platform)
    for host in ALL:
        assert farm.lab[host].ssh_logins() - before[host] == 1
        mentions(again.log, f"{host}.lab.test: {ROOT}: nothing had changed")


@pytest.mark.parametrize("size", [600, 1_000_000], ids=["asking", "staging"])
def test_ssh_breaks_in_the_middle_of_rsync(
    farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]], size: int
) -> None:
    with farm.lab.faults.ssh_dropped_after(farm.lab.web2, size):
        ran = farm.verify(rolled.platform)
        farm.serves("rolled.test", *ALL)
    assert ran.status == ERROR
    mentions(ran.log, "web2.lab.test was not synced", "All web servers have what they had before", "PROVISION_SSH")
    assert "web1.lab.test was not synced" not in ran.log
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_one_members_disk_is_full(farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]) -> None:
    with farm.lab.faults.disk_full(farm.lab.web2, free=1_000_000):
        ran = farm.verify(rolled.platform)
        farm.serves("rolled.test", *ALL)
    assert ran.status == ERROR
    mentions(ran.log, "web2.lab.test was not synced", "No space left", "The disk of web2.lab.test is full")
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_one_members_configuration_test_fails_after_the_switch(
    farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]
) -> None:
    with farm.lab.faults.config_broken(farm.lab.web1):
        ran = farm.verify(rolled.platform)
        farm.serves("rolled.test", *ALL)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_CONFIG_TEST_FAILED", "web1.lab.test", f"web2.lab.test: {ROOT} synced: ")
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_one_member_cannot_switch(farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]) -> None:
    body = 'case " $* " in *" switch "*) echo Nothing moves >&2; exit 1 ;; esac\nexec "$original" "$@"'
    with farm.lab.faults.wrapped(farm.lab.web2, "/usr/bin/php", body):
        ran = farm.verify(rolled.platform)
    assert ran.status == ERROR
    mentions(ran.log, "web2.lab.test did not take its files", "Nothing moves")
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_a_folder_of_somebody_elses_on_one_member(
    farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]
) -> None:
    folder = f"{ROOT}/theirs"
    farm.lab.web1.sh('mkdir "$1"; touch "$1/file"', folder)
    ran = farm.verify(rolled.platform)
    assert ran.status == ERROR
    mentions(ran.log, "web1.lab.test was not synced", f"write in {folder}: Permission denied",
             "All web servers have what they had before", "Give aegir the right to write there")  # fmt: skip
    assert "PROVISION_UNDO_FAILED" not in ran.log
    farm.lab.web1.sh('rm "$1/file"', folder)
    works_then(farm, rolled)
    assert not farm.lab.web1.exists(folder)


def test_the_runner_is_killed_after_the_switch(
    farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]
) -> None:
    task = farm.queue(rolled.platform)
    with farm.lab.faults.held(farm.lab.web1, "/usr/sbin/apache2ctl") as held, farm.dispatching() as dispatcher:
        held.wait()
        for host in ALL:
            assert farm.lab[host].read(f"{ROOT}/version.txt") == "two\n"
        farm.kill_runners()
        dispatcher.wait(10)
    farm.hosting.dispatch()
    ran = farm.ran(task)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_RUNNER_DIED", "What it had begun was undone")
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_the_runner_is_killed_while_one_member_has_switched(
    farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]
) -> None:
    task = farm.queue(rolled.platform)
    with farm.lab.faults.held(farm.lab.web1, "/usr/bin/php", "switch") as held, farm.dispatching() as dispatcher:
        held.wait()
        farm.serves("rolled.test", *ALL)
        wait_for_version(farm, "web2", "two")
        farm.kill_runners()
        dispatcher.wait(10)
        farm.hosting.dispatch()
        assert farm.ran(task).status == ERROR
        all_as_before(farm, at_version_two)
        # The switch that was held begins only now, when all of that has been undone.
        held.release()
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_a_member_goes_away_while_it_switches(
    farm: Farm, rolled: Rolled, at_version_two: dict[str, list[str]]
) -> None:
    task = farm.queue(rolled.platform)
    with farm.lab.faults.held(farm.lab.web2, "/usr/bin/php", "switch") as held, farm.dispatching() as dispatcher:
        held.wait()
        with farm.lab.faults.sshd_stopped(farm.lab.web2):
            dispatcher.wait(60)
            ran = farm.ran(task)
            assert ran.status == ERROR
            mentions(ran.log, "web2.lab.test did not take its files", "PROVISION_UNDO_FAILED")
            # The other one has gone back by itself already.
            assert state(farm, "web1") == at_version_two["web1"]
            held.release()
            wait_for_version(farm, "web2", "two")
    farm.hosting.dispatch()
    all_as_before(farm, at_version_two)
    works_then(farm, rolled)


def test_the_sites_folder_goes_back_too(farm: Farm, rolled: Rolled) -> None:
    assert farm.verify(rolled.platform).status == SUCCESS
    folder = site_folder("rolled", "rolled.test")
    farm.hub.sh('mkdir -p "$1/modules/own"; echo one >"$1/modules/own/own.module"', folder, user="aegir")
    assert farm.verify(rolled.site).status == SUCCESS
    former = {host: farm.files(host, folder) for host in ALL}
    farm.hub.sh('echo two >"$1/modules/own/own.module"; echo new >"$1/modules/own/new.inc"', folder, user="aegir")
    with farm.lab.faults.config_broken(farm.lab.web1):
        ran = farm.verify(rolled.site)
    assert ran.status == ERROR
    mentions(ran.log, f"web2.lab.test: {folder} synced: ")
    for host in ALL:
        assert farm.files(host, folder) == former[host]
    assert farm.verify(rolled.site).status == SUCCESS
    for host in ALL:
        assert farm.lab[host].read(f"{folder}/modules/own/own.module") == "two\n"
        assert farm.lab[host].exists(f"{folder}/modules/own/new.inc")


def wait_for_version(farm: Farm, host: str, name: str) -> None:
    script = 'for i in $(seq 500); do [ "$(cat "$1/version.txt")" = "$2" ] && exit 0; sleep 0.02; done; exit 1'
    farm.lab[host].sh(script, ROOT, name)
