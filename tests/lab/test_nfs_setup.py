"""What nfs-setup prints, run on the machines that it names."""

from __future__ import annotations

import sys
from collections.abc import Callable

from provision_py.sandbox.lab.host import LabHost
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.lab import Lab

#: Packages are there, and the lab's mount reads the exports itself.
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


def save_pack(hub: LabHost, name: str, *slaves: str) -> None:
    lists = [
        "--master_web_servers=@server_master",
        f"--slave_web_servers={','.join(f'@server_{one}' for one in slaves)}",
    ]
    provision(hub, "provision-save", f"@{name}", "--context_type=server", "--http_service_type=pack", *lists)


def set_up(lab: Lab, pack: str) -> str:
    """Run what nfs-setup prints, twice; what the first run says."""
    said = ""
    for name, script in parts(provision(lab.hub, f"@{pack}", "nfs-setup", "--print")).items():
        first, _ = (lab[name.partition(".")[0]].run(["sh", "-eu"], input=script) for _ in range(2))
        said += first.stdout + first.stderr
    return said


def test_slaves_see_the_masters_platforms(lab_of: Callable[..., Lab]) -> None:
    lab = lab_of((HostSpec("hub", web="nginx"), HostSpec("web1", web="apache"), HostSpec("web2", web="nginx")))
    hub = lab.hub
    provision(hub, "provision-save", "@server_master", "--context_type=server", f"--remote_host={hub.full_name}")
    for host in lab.webs:
        options = [f"--remote_host={host.full_name}", f"--http_service_type={host.spec.web}"]
        provision(hub, "provision-save", f"@server_{host.name}", "--context_type=server", *options)
    provision(hub, "provision-save", "@server_master", "--http_service_type=nginx")
    save_pack(hub, "pack", "web1", "web2")
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
    assert hub.read("/etc/exports.d/aegir-pack.exports").count("/var/aegir/platforms ") == 1
    assert "/var" not in hub.read("/etc/exports")

    former = hub.read("/etc/exports.d/aegir-pack.exports")
    hub.sh('printf "# mine\\n%s" "$1" >>/etc/exports', former)
    save_pack(hub, "pack", "web1")
    assert f"/etc/exports: taken out: {former}" in set_up(lab, "pack")
    assert hub.read("/etc/exports").splitlines()[-1] == "# mine"
    lab.web2.run(["umount", "/var/aegir/platforms"])
    refused = lab.web2.run(["mount", "/var/aegir/platforms"], check=False)
    assert "access denied by server" in refused.stderr
    lab.web1.run(["umount", "/var/aegir/platforms"])
    lab.web1.run(["mount", "/var/aegir/platforms"])

    # Another pack with the same master and folder has a file of its own.
    save_pack(hub, "other", "web2")
    set_up(lab, "other")
    set_up(lab, "pack")
    for host in lab.webs:
        assert host.read("/var/aegir/platforms/d7/index.php") == "<?php"
