"""Single web servers on other machines, from the forms of the front end to their pages."""

from __future__ import annotations

from farm_system import ERROR, PLATFORMS, SUCCESS, Farm, mentions, site_folder

from provision_py.sandbox.frontend import ServiceForm


def test_a_single_remote_server(farm: Farm) -> None:
    platform = farm.platform("single", farm.servers["web3"], major=7)
    site = farm.site("single.test", platform)
    farm.serves("single.test", "web3")
    assert farm.grants(site) == {"hub.lab.test", "web3.lab.test"}
    assert not farm.lab.web1.exists(f"{PLATFORMS}/single")
    assert farm.fetch_until(404, "web1", "single.test").status == 404
    # An upload stays where it was made.
    folder = site_folder("single", "single.test")
    farm.lab.web3.write(f"{folder}/files/uploaded.txt", "from a visitor", user="www-data")
    ran = farm.verify(site)
    assert ran.status == SUCCESS, ran.log
    assert farm.fetch("web3", "single.test", "/sites/single.test/files/uploaded.txt").text == "from a visitor"


def test_a_machine_that_nobody_has_vouched_for(farm: Farm) -> None:
    known = "/var/aegir/.ssh/known_hosts"
    former = farm.hub.read(known)
    farm.hub.sh('sed -i "/^web3/d" "$1"', known, user="aegir")
    ran = farm.verify(farm.servers["web3"])
    farm.hub.write(known, former, user="aegir")
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_SSH_UNKNOWN_HOST_KEY", "@server_web3labtest", "accept it", "SHA256:")
    ran = farm.verify(farm.servers["web3"])
    assert ran.status == SUCCESS, ran.log


def test_a_database_server_called_localhost_is_no_use_to_other_machines(farm: Farm) -> None:
    database = farm.lab.database
    form = ServiceForm("db", "mysql", database.port, user=database.user, password=database.password)
    front = farm.hosting.front_end
    local = front.add_server("localhost", [form])
    ran = farm.run(farm.queued(local, "verify") or 0)
    assert ran.status == ERROR, "nothing listens on the hub"
    site = front.add_site("local.test", farm.platform_nid, local)
    ran = farm.install(site)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_DB_HOST_LOCAL", "local.test")
    farm.refuses("local.test", "web1", "web2")
