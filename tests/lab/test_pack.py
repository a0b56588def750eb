"""Packs: masters hold the code, slaves mount it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, Farm, farm_on, mentions, site_folder

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


def test_a_slave_without_its_mount(at_hub: Farm) -> None:
    """What it would serve is whatever lies below the mount: nothing at best."""
    site = at_hub.add_site("unmounted.test", at_hub.platform_nid)
    before = at_hub.databases()
    with at_hub.lab.faults.unmounted(at_hub.lab.web1):
        ran = at_hub.install(site)
        assert ran.status == ERROR
        mentions(ran.log, "PROVISION_SLAVE_WITHOUT_CODE", "@server_web1labtest", f"mount {PLATFORMS}")
        ran = at_hub.verify(at_hub.platform_nid)
        assert ran.status == ERROR
        mentions(ran.log, "PROVISION_SLAVE_WITHOUT_CODE", "@server_web1labtest")
    assert at_hub.databases() == before
    assert at_hub.journals() == []
    at_hub.refuses("unmounted.test", "hub", "web1")
    at_hub.serves("one.test", "hub", "web1")
    ran = at_hub.install(site)
    assert ran.status == SUCCESS, ran.log
    at_hub.serves("unmounted.test", "hub", "web1")


def test_a_slave_with_a_copy_of_its_own(at_hub: Farm) -> None:
    site = at_hub.add_site("copied.test", at_hub.platform_nid)
    lab = at_hub.lab
    lab.web1.sh(f"cp -a {PLATFORMS}/shared /var/aegir/copy")
    with lab.faults.unmounted(lab.web1):
        lab.web1.sh(f"mv /var/aegir/copy {PLATFORMS}/shared")
        ran = at_hub.install(site)
        lab.web1.sh(f"rm -rf {PLATFORMS}/shared")
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_SLAVE_WITHOUT_CODE", "@server_web1labtest", "copied.test")
    at_hub.refuses("copied.test", "hub", "web1")


def test_a_master_on_another_machine(packs: Farm) -> None:
    pack = packs.hosting.add_pack("remotepack", [packs.servers["web2"]], [packs.servers["web3"]])
    packs.verified(pack)
    platform = packs.platform("remote", pack, docroot="web")
    site = packs.site("remote.test", platform)
    packs.serves("remote.test", "web2", "web3")
    assert packs.grants(site) == {"hub.lab.test", "web2.lab.test", "web3.lab.test"}
    assert packs.code("web2", "remote") == packs.code("web3", "remote") == packs.code("hub", "remote") != {}
    assert packs.fetch_until(404, "hub", "remote.test").status == 404
