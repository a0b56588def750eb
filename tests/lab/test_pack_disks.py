"""Packs whose members have several disks: masters on other machines, the hub as a slave, two masters."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm_system import PLATFORMS, SUCCESS, WARNING, Farm, farm_on, mentions, site_folder
from test_nfs_setup import parts

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


def set_up(farm: Farm, pack: str) -> dict[str, str]:
    """Run what nfs-setup prints on the machines that it names."""
    found = parts(farm.hosting.provision(pack, "nfs-setup", "--print").stdout)
    for name, commands in found.items():
        farm.lab[name.partition(".")[0]].run(["sh", "-eu"], input=commands)
    return found


def test_a_fresh_master_on_another_machine(farm: Farm) -> None:
    """What is printed is all that has to be done."""
    assert not farm.lab.web2.exists(PLATFORMS)
    pack = farm.hosting.add_pack("fresh", [farm.servers["web2"]], [farm.servers["web1"]])
    ran = farm.run(farm.queued(pack, "verify") or 0)
    mentions(ran.log, "PROVISION_PACK_MOUNT")
    assert list(set_up(farm, "@server_fresh")) == ["web2.lab.test", "web1.lab.test"]
    assert farm.lab.web2.run(["stat", "--format=%U:%G %a", PLATFORMS]).stdout == "aegir:aegir 755\n"
    ran = farm.verified(pack)
    assert "was not tried" not in ran.log
    platform = farm.platform("fresh", pack)
    farm.site("fresh.test", platform)
    farm.serves("fresh.test", "web1", "web2")


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
