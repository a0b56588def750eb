"""Clusters, from the forms of the front end to pages from every member."""

from __future__ import annotations

from farm_system import SUCCESS, Farm, site_folder

ALL = ("web1", "web2")


def test_every_member_has_and_serves_the_site(farm: Farm) -> None:
    farm.serves("one.test", *ALL)
    on_hub = farm.code("hub", "shared")
    assert len(on_hub) > 40
    for host in ALL:
        assert farm.code(host, "shared") == on_hub
        settings = f"{site_folder('shared', 'one.test')}/settings.php"
        assert farm.lab[host].run(["stat", "--format=%a %U %G", settings]).stdout == "440 aegir www-data\n"
    assert sorted(farm.hub.run(["find", "/var/aegir/config", "-name", "one.test"]).stdout.splitlines()) == [
        "/var/aegir/config/server_web1labtest/apache/vhost.d/one.test",
        "/var/aegir/config/server_web2labtest/nginx/vhost.d/one.test",
    ]
    assert farm.fetch("hub", "one.test").status == 404


def test_every_member_and_the_hub_may_use_the_database(farm: Farm) -> None:
    assert farm.grants(farm.one) == {"hub.lab.test", "web1.lab.test", "web2.lab.test"}


def test_what_only_a_member_has_survives_and_what_the_hub_has_arrives(farm: Farm) -> None:
    folder = site_folder("shared", "one.test")
    farm.lab.web1.write(f"{folder}/files/uploaded.txt", "from a visitor", user="www-data")
    farm.lab.web2.write(f"{folder}/private/files/secret.txt", "for members", user="www-data")
    farm.hub.write(f"{folder}/files/new.txt", "from the hub", user="aegir")
    farm.hub.write(f"{folder}/modules/late.inc", "<?php", user="aegir")
    ran = farm.verify(farm.one)
    assert ran.status == SUCCESS, ran.log
    assert farm.fetch("web1", "one.test", "/sites/one.test/files/uploaded.txt").text == "from a visitor"
    assert farm.lab.web2.read(f"{folder}/private/files/secret.txt") == "for members"
    for host in ALL:
        assert farm.fetch(host, "one.test", "/sites/one.test/files/new.txt").text == "from the hub"
        assert farm.lab[host].exists(f"{folder}/modules/late.inc")
    # What is code goes when the hub's goes.
    farm.hub.run(["rm", f"{folder}/modules/late.inc"])
    ran = farm.verify(farm.one)
    assert ran.status == SUCCESS, ran.log
    for host in ALL:
        assert not farm.lab[host].exists(f"{folder}/modules/late.inc")
    assert farm.lab.web1.exists(f"{folder}/files/uploaded.txt")


def test_a_command_connects_to_a_member_twice_at_most(farm: Farm) -> None:
    before = {host: farm.lab[host].ssh_logins() for host in ALL}
    ran = farm.verify(farm.one)
    assert ran.status == SUCCESS, ran.log
    for host in ALL:
        assert farm.lab[host].ssh_logins() - before[host] <= 2


def test_a_verify_that_finds_nothing_new_asks_a_member_little(farm: Farm) -> None:
    """One connection; the guard, and four scripts: all questions, the look at its configuration, writing and testing
    that, the reload."""
    assert farm.verify(farm.one).status == SUCCESS
    before = {host: (farm.lab[host].ssh_logins(), farm.lab[host].ssh_sessions()) for host in ALL}
    ran = farm.verify(farm.one)
    assert ran.status == SUCCESS, ran.log
    for host in ALL:
        logins, sessions = farm.lab[host].ssh_logins(), farm.lab[host].ssh_sessions()
        assert (logins - before[host][0], sessions - before[host][1]) == (1, 5), host


def test_a_composer_layout_arrives_with_what_is_beside_the_docroot(farm: Farm) -> None:
    platform = farm.platform("composer", farm.cluster, docroot="web")
    site = farm.site("composed.test", platform)
    farm.serves("composed.test", *ALL)
    on_hub = farm.code("hub", "composer")
    assert "./vendor/autoload.php" in on_hub
    for host in ALL:
        assert farm.code(host, "composer") == on_hub
    ran = farm.verify(platform)
    assert ran.status == SUCCESS, ran.log
    farm.serves("composed.test", *ALL)
    assert farm.verify(site).status == SUCCESS


def test_the_hub_may_be_a_member_and_others_may_join(farm: Farm) -> None:
    front = farm.hosting.front_end
    cluster = farm.hosting.add_cluster("growing", [front.web_server])
    farm.verified(cluster)
    platform = farm.platform("growing", cluster)
    site = farm.site("growing.test", platform)
    farm.serves("growing.test", "hub")
    assert farm.grants(site) == {"hub.lab.test"}
    farm.join(cluster, "web2")
    for nid in (cluster, platform, site):
        ran = farm.verify(nid)
        assert ran.status == SUCCESS, ran.log
    farm.serves("growing.test", "hub", "web2")
    assert farm.grants(site) == {"hub.lab.test", "web2.lab.test"}


def test_a_grant_that_was_lost_comes_back(farm: Farm) -> None:
    granted = farm.grants(farm.one)
    lose_grant(farm, "web2.lab.test")
    ran = farm.verify(farm.one)
    assert ran.status == SUCCESS, ran.log
    assert farm.grants(farm.one) == granted
    farm.serves("one.test", *ALL)


def lose_grant(farm: Farm, host: str) -> None:
    farm.lab.database.query(f"DROP USER '{farm.database_of(farm.one)}'@'{host}'")


def test_a_php_that_knows_no_database_without_its_configuration(farm: Farm) -> None:
    lose_grant(farm, "web1.lab.test")
    body = 'test "$1" != -n || { echo "PHP Fatal error: no mysqli"; exit 255; }\nexec "$original" "$@"'
    with farm.lab.faults.wrapped(farm.lab.web1, "/usr/bin/php", body):
        ran = farm.verify(farm.one)
    assert ran.status == SUCCESS, ran.log
    assert farm.grants(farm.one) >= {"web1.lab.test", "web2.lab.test"}


def test_an_address_below_another_host_comes_and_goes_on_every_member(farm: Farm) -> None:
    def vhosts(alias: str) -> set[str]:
        farm.hosting.provision("provision-save", "@two.test", f"--aliases={alias}")
        farm.hosting.provision("@two.test", "provision-verify")
        find = "find /var/aegir/config -path '*free.test*' | sed 's|.*/server_||; s|labtest/[a-z]*/|:|'"
        return {f"{host} {line}" for host in ("hub", *ALL) for line in farm.lab[host].sh(find).split()}

    farm.site("two.test", farm.platform_nid)
    expected = {
        f"{host} {member}:{path}"
        for member in ALL
        for host in ("hub", member)
        for path in ("vhost.d/free.test", "subdir.d/free.test", "subdir.d/free.test/x.conf")
    }
    assert vhosts("free.test/x") == expected
    for host in ALL:
        assert farm.fetch_until(200, host, "free.test", "/x/").status == 200
    assert vhosts("null") == set()
    for host in ALL:
        assert farm.fetch_until(404, host, "free.test", "/x/").status == 404
