"""What the bridge does inside a Drupal: on a stand-in of each major version, with real database and real PHP."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from bridge_sites import PASSWORD, BridgeSite, MakeSite, Serve, stored

from provision_py.drupal.bridge import (
    cron_key,
    flush_caches,
    install,
    login_link,
    maintenance_mode,
    run_cron,
    site_packages,
    status,
)
from provision_py.sandbox.platforms import add_module, add_profile, make_platform
from provision_py.system.host import Completed, Secret
from provision_py.system.local import LocalHost


def tree(folder: Path, leave_out: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a folder."""
    return {
        str(path): (path.lstat().st_size, path.lstat().st_mtime_ns)
        for path in folder.rglob("*")
        if not path.is_relative_to(leave_out) and path != leave_out.parent
    }


# One job with everything.


def test_install_and_all_that_follows_take_one_process(site: BridgeSite) -> None:
    before = tree(site.docroot.parent, site.folder)
    answer = site.install(status(), flush_caches(), login_link(), cron_key(), site_packages(), run_cron())
    assert tree(site.docroot.parent, site.folder) == before

    assert list(answer.results) == [
        "install", "status", "flush_caches", "login_link", "cron_key", "site_packages", "run_cron"
    ]  # fmt: skip
    assert answer.results["install"] == {"profile": "minimal"}
    assert answer.results["status"] == {
        "version": site.version,
        "installed": True,
        "bootstrapped": True,
        "profile": "minimal",
        "language": "en",
        "maintenance": False,
    }
    assert str(answer.results["login_link"]).startswith(f"http://{site.uri}/user/reset/1/")
    assert str(answer.results["login_link"]).endswith("/login")
    assert len(str(answer.results["cron_key"])) == 32
    assert answer.results["run_cron"] is True
    assert answer.log == tuple(site.entries)
    assert "minimal module installed" in site.texts(source="log")
    assert "Caches were flushed" in site.texts(source="log")
    assert "Congratulations" in site.texts(type="notice", source="message")
    assert site.texts(type="warning") == "" and site.texts(type="error") == ""


def test_what_is_installed_is_in_the_database(site: BridgeSite) -> None:
    operation = install(
        profile="standard",
        site_name='Ä site\'s "name" \U0001f600',
        site_mail="client@example.test",
        account_name="boss",
        account_mail="boss@example.test",
        account_password=Secret("s'e$cret"),
    )
    site.run(operation)
    text = stored(site)
    assert "Ä site" in text and "\U0001f600" in text
    assert "client@example.test" in text and "boss@example.test" in text and "\nboss\n" in text
    assert "s'e$cret" not in text and "standard" in text


def test_packages_are_as_drupal_stores_them(site: BridgeSite) -> None:
    packages = cast("Mapping[str, Any]", site.install(site_packages()).results["site_packages"])
    assert packages["profile"] == "minimal"
    if site.major == 7:
        by_name = {row["name"]: row for row in packages["system"]}
        assert by_name["system"]["status"] == 1 and by_name["system"]["schema_version"] == 7084
        assert by_name["helper"]["status"] == 0 and by_name["helper"]["schema_version"] == -1
        assert by_name["helper"]["filename"] == "sites/all/modules/helper/helper.module"
        assert by_name["helper"]["info"]["version"] == "7.x-1.4"
        assert by_name["minimal"]["weight"] == 1000
    else:
        assert packages["modules"] == {"block": 0, "node": 0, "system": 0, "user": 0, "minimal": 1000}
        assert packages["themes"] == {"plain": 0}
        assert packages["schema"]["system"] == 8000


def test_the_site_answers_and_its_link_logs_in(site: BridgeSite, serve: Serve) -> None:
    answer = site.install(login_link(), cron_key())
    # The web server's PHP reads the settings the other way: a link is only good when both ways give the same.
    site.write_settings(credentials=site.credentials)
    get = serve(site)
    page = get("/")
    assert page.status == 200
    assert f'<meta name="Generator" content="Drupal {site.major} (' in page.text
    assert get("/no/such/page").status == 404
    link = str(answer.results["login_link"]).removeprefix(f"http://{site.uri}")
    logged_in = get(link)
    assert logged_in.status == 302 and str(logged_in.headers["Location"]).endswith("/user/1/edit")
    assert get(link.replace("reset/1/", "reset/1/1")).status == 403
    key = answer.results["cron_key"]
    cron = "/cron.php?cron_key={}" if site.major == 7 else "/cron/{}"
    assert get(cron.format(key)).status in (200, 204)
    assert get(cron.format("drupal")).status == 403


