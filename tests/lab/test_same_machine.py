"""One machine as two members of a group, by two of its names."""

from __future__ import annotations

import pytest
from farm_system import SUCCESS, Farm, mentions


@pytest.mark.parametrize("spelling", ["name", "address"])
def test_a_machine_is_no_second_member_by_another_name(farm: Farm, spelling: str) -> None:
    web2, run = farm.lab.web2, farm.hosting.provision
    host = web2.name if spelling == "name" else web2.address
    known = "/var/aegir/.ssh/known_hosts"
    farm.hub.sh('sed -n "s/^web2[^ ]* /$1 /p" "$2" >/tmp/known; cat /tmp/known >>"$2"', host, known, user="aegir")
    name, again = f"server_again{spelling}", f"server_twice{spelling}"
    run("provision-save", f"@{name}", "--context_type=server", f"--remote_host={host}", "--http_service_type=nginx",
        f"--http_restart_cmd={web2.restart_command}")  # fmt: skip
    run("provision-save", f"@{again}", "--context_type=server", "--http_service_type=cluster",
        f"--cluster_web_servers=@server_web1labtest,@server_web2labtest,@{name}")  # fmt: skip
    loaded = web2.sh("readlink /var/aegir/config/nginx.conf")
    done = run(f"@{again}", "provision-verify", check=False)
    assert done.returncode == 1
    mentions(done.stdout + done.stderr, "PROVISION_GROUP_MEMBER", "@server_web2labtest and", f"@{name}",
             f"web2.lab.test and {host}")  # fmt: skip
    assert web2.sh("readlink /var/aegir/config/nginx.conf") == loaded
    assert not web2.exists(f"/var/aegir/config/{name}")
    assert farm.journals() == []
    assert farm.verify(farm.cluster).status == SUCCESS
