"""A database server whose name has an IPv6 address only."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from farm_system import SUCCESS, Farm

from provision_py.sandbox.frontend import ServiceForm

ADDRESSES = {"db": "fd00::15", "hub": "fd00::1", "web1": "fd00::11", "web2": "fd00::12"}

#: Hands connections on to the database, which listens on IPv4.
FORWARDER = """
import socket, threading
def pump(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)
listener = socket.create_server(("fd00::15", 3306), family=socket.AF_INET6)
print("ready", flush=True)
while True:
    one, other = listener.accept()[0], socket.create_connection(("127.0.0.1", 3306))
    for pair in ((one, other), (other, one)):
        threading.Thread(target=pump, args=pair, daemon=True).start()
"""


@pytest.fixture
def db6(farm: Farm) -> Iterator[Farm]:
    former = {name: farm.lab[name].read("/etc/hosts") for name in ADDRESSES}
    for name, address in ADDRESSES.items():
        farm.lab[name].sh('ip address add "$1/64" dev eth0 nodad; echo "fd00::15 db6.lab.test" >>/etc/hosts', address)
    with farm.lab["db"].popen([sys.executable, "-c", FORWARDER], stdout=subprocess.PIPE) as forwarder:
        assert forwarder.stdout is not None
        assert forwarder.stdout.readline() == b"ready\n"
        yield farm
        forwarder.kill()
    for name, address in ADDRESSES.items():
        farm.lab[name].sh('ip address del "$1/64" dev eth0', address)
        farm.lab[name].write("/etc/hosts", former[name])


def test_it_is_no_reason_for_doubt(db6: Farm) -> None:
    database = db6.lab.database
    form = ServiceForm("db", "mysql", database.port, user=database.user, password=database.password)
    front = db6.hosting.front_end
    server = front.add_server("db6.lab.test", [form])
    db6.verified(server)
    site = front.add_site("six.test", db6.platform_nid, server)
    ran = db6.install(site)
    assert ran.status == SUCCESS, ran.log
    db6.serves("six.test", "web1", "web2")
    done = db6.hosting.provision("@six.test", "check", check=False)
    assert done.returncode == 0, done.stdout + done.stderr
