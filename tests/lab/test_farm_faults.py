"""What goes wrong on one machine of several: the task says where and why, all is as it was, a retry works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, Farm, mentions, site_folder

ALL = ("web1", "web2")


@dataclass(frozen=True)
class Fault:
    """What is broken, words that the log has then, and the members that serve other sites all the while."""

    begin: Callable[[Farm], AbstractContextManager[object]]
    words: Sequence[str]
    serving: Sequence[str] = ALL


def no_reload(farm: Farm) -> AbstractContextManager[object]:
    body = 'case "$*" in *reload*) echo nobody reloads >&2; exit 1 ;; esac\nexec "$original" "$@"'
    return farm.lab.faults.wrapped(farm.lab.web2, "/usr/sbin/nginx", body)


INSTALL_FAULTS = {
    "a member is down": Fault(
        lambda farm: farm.lab.faults.down(farm.lab.web2),
        ("@server_web2labtest", "Nothing was changed on any server"),
        serving=("web1",),
    ),
    "a member shows another key": Fault(
        lambda farm: farm.lab.faults.other_host_key(farm.lab.web1),
        ("PROVISION_SSH_CHANGED_HOST_KEY", "@server_web1labtest", "Nothing was changed on any server"),
    ),
    "ssh breaks in the middle of rsync": Fault(
        lambda farm: farm.lab.faults.ssh_dropped_after(farm.lab.web2, 600),
        ("web2.lab.test was not synced",),
    ),
    "one member's configuration test fails": Fault(
        lambda farm: farm.lab.faults.config_broken(farm.lab.web1),
        ("PROVISION_CONFIG_TEST_FAILED", "web1.lab.test", "NoSuchDirective"),
    ),
    "one member cannot be reloaded": Fault(
        no_reload,
        ("PROVISION_WEB_RELOAD_FAILED", "web2.lab.test", "nobody reloads"),
    ),
    "one member's disk is full": Fault(
        lambda farm: farm.lab.faults.disk_full(farm.lab.web2),
        ("web2.lab.test was not synced", "full"),
    ),
    "one member does not reach the database": Fault(
        lambda farm: farm.lab.faults.unreachable(farm.lab.db, from_=farm.lab.web1),
        ("@server_web1labtest", "No route to host", "Let that machine reach"),
        serving=("web2",),
    ),
}


@pytest.mark.parametrize("name", INSTALL_FAULTS)
def test_an_install_fails_everywhere_and_works_once_that_is_over(farm: Farm, name: str) -> None:
    uri = f"fault{list(INSTALL_FAULTS).index(name)}.test"
    fault = INSTALL_FAULTS[name]
    site = farm.add_site(uri, farm.platform_nid)
    before = farm.databases()
    with fault.begin(farm):
        ran = farm.install(site)
        farm.serves("one.test", *fault.serving)
    assert ran.status == ERROR, ran.log
    mentions(ran.log, *fault.words)
    assert "PROVISION_INTERNAL" not in ran.log
    assert farm.databases() == before
    assert farm.journals() == []
    farm.refuses(uri, *ALL)
    farm.serves("one.test", *ALL)
    ran = farm.install(site)
    assert ran.status == SUCCESS, ran.log
    farm.serves(uri, *ALL)


def test_a_verify_that_fails_at_last_gives_members_the_former_files_back(farm: Farm) -> None:
    uri = "kept.test"
    site = farm.site(uri, farm.platform_nid)
    settings = f"{site_folder('shared', uri)}/settings.php"
    for host in ("hub", *ALL):
        farm.lab[host].sh('echo "// Written by hand." >>"$1"', settings)
    former = farm.hub.read(settings)
    with farm.lab.faults.config_broken(farm.lab.web1):
        ran = farm.verify(site)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_CONFIG_TEST_FAILED", "web2.lab.test: " + settings.removesuffix("/settings.php"))
    for host in ("hub", *ALL):
        assert farm.lab[host].read(settings) == former
    farm.serves(uri, *ALL)
    assert farm.journals() == []


def test_a_platform_that_arrives_on_one_member_alone_is_removed_there(farm: Farm) -> None:
    platform = farm.add_platform("halfway", farm.cluster)
    with farm.lab.faults.ssh_dropped_after(farm.lab.web1, 3000):
        ran = farm.run(farm.queued(platform, "verify") or 0)
    assert ran.status == ERROR
    mentions(ran.log, "web1.lab.test was not synced", "Done on web2.lab.test")
    for host in ALL:
        assert not farm.lab[host].exists(f"{PLATFORMS}/halfway")
    assert farm.verify(platform).status == SUCCESS
    assert farm.code("web1", "halfway") == farm.code("web2", "halfway") == farm.code("hub", "halfway") != {}


def test_a_member_that_goes_away_in_the_middle_is_cleaned_up_when_it_is_back(farm: Farm) -> None:
    site = farm.add_site("gone.test", farm.platform_nid)
    before = farm.databases()
    with farm.lab.faults.held(farm.lab.web1, "/usr/sbin/apache2ctl") as held, farm.dispatching() as dispatcher:
        held.wait()
        assert farm.lab.web2.exists("/var/aegir/config/server_web2labtest/nginx/vhost.d/gone.test")
        with farm.lab.faults.sshd_stopped(farm.lab.web2):
            held.release()
            dispatcher.wait(60)
            ran = farm.ran(farm.newest(site, "install"))
            farm.serves("one.test", *ALL)
            # The files that remain wait for the member; none of the members serves the site.
            for host in ALL:
                assert farm.fetch_until(404, host, "gone.test").status == 404
    assert ran.status == ERROR
    mentions(ran.log, "web2.lab.test", "PROVISION_UNDO_FAILED")
    farm.hosting.dispatch()
    assert farm.journals() == []
    assert farm.databases() == before
    farm.refuses("gone.test", *ALL)
    ran = farm.install(site)
    assert ran.status == SUCCESS, ran.log
    farm.serves("gone.test", *ALL)


def test_a_runner_that_is_killed_in_the_middle_leaves_nothing_on_any_member(farm: Farm) -> None:
    site = farm.add_site("killed.test", farm.platform_nid)
    before = farm.databases()
    with farm.lab.faults.held(farm.lab.web1, "/usr/sbin/apache2ctl") as held, farm.dispatching() as dispatcher:
        held.wait()
        assert farm.databases() != before
        for host in ALL:
            assert farm.lab[host].exists(f"{PLATFORMS}/shared/sites/killed.test/settings.php")
        farm.kill_runners()
        dispatcher.wait(10)
    farm.hosting.dispatch()
    ran = farm.ran(farm.newest(site, "install"))
    assert ran.status == ERROR, ran.log
    mentions(ran.log, "PROVISION_RUNNER_DIED", "What it had begun was undone")
    assert farm.journals() == []
    assert farm.databases() == before
    farm.refuses("killed.test", *ALL)
    farm.serves("one.test", *ALL)
    ran = farm.install(site)
    assert ran.status == SUCCESS, ran.log
    farm.serves("killed.test", *ALL)
