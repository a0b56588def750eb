"""Packs: masters hold the code, slaves mount it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, WARNING, Farm, farm_on, mentions, site_folder

from provision_py.sandbox.frontend import ServiceForm
from provision_py.sandbox.lab.lab import Lab


@pytest.fixture(scope="module")
def packs(lab_of_module: Lab) -> Iterator[Farm]:
    """``web1`` mounts the hub's platforms, ``web3`` those of ``web2``."""
    lab = lab_of_module
    with farm_on(lab) as farm:
        farm.add_servers("web1", "web2", "web3")
        lab.share(farm.hub, lab.web1)
        lab.web2.run(["mkdir", "-p", PLATFORMS], user="aegir")
        lab.share(lab.web2, lab.web3)
        yield farm


@pytest.fixture(scope="module")
def at_hub(packs: Farm) -> Farm:
    """A pack whose master is the hub, with a site."""
    pack = packs.hosting.add_pack("pack", [packs.hosting.front_end.web_server], [packs.servers["web1"]])
    packs.verified(pack)
    packs.packs["pack"] = pack
    packs.platform_nid = packs.platform("shared", pack)
    packs.one = packs.site("one.test", packs.platform_nid)
    return packs


def test_master_and_slave_serve_what_only_the_master_holds(at_hub: Farm) -> None:
    at_hub.serves("one.test", "hub", "web1")
    assert at_hub.grants(at_hub.one) == {"hub.lab.test", "web1.lab.test"}
    assert at_hub.lab.web1.exists("/var/aegir/config/server_web1labtest/apache/vhost.d/one.test")
    folder = site_folder("shared", "one.test")
    at_hub.lab.web1.write(f"{folder}/files/uploaded.txt", "from a visitor", user="www-data")
    ran = at_hub.verify(at_hub.one)
    assert ran.status == SUCCESS, ran.log
    for host in ("hub", "web1"):
        assert at_hub.fetch(host, "one.test", "/sites/one.test/files/uploaded.txt").text == "from a visitor"


def fails_everywhere(farm: Farm, uri: str, *words: str, verifies: Sequence[int] = ()) -> None:
    """Neither is the pack verified, nor what ``verifies`` names, nor a site installed, and nothing of it stays."""
    site = farm.add_site(uri, farm.platform_nid)
    before = farm.databases()
    for ran in (farm.install(site), *(farm.verify(nid) for nid in (farm.packs["pack"], *verifies))):
        assert ran.status == ERROR, ran.log
        mentions(ran.log, "@server_web1labtest", *words)
        assert "Sync" not in ran.log
    assert farm.databases() == before
    assert farm.journals() == []
    farm.refuses(uri, "hub", "web1")


def works_again(farm: Farm, uri: str) -> None:
    site = int(farm.hosting.front_end.db.value("SELECT MAX(nid) FROM {node} WHERE type = 'site'") or 0)
    for ran in (farm.verify(farm.packs["pack"]), farm.install(site)):
        assert ran.status == SUCCESS, ran.log
    farm.serves(uri, "hub", "web1")
    assert farm.lab.hub.sh('find "$1" -name ".provision-probe-*"', PLATFORMS) == ""


def test_a_slave_without_its_mount(at_hub: Farm) -> None:
    """What it would serve is whatever lies below the mount: nothing at best."""
    with at_hub.lab.faults.unmounted(at_hub.lab.web1):
        told = f"nothing is mounted at {PLATFORMS}"
        fails_everywhere(
            at_hub, "unmounted.test", "PROVISION_PACK_MOUNT", told, f"mount {PLATFORMS}",
            verifies=[at_hub.platform_nid, at_hub.one],
        )  # fmt: skip
    at_hub.serves("one.test", "hub", "web1")
    works_again(at_hub, "unmounted.test")


def test_a_slave_with_a_copy_of_its_own(at_hub: Farm) -> None:
    """As good as the original in everything, but no mount."""
    lab = at_hub.lab
    lab.web1.sh(f"cp -a {PLATFORMS} /var/aegir/copy")
    with lab.faults.unmounted(lab.web1):
        lab.web1.sh(f"rmdir {PLATFORMS}; mv /var/aegir/copy {PLATFORMS}")
        fails_everywhere(at_hub, "copied.test", "PROVISION_PACK_MOUNT", "the files there are its own")
        lab.web1.sh(f"rm -rf {PLATFORMS}/*")
    works_again(at_hub, "copied.test")


