"""A site of the hub moves, with its platform, to a web server on another machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm_system import ERROR, SUCCESS, Farm, farm_on, mentions, site_folder

from provision_py.sandbox.frontend import ServiceForm
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

HOSTS = (HostSpec("hub", web="nginx", database=True), HostSpec("web1", web="apache"))


@pytest.fixture(scope="module")
def small_farm(lab_of_module: Lab) -> Iterator[Farm]:
    with farm_on(lab_of_module) as farm:
        farm.add_servers("web1")
        yield farm


def test_the_name_of_its_database_server_is_the_hubs_own(small_farm: Farm) -> None:
    farm = small_farm
    front, provision, database = farm.hosting.front_end, farm.hosting.provision, farm.lab.database
    form = ServiceForm("db", "mysql", database.port, user=database.user, password=database.password)
    local = front.add_server("127.0.0.1", [form])
    farm.verified(local)
    platform = farm.platform("moving", front.web_server)
    site = front.add_site("moving.test", platform, local)
    assert farm.install(site).status == SUCCESS
    record = f"{site_folder('moving', 'moving.test')}/drushrc.php"
    assert "= '127.0.0.1'" in farm.hub.read(record)

    front.db.execute("UPDATE {hosting_platform} SET web_server = %s WHERE nid = %s", (farm.servers["web1"], platform))
    farm.verified(platform)
    ran = farm.verify(site)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_DB_HOST_LOCAL", "Give the database server a name")
    assert "= '127.0.0.1'" in farm.hub.read(record)

    provision("provision-save", "@server_127001", f"--remote_host={farm.hub.full_name}")
    ran = farm.verify(site)
    assert ran.status == SUCCESS, ran.log
    mentions(ran.log, "The database of moving.test is called hub.lab.test from now on: 127.0.0.1 is here only")
    farm.serves("moving.test", "web1")
    assert "= 'hub.lab.test'" in farm.hub.read(record)
    assert {"hub.lab.test", "web1.lab.test"} <= farm.grants(site)
    done = provision("@moving.test", "check", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "from now on" not in farm.verify(site).log
