"""Packs whose members have several disks: masters on other machines, the hub as a slave, two masters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm_system import SUCCESS, WARNING, Farm, farm_on, mentions, site_folder

from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

HOSTS = (
    HostSpec("hub", web="nginx"),
    HostSpec("web1", web="apache"),
    HostSpec("web2", web="nginx"),
    HostSpec("db", database=True),
)


@pytest.fixture(scope="module")
def farm(lab_of_module: Lab) -> Iterator[Farm]:
    with farm_on(lab_of_module) as farm:
        farm.add_servers("web1", "web2")
        yield farm


def test_the_hub_as_a_slave(farm: Farm) -> None:
    pack = farm.hosting.add_pack("hubslave", [farm.servers["web2"]], [farm.hosting.front_end.web_server])
    ran = farm.run(farm.queued(pack, "verify") or 0)
    assert ran.status == WARNING, ran.log
    mentions(ran.log, "PROVISION_PACK_HUB", "@server_master does not see /var/aegir/platforms of @server_web2labtest")
    refused = farm.hosting.provision("@server_hubslave", "nfs-setup", "--print", check=False)
    assert refused.returncode != 0
    assert "a mount would cover the code" in refused.stderr
    platform = farm.add_platform("hubslave", pack)
    ran = farm.run(farm.queued(platform, "verify") or 0)
    assert ran.status == WARNING, ran.log
    mentions(ran.log, "PROVISION_PACK_HUB")
    farm.site("hubslave.test", platform)
    farm.serves("hubslave.test", "hub", "web2")
    balancer = farm.hosting.provision("@server_hubslave", "lb-config", "--for=haproxy").stdout
    assert "use-server server_web2labtest if TRUE" in balancer


def test_two_masters(farm: Farm) -> None:
    pack = farm.hosting.add_pack("two", [farm.hosting.front_end.web_server, farm.servers["web2"]], [])
    ran = farm.run(farm.queued(pack, "verify") or 0)
    assert ran.status == SUCCESS, ran.log
    mentions(ran.log, "@server_web2labtest has a disk of its own", "lb-config")
    site = farm.site("two.test", farm.platform("two", pack))
    assert site
    folder = site_folder("two", "two.test")
    farm.lab.web2.write(f"{folder}/files/a.txt", "from a visitor", user="www-data")
    assert farm.fetch("hub", "two.test", "/sites/two.test/files/a.txt").status == 404
    balancer = farm.hosting.provision("@server_two", "lb-config", "--for=nginx").stdout
    assert "_files" in balancer
