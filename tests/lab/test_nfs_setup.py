"""What nfs-setup prints, run on the machines that it names."""

from __future__ import annotations

import sys
from collections.abc import Callable

from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

#: Packages are there, and the lab's mount reads /etc/exports itself.
NOT_IN_A_LAB = ("apt-get ", "exportfs ")


def provision(hub: LabHost, *words: str) -> str:
    return hub.run([sys.executable, "-m", "provision_py.cli.main", *words], user="aegir").stdout


def parts(text: str) -> dict[str, str]:
    """The commands for each machine, by its full name."""
    found: dict[str, str] = {}
    name = ""
    for line in text.splitlines():
        if line.startswith("# ==== On "):
            name = line.removeprefix("# ==== On ").split()[0]
        elif name and not line.startswith(NOT_IN_A_LAB):
            found[name] = found.get(name, "") + line + "\n"
    return found


def test_slaves_see_the_masters_platforms(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of((HostSpec("hub", web="nginx"), HostSpec("web1", web="apache"), HostSpec("web2", web="nginx")))
    hub = lab.hub
    provision(hub, "provision-save", "@server_master", "--context_type=server", f"--remote_host={hub.full_name}")
    for host in lab.webs:
        options = [f"--remote_host={host.full_name}", f"--http_service_type={host.spec.web}"]
        provision(hub, "provision-save", f"@server_{host.name}", "--context_type=server", *options)
    lists = ["--master_web_servers=@server_master", "--slave_web_servers=@server_web1,@server_web2"]
    provision(hub, "provision-save", "@server_master", "--http_service_type=nginx")
    provision(hub, "provision-save", "@pack", "--context_type=server", "--http_service_type=pack", *lists)
    hub.run(["mkdir", "-p", "/var/aegir/platforms/d7"], user="aegir")

    found = parts(provision(hub, "@pack", "nfs-setup", "--print"))

    assert list(found) == [host.full_name for host in lab.hosts.values()]
    for host in lab.hosts.values():
        for _ in range(2):
            host.run(["sh", "-eu"], input=found[host.full_name])
    hub.write("/var/aegir/platforms/d7/index.php", "<?php", user="aegir")
    for host in lab.webs:
        assert host.read("/var/aegir/platforms/d7/index.php") == "<?php"
        host.write(f"/var/aegir/platforms/d7/{host.name}", "", user="aegir")
        assert host.read("/etc/fstab").count("/var/aegir/platforms nfs ") == 1
    assert hub.sh("ls /var/aegir/platforms/d7").split() == ["index.php", "web1", "web2"]
    assert hub.read("/etc/exports").count("/var/aegir/platforms ") == 1
