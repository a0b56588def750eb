"""The recorded front end on the hub of a lab: its own cluster, pack and platforms, its servers the lab's hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from farm_system import PLATFORMS, Farm, write_platform

from provision_py.sandbox.frontend import ServiceForm
from provision_py.sandbox.lab.hosting import INSERT_CLUSTER_MEMBER, INSERT_PACK_MEMBER, LabHosting
from provision_py.sandbox.lab.lab import Lab

DUMP = "hostmaster-used.sql.gz"

#: Node ids of the recorded system.
HUB, CLUSTER, PACK = 2, 165, 167
WEB1, WEB2, NGINX1 = 161, 163, 169
CLUSTER_PLATFORM, PACK_PLATFORM = 171, 173
CLIENT = 124

#: Where the code of the recorded platforms lies, below the folder of all platforms.
ROOTS = {CLUSTER_PLATFORM: "d7c", PACK_PLATFORM: "d7p"}

SET_TITLE = (
    "UPDATE {node} n JOIN {node_revision} r ON r.vid = n.vid SET n.title = %(title)s, r.title = %(title)s"
    " WHERE n.nid = %(nid)s"
)
SET_ADDRESS = "UPDATE {hosting_ip_addresses} SET ip_address = %(address)s WHERE nid = %(nid)s"
SET_TYPE = (
    "UPDATE {hosting_service} s JOIN {node} n ON n.vid = s.vid SET s.type = %(type)s, s.restart_cmd = %(restart)s"
    " WHERE n.nid = %(nid)s AND s.service = 'http'"
)
#: What nobody is to run here: the queue of the recorded day.
CANCEL_ALL = "UPDATE {hosting_task} SET task_status = 2 WHERE task_status < 1"
MODULES = "SELECT name FROM {system} WHERE type = 'module' AND status = 1"


@contextmanager
def recorded_farm(lab: Lab, reference: Path) -> Iterator[Farm]:
    """A hosting system whose front end is the recorded one.

    Besides rows, which forms would change, there is the code of the platforms on the hub.
    """
    hosting = LabHosting.install(lab)
    try:
        front = hosting.front_end
        database = str(front.db.value("SELECT DATABASE()"))
        lab.database.load(database, reference / DUMP)
        front.modules = {str(row["name"]) for row in front.db.rows(MODULES)}
        front.client, front.web_server, front.platform, front.site = CLIENT, HUB, 7, 10
        front.db.execute(CANCEL_ALL)
        farm = Farm(lab, hosting, servers={"hub": HUB})
        move(farm, HUB, "hub")
        restart = {"type": lab.hub.spec.web, "restart": lab.hub.restart_command}
        front.db.execute(SET_TYPE, {"nid": HUB, **restart})
        for root in ROOTS.values():
            lab.hub.call(write_platform, f"{PLATFORMS}/{root}", 7, "")
        yield farm
    finally:
        hosting.close()


def move(farm: Farm, nid: int, host: str) -> None:
    """Save the form of a server with a host of the lab."""
    front, there = farm.hosting.front_end, farm.lab[host]
    front.db.execute(SET_TITLE, {"nid": nid, "title": there.full_name})
    front.db.execute(SET_ADDRESS, {"nid": nid, "address": there.address})
    farm.servers[host] = nid
    farm.queue(nid)


def add_database_server(farm: Farm) -> int:
    """A node for the database server, by a name that every machine knows; its verify is queued."""
    database = farm.lab.database
    form = ServiceForm("db", "mysql", database.port, user=database.user, password=database.password)
    farm.hosting.front_end.db_server = farm.hosting.front_end.add_server(database.host, [form])
    return farm.hosting.front_end.db_server


def choose(farm: Farm, group: int, *members: str, **kinds: str) -> None:
    """Save the form of a cluster with these members alone, or that of a pack with these masters and slaves."""
    db = farm.hosting.front_end.db
    vid = db.value("SELECT vid FROM {node} WHERE nid = %s", (group,))
    for table in ("{hosting_web_cluster}", "{hosting_web_pack}"):
        db.execute(f"DELETE FROM {table} WHERE vid = %s", (vid,))
    for name in members:
        db.insert(INSERT_CLUSTER_MEMBER, {"nid": group, "vid": vid, "member": farm.servers[name]})
    for name, kind in kinds.items():
        db.insert(INSERT_PACK_MEMBER, {"nid": group, "vid": vid, "member": farm.servers[name], "type": kind})
