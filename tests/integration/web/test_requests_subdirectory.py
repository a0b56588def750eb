"""Sites that answer below a folder of another host."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from provision_py.sandbox.webserver import WebServer
from web.hosting import AWKWARD_PASSWORD, Hosting, credentials, new_hosting
from web.tree import SECRET, make_drupal_7, make_drupal_10


@pytest.fixture(scope="module")
def shared(web_server: WebServer) -> Iterator[Hosting]:
    """parent.test with two sites below it, of the same platform and of another; alone.test has but sites below."""
    with new_hosting(web_server) as hosting:
        _fill(hosting)
        web_server.serve(hosting.root)
        yield hosting


def _fill(hosting: Hosting) -> None:
    seven = make_drupal_7(hosting.root / "seven")
    ten = make_drupal_10(hosting.root / "ten")
    platform_7 = hosting.platform("platform_seven", hosting.root / "seven", seven, 7)
    platform_10 = hosting.platform("platform_ten", hosting.root / "ten", ten, 10)
    hosting.site(platform_7, seven, "parent.test")
    hosting.site(
        platform_7,
        seven,
        "one.parent.test",
        aliases=("parent.test/one", "alone.test/one"),
        redirection="parent.test/one",
    )
    hosting.site(platform_10, ten, "two.parent.test", aliases=("parent.test/two/deep",))
    hosting.site(platform_10, ten, "off.parent.test", aliases=("parent.test/off",), enabled=False)


@pytest.mark.parametrize(
    ("host", "path", "site"),
    [
        ("parent.test", "/", "parent.test"),
        ("parent.test", "/ones", "parent.test"),
        ("parent.test", "/one/", "one.parent.test"),
        ("parent.test", "/one/node/1?x=y", "one.parent.test"),
        ("parent.test", "/one/index.php", "one.parent.test"),
        ("parent.test", "/one/update.php", "one.parent.test"),
        ("parent.test", "/one/vendors", "one.parent.test"),
        ("parent.test", "/one/drush", "one.parent.test"),
        ("parent.test", "/two/deep/scripts/x", "two.parent.test"),
        ("parent.test", "/two/deep/node/1", "two.parent.test"),
        ("parent.test", "/two/deep/update.php/selection", "two.parent.test"),
        ("parent.test", "/two/node/1", "parent.test"),
        ("alone.test", "/one/node/1", "one.parent.test"),
        ("parent.test", "/one/search/settings.php%20copy", "one.parent.test"),
        ("parent.test", "/one/index.php-question", "one.parent.test"),
        ("parent.test", "/two/deep/forum/index.php-question", "two.parent.test"),
        ("alone.test", "/one/index.php-question", "one.parent.test"),
    ],
)
def test_the_right_site_answers(shared: Hosting, host: str, path: str, site: str) -> None:
    seen = json.loads(shared.web.fetch(path, host=host).text)

    assert seen["credentials"]["db_name"] == site.replace(".", "")
    assert seen["credentials"]["db_passwd"] == AWKWARD_PASSWORD
    assert seen["uri"] == path
    prefix = "/one" if site.startswith("one") else "/two/deep" if site.startswith("two") else ""
    assert seen["script"] == f"{prefix}/{'update' if 'update' in path else 'index'}.php"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/one/files/report.pdf", "public report"),
        ("/one/sites/one.parent.test/files/report.pdf", "public report"),
        ("/one/misc/drupal.js", "public js"),
        ("/two/deep/core/misc/drupal.js", "public js"),
        ("/two/deep/files/sub/a%20b.txt", "public text"),
    ],
)
def test_files_below(shared: Hosting, path: str, text: str) -> None:
    answer = shared.web.fetch(path, host="parent.test")

    assert (answer.status, answer.text) == (200, text)


@pytest.mark.parametrize("folder", ["/one", "/two/deep"])
@pytest.mark.parametrize(
    "path",
    [
        "/sites/{site}/settings.php",
        "/sites/{site}/files/evil.php",
        "/files/evil.php",
        "/files/evil.php/x",
        "/files/EVIL.PHP",
        "//files//evil.php",
        "/files/index.php",
        "/files/private/secret.pdf",
        "/sites/{site}/private/files/secret.pdf",
        "/.git/config",
        "/.env",
        "/composer.json",
        "/CHANGELOG.txt",
        "/vendor/some/package/readme.html",
        "/vendor/autoload.php",
        "/phpinfo.php",
        "/dump.sql",
        "/index.php_",
        "/sites/{site}/settings.php_bak",
        "/sites/{site}/files/evil.php%20copy",
        "/files/evil.php%20copy",
        "/files/a.sql%20copy",
    ],
)
def test_hidden_below(shared: Hosting, folder: str, path: str) -> None:
    site = "one.parent.test" if folder == "/one" else "two.parent.test"

    answer = shared.web.fetch(folder + path.replace("{site}", site), host="parent.test")

    assert answer.status in (403, 404)
    assert SECRET not in answer.text


def test_the_bare_folder_leads_into_it(shared: Hosting) -> None:
    answer = shared.web.fetch("/one", host="parent.test")

    assert answer.status in (200, 301)
    if answer.status == 301:
        assert answer.headers["location"] == "http://parent.test/one/"


def test_other_names_are_sent_to_the_folder(shared: Hosting) -> None:
    answer = shared.web.fetch("/node/1?x=y", host="one.parent.test")

    assert (answer.status, answer.headers["location"]) == (301, "http://parent.test/one/node/1?x=y")


def test_a_disabled_site_below(shared: Hosting) -> None:
    for path in ("/off", "/off/", "/off/node/1?x=y", "/off/index.php"):
        answer = shared.web.fetch(path, host="parent.test")
        assert (answer.status, answer.headers["location"]) == (
            302,
            "http://front.test/hosting/disabled/off.parent.test",
        )
    assert shared.web.fetch("/office", host="parent.test").status == 200


def test_a_host_without_a_site_shows_nothing_else(shared: Hosting) -> None:
    for path in ("/", "/index.php", "/node/1", "/ones"):
        answer = shared.web.fetch(path, host="alone.test")
        assert answer.status in (403, 404)
        assert SECRET not in answer.text


def test_the_vhost_of_the_parent_site_is_left_alone(shared: Hosting) -> None:
    site = shared.site_named("one.parent.test")

    files = shared.service.site_files(replace(site), credentials(site.uri))

    only_if_missing = {file.path.rsplit("/", 1)[1]: file.only_if_missing for file in files}
    assert only_if_missing == {"one.parent.test": False, "one.conf": False, "parent.test": True, "alone.test": True}