def test_maintenance_mode(site: BridgeSite, serve: Serve) -> None:
    site.install()
    site.write_settings(credentials=site.credentials)
    get = serve(site)
    site.run(maintenance_mode(True), status())
    assert get("/").status == 503
    answer = site.run(maintenance_mode(False), status())
    assert cast("Mapping[str, Any]", answer.results["status"])["maintenance"] is False
    assert get("/").status == 200
    site.write_settings(credentials=site.credentials, enabled=False)
    assert get("/").status == 503
    assert site.run(status()).results["status"] is not None


@pytest.mark.parametrize(
    "base_url", ["https://www.other.example.test", "http://other.example.test:8080", "http://a.test/sub"]
)
def test_a_login_link_is_on_the_address_of_the_site(either: BridgeSite, base_url: str) -> None:
    answer = either.install(login_link(), base_url=base_url)
    assert str(answer.results["login_link"]).startswith(f"{base_url}/user/reset/1/")
    again = either.run(login_link(), base_url=base_url + "/")
    assert str(again.results["login_link"]).startswith(f"{base_url}/user/reset/1/")


def test_a_site_that_does_not_start_yet_has_a_status(site: BridgeSite) -> None:
    assert site.run(status()).results["status"] == {
        "version": site.version,
        "installed": False,
        "bootstrapped": False,
        "profile": None,
        "language": None,
        "maintenance": None,
    }


def test_a_container_of_former_code_is_built_anew(site: BridgeSite) -> None:
    if site.major == 7:
        pytest.skip("Drupal 7 has no container")
    site.install()
    site.query("UPDATE cache_container SET data = 'Drupal\\\\gone\\\\Container'")
    assert site.run(cron_key()).results["cron_key"]
    assert "built anew" in site.texts(type="warning") and "Drupal\\gone\\Container" in site.texts()
    site.run(cron_key())
    assert site.entries == []


@pytest.mark.parametrize("mail", [None, "", "nobody", "a@b@c", "x@example.test\nBcc: y@example.test"])
def test_a_mail_address_that_is_none_is_replaced(either: BridgeSite, mail: str | None) -> None:
    either.run(install(profile="minimal", site_name="x", site_mail=mail))
    assert "this.email@is.invalid" in either.texts(type="warning")
    assert "this.email@is.invalid" in stored(either)


# Hosts.
class RecordingHost(LocalHost):
    """This machine, looked at as another one when asked to; remembers what it ran."""

    def __init__(self, *, local: bool) -> None:
        super().__init__("web1.example.test")
        self._local = local
        self.ran: list[tuple[str, ...]] = []

    @property
    def is_local(self) -> bool:
        return self._local

    def run(self, argv: Sequence[str], **options: Any) -> Completed:
        self.ran.append(tuple(argv))
        return super().run(argv, **options)


@pytest.mark.parametrize("local", [True, False])
def test_any_host_will_do(either: BridgeSite, local: bool) -> None:
    host = either.host = RecordingHost(local=local)
    answer = either.install(login_link(), cron_key())
    assert set(answer.results) == {"install", "login_link", "cron_key"}
    (argv,) = host.ran
    assert not any(
        secret in argument for argument in argv for secret in (PASSWORD, either.credentials.user, either.uri)
    )
    package = str(Path(__file__).parents[3] / "provision_py")
    assert any(package in argument for argument in argv) is local


def test_our_environment_stays_with_us(either: BridgeSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_SECRET", "nobody's business")
    (either.folder / "local.settings.php").write_text(
        "<?php print getenv('PROVISION_SECRET') . '|' . getenv('PATH') . \"|\\n\";"
    )
    either.run(status())
    assert "nobody's business" not in either.texts() and os.environ["PATH"].split(":")[0] in either.texts()


# Platforms.


def test_added_packages_are_part_of_the_platform(tmp_path: Path, make_site: MakeSite) -> None:
    platform = make_platform(tmp_path / "platform", 7)
    add_module(platform, "extra", schema=4, folder="sites/all/modules/contrib")
    add_profile(platform, "own", languages=["de"])
    site = make_site(platform.docroot, 7, platform.version)
    answer = site.run(
        install(profile="own", language="de", site_name="x", site_mail="a@example.test"), site_packages(), status()
    )
    packages = cast("Mapping[str, Any]", answer.results["site_packages"])
    names = {row["name"]: row for row in packages["system"]}
    assert names["own"]["status"] == 1 and names["extra"]["status"] == 0
    assert cast("Mapping[str, Any]", answer.results["status"])["language"] == "de"


@pytest.mark.parametrize(("major", "docroot"), [(6, ""), (12, ""), (7, "web")])
def test_platforms_that_do_not_exist(tmp_path: Path, major: int, docroot: str) -> None:
    with pytest.raises(ValueError, match=f"Drupal {major}"):
        make_platform(tmp_path / "platform", major, docroot=docroot)
