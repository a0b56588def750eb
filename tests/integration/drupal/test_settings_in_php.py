"""What PHP makes of settings.php."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provision_py.drupal.model import Credentials
from provision_py.drupal.settings import SettingsData, render_settings
from provision_py.sandbox import programs
from provision_py.system.host import Secret

#: Includes the file given on stdin's JSON as Drupal does, and prints what it has set.
READER = """
$given = json_decode(stream_get_contents(STDIN), true);
$_SERVER = $given['server'] + $_SERVER;
$before = $_SERVER;
function read_settings($file) {
    global $conf;
    $conf = $settings = $config = [];
    require $file;
    unset($file);
    return get_defined_vars() + ['conf' => $conf];
}
$set = read_settings($given['file']);
$left = array_values(array_filter(array_keys($_SERVER), function ($name) { return strpos($name, 'db_') !== false; }));
print json_encode(['set' => $set, 'left' => $left, 'https' => isset($_SERVER['HTTPS']) ? $_SERVER['HTTPS'] : null,
    'umask' => umask(), 'lifetime' => ini_get('session.cookie_lifetime'), 'path' => ini_get('session.cookie_path')]);
"""


def evaluated(folder: Path, data: SettingsData, server: Mapping[str, str] | None = None) -> dict[str, Any]:
    file = folder / "settings.php"
    file.write_text(render_settings(data))
    done = subprocess.run(
        [programs.find(programs.PHP), "-d", "display_errors=stderr", "-d", "error_reporting=-1", "-r", READER],
        input=json.dumps({"file": str(file), "server": dict(server or {})}),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def server_variables(credentials: Credentials) -> dict[str, str]:
    values = {
        "db_type": credentials.driver,
        "db_name": credentials.name,
        "db_user": credentials.user,
        "db_passwd": credentials.password.reveal(),
        "db_host": credentials.host,
        "db_port": str(credentials.port),
    }
    return values | {f"REDIRECT_{key}": value for key, value in values.items()}


def data(folder: Path, major: int) -> SettingsData:
    return SettingsData(
        uri="site.example.test",
        docroot=str(folder),
        major=major,
        core_version="7.105" if major == 7 else f"{major}.1.0",
        profile="standard",
        include_path=str(folder / "includes"),
        hash_salt="a\\'s $alt" if major >= 8 else "",
    )


@pytest.fixture(autouse=True)
def php() -> None:
    try:
        programs.find(programs.PHP)
    except programs.MissingProgramError as missing:
        pytest.skip(str(missing))


text = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=text,
    user=text,
    password=st.one_of(text, st.text("'\"\\$%+{}<?>/@:# ", max_size=12)),
    major=st.sampled_from([7, 10]),
)
def test_both_ways_give_drupal_the_same(tmp_path: Path, name: str, user: str, password: str, major: int) -> None:
    credentials = Credentials("db.example.test", 3307, name, user, Secret(password))
    plain = data(tmp_path, major)
    cloaked = evaluated(tmp_path, plain, server_variables(credentials))
    uncloaked = evaluated(tmp_path, replace(plain, credentials=credentials))
    expected = {
        "driver": "mysql",
        "database": name,
        "username": user,
        "password": password,
        "host": "db.example.test",
        "port": "3307",
        "charset": "utf8mb4",
        "collation": "utf8mb4_general_ci",
    }
    # The order counts too: Drupal 7 derives its hash salt from the serialised array.
    assert list(cloaked["set"]["databases"]["default"]["default"].items()) == list(expected.items())
    assert list(uncloaked["set"]["databases"]["default"]["default"].items()) == list(expected.items())
    assert cloaked["set"]["db_url"] == uncloaked["set"]["db_url"]
    assert cloaked["left"] == []


def test_drupal_7(tmp_path: Path) -> None:
    found = evaluated(tmp_path, data(tmp_path, 7))
    assert found["set"]["conf"] == {
        "install_profile": "standard",
        "file_public_path": "sites/site.example.test/files",
        "file_private_path": "sites/site.example.test/private/files",
        "file_temporary_path": "sites/site.example.test/private/temp",
        "clean_url": 1,
        "aegir_api": 3,
        "allow_authorize_operations": False,
        "admin_menu_cache_client": False,
        "syslog_identity": "site.example.test",
    }
    assert found["set"]["profile"] == found["set"]["install_profile"] == "standard"
    assert found["set"]["drupal_hash_salt"] == "" and "databases" not in found["set"]
    assert found["umask"] == 0o002 and found["lifetime"] == "2000000"
    assert evaluated(tmp_path, replace(data(tmp_path, 7), enabled=False))["set"]["conf"]["maintenance_mode"] == 1


@pytest.mark.parametrize("major", [8, 9, 10, 11])
def test_drupal_8_and_later(tmp_path: Path, major: int) -> None:
    found = evaluated(tmp_path, replace(data(tmp_path, major), enabled=False))
    chosen = found["set"]["settings"]
    assert chosen["hash_salt"] == "a\\'s $alt"
    assert chosen["config_sync_directory"] == "sites/site.example.test/private/config/sync"
    assert chosen["file_temp_path"] == "sites/site.example.test/private/temp"
    assert chosen["file_private_path"] == "sites/site.example.test/private/files"
    assert chosen["container_yamls"] == [f"{tmp_path}/services.yml"]
    assert "^site\\.example\\.test$" in chosen["trusted_host_patterns"]
    assert chosen["maintenance_mode"] == 1
    assert found["set"]["config"]["syslog.settings"]["identity"] == "site.example.test"
    assert ("config_directories" in found["set"]) is (major == 8)


@pytest.mark.parametrize("major", [7, 10])
def test_settings_of_people_come_last_and_in_order(tmp_path: Path, major: int) -> None:
    sites = tmp_path / "sites"
    files = [
        tmp_path / "includes/global.inc",
        sites / "all/platform.settings.php",
        sites / "all/settings.php",
        sites / "site.example.test/local.settings.php",
    ]
    for number, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(
            f"<?php $trail[] = {number}; $conf['clean_url'] = {number}; $settings['clean_url'] = {number};\n"
        )
    wanted = replace(data(tmp_path, major), extra=("$trail[] = 'a';", "$trail[] = 'b';\n"))
    found = evaluated(tmp_path, wanted)["set"]
    assert found["trail"] == ["a", "b", 0, 1, 2, 3]
    assert (found["conf"] if major == 7 else found["settings"])["clean_url"] == 3


@pytest.mark.parametrize(
    ("forwarded", "scheme", "https"), [("https", "http", "on"), ("http", "http", None), ("https", "https", None)]
)
def test_https_before_a_proxy(tmp_path: Path, forwarded: str, scheme: str, https: str | None) -> None:
    server = {"HTTP_X_FORWARDED_PROTO": forwarded, "REQUEST_SCHEME": scheme}
    assert evaluated(tmp_path, data(tmp_path, 10), server)["https"] == https


@pytest.mark.parametrize("major", [7, 10])
def test_a_site_below_a_folder(tmp_path: Path, major: int) -> None:
    wanted = replace(data(tmp_path, major), subdirs=True)
    found = evaluated(tmp_path, wanted, {"SITE_SUBDIR": "sub", "RAW_HOST": "main.test"})
    assert found["set"]["base_url"] == "http://main.test/sub" and found["path"] == "/sub/"
    assert found["set"].get("cookie_domain") == (".main.test" if major == 7 else None)
    secure = evaluated(tmp_path, wanted, {"SITE_SUBDIR": "sub", "RAW_HOST": "main.test", "HTTPS": "on"})
    assert secure["set"]["base_url"] == "https://main.test/sub"
    assert "base_url" not in evaluated(tmp_path, wanted)["set"]
