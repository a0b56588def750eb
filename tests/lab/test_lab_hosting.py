"""A hosting system on the hub of a lab: installed, driven by its forms, run by the dispatcher."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provision_py.errors import HostError
from provision_py.sandbox.lab.hosting import LabHosting
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab
from provision_py.sandbox.lab.namespaces import LabNotPermittedError


@pytest.fixture
def hosting(lab: Lab) -> Iterator[LabHosting]:
    before = set(lab.database.databases())
    hosting = LabHosting.install(lab)
    yield hosting
    hosting.close()
    for name in set(lab.database.databases()) - before:
        lab.database.drop_database(name)
    for user, host in lab.database.query("SELECT User, Host FROM mysql.user WHERE User = 'hostmaster'"):
        lab.database.query("DROP USER %s@%s", (user, host))
    lab.hub.sh(
        'cd /var/aegir; rm -rf .drush .provision-py backups clients config platforms hostmaster-*; exec "$@"',
        *lab.hub.restart_command.split(),
    )


def test_the_hub_verifies_its_own_servers(hosting: LabHosting) -> None:
    front = hosting.front_end
    front.queue_task(front.web_server, "verify")
    front.queue_task(front.db_server, "verify")
    output = hosting.dispatch().stdout
    assert {(task.target, task.type, task.status) for task in front.tasks()} >= {
        ("hub.lab.test", "verify", 1),
        ("db.lab.test", "verify", 1),
    }, output + hosting.said()
    lab = hosting.lab
    assert lab.hub.exists("/var/aegir/config/nginx.conf")
    assert lab.fetch("hub", host="nobody.test").status == 404
    assert "verified" in hosting.provision("@server_master", "provision-verify").stderr


def test_groups_are_stored_as_their_forms_do(hosting: LabHosting) -> None:
    front, lab = hosting.front_end, hosting.lab
    servers = [hosting.add_web_server(host, verify=False) for host in lab.webs]
    cluster = hosting.add_cluster("cluster", servers, verify=False)
    pack = hosting.add_pack("pack", servers[:1], servers[1:])
    assert front.db.rows(
        "SELECT c.web_server_nid AS member FROM {hosting_web_cluster} c JOIN {node} n ON n.vid = c.vid"
        " WHERE n.nid = %s ORDER BY 1",
        (cluster,),
    ) == [{"member": server} for server in servers]
    assert front.db.rows("SELECT web_server_nid AS member, type FROM {hosting_web_pack} WHERE nid = %s", (pack,)) == [
        {"member": servers[0], "type": "master"},
        {"member": servers[1], "type": "slave"},
    ]
    assert [(task.target, task.type, task.status) for task in front.tasks()] == [("pack", "verify", 0)]


def start_a_lab() -> None:
    Lab.start([HostSpec("one")])


def test_without_root_there_is_no_lab(lab: Lab) -> None:
    with pytest.raises(LabNotPermittedError, match="need root") as caught:
        lab.hub.call(start_a_lab, user="aegir")
    assert isinstance(caught.value, HostError)
