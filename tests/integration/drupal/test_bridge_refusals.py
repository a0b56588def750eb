"""What the bridge refuses, and what it says where a site, its settings, its database or PHP itself is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bridge_sites import BridgeSite, MakeSite, stored

from provision_py.drupal.bridge import (
    BridgeError,
    cron_key,
    flush_caches,
    install,
    login_link,
    run_cron,
    site_packages,
    status,
)
from provision_py.errors import HostError
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.platforms import make_platform
from provision_py.system.host import Secret


@pytest.mark.parametrize("operation", [flush_caches(), login_link(), cron_key(), site_packages(), run_cron()])
def test_an_uninstalled_site_is_refused(either: BridgeSite, operation: Any) -> None:
    with pytest.raises(BridgeError) as caught:
        either.run(operation)
    assert caught.value.code == "PROVISION_SITE_NOT_INSTALLED"


def test_a_database_in_use_is_left_alone(site: BridgeSite) -> None:
    site.install()
    before = stored(site)
    with pytest.raises(BridgeError) as caught:
        site.install()
    assert caught.value.code == "PROVISION_SITE_INSTALLED"
    assert stored(site) == before


def test_a_wrong_password_is_told_apart(either: BridgeSite, mariadb: DatabaseServer) -> None:
    wrong = type(either.credentials)(
        either.credentials.host,
        either.credentials.port,
        either.credentials.name,
        either.credentials.user,
        Secret("Mi55taken"),
    )
    with pytest.raises(BridgeError) as caught:
        either.install(credentials=wrong)
    assert caught.value.code == "PROVISION_DB_CONNECT_FAIL"
    assert "Access denied" in str(caught.value) and "Mi55taken" not in str(caught.value)


def test_a_database_that_is_gone(either: BridgeSite, mariadb: DatabaseServer) -> None:
    either.install()
    mariadb.drop_database(either.credentials.name)
    with pytest.raises(BridgeError) as caught:
        either.run(flush_caches())
    assert caught.value.code == "PROVISION_DB_CONNECT_FAIL"


def test_missing_settings(either: BridgeSite) -> None:
    (either.folder / "settings.php").unlink()
    with pytest.raises(BridgeError) as caught:
        either.install()
    assert caught.value.code == "DRUPAL_NO_SETTINGS"


def test_missing_docroot(either: BridgeSite) -> None:
    with pytest.raises(BridgeError) as caught:
        either.run(status(), docroot=f"{either.docroot}/gone")
    assert caught.value.code == "DRUSH_INVALID_DRUPAL_ROOT"


def test_broken_settings(either: BridgeSite) -> None:
    path = either.folder / "settings.php"
    path.write_text(path.read_text() + "\n$this is not PHP;\n")
    with pytest.raises(BridgeError) as caught:
        either.run(status())
    assert caught.value.code == "PROVISION_DRUPAL_FATAL"
    assert "settings.php" in str(caught.value) and "syntax error" in str(caught.value)


def test_an_unknown_profile_or_language(either: BridgeSite) -> None:
    for wrong in ({"profile": "nonsense"}, {"profile": "../minimal"}, {"profile": "minimal", "language": "tlh"}):
        with pytest.raises(BridgeError) as caught:
            either.run(install(site_name="x", site_mail="a@example.test", **wrong))
        assert caught.value.code == "DRUPAL_INSTALL_FAILED"
        assert caught.value.answer.log[-1].type == "error"


def test_a_failing_cron_is_an_exception(either: BridgeSite) -> None:
    either.install()
    (either.docroot / "fail-cron").touch()
    with pytest.raises(BridgeError) as caught:
        either.run(cron_key(), run_cron())
    assert caught.value.code == "PROVISION_DRUPAL_FAILED"
    assert "A module failed in its cron work" in str(caught.value)
    assert "cron_key" in caught.value.answer.results


def test_code_that_composer_has_not_completed(tmp_path: Path, make_site: MakeSite) -> None:
    platform = make_platform(tmp_path / "platform", 10, docroot="web")
    site = make_site(platform.docroot, 10, platform.version)
    loader = platform.root / "vendor/autoload.php"
    loader.rename(platform.root / "vendor/moved.php")
    with pytest.raises(BridgeError) as caught:
        site.run(status())
    assert caught.value.code in ("DRUSH_INVALID_DRUPAL_ROOT", "PROVISION_DRUPAL_FATAL")
    (platform.docroot / "autoload.php").unlink()
    with pytest.raises(BridgeError, match="composer install") as caught:
        site.run(status())
    assert caught.value.code == "DRUSH_INVALID_DRUPAL_ROOT"


def test_php_that_cannot_be_started(either: BridgeSite) -> None:
    with pytest.raises(HostError) as caught:
        either.run(status(), php="/nowhere/php")
    assert "/nowhere/php" in str(caught.value)
