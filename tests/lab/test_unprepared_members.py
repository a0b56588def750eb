"""Verify of a server whose machine lacks a piece says which, before anything is changed there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from farm_system import ERROR, SUCCESS, WARNING, Farm, farm_on, mentions

from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

HOSTS = (HostSpec("hub", web="nginx"), HostSpec("web1", web="apache"), HostSpec("db", database=True))
INCLUDE = "/etc/apache2/conf-enabled/aegir.conf"


@pytest.fixture(scope="module")
def small_farm(lab_of_module: Lab) -> Iterator[Farm]:
    with farm_on(lab_of_module) as farm:
        farm.add_servers("web1")
        yield farm


@contextmanager
def hidden(host: LabHost, program: str) -> Iterator[None]:
    """Nothing of this name can be run."""
    host.write("/run/nothing", "", mode=0o644)
    real = host.run(["readlink", "-f", program]).stdout.strip()
    host.run(["mount", "--bind", "/run/nothing", real])
    try:
        yield
    finally:
        host.run(["umount", "-l", real])


@contextmanager
def changed(host: LabHost, file: str, change: Callable[[str], str]) -> Iterator[None]:
    former = host.read(file)
    host.sh('printf %s "$2" >"$1"', file, change(former))
    try:
        yield
    finally:
        host.sh('printf "%s\\n" "$2" >"$1"', file, former.rstrip("\n"))


@contextmanager
def closed(host: LabHost) -> Iterator[None]:
    host.sh("chown root /var/aegir")
    try:
        yield
    finally:
        host.sh("chown aegir /var/aegir")


MISSING = {
    "rsync": (lambda host: hidden(host, "/usr/bin/rsync"), ["The package rsync is not installed"]),
    "sudo's line": (
        lambda host: changed(
            host, "/etc/sudoers", lambda text: "\n".join(x for x in text.splitlines() if not x.startswith("aegir"))
        ),
        ["aegir may not run with sudo: /usr/sbin/apache2ctl graceful", "sudo: /usr/sbin/apache2ctl configtest"],
    ),
    "the group": (
        lambda host: changed(host, "/etc/group", lambda text: text.replace(",aegir", "").replace(":aegir\n", ":\n")),
        ["aegir is not in the group www-data"],
    ),
    "the folder": (closed, ["/var/aegir belongs to root and not to aegir"]),
}


@pytest.mark.parametrize("piece", MISSING)
def test_a_member_that_lacks(small_farm: Farm, piece: str) -> None:
    breaking, words = MISSING[piece]
    web1 = small_farm.lab.web1
    state = 'find /var/aegir/config -type f -printf "%p %i %T@\\n" | sort'
    before = web1.sh(state)
    with breaking(web1):
        web1.drop_ssh()
        ran = small_farm.verify(small_farm.servers["web1"])
        assert ran.status == ERROR, ran.log
        mentions(ran.log, "PROVISION_NOT_PREPARED", "@server_web1labtest is not ready", *words)
        mentions(ran.log, "provision-py @server_web1labtest prepare --run")
        assert web1.sh(state) == before
    web1.drop_ssh()
    ran = small_farm.verify(small_farm.servers["web1"])
    assert ran.status == SUCCESS, ran.log


def test_a_member_whose_web_server_does_not_read_our_files(small_farm: Farm) -> None:
    """It may read them in a way that nobody thought of, so that is a warning."""
    web1 = small_farm.lab.web1
    with changed(web1, INCLUDE, lambda text: "# nothing\n"):
        ran = small_farm.verify(small_farm.servers["web1"])
    assert ran.status == WARNING, ran.log
    mentions(ran.log, "PROVISION_NOT_PREPARED", "does not read /var/aegir/config/apache.conf", "prepare --run")
    assert small_farm.verify(small_farm.servers["web1"]).status == SUCCESS
