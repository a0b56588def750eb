"""A member is down: tasks fail, or go on without it where that is allowed. Its next verify brings what it missed."""

from __future__ import annotations

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, WARNING, Farm, Ran, mentions, site_folder

ALL = ("web1", "web2")


def command(farm: Farm, *arguments: str) -> Ran:
    """A command on the hub; 0 is success."""
    done = farm.hosting.provision(*arguments, check=False)
    return Ran(done.returncode, done.stdout + done.stderr)


def tolerate(farm: Farm, server: str, on: bool = True) -> None:
    ran = command(farm, "provision-save", f"@{server}", "--tolerate_down" if on else "--no-tolerate_down")
    assert ran.status == 0, ran.log


def missed(farm: Farm, host: str) -> list[str]:
    folder = f"/var/aegir/.provision-py/left-out/server_{host}labtest"
    return sorted(farm.hub.sh('ls "$1" 2>/dev/null || :', folder).split())


def test_without_leave_a_task_fails_and_changes_nothing(farm: Farm) -> None:
    settings = f"{site_folder('shared', 'one.test')}/settings.php"
    farm.hub.sh('echo "// By hand." >>"$1"', settings)
    with farm.lab.faults.down(farm.lab.web2):
        ran = farm.verify(farm.one)
        assert farm.hub.read(settings).endswith("// By hand.\n")
    assert ran.status == ERROR
    mentions(ran.log, "@server_web2labtest", "Nothing was changed on any server", "tolerate-down")
    assert missed(farm, "web2") == []
    assert farm.verify(farm.one).status == SUCCESS


@pytest.mark.parametrize("verified", ["member", "cluster"])
def test_with_leave_tasks_go_on_and_the_members_next_verify_brings_what_it_missed(farm: Farm, verified: str) -> None:
    name = f"late{verified}"
    root, uri, old = f"{PLATFORMS}/{name}", f"{name}.test", f"old{verified}.test"
    former = farm.site(old, farm.platform_nid)
    tolerate(farm, "server_cluster")
    try:
        with farm.lab.faults.down(farm.lab.web2):
            platform = farm.add_platform(name, farm.cluster)
            ran = farm.run(farm.queued(platform, "verify") or 0)
            assert ran.status == WARNING, ran.log
            mentions(ran.log, "PROVISION_MEMBER_LEFT_OUT", "@server_web2labtest is left out")
            site = farm.add_site(uri, platform)
            assert farm.install(site).status == WARNING
            farm.hub.write(f"{site_folder('shared', old)}/modules/late.inc", "<?php", user="aegir")
            assert farm.verify(former).status == WARNING
            farm.serves(uri, "web1")
            farm.serves(old, "web1")
        assert missed(farm, "web2") == sorted([f"platform_{name}", uri, old])
        assert not farm.lab.web2.exists(root)
        # Up again, but its code is not that of the others: it stays left out.
        ran = farm.verify(site)
        assert ran.status == WARNING
        mentions(ran.log, f"has not got what was last done to @platform_{name}")
        assert farm.fetch("web2", uri).status == 404
    finally:
        tolerate(farm, "server_cluster", on=False)
    ran = farm.verify(site)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_MEMBER_BEHIND", "@server_web2labtest: it has not got", "Nothing was changed")
    ran = farm.verify(farm.servers["web2"] if verified == "member" else farm.cluster)
    assert ran.status == SUCCESS, ran.log
    mentions(ran.log, f"What had been missed of @{uri} was brought")
    assert missed(farm, "web2") == []
    farm.serves(uri, *ALL)
    farm.serves(old, *ALL)
    assert farm.lab.web2.exists(f"{site_folder('shared', old)}/modules/late.inc")
    assert farm.code("web1", name) == farm.code("web2", name) == farm.code("hub", name) != {}
    assert farm.grants(site) == {"hub.lab.test", "web1.lab.test", "web2.lab.test"}
    assert farm.verify(site).status == SUCCESS


def test_the_option_of_a_command_and_a_site_that_catches_up_by_itself(farm: Farm) -> None:
    with farm.lab.faults.down(farm.lab.web2):
        ran = command(farm, "@one.test", "provision-verify")
        assert ran.status == 1
        ran = command(farm, "@one.test", "provision-verify", "--tolerate-down")
        assert ran.status == 0, ran.log
        mentions(ran.log, "@server_web2labtest is left out")
    assert missed(farm, "web2") == ["one.test"]
    assert farm.verify(farm.one).status == SUCCESS
    assert missed(farm, "web2") == []


def test_a_task_that_fails_all_the_same_leaves_nothing_to_catch_up(farm: Farm) -> None:
    tolerate(farm, "server_web2labtest")
    try:
        with farm.lab.faults.down(farm.lab.web2), farm.lab.faults.config_broken(farm.lab.web1):
            assert farm.verify(farm.one).status == ERROR
        assert missed(farm, "web2") == []
        with farm.lab.faults.down(farm.lab.web1):
            ran = farm.verify(farm.one)
        assert ran.status == ERROR, "only the other member may be down"
        mentions(ran.log, "@server_web1labtest", "Nothing was changed on any server")
    finally:
        tolerate(farm, "server_web2labtest", on=False)


def test_somebody_has_to_be_left_and_another_key_is_no_member_that_is_down(farm: Farm) -> None:
    with farm.lab.faults.down(farm.lab.web1), farm.lab.faults.down(farm.lab.web2):
        ran = command(farm, "@one.test", "provision-verify", "--tolerate-down")
    assert ran.status == 1
    mentions(ran.log, "@server_web1labtest", "@server_web2labtest", "Nothing was changed on any server")
    with farm.lab.faults.other_host_key(farm.lab.web1):
        ran = command(farm, "@one.test", "provision-verify", "--tolerate-down")
    assert ran.status == 1
    mentions(ran.log, "PROVISION_SSH_CHANGED_HOST_KEY")
    assert missed(farm, "web1") == missed(farm, "web2") == []
