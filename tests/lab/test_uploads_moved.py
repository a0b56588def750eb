"""Uploads that go from the member that has them to another one, as docs/clusters-and-packs.md says."""

from __future__ import annotations

from farm_system import Farm, site_folder


def test_a_member_is_emptied_of_uploads_before_it_is_stopped(farm: Farm) -> None:
    folder = site_folder("shared", "one.test")
    farm.lab.web1.run(["mkdir", "-m", "775", f"{folder}/files/visitors"], user="www-data")
    farm.lab.web1.write(f"{folder}/files/visitors/a.png", "from a visitor", user="www-data")
    drained = farm.hosting.provision("@server_cluster", "lb-config", "--for=haproxy", "--drain=@server_web1labtest")
    assert "@server_web1labtest has the uploads and goes on getting all requests for them" in drained.stderr
    argv = ["rsync", "-a", f"web1.lab.test:{folder}/files/", f"{folder}/files/"]
    for _ in range(2):
        farm.hub.run(argv, user="aegir")
        farm.hosting.provision("@one.test", "provision-verify")
    assert farm.fetch("web2", "one.test", "/sites/one.test/files/visitors/a.png").text == "from a visitor"
    owner = farm.lab.web2.run(["stat", "--format=%U:%G %a", f"{folder}/files/visitors"]).stdout
    assert owner == "aegir:www-data 2775\n", "visitors can upload into it there"
    options = ["--for=haproxy", "--uploads=@server_web2labtest", "--drain=@server_web1labtest"]
    assert "has the uploads" not in farm.hosting.provision("@server_cluster", "lb-config", *options).stderr
