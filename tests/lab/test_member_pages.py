"""Once all members have loaded their configuration, each is asked for the site: what one shows wrong, none keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from farm_system import ERROR, SUCCESS, WARNING, Farm, mentions, site_folder

from provision_py.sandbox.lab.webserver import php_version

ALL = ("web1", "web2")
VHOST = "/var/aegir/config/server_web2labtest/nginx/vhost.d/"


@contextmanager
def spoilt_at_reload(farm: Farm, uri: str) -> Iterator[None]:
    """The next time that web2 loads its configuration, and the site's is there, it serves another site instead."""
    # The workers that have the former configuration answer for a moment, which is longer on a busy machine.
    once = "/run/lab-spoilt"
    body = (
        f'case "$*" in *reload*) if [ -e {VHOST}{uri} ] && [ ! -e {once} ]; then'
        f' : >{once}; sed -i "s/{uri};/elsewhere.test;/" {VHOST}{uri};'
        ' "$original" "$@"; sleep 1; exit 0; fi ;; esac\n'
        'exec "$original" "$@"'
    )
    farm.lab.web2.run(["rm", "-f", once])
    with farm.lab.faults.wrapped(farm.lab.web2, "/usr/sbin/nginx", body):
        yield
    assert farm.lab.web2.exists(once)
    farm.lab.web2.run(["rm", "-f", once])


def test_a_new_site_that_one_member_does_not_show_is_on_none(farm: Farm) -> None:
    site = farm.add_site("unseen.test", farm.platform_nid)
    before = farm.databases()
    with spoilt_at_reload(farm, "unseen.test"):
        ran = farm.install(site)
    assert ran.status == ERROR, ran.log
    mentions(ran.log, "PROVISION_SITE_NOT_SERVED", "@server_web2labtest: it answers 404")
    assert "@server_web1labtest:" not in ran.log
    assert farm.databases() == before
    assert farm.journals() == []
    farm.refuses("unseen.test", *ALL)
    farm.serves("one.test", *ALL)
    ran = farm.install(site)
    assert ran.status == SUCCESS, ran.log
    farm.serves("unseen.test", *ALL)


def test_a_verify_after_which_one_member_shows_something_else_changes_nothing_anywhere(farm: Farm) -> None:
    site = farm.site("seen.test", farm.platform_nid)
    settings = f"{site_folder('shared', 'seen.test')}/settings.php"
    for host in ("hub", *ALL):
        farm.lab[host].sh('echo "// Written by hand." >>"$1"', settings)
    # Where nothing changes, nobody waits for workers to take it.
    farm.lab.web2.sh('echo "# Written by hand." >>"$1"', VHOST + "seen.test")
    former, vhost = farm.hub.read(settings), farm.lab.web2.read(VHOST + "seen.test")
    with spoilt_at_reload(farm, "seen.test"):
        ran = farm.verify(site)
    assert ran.status == ERROR, ran.log
    mentions(ran.log, "PROVISION_SITE_NOT_SERVED", "@server_web2labtest: it answers 404")
    for host in ("hub", *ALL):
        assert farm.lab[host].read(settings) == former
    assert farm.lab.web2.read(VHOST + "seen.test") == vhost
    farm.serves("seen.test", *ALL)
    ran = farm.verify(site)
    assert ran.status == SUCCESS, ran.log


def test_a_member_that_was_broken_before_is_a_warning(farm: Farm) -> None:
    site = farm.site("ill.test", farm.platform_nid)
    with farm.lab.faults.php_broken(farm.lab.web2):
        ran = farm.verify(site)
    assert ran.status == WARNING, ran.log
    mentions(ran.log, "@server_web2labtest does not show ill.test as it should", "as before")
    ran = farm.verify(site)
    assert ran.status == SUCCESS, ran.log


def test_what_a_check_and_a_verify_find_of_members_is_drawn(farm: Farm) -> None:
    def drawn(form: str) -> str:
        return farm.hosting.provision("topology", "@server_drawn", f"--format={form}").stdout

    def states(state: str, told: str) -> dict[str, str]:
        """Of the members, one of which is wrong in all forms."""
        line = next(line for line in drawn("text").splitlines() if "@server_web2labtest" in line)
        assert f"[{state}, " in line
        for text in (line, drawn("svg")):
            mentions(text, f"UTC: drawn.test: {told}")
        assert re.search(rf"class n\S+ {state}", drawn("mermaid"))
        cluster = next(one for one in json.loads(drawn("json"))["servers"] if one["name"] == "server_drawn")
        assert cluster["state"] == state
        return {one["name"].removesuffix("labtest"): one["state"] for one in cluster["members"]}

    # A cluster without sites of other tests, which may be worse.
    cluster = farm.hosting.add_cluster("drawn", [farm.servers[host] for host in ALL])
    farm.verified(cluster)
    site = farm.site("drawn.test", farm.platform("drawn", cluster))
    with farm.lab.faults.php_broken(farm.lab.web2):
        assert farm.hosting.provision("@drawn.test", "check", check=False).returncode == 1
        assert states("failed", "it answers 500") == {"server_web1": "ok", "server_web2": "failed"}
        assert farm.verify(site).status == WARNING
        assert states("warning", "it answers 500") == {"server_web1": "ok", "server_web2": "warning"}
    assert farm.hosting.provision("@drawn.test", "check").returncode == 0
    assert not re.search(r"class n\S+ (warning|failed)", drawn("mermaid"))


