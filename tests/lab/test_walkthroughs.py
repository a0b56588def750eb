"""The two walk-throughs of docs/clusters-and-packs.md, step by step, on a recorded front end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from farm_system import ERROR, PLATFORMS, SUCCESS, Farm, mentions
from recorded_farm import (
    CLUSTER,
    CLUSTER_PLATFORM,
    NGINX1,
    PACK,
    PACK_PLATFORM,
    ROOTS,
    WEB1,
    WEB2,
    add_database_server,
    choose,
    move,
    recorded_farm,
)
from test_nfs_setup import parts

from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

HOSTS = (
    HostSpec("hub", web="nginx"),
    HostSpec("web1", web="apache"),
    HostSpec("web2", web="apache"),
    HostSpec("web3", web="apache", php="fpm"),
    HostSpec("nginx1", web="nginx"),
    HostSpec("db", database=True),
)


@pytest.fixture(scope="module")
def walk(reference: Path, lab_of_module: Lab) -> Iterator[Farm]:
    with recorded_farm(lab_of_module, reference) as farm:
        yield farm


def done(farm: Farm, *tasks: int | None) -> None:
    """Queued tasks, run side by side: every one succeeds."""
    for task in tasks:
        assert task is not None
        ran = farm.run(task)
        assert ran.status == SUCCESS, ran.log


def is_well(farm: Farm, uri: str, *hosts: str) -> None:
    """Every member serves the site, and ``check`` finds nothing wrong."""
    farm.serves(uri, *hosts)
    said = farm.hosting.provision(f"@{uri}", "check").stdout
    assert said.count(": well, ") == len(hosts), said


def test_cluster(walk: Farm) -> None:
    farm, front = walk, walk.hosting.front_end
    # The machines and their nodes (steps 1 and 2), the cluster (3), the database server (4).
    move(farm, WEB1, "web1")
    move(farm, WEB2, "web2")
    database = add_database_server(farm)
    done(farm, *(farm.queued(nid, "verify") for nid in (WEB1, WEB2, database)))
    done(farm, farm.queue(CLUSTER))
    # Platform and site (5).
    done(farm, farm.queue(CLUSTER_PLATFORM))
    assert farm.code("web1", ROOTS[CLUSTER_PLATFORM]) == farm.code("web2", ROOTS[CLUSTER_PLATFORM]) != {}
    site = farm.one = front.add_site("myclustersite.test", CLUSTER_PLATFORM, database, profile="minimal")
    done(farm, farm.queued(site, "install"))
    done(farm, farm.queue(site))
    # Each member by its own address (6).
    is_well(farm, "myclustersite.test", "web1", "web2")
    argv = ["curl", "--silent", "--fail", "--resolve", f"myclustersite.test:80:{farm.lab.web2.address}"]
    page = farm.hub.run([*argv, "http://myclustersite.test/"], user="aegir").stdout
    assert "myclustersite.test" in page
    assert farm.fetch("hub", "myclustersite.test").status == 404
    # The load balancer (7).
    balancer = farm.hosting.provision("@server_cluster1", "lb-config", "--for=haproxy").stdout
    assert all(farm.lab[host].full_name in balancer for host in ("web1", "web2"))


def test_a_member_joins_the_cluster_and_leaves_it(walk: Farm) -> None:
    site = walk.one
    walk.add_servers("web3")
    walk.join(CLUSTER, "web3")
    done(walk, walk.queue(CLUSTER), walk.queue(CLUSTER_PLATFORM), walk.queue(site))
    is_well(walk, "myclustersite.test", "web1", "web2", "web3")
    choose(walk, CLUSTER, "web1", "web2")
    done(walk, walk.queue(CLUSTER), walk.queue(site))
    is_well(walk, "myclustersite.test", "web1", "web2")
    assert walk.grants(site) == {f"{host}.lab.test" for host in ("hub", "web1", "web2", "web3")}


def test_pack(walk: Farm) -> None:
    farm, front = walk, walk.hosting.front_end
    move(farm, NGINX1, "nginx1")
    done(farm, farm.queued(NGINX1, "verify"))
    choose(farm, PACK, hub="master", nginx1="slave")
    # Pack and platform are refused before the slave sees the folder, and nothing is changed.
    for nid in (PACK, PACK_PLATFORM):
        ran = farm.verify(nid)
        assert ran.status == ERROR
        mentions(ran.log, "PROVISION_PACK_MOUNT", "@server_nginx1exampletest")
    scripts = parts(farm.hosting.provision("@server_pack1", "nfs-setup", "--print").stdout)
    assert list(scripts) == ["hub.lab.test", "nginx1.lab.test"]
    for name, script in scripts.items():
        farm.lab[name.partition(".")[0]].run(["sh", "-eu"], input=script)
    done(farm, farm.queue(PACK))
    done(farm, farm.queue(PACK_PLATFORM))
    site = front.add_site("mypacksite.test", PACK_PLATFORM, front.db_server, profile="minimal")
    done(farm, farm.queued(site, "install"))
    done(farm, farm.queue(site))
    is_well(farm, "mypacksite.test", "hub", "nginx1")
    # Without its mount the slave has nothing to serve: no verify calls that well.
    with farm.lab.faults.unmounted(farm.lab.nginx1):
        for nid in (PACK_PLATFORM, site):
            ran = farm.verify(nid)
            assert ran.status == ERROR
            mentions(ran.log, "PROVISION_PACK_MOUNT", "@server_nginx1exampletest", f"mount {PLATFORMS}")
    is_well(farm, "mypacksite.test", "hub", "nginx1")
    done(farm, farm.queue(site))


def test_topology(walk: Farm) -> None:
    drawn = walk.hosting.provision("topology", "@server_cluster1", "@server_pack1").stdout
    for name in ("server_web1exampletest", "server_nginx1exampletest", "myclustersite.test", "mypacksite.test"):
        assert name in drawn, drawn
