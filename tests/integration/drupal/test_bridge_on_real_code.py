"""The bridge on the code bases named in ``PROVISION_PY_DRUPAL``: what holds for the stand-ins must hold here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from bridge_sites import PASSWORD, BridgeSite, MakeSite, Serve

from provision_py.drupal.bridge import (
    BridgeError,
    cron_key,
    flush_caches,
    login_link,
    maintenance_mode,
    run_cron,
    site_packages,
    status,
)
from provision_py.drupal.codebase import detect
from provision_py.drupal.model import CodeBase

pytestmark = [pytest.mark.real_drupal, pytest.mark.timeout(300)]

ROOTS = [root for root in os.environ.get("PROVISION_PY_DRUPAL", "").split(":") if root]


@pytest.fixture(params=ROOTS or [None])
def code(request: pytest.FixtureRequest) -> CodeBase:
    if request.param is None:
        pytest.skip("PROVISION_PY_DRUPAL names no code bases")
    return detect(request.param)


def files(code: CodeBase, site: BridgeSite) -> set[tuple[str, int, int]]:
    return {
        (path, state.st_size, state.st_mtime_ns)
        for folder, _folders, names in os.walk(code.root)
        if not Path(folder).is_relative_to(site.folder)
        for path in (os.path.join(folder, name) for name in names)
        for state in [os.lstat(path)]
    }


def test_a_site_from_installation_to_its_page(code: CodeBase, make_site: MakeSite, serve: Serve) -> None:
    site = make_site(Path(code.docroot), code.major, code.version)
    before = files(code, site)
    try:
        answer = site.install(status(), flush_caches(), login_link(), cron_key(), site_packages())
    except BridgeError as error:
        # Drupal 8 is older than PHP 8: what counts is that this is said.
        assert code.major == 8 and error.code == "DRUPAL_INSTALL_FAILED" and "must be compatible with" in str(error)
        pytest.skip(f"This code does not run on this PHP: {error.hint}")
    assert files(code, site) == before

    state = cast("Mapping[str, Any]", answer.results["status"])
    assert state["installed"] and state["version"] == code.version and state["profile"] == "minimal"
    assert state["language"] == "en" and state["maintenance"] is False
    assert "Congratulations" in site.texts() or code.major == 7
    assert site.texts(type="warning") == "" and site.texts(type="error") == ""
    assert PASSWORD not in site.texts()

    packages = cast("Mapping[str, Any]", answer.results["site_packages"])
    if code.major == 7:
        rows = {row["name"]: row for row in packages["system"]}
        assert rows["node"]["status"] == 1 and rows["node"]["schema_version"] > 7000
        assert rows["minimal"]["weight"] == 1000 and rows["forum"]["schema_version"] == -1
    else:
        assert {"node", "system", "user", "update"} <= set(packages["modules"])
        assert packages["modules"]["minimal"] == 1000 and packages["themes"]
        assert packages["schema"]["node"] >= 8000

    site.write_settings(credentials=site.credentials)
    get = serve(site)
    page = get("/")
    assert page.status == 200
    text = page.text
    assert f'content="Drupal {code.major} (' in text and "The site&#039;s name" in text
    logged_in = get(str(answer.results["login_link"]).removeprefix(f"http://{site.uri}"))
    assert logged_in.status in (302, 303) and "/user/1/edit" in str(logged_in.headers["Location"])
    assert get("/no/such/page").status == 404
    cron = "/cron.php?cron_key={}" if code.major == 7 else "/cron/{}"
    assert get(cron.format(answer.results["cron_key"])).status in (200, 204)
    assert get(cron.format("drupal")).status == 403

    # A page that everybody may see: the front page of the minimal profile is the form to log in, which stays open.
    assert get("/filter/tips").status == 200
    site.run(maintenance_mode(True))
    assert get("/filter/tips").status == 503
    site.run(maintenance_mode(False), run_cron(), flush_caches())
    assert get("/filter/tips").status == 200
    again = site.run(login_link(), base_url="https://other.example.test:444")
    assert str(again.results["login_link"]).startswith("https://other.example.test:444/user/reset/1/")
    site.write_settings(credentials=site.credentials, enabled=False)
    assert get("/filter/tips").status == 503
    with pytest.raises(BridgeError) as caught:
        site.install()
    assert caught.value.code == "PROVISION_SITE_INSTALLED"


def test_what_is_not_installed(code: CodeBase, make_site: MakeSite) -> None:
    site = make_site(Path(code.docroot), code.major, code.version)
    if code.major == 8:
        pytest.skip("Drupal 8 may be too old for this PHP")
    state = cast("Mapping[str, Any]", site.run(status()).results["status"])
    assert state["installed"] is False and state["version"] == code.version
    with pytest.raises(BridgeError) as caught:
        site.run(flush_caches())
    assert caught.value.code == "PROVISION_SITE_NOT_INSTALLED"