@pytest.mark.parametrize("lacking", ALL)
def test_a_member_without_the_platforms_code_is_no_place_for_a_new_site(farm: Farm, lacking: str) -> None:
    """Apache answers 403 and nginx 404 where there is no code."""
    site = farm.add_site(f"codeless-{lacking}.test", farm.platform_nid)
    index = "/var/aegir/platforms/shared/index.php"
    with away(farm, lacking, index):
        ran = farm.install(site)
        assert ran.status == ERROR, ran.log
        mentions(ran.log, "PROVISION_SITE_NOT_SERVED", f"it has no {index}: verify the platform")
        ran = farm.verify(farm.one)
        assert ran.status in (WARNING, ERROR), ran.log
        mentions(ran.log, f"@server_{lacking}labtest: it has no {index}")
        checked = farm.hosting.provision("@one.test", "check", check=False)
        assert checked.returncode == 1
        told = [line for line in checked.stdout.splitlines() if "well, " not in line]
        assert len(told) == 1
        assert lacking in told[0]
    ran = farm.install(site)
    assert ran.status == SUCCESS, ran.log


@contextmanager
def away(farm: Farm, host: str, path: str) -> Iterator[None]:
    farm.lab[host].run(["mv", path, f"{path}.away"])
    yield
    farm.lab[host].run(["mv", f"{path}.away", path])


@pytest.mark.parametrize("what", ["site", "cluster"])
def test_facts_of_members_that_are_doubtful_are_warnings(farm: Farm, what: str) -> None:
    body = (
        "exec \"$original\" -r \"echo json_encode(['time' => time() + 100, 'there' => true, 'resolves' => true]);\""
    )
    nid = farm.one if what == "site" else farm.cluster
    with farm.lab.faults.wrapped(
        farm.lab.web1, "/usr/bin/php", f'case "$*" in *disk_free_space*) {body} ;; esac\nexec "$original" "$@"'
    ):
        ran = farm.verify(nid)
    assert ran.status == WARNING, ran.log
    mentions(ran.log, "PROVISION_MEMBER_DOUBTFUL", "@server_web1labtest: its clock is")


@pytest.mark.parametrize(
    ("lacking", "kind", "php"),
    [
        ("web1", "cli", "PHP on the command line"),
        ("web2", "cli", "PHP on the command line"),
        ("web1", "apache2", "PHP in Apache"),
        ("web2", "fpm", "php-fpm"),
    ],
)
def test_extensions_that_one_member_lacks_are_named(farm: Farm, lacking: str, kind: str, php: str) -> None:
    """Whichever member is the first, and whatever runs PHP there for visitors."""
    other = "web1" if lacking == "web2" else "web2"
    told = f"its {php} lacks gd, which @server_{other}labtest has"

    def check(status: int) -> list[str]:
        checked = farm.hosting.provision("@one.test", "check", check=False)
        assert checked.returncode == status, checked.stdout
        return [line.partition(": ")[2] for line in checked.stdout.splitlines() if lacking in line.split()[0]]

    with away(farm, lacking, f"/etc/php/{php_version()}/{kind}/conf.d/20-gd.ini"):
        assert check(1) == [told]
        for nid in (farm.one, farm.cluster):
            ran = farm.verify(nid)
            assert ran.status == WARNING, ran.log
            mentions(ran.log, "PROVISION_MEMBER_DOUBTFUL", f"@server_{lacking}labtest: {told}")
        assert f"@server_{other}labtest: " not in ran.log
    assert "well, " in check(0)[0]


def test_php_fpm_below_apache_is_compared_with_that_of_nginx(farm: Farm) -> None:
    cluster = farm.hosting.add_cluster("fpm", [farm.servers["web2"], farm.servers["web3"]])
    farm.verified(cluster)
    # What does not serve may lack what it will.
    with away(farm, "web3", f"/etc/php/{php_version()}/apache2/conf.d/20-gd.ini"):
        farm.verified(cluster)
    with away(farm, "web3", f"/etc/php/{php_version()}/fpm/conf.d/20-gd.ini"):
        ran = farm.verify(cluster)
    assert ran.status == WARNING, ran.log
    mentions(ran.log, "@server_web3labtest: its php-fpm lacks gd, which @server_web2labtest has")
