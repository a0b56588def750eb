"""What extensions and administrators add, and faults that must stay where they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from provision_py.sandbox.webserver import WebServer
from web.hosting import Hosting
from web.tree import SECRET, make_drupal_7, make_drupal_10

MakeHosting = Callable[..., Hosting]


def test_code_without_htaccess_has_clean_addresses_and_hides_the_same(
    web_server: WebServer, make_hosting: MakeHosting
) -> None:
    hosting = make_hosting(web_server)
    docroot = make_drupal_10(hosting.root / "bare", htaccess=False)
    platform = hosting.platform("platform_bare", hosting.root / "bare", docroot, 10)
    hosting.site(platform, docroot, "bare.test")
    web_server.serve(hosting.root)

    assert json.loads(web_server.fetch("/node/1?x=y", host="bare.test").text)["uri"] == "/node/1?x=y"
    for path in ("/core/core.services.yml", "/sites/bare.test/settings.php", "/.git/config", "/core/composer.json"):
        answer = web_server.fetch(path, host="bare.test")
        assert answer.status in (403, 404), path
        assert SECRET not in answer.text


def test_a_fault_in_htaccess_stops_its_own_platform_only(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server)
    docroot = make_drupal_7(hosting.root / "faulty")
    platform = hosting.platform("platform_faulty", hosting.root / "faulty", docroot, 7)
    hosting.site(platform, docroot, "faulty.test")
    other = make_drupal_7(hosting.root / "sound")
    hosting.site(hosting.platform("platform_sound", hosting.root / "sound", other, 7), other, "sound.test")
    web_server.serve(hosting.root)
    (docroot / ".htaccess").write_text("NoSuchDirective on\n")
    command = hosting.service.test_command()
    assert command is not None

    hosting.host.run(command)
    assert web_server.fetch("/", host="sound.test").status == 200
    assert web_server.fetch("/", host="faulty.test").status == (500 if web_server.application == "apache" else 200)

    (docroot / ".htaccess").unlink()
    hosting.host.run(command)
    assert json.loads(web_server.fetch("/node/1", host="faulty.test").text)["script"] == "/index.php"


def test_a_platform_folder_that_is_gone_breaks_nothing(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server)
    gone = hosting.root / "gone"
    hosting.platform("platform_gone", gone, gone, 7)
    docroot = make_drupal_7(hosting.root / "there")
    hosting.site(hosting.platform("platform_there", hosting.root / "there", docroot, 7), docroot, "there.test")

    web_server.serve(hosting.root)

    assert web_server.fetch("/", host="there.test").status == 200


def test_extensions_and_administrators_add_lines(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server)
    docroot = make_drupal_7(hosting.root / "more")
    apache = web_server.application == "apache"
    gone = "Redirect 410 /gone" if apache else "location = /gone { return 410; }"
    platform = hosting.platform("platform_more", hosting.root / "more", docroot, 7)
    hosting.site(platform, docroot, "more.test", extra_config=gone)
    folder = Path(hosting.service.server.config_path) / web_server.application
    vhost = (
        "<VirtualHost *:{port}>\nServerName {name}\nRedirect 410 /\n</VirtualHost>\n"
        if apache
        else "server {{ listen *:{port}; server_name {name}; return 410; }}\n"
    )
    for place in ("pre.d", "post.d", "platform.d"):
        text = vhost.format(port=web_server.port, name=f"{place.removesuffix('.d')}.test")
        (folder / place / "mine.conf").write_text(text)

    web_server.serve(hosting.root)

    assert web_server.fetch("/gone", host="more.test").status == 410
    assert web_server.fetch("/", host="more.test").status == 200
    assert [web_server.fetch("/", host=f"{name}.test").status for name in ("pre", "post", "platform")] == [410] * 3


def test_lines_of_extensions_may_open_a_refused_path(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server)
    docroot = make_drupal_7(hosting.root / "open")
    lines = (
        '<Location "/CHANGELOG.txt">\nRequire all granted\n</Location>'
        if web_server.application == "apache"
        else "location = /CHANGELOG.txt { try_files $uri =404; }"
    )
    platform = hosting.platform("platform_open", hosting.root / "open", docroot, 7)
    hosting.site(platform, docroot, "open.test", extra_config=lines)
    web_server.serve(hosting.root)

    assert web_server.fetch("/CHANGELOG.txt", host="open.test").status == 200
    assert web_server.fetch("/LICENSE.txt", host="open.test").status in (403, 404)


def test_vhosts_with_the_suffix_option(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server, provision_apache_conf_suffix=True)
    docroot = make_drupal_7(hosting.root / "named")
    hosting.site(hosting.platform("platform_named", hosting.root / "named", docroot, 7), docroot, "named.test")
    folder = Path(hosting.service.server.config_path) / web_server.application / "vhost.d"
    web_server.serve(hosting.root)

    assert [path.name for path in folder.iterdir()] == ["named.test.conf"]
    assert web_server.fetch("/", host="named.test").status == 200


def test_a_very_long_name(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server)
    docroot = make_drupal_7(hosting.root / "long")
    name = ".".join(["a" * 60] * 3 + ["test"])
    hosting.site(hosting.platform("platform_long", hosting.root / "long", docroot, 7), docroot, name)
    web_server.serve(hosting.root)

    assert web_server.fetch("/", host=name).status == 200


def test_a_disabled_site_without_a_front_end(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server, web_disable_url="/hosting/disabled")
    docroot = make_drupal_7(hosting.root / "lost")
    platform = hosting.platform("platform_lost", hosting.root / "lost", docroot, 7)
    hosting.site(platform, docroot, "lost.test", enabled=False)
    web_server.serve(hosting.root)

    assert {web_server.fetch(path, host="lost.test").status for path in ("/", "/index.php", "/x?y=z")} == {503}


def test_a_removed_site_is_unknown_again(web_server: WebServer, make_hosting: MakeHosting) -> None:
    hosting = make_hosting(web_server)
    docroot = make_drupal_7(hosting.root / "away")
    platform = hosting.platform("platform_away", hosting.root / "away", docroot, 7)
    site = hosting.site(platform, docroot, "away.test")
    web_server.serve(hosting.root)
    assert web_server.fetch("/", host="away.test").status == 200

    hosting.write(*hosting.service.removed_site_files(site), *hosting.service.removed_platform_files(platform))
    web_server.reload()

    assert web_server.fetch("/", host="away.test").status == 404
