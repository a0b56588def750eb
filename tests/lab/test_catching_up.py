"""What a returned member is brought: what it still serves and can be read, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from farm_system import PLATFORMS, SUCCESS, WARNING, Farm, mentions, site_folder
from test_members_down import command, missed, tolerate


@contextmanager
def tolerant(farm: Farm, server: str) -> Iterator[None]:
    tolerate(farm, server)
    try:
        yield
    finally:
        tolerate(farm, server, on=False)


def test_a_platform_that_went_to_another_server_meanwhile(farm: Farm) -> None:
    platform, file = farm.platform("moved", farm.cluster), f"{PLATFORMS}/moved/index.php"
    with tolerant(farm, "server_cluster"), farm.lab.faults.down(farm.lab.web2):
        assert farm.verify(platform).status == WARNING
    assert missed(farm, "web2") == ["platform_moved"]
    for words in (["provision-save", "@platform_moved", "--web_server=@server_web3labtest"],
                  ["@platform_moved", "provision-verify"]):  # fmt: skip
        ran = command(farm, *words)
        assert ran.status == 0, ran.log
    served = farm.lab.web3.read(file)
    farm.hub.sh('echo "// half done" >>"$1"', file)
    with farm.lab.faults.down(farm.lab.web3):
        ran = command(farm, "@server_web2labtest", "provision-verify")
    assert ran.status == 0, ran.log
    assert "was brought" not in ran.log
    mentions(ran.log, "@platform_moved", "no longer")
    assert farm.lab.web3.read(file) == served
    assert missed(farm, "web2") == []


def test_a_member_that_was_taken_out_meanwhile(farm: Farm) -> None:
    pair = farm.hosting.add_cluster("pair", [farm.servers["web1"], farm.servers["web3"]])
    farm.verified(pair)
    site = farm.site("pair.test", farm.platform("pair", pair))
    with tolerant(farm, "server_pair"), farm.lab.faults.down(farm.lab.web3):
        assert farm.verify(pair).status == WARNING
        assert farm.verify(site).status == WARNING
    assert {"pair.test", "server_pair"} <= set(missed(farm, "web3"))
    for words in (["provision-save", "@server_pair", "--cluster_web_servers=@server_web1labtest"],
                  ["@server_pair", "provision-verify"]):  # fmt: skip
        ran = command(farm, *words)
        assert ran.status == 0, ran.log
    ran = farm.verify(farm.servers["web3"])
    assert ran.status == SUCCESS, ran.log
    assert "was brought" not in ran.log
    assert missed(farm, "web3") == []


def test_a_site_that_cannot_be_read_or_rendered_does_not_hold_up_the_others(farm: Farm) -> None:
    sites = {name: farm.site(f"{name}.test", farm.platform_nid) for name in ("broken", "odd", "sound")}
    with tolerant(farm, "server_cluster"), farm.lab.faults.down(farm.lab.web2):
        for name, site in sites.items():
            farm.hub.write(f"{site_folder('shared', f'{name}.test')}/modules/late.inc", "<?php", user="aegir")
            assert farm.verify(site).status == WARNING
    aliases = {name: f"/var/aegir/.drush/{name}.test.alias.drushrc.php" for name in ("broken", "odd")}
    former = {name: farm.hub.read(path) for name, path in aliases.items()}
    farm.hub.write(aliases["broken"], "<?php broken")
    farm.hub.write(aliases["odd"], re.sub(r"('redirection' => )[^,]*", r"\1'no host;'", former["odd"]))
    for verified in (farm.servers["web2"], farm.cluster):
        ran = farm.verify(verified)
        assert ran.status == WARNING, ran.log
        mentions(ran.log, "What was missed of @broken.test cannot be brought", "PROVISION_PHP_DATA")
        mentions(ran.log, "What was missed of @odd.test cannot be brought", "no host;")
        assert missed(farm, "web2") == ["broken.test", "odd.test"]
    assert farm.lab.web2.exists(f"{site_folder('shared', 'sound.test')}/modules/late.inc")
    for name, text in former.items():
        farm.hub.write(aliases[name], text)
    assert farm.verify(farm.servers["web2"]).status == SUCCESS
    assert farm.lab.web2.exists(f"{site_folder('shared', 'broken.test')}/modules/late.inc")
    assert missed(farm, "web2") == []
