"""What people put on the hub for members: ``pre.d``, ``post.d`` and the settings in ``includes``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from farm_system import ERROR, SUCCESS, WARNING, Farm, mentions

CONFIG = "/var/aegir/config"
APACHE, NGINX = f"{CONFIG}/server_web1labtest/apache", f"{CONFIG}/server_web2labtest/nginx"
INCLUDES = f"{CONFIG}/includes"
FORMER = f"{CONFIG}/server_web1labtest/.former"
ELSEWHERE = "/var/aegir/elsewhere.conf"

APACHE_SITE = "<VirtualHost *:80>\n  ServerName own.test\n  Redirect 302 / http://elsewhere.test/\n</VirtualHost>\n"
NGINX_SITE = "server {\n  listen *:80;\n  server_name own.test;\n  return 302 http://elsewhere.test/;\n}\n"


@pytest.fixture
def own(farm: Farm) -> Iterator[Farm]:
    """The farm, which has nothing of its own again afterwards."""
    former = farm.hub.read(f"{INCLUDES}/global.inc")
    yield farm
    farm.hub.write(f"{INCLUDES}/global.inc", former, user="aegir")
    for host in (farm.hub, farm.lab.web1, farm.lab.web2):
        host.sh('for d in "$@"; do [ ! -d "$d" ] || find "$d" -mindepth 1 -delete; done',
                f"{APACHE}/pre.d", f"{APACHE}/post.d", f"{NGINX}/pre.d", f"{NGINX}/post.d")  # fmt: skip
        host.sh('rm -rf "$1/extra.inc" "$1/more" "$1/member.inc" "$2" "$3"', INCLUDES, FORMER, ELSEWHERE)
    assert farm.verify(farm.cluster).status == SUCCESS


def subfolders(farm: Farm) -> None:
    """Apache loads what they hold; nginx refuses to load them."""
    for folder, text in ((APACHE, APACHE_SITE), (NGINX, NGINX_SITE)):
        for name in ("sub", ".kept"):
            farm.hub.sh('mkdir "$1"', f"{folder}/pre.d/{name}", user="aegir")
            farm.hub.write(f"{folder}/pre.d/{name}/deep.conf", text.replace("own.test", "deep.test"), user="aegir")


def put(farm: Farm) -> None:
    write = farm.hub.write
    write(f"{APACHE}/pre.d/custom.conf", APACHE_SITE, user="aegir")
    write(f"{APACHE}/post.d/last.conf", "# last\n", mode=0o600, user="aegir")
    write(f"{NGINX}/pre.d/custom.conf", NGINX_SITE, user="aegir")


def test_what_lies_on_the_hub_reaches_the_members_and_is_loaded(own: Farm) -> None:
    put(own)
    subfolders(own)
    own.hub.sh('mkdir "$1/more"', INCLUDES, user="aegir")
    own.hub.write(f"{INCLUDES}/more/deep.inc", "<?php // deep\n", user="aegir")
    own.hub.write(f"{INCLUDES}/extra.inc", "<?php // extra\n", mode=0o640, user="aegir")
    own.hub.sh('chgrp www-data "$1"', f"{INCLUDES}/extra.inc")
    own.hub.write(f"{INCLUDES}/global.inc", "<?php require __DIR__ . '/extra.inc';\n", user="aegir")
    assert own.verify(own.servers["web1"]).status == SUCCESS
    ran = own.verify(own.cluster)
    assert ran.status == WARNING
    mentions(ran.log, f"@server_web2labtest: {NGINX}/pre.d/sub is not brought", "PROVISION_MEMBER_FILE")
    assert f"{APACHE}/pre.d/sub is not brought" not in ran.log
    assert own.lab.web2.sh('ls -A "$1"', f"{NGINX}/pre.d") == ".kept\ncustom.conf\n"
    assert own.fetch_until(302, "web1", "deep.test").status == 302
    for host in ("web1", "web2"):
        assert own.fetch_until(302, host, "own.test").status == 302
        assert own.lab[host].read(f"{INCLUDES}/more/deep.inc") == "<?php // deep\n"
        assert own.lab[host].sh('stat -c "%a %U %G" "$1"', f"{INCLUDES}/extra.inc") == "640 aegir www-data\n"
    own.serves("one.test", "web1", "web2")
    assert own.lab.web1.sh('stat -c %a "$1"', f"{APACHE}/post.d/last.conf") == "600\n"
    # What each machine is given by its own service is nothing that people put there.
    assert not own.lab.web1.exists(f"{INCLUDES}/nginx_vhost_common.conf")
    # What goes on the hub goes there too.
    own.hub.sh('rm -r "$1/pre.d/custom.conf" "$2/more/deep.inc" "$3/pre.d/sub"', APACHE, INCLUDES, NGINX)
    assert own.verify(own.cluster).status == SUCCESS
    assert own.fetch_until(404, "web1", "own.test").status == 404
    assert own.fetch_until(302, "web2", "own.test").status == 302
    assert not own.lab.web2.exists(f"{INCLUDES}/more/deep.inc")


def test_what_one_member_refuses_is_brought_to_none(own: Farm) -> None:
    own.lab.web1.write(f"{APACHE}/pre.d/custom.conf", "# by its admin\n", user="aegir")
    put(own)
    own.hub.write(f"{INCLUDES}/extra.inc", "<?php\n", user="aegir")
    own.lab.web1.sh('ln -s elsewhere "$1/post.d/last.conf"', APACHE, user="aegir")
    own.hub.write(f"{NGINX}/post.d/broken.conf", "no_such_directive on;\n", user="aegir")
    ran = own.verify(own.cluster)
    assert ran.status == ERROR
    mentions(ran.log, "PROVISION_CONFIG_TEST_FAILED", "no_such_directive")
    assert own.journals() == []
    assert own.lab.web1.sh('ls -A "$1/pre.d"; ls -A "$1/post.d"', APACHE) == "custom.conf\nlast.conf\n"
    assert own.lab.web1.sh('readlink "$1/post.d/last.conf"', APACHE) == "elsewhere\n"
    assert not own.lab.web1.exists(FORMER)
    assert own.lab.web1.read(f"{APACHE}/pre.d/custom.conf") == "# by its admin\n"
    assert own.lab.web2.sh('ls -A "$1/pre.d"; ls -A "$1/post.d"', NGINX) == ""
    assert not own.lab.web2.exists(f"{INCLUDES}/extra.inc")


def test_what_somebody_put_on_a_member_stays(own: Farm) -> None:
    web1 = own.lab.web1
    web1.write(f"{APACHE}/pre.d/by-root.conf", "# of this machine\n")
    web1.write(f"{INCLUDES}/member.inc", "<?php // of this machine\n", user="aegir")
    web1.write(f"{APACHE}/pre.d/custom.conf", "NoSuchDirective on\n", user="aegir")
    for host in (web1, own.hub):
        host.sh('mkdir "$1/pre.d/sub"', APACHE, user="aegir")
    web1.write(f"{APACHE}/pre.d/sub/deep.conf", "NoSuchDirective on\n", user="aegir")
    own.hub.write(f"{APACHE}/pre.d/sub/deep.conf", "# of the hub\n", user="aegir")
    web1.write(ELSEWHERE, "# elsewhere\n", user="aegir")
    web1.sh('ln -s ../../../../elsewhere.conf "$1/post.d/last.conf"', APACHE, user="aegir")
    web1.sh('chown root "$1"/global.inc; echo "// of root" >>"$1"/global.inc', INCLUDES)
    put(own)
    ran = own.verify(own.cluster)
    # Apache loads all that a folder in pre.d holds, hidden files too.
    mentions(ran.log, "@server_web1labtest", f"{FORMER}/custom.conf.", f"{FORMER}/deep.conf.")
    mentions(ran.log, f"{APACHE}/post.d/last.conf was a link to ../../../../elsewhere.conf", f"{FORMER}/last.conf.")
    own.serves("one.test", "web1", "web2")
    assert own.fetch_until(302, "web1", "own.test").status == 302
    assert web1.read(f"{APACHE}/pre.d/by-root.conf") == "# of this machine\n"
    assert web1.read(f"{INCLUDES}/global.inc") == own.hub.read(f"{INCLUDES}/global.inc")
    mentions(ran.log, f"{FORMER}/global.inc.")
    assert web1.read(f"{INCLUDES}/member.inc") == "<?php // of this machine\n"
    for name in ("custom.conf", "deep.conf"):
        assert web1.sh('cat "$1/$2".*', FORMER, name) == "NoSuchDirective on\n"
    assert web1.sh('cat "$1"/last.conf.*', FORMER) == web1.read(ELSEWHERE) == "# elsewhere\n"
    assert web1.read(f"{APACHE}/post.d/last.conf") == "# last\n"
    assert web1.sh('stat -c "%a %U" "$1"', FORMER) == "700 aegir\n"
    # Somebody goes on with a file that was brought; it is no longer the hub's when the hub's goes.
    web1.write(f"{APACHE}/post.d/last.conf", "# changed\n", user="aegir")
    web1.sh('chown root "$1"', f"{APACHE}/post.d/last.conf")
    own.hub.sh('rm "$1/post.d/last.conf"', APACHE)
    mentions(own.verify(own.cluster).log, f"{APACHE}/post.d/last.conf", "stays")
    assert web1.read(f"{APACHE}/post.d/last.conf") == "# changed\n"
    assert own.verify(own.cluster).status == SUCCESS
    assert web1.read(f"{APACHE}/post.d/last.conf") == "# changed\n"


def test_a_file_of_somebody_else_is_not_replaced(own: Farm) -> None:
    own.lab.web1.write(f"{APACHE}/pre.d/custom.conf", "# of root\n", mode=0o600)
    put(own)
    ran = own.verify(own.cluster)
    assert ran.status == ERROR
    mentions(ran.log, "belongs to root", f"{APACHE}/pre.d/custom.conf", "PROVISION_MEMBER_FILE")
    assert own.journals() == []
    assert own.lab.web1.read(f"{APACHE}/pre.d/custom.conf") == "# of root\n"
    assert own.fetch_until(404, "web2", "own.test").status == 404
