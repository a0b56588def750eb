"""The text of settings.php; what PHP makes of it is tested in integration/drupal/test_settings_in_php.py."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.drupal.model import Credentials
from provision_py.drupal.settings import SettingsData, hash_salt_in, host_patterns, new_hash_salt, render_settings
from provision_py.errors import DrupalError
from provision_py.system.host import Secret

CREDENTIALS = Credentials("db.example.test", 3306, "sitedb", "siteuser", Secret("it's"))


def data(major: int = 10, **changes: Any) -> SettingsData:
    basis = SettingsData(
        uri="site.example.test",
        docroot="/var/aegir/platforms/p/web",
        major=major,
        core_version={7: "7.105"}.get(major, f"{major}.2.0"),
        profile="standard",
        include_path="/var/aegir/config/includes",
        hash_salt="salt" if major >= 8 else "",
    )
    return replace(basis, **changes)


@pytest.mark.parametrize("major", [7, 8, 9, 10, 11])
def test_the_same_data_give_the_same_bytes(major: int) -> None:
    text = render_settings(data(major))
    assert text == render_settings(data(major))
    assert text.startswith("<?php\n") and text.endswith("}\n") and "\n\n\n" not in text


def test_statements_are_in_the_original_order() -> None:
    """As Provision/Config/Drupal/provision_drupal_settings_7.tpl.php has them."""
    text = render_settings(data(7, enabled=False, subdirs=True, extra=("$own = 1;\n",)))
    order = [
        "$base_url =", "$cookie_domain", "$databases['default']['default']", "$db_url['default']", "apache_setenv",
        "$profile =", "$install_profile =", "session.gc_probability", "session.cookie_lifetime", "umask(0002)",
        "$conf['install_profile']", "$conf['file_public_path']", "$drupal_hash_salt", "$conf['clean_url']",
        "$conf['aegir_api']", "$conf['maintenance_mode'] = 1", "$conf['syslog_identity']", "HTTP_X_FORWARDED_PROTO",
        "$own = 1", "global.inc", "platform.settings.php", "sites/all/settings.php", "/local.settings.php'",
    ]  # fmt: skip
    places = [text.index(statement) for statement in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("major", "version", "server_can", "expected"),
    [
        (7, "7.49", True, False),
        (7, "7.50", True, True),
        (7, "7.105", True, True),
        (7, "7.105", False, False),
        (7, "7.x-dev", True, False),
        (8, "8.0.0", True, True),
        (10, "10.3.6", False, False),
        (11, "11.0", True, True),
    ],
)
@pytest.mark.parametrize("credentials", [None, CREDENTIALS])
def test_the_character_set_is_set_where_both_sides_can(
    major: int, version: str, server_can: bool, expected: bool, credentials: Credentials | None
) -> None:
    text = render_settings(data(major, core_version=version, utf8mb4=server_can, credentials=credentials))
    assert ("'charset' => 'utf8mb4'" in text and "utf8mb4_general_ci" in text) is expected


def test_cloaked_settings_hold_no_credentials() -> None:
    for major in (7, 10):
        text = render_settings(data(major))
        assert "$_SERVER['db_passwd']" in text and "sitedb" not in text
        open_text = render_settings(data(major, credentials=CREDENTIALS))
        assert "$_SERVER['db_passwd']" not in open_text and r"'it\'s'" in open_text


def test_hosts_that_a_site_answers_to() -> None:
    patterns = host_patterns(
        data(aliases=("www.site.example.test", "other.test/sub", "*.wild.test"), redirection="target.example.test")
    )

    def answers(host: str) -> bool:
        return any(re.search(pattern, host, re.IGNORECASE) for pattern in patterns)

    for host in ("site.example.test", "WWW.site.example.test", "other.test", "a.wild.test", "target.example.test"):
        assert answers(host)
    for host in ("localhost", "machine.local"):
        assert answers(host)
    for host in (
        "evil.test",
        "sitexexample.test",
        "site.example.test.evil.test",
        "evil-site.example.test",
        "localhost.evil.test",
    ):
        assert not answers(host)
    assert len(patterns) == len(set(patterns))


def test_a_redirection_to_a_path_trusts_its_host() -> None:
    assert "^main\\.test$" in host_patterns(data(redirection="main.test/sub"))


@pytest.mark.parametrize("major", [7, 10])
def test_a_disabled_site(major: int) -> None:
    word = "maintenance_mode"
    assert word in render_settings(data(major, enabled=False)) and word not in render_settings(data(major))


def test_what_is_written_in_a_comment_cannot_end_it() -> None:
    text = render_settings(data(uri="x*/ phpinfo(); /*"))
    assert "*/ phpinfo" not in text.replace("'", "").split("$settings")[0]


@pytest.mark.parametrize("changes", [{"major": 6}, {"major": 8, "hash_salt": ""}, {"major": 11, "hash_salt": ""}])
def test_what_cannot_be_written(changes: dict[str, Any]) -> None:
    with pytest.raises(DrupalError):
        render_settings(data(**changes))


@given(st.text(min_size=1))
def test_the_salt_is_found_again(salt: str) -> None:
    salt = salt.replace("\0", "0")
    assert hash_salt_in(render_settings(data(hash_salt=salt))) == salt


@pytest.mark.parametrize(
    ("text", "salt"),
    [
        ("", None),
        ("<?php\n  $settings['hash_salt'] = 'abc-_123';\n", "abc-_123"),
        ("<?php\n$settings['hash_salt'] = \"abc\";", "abc"),
        ("<?php\n# $settings['hash_salt'] = 'no';\n", None),
        ("<?php\n$settings['hash_salt'] = '';\n", None),
        ("<?php\n$settings['hash_salt'] = file_get_contents('/salt');\n", None),
        ("<?php\n$settings['hash_salt'] = 'first';\n$settings['hash_salt'] = 'second';\n", "second"),
    ],
)
def test_salts_of_other_hands(text: str, salt: str | None) -> None:
    assert hash_salt_in(text) == salt


def test_new_salts_differ() -> None:
    assert len({new_hash_salt() for _ in range(20)}) == 20 and len(new_hash_salt()) > 60