@pytest.mark.parametrize(
    ("which", "what", "todo"),
    [("user", "the user aegir is 8001 there", "usermod -u 8000 aegir"),
     ("group", "the group aegir is 8001 there", "groupmod -g 8000 aegir")],
)  # fmt: skip
def test_a_slave_whose_numbers_are_others(at_hub: Farm, which: str, what: str, todo: str) -> None:
    faults = at_hub.lab.faults
    uri = f"{which}.test"
    with faults.other_ids(at_hub.lab.web1, user=which == "user", group=which == "group"):
        at_hub.lab.web1.drop_ssh()
        fails_everywhere(at_hub, uri, "PROVISION_PACK_IDS", f"{what} and 8000 on @server_master", todo)
    works_again(at_hub, uri)


def test_a_slave_that_may_only_read(at_hub: Farm) -> None:
    """It serves pages. Whether uploads should reach it is for its admin to say."""
    with at_hub.lab.faults.read_only(at_hub.lab.web1):
        for nid in (at_hub.packs["pack"], at_hub.platform_nid):
            ran = at_hub.verify(nid)
            assert ran.status == WARNING, ran.log
            mentions(ran.log, "PROVISION_PACK_READ_ONLY", f"@server_web1labtest may only read {PLATFORMS}", "remount")
        ran = at_hub.verify(at_hub.one)
        assert ran.status == SUCCESS, ran.log
        at_hub.serves("one.test", "hub", "web1")
    assert at_hub.verify(at_hub.packs["pack"]).status == SUCCESS


@pytest.mark.slow
def test_a_mount_that_hangs(at_hub: Farm) -> None:
    with at_hub.lab.faults.wrapped(at_hub.lab.web1, "/usr/bin/ls", "exec sleep 60"):
        ran = at_hub.verify(at_hub.packs["pack"])
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_PACK_MOUNT", "@server_web1labtest did not tell within", "NFS server")
    assert at_hub.lab.hub.sh('find "$1" -name ".provision-probe-*"', PLATFORMS) == ""


def test_a_pack_is_asked_over_the_connections_that_there_are(at_hub: Farm) -> None:
    before = at_hub.lab.web1.ssh_logins()
    assert at_hub.verify(at_hub.one).status == SUCCESS
    assert at_hub.lab.web1.ssh_logins() - before <= 1


def test_a_machine_that_is_two_members(packs: Farm) -> None:
    front = packs.hosting.front_end
    twin = front.add_server("twin", [ServiceForm("http", "apache", 80, packs.lab.web1.restart_command)])
    front.db.execute("UPDATE {node} SET title = %s WHERE nid = %s", (packs.lab.web1.full_name, twin))
    pack = packs.hosting.add_pack("twins", [front.web_server], [packs.servers["web1"], twin])
    ran = packs.run(packs.queued(pack, "verify") or 0)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_GROUP_MEMBER", "are the same machine (web1.lab.test)")


def test_a_master_on_another_machine(packs: Farm) -> None:
    pack = packs.hosting.add_pack("remotepack", [packs.servers["web2"]], [packs.servers["web3"]])
    packs.verified(pack)
    platform = packs.platform("remote", pack, docroot="web")
    site = packs.site("remote.test", platform)
    packs.serves("remote.test", "web2", "web3")
    assert packs.grants(site) == {"hub.lab.test", "web2.lab.test", "web3.lab.test"}
    assert packs.code("web2", "remote") == packs.code("web3", "remote") == packs.code("hub", "remote") != {}
    assert packs.fetch_until(404, "hub", "remote.test").status == 404


def test_a_slave_that_was_down_serves_what_it_missed_after_its_verify(at_hub: Farm) -> None:
    with at_hub.lab.faults.down(at_hub.lab.web1):
        at_hub.hosting.provision("provision-save", "@server_pack", "--tolerate_down")
        ran = at_hub.install(at_hub.add_site("late.test", at_hub.platform_nid))
        at_hub.hosting.provision("provision-save", "@server_pack", "--no-tolerate_down")
        assert ran.status == WARNING, ran.log
        mentions(ran.log, "PROVISION_MEMBER_LEFT_OUT", "@server_web1labtest")
        at_hub.serves("late.test", "hub")
    ran = at_hub.verify(at_hub.servers["web1"])
    assert ran.status == SUCCESS, ran.log
    at_hub.serves("late.test", "hub", "web1")
