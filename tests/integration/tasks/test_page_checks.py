"""The last part of a verify or install: the site is asked for, and what it shows decides."""

from __future__ import annotations

import os
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosting_system import Hosting

from provision_py.commands.checkresults import read_results
from provision_py.commands.verify_site import verify_site
from provision_py.contexts.model import Server, Site
from provision_py.services.plugins import hookimpl
from provision_py.system import web

SUCCESS, ERROR, WARNING = 1, 2, 3
SHOWN = "The web server shows one.example.test"


def verified(hosting: Hosting, site: int) -> int:
    return hosting.run(hosting.front.queue_task(site, "verify")).status


def write_settings(hosting: Hosting, folder: Path, php: str) -> None:
    """Code of the site that runs before Drupal answers. PHP remembers the former code for two seconds."""
    settings = folder / "local.settings.php"
    settings.chmod(0o640)
    settings.write_text(f"<?php\n@header('X-Written: yes');\n{php}\n")
    deadline = time.monotonic() + 10
    while "x-written" not in hosting.fetch().headers:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answer_with(hosting: Hosting, folder: Path, php: str) -> None:
    """Let code of the site answer requests in the place of Drupal; the command line is left alone."""
    write_settings(hosting, folder, f"if (PHP_SAPI !== 'cli') {{ {php} }}")


def breaks_when_drupal_is_started_again(hosting: Hosting, folder: Path) -> None:
    """The site's page is broken as soon as a command has started Drupal."""
    flag = folder / "files/flag"
    write_settings(
        hosting,
        folder,
        f"if (PHP_SAPI === 'cli') {{ touch('{flag}'); }}"
        f"elseif (file_exists('{flag}')) {{ http_response_code(500); exit('late trouble'); }}",
    )


