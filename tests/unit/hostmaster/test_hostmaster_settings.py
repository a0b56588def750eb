"""Where the front end's database is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.errors import HostmasterError
from provision_py.hostmaster.connection import DatabaseSettings, apply_prefix
from provision_py.hostmaster.discovery import (
    find_settings,
    settings_from_environment,
    settings_from_hostmaster_alias,
    settings_from_mapping,
)
from provision_py.system.host import Secret

PASSWORD = "s3cret-w0rd"


def install(
    folder: Path, alias: str = "'site_path' => '{site}', 'uri' => 'aegir.example.test'", drushrc: str | None = None
) -> Path:
    """A drush folder and a hostmaster site; the drush folder."""
    site = folder / "hostmaster" / "sites" / "aegir.example.test"
    site.mkdir(parents=True)
    drush = folder / ".drush"
    drush.mkdir()
    text = alias.replace("{site}", str(site)).replace("{root}", str(folder / "hostmaster"))
    (drush / "hostmaster.alias.drushrc.php").write_text(f"<?php\n$aliases['hostmaster'] = array ({text});\n")
    if drushrc is None:
        drushrc = f"""
            $options['db_type'] = 'mysql';
            $options['db_host'] = 'db.example.test';
            $options['db_port'] = '3307';
            $options['db_passwd'] = '{PASSWORD}';
            $options['db_name'] = 'aegir';
            $options['db_user'] = 'aegiruser';
        """
    if drushrc:
        (site / "drushrc.php").write_text(f"<?php\n{drushrc}\n")
    return drush


def refusal(drush: Path) -> str:
    with pytest.raises(HostmasterError) as caught:
        settings_from_hostmaster_alias(drush)
    assert caught.value.code == "PROVISION_HOSTMASTER_SETTINGS"
    assert PASSWORD not in f"{caught.value!s} {caught.value!r}"
    return str(caught.value)


def test_alias_leads_to_the_database(tmp_path: Path) -> None:
    found = settings_from_hostmaster_alias(install(tmp_path))
    assert found == DatabaseSettings("db.example.test", 3307, None, "aegiruser", Secret(PASSWORD), "aegir")
    assert PASSWORD not in repr(found)
    assert found.where == "database aegir on db.example.test:3307"
    assert not found.is_local


def test_alias_with_root_and_uri_only(tmp_path: Path) -> None:
    drush = install(tmp_path, "'root' => '{root}', 'uri' => 'aegir.example.test'")
    assert settings_from_hostmaster_alias(drush).database == "aegir"


def test_options_of_the_alias_go_first(tmp_path: Path) -> None:
    drush = install(tmp_path, "'site_path' => '{site}', 'db_name' => 'other', 'db_prefix' => 'hm_'")
    found = settings_from_hostmaster_alias(drush)
    assert (found.database, found.prefix, found.user) == ("other", "hm_", "aegiruser")


def test_localhost_without_a_socket_is_the_loopback(tmp_path: Path) -> None:
    options = "$options['db_host'] = 'localhost'; $options['db_name'] = 'a'; $options['db_user'] = 'u';"
    found = settings_from_hostmaster_alias(install(tmp_path, drushrc=f"{options} $options['db_port'] = 3399;"))
    assert (found.host, found.port, found.socket) == ("127.0.0.1", 3399, None)
    assert found.is_local
    assert not found.password


def test_missing_alias(tmp_path: Path) -> None:
    assert "hostmaster.alias.drushrc.php" in refusal(tmp_path)


def test_alias_file_of_another_name(tmp_path: Path) -> None:
    (tmp_path / "hostmaster.alias.drushrc.php").write_text("<?php\n$aliases['other'] = array ('root' => '/x');\n")
    assert "no alias named hostmaster" in refusal(tmp_path)


def test_broken_alias_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "hostmaster.alias.drushrc.php").write_text("<?php\n$aliases['hostmaster'] = array (\n")
    assert "hostmaster.alias.drushrc.php" in refusal(tmp_path)


def test_alias_that_leads_nowhere(tmp_path: Path) -> None:
    assert "neither site_path nor root" in refusal(install(tmp_path, "'uri' => 'aegir.example.test'"))


def test_missing_drushrc(tmp_path: Path) -> None:
    drush = install(tmp_path, drushrc="")
    assert "sites/aegir.example.test/drushrc.php" in refusal(drush)


def test_broken_drushrc_hides_its_values(tmp_path: Path) -> None:
    text = refusal(install(tmp_path, drushrc=f"$options['db_passwd'] = '{PASSWORD}';\n$options['db_name' = 1;"))
    assert "drushrc.php" in text


@pytest.mark.parametrize("key", ["db_name", "db_user"])
def test_missing_option_is_named(tmp_path: Path, key: str) -> None:
    lines = [f"$options['{each}'] = 'x';" for each in ("db_name", "db_user", "db_passwd") if each != key]
    text = refusal(install(tmp_path, drushrc="\n".join(lines)))
    assert key in text
    assert "drushrc.php" in text


@pytest.mark.parametrize(
    "line", ["$options['db_type'] = 'pgsql';", "$options['db_port'] = 'abc';", "$options['db_port'] = 70000;"]
)
def test_impossible_option(tmp_path: Path, line: str) -> None:
    drushrc = f"$options['db_name'] = 'a'; $options['db_user'] = 'u'; $options['db_passwd'] = '{PASSWORD}'; {line}"
    assert "drushrc.php" in refusal(install(tmp_path, drushrc=drushrc))


def test_given_settings_are_enough(tmp_path: Path) -> None:
    found = find_settings(tmp_path, {"database": "a", "user": "u", "socket": "/run/x.sock", "password": PASSWORD})
    assert (found.socket, found.database, found.password) == ("/run/x.sock", "a", Secret(PASSWORD))
    assert found.is_local


def test_given_settings_go_on_top(tmp_path: Path) -> None:
    drush = install(tmp_path)
    found = find_settings(drush, {"host": "db2.example.test", "prefix": "p_"})
    assert (found.host, found.port, found.prefix, found.user) == ("db2.example.test", 3307, "p_", "aegiruser")
    assert found.password == Secret(PASSWORD)
    assert find_settings(drush) == settings_from_hostmaster_alias(drush)


def test_settings_from_the_environment() -> None:
    given = {"PROVISION_PY_DB_HOST": "h", "PROVISION_PY_DB_NAME": "n", "PROVISION_PY_DB_USER": "", "OTHER": "x"}
    assert settings_from_environment(given) == {"host": "h", "database": "n"}


@pytest.mark.parametrize(
    ("values", "word"),
    [
        ({"user": "u"}, "database"),
        ({"database": "d"}, "user"),
        ({"database": "d", "user": "u", "passwd": PASSWORD}, "passwd"),
        ({"database": "d", "user": "u", "port": "no"}, "port"),
        ({"database": "d", "user": "u", "prefix": "x`; --"}, "prefix"),
        ({"database": "d", "user": "u", "password_file": "/nonexistent"}, "password_file"),
    ],
)
def test_wrong_mapping_names_the_key(values: dict[str, object], word: str) -> None:
    with pytest.raises(HostmasterError, match=word) as caught:
        settings_from_mapping(values, where="the test")
    assert PASSWORD not in str(caught.value)


def test_password_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    values = {"database": "d", "user": "u", "password_file": str(file)}
    assert settings_from_mapping(values, where="the test").password == Secret(PASSWORD)


@pytest.mark.parametrize(
    ("host", "port", "wanted"),
    [
        ("db1:3307", None, ("db1", 3307, None)),
        ("localhost:/run/x.sock", None, ("localhost", 3306, "/run/x.sock")),
        ("::1", 3306, ("::1", 3306, None)),
        ("db1:3307", "3308", ("db1", 3308, None)),
        ("192.0.2.1", "0", ("192.0.2.1", 3306, None)),
    ],
)
def test_host_may_bring_port_or_socket(host: str, port: object, wanted: tuple[str, int, str | None]) -> None:
    found = settings_from_mapping({"database": "d", "user": "u", "host": host, "port": port}, where="the test")
    assert (found.host, found.port, found.socket) == wanted


@pytest.mark.parametrize(
    ("sql", "prefix", "wanted"),
    [
        ("SELECT 1 FROM {node} n JOIN {users}", "", "SELECT 1 FROM `node` n JOIN `users`"),
        ("UPDATE {node} SET a = '{}' WHERE %(b)s", "hm_", "UPDATE `hm_node` SET a = '{}' WHERE %(b)s"),
        ("DELETE FROM {system}", "shared.d7_", "DELETE FROM `shared`.`d7_system`"),
        ("DELETE FROM {system}", "shared.", "DELETE FROM `shared`.`system`"),
    ],
)
def test_table_names_get_the_prefix(sql: str, prefix: str, wanted: str) -> None:
    assert apply_prefix(sql, prefix) == wanted


@pytest.mark.parametrize("prefix", ["a b", "a`b", "a.b.c", "a;", "a-", "é", "a\n"])
def test_impossible_prefix(prefix: str) -> None:
    with pytest.raises(HostmasterError):
        apply_prefix("SELECT 1 FROM {node}", prefix)