def test_a_site_that_was_right_and_is_wrong_fails_the_verify_and_everything_is_put_back(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    breaks_when_drupal_is_started_again(hosting, folder)
    before = {name: entry for name, entry in hosting.tree().items() if "/files/" not in name}
    task = hosting.front.queue_task(site, "verify")
    assert hosting.run(task).status == ERROR
    assert hosting.errors(task) == ["PROVISION_SITE_NOT_SERVED"], hosting.said()
    assert "@server_master: it answers 500" in hosting.said()
    after = {name: entry for name, entry in hosting.tree().items() if "/files/" not in name}
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == set()
    # It is the site's own trouble from now on: the next verify tells of it and goes on.
    assert verified(hosting, site) == WARNING
    assert "it answers 500, as before" in hosting.said()
    session = hosting.session()
    assert read_results(session.state)[0]["one.example.test"].state == "warning"


def test_the_page_is_warmed_up_once_drupal_has_lost_its_caches(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    log = folder / "files/order"
    log.touch()
    log.chmod(0o666)
    write_settings(hosting, folder, f"file_put_contents('{log}', PHP_SAPI === 'cli' ? 'D' : 'P', FILE_APPEND);")
    log.write_text("")
    assert verified(hosting, site) == SUCCESS, hosting.said()
    assert re.fullmatch("PD+PP", log.read_text()), "page, Drupal, page to warm up, page to judge by"


def test_a_warm_up_that_a_worker_of_the_former_configuration_answers_is_repeated(
    hosting: Hosting, monkeypatch: pytest.MonkeyPatch
) -> None:
    site, _ = hosting.installed()
    get, answers = web.get, [web.Page(404, {}, b"")]
    asked: list[str] = []

    def former_first(*arguments: Any, **options: Any) -> web.Page:
        by = threading.current_thread().name
        asked.append(by)
        if by == "warm up" and answers:
            return answers.pop()
        return get(*arguments, **options)

    monkeypatch.setattr(web, "get", former_first)
    assert verified(hosting, site) == SUCCESS, hosting.said()
    assert asked.count("warm up") > 1 and asked[-1] == "MainThread"


def test_a_new_site_that_is_not_served_is_not_installed(hosting: Hosting) -> None:
    platform, docroot = hosting.prepared()
    index = docroot / "index.php"
    right = index.read_text()
    index.write_text("<?php http_response_code(500); exit('no luck');")
    site = hosting.front.add_site("one.example.test", platform, hosting.front.db_server)
    task = hosting.queued(site, "install")
    assert hosting.run(task).status == ERROR
    assert hosting.errors(task) == ["PROVISION_SITE_NOT_SERVED"], hosting.said()
    assert not (docroot / "sites/one.example.test").exists()
    assert "oneexampletest" not in hosting.databases()
    index.write_text(right)
    assert hosting.run(hosting.front.queue_task(site, "install")).status == SUCCESS, hosting.said()
    assert hosting.fetch_until(200).status == 200


@pytest.mark.parametrize(
    ("php", "told"),
    [
        ("http_response_code(403); exit('not for you');", "it answers 403, and not from Drupal"),
        ("http_response_code(401); header('WWW-Authenticate: Basic realm=\"x\"'); exit;", SHOWN),
        ("header('Location: /node', true, 302); exit;", SHOWN),
        (
            "exit('<html><title>Mine</title>made of something else</html>');",
            "a page without any sign of Drupal, titled “Mine”",
        ),
    ],
    ids=["refused", "login", "redirected", "not Drupal"],
)
def test_what_a_site_chooses_to_show_is_its_own_matter(hosting: Hosting, php: str, told: str) -> None:
    site, folder = hosting.installed()
    answer_with(hosting, folder, php)
    hosting.entries.clear()
    assert verified(hosting, site) == SUCCESS, hosting.said()
    assert told in hosting.said()
    assert ("The web server shows" in hosting.said()) is told.startswith("The web server shows")


def test_the_start_page_of_a_web_server_is_no_site(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    answer_with(hosting, folder, "exit('<title>Apache2 Debian Default Page: It works</title>Hello');")
    assert verified(hosting, site) == ERROR
    assert "start page of a web server, titled “Apache2 Debian Default Page: It works”" in hosting.said()


def test_a_redirection_to_another_site_is_called_one(hosting: Hosting) -> None:
    hosting.installed()
    hosting.entries.clear()
    session = hosting.session()
    session.store.save("one.example.test", {"redirection": "elsewhere.test"})
    with session.journaled("provision-verify", "one.example.test"):
        verify_site(session, session.store.site("one.example.test"))
    assert "The web server redirects one.example.test to elsewhere.test" in hosting.said()
    assert "The web server shows" not in hosting.said()


def test_sites_that_are_in_maintenance_or_disabled_are_verified(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    answer_with(
        hosting, folder, "http_response_code(503); header('Expires: Sun, 19 Nov 1978 05:00:00 GMT'); exit('x');"
    )
    assert verified(hosting, site) == WARNING
    assert "maintenance mode or not available, as before" in hosting.said()
    hosting.db.execute("UPDATE {hosting_site} SET status = 0 WHERE nid = %s", (site,))
    session = hosting.session()
    session.store.save("one.example.test", {"site_enabled": False})
    assert verified(hosting, site) in (SUCCESS, WARNING), hosting.said()


def test_a_site_that_cannot_be_asked_for_is_told_before_anything_is_changed(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    store = hosting.session().store
    kind = hosting.session().master.service_types["http"]
    store.save("server_master", {"http_service_type": f"{kind}_ssl", "http_ssl_port": hosting.web.port})
    store.save("one.example.test", {"ssl_enabled": 1, "ssl_key": "../../x"})
    settings = (folder / "settings.php").stat().st_mtime_ns
    assert verified(hosting, site) == ERROR
    (task,) = hosting.db.rows("SELECT MAX(nid) AS nid FROM {hosting_task}")
    assert hosting.errors(int(task["nid"])) == ["PROVISION_BAD_VALUE"], hosting.said()
    assert (folder / "settings.php").stat().st_mtime_ns == settings


def let_in(address: str, kind: str) -> str:
    if kind == "apache":
        return f"<Location />\n  Require ip {address}\n</Location>\n"
    return f"allow {address};\ndeny all;\n"


class LetIn:
    def __init__(self, address: str) -> None:
        self.address = address

    @hookimpl
    def vhost_extra(self, site: Site, server: Server) -> str:
        return let_in(self.address, server.service_types["http"])


@pytest.mark.parametrize("by", ["a file", "an extension"])
@pytest.mark.parametrize("kind", ["apache", "nginx"])
def test_a_page_that_an_admins_own_rules_hide_from_the_hub_is_not_judged(
    request: pytest.FixtureRequest, hosting_on: Callable[..., Hosting], kind: str, by: str
) -> None:
    hosting = hosting_on(request.getfixturevalue(kind))
    site, _ = hosting.installed()
    config = hosting.home / f"config/server_master/{kind}"
    if by == "a file":
        (config / "pre.d/office.conf").write_text(let_in("192.0.2.1", kind))
        vhost = config / "vhost.d/one.example.test"
        vhost.write_text(f"{vhost.read_text()}# Somebody's change, to be written anew.\n")
        place = f"{config}/pre.d/office.conf"
    else:
        hosting.plugins.register(LetIn("192.0.2.1"))
        place = "what extensions add to its configuration"

    assert verified(hosting, site) == WARNING, hosting.said()

    assert f"it answers 403, and not from Drupal. Rules in {place} may refuse the hub" in hosting.said()
    assert "let the hub's address in, or switch provision_check_pages of the site off" in hosting.said()
    assert hosting.fetch().status == 403
    # From then on it is as before.
    assert verified(hosting, site) == SUCCESS, hosting.said()


@pytest.mark.skipif(os.geteuid() != 0, reason="the web server of an ordinary user's tests is the owner of all files")
@pytest.mark.parametrize("kind", ["apache", "nginx"])
def test_a_page_that_the_web_server_cannot_read_any_more_fails_the_verify(
    request: pytest.FixtureRequest, hosting_on: Callable[..., Hosting], kind: str
) -> None:
    hosting = hosting_on(request.getfixturevalue(kind))
    hosting.plugins.register(LetIn("127.0.0.1"))
    site, folder = hosting.installed()
    (hosting.home / f"config/server_master/{kind}/pre.d/own.conf").write_text("# deny all\n")
    docroot = folder.parents[1]
    write_settings(hosting, folder, f"if (PHP_SAPI === 'cli') {{ chmod('{docroot}', 0700); }}")
    task = hosting.front.queue_task(site, "verify")
    assert hosting.run(task).status == ERROR, hosting.said()
    assert hosting.errors(task) == ["PROVISION_SITE_NOT_SERVED"], hosting.said()
    assert "Where only some addresses are let in, let the hub's address in, or switch" in hosting.said()


def test_asking_can_be_switched_off(hosting: Hosting) -> None:
    site, folder = hosting.installed()
    breaks_when_drupal_is_started_again(hosting, folder)
    hosting.session().store.save("one.example.test", {"provision_check_pages": False})
    assert verified(hosting, site) == SUCCESS, hosting.said()
    assert (folder / "files/flag").exists()
