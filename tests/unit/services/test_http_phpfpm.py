from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.contexts.model import Server
from provision_py.errors import ServiceError
from provision_py.php.values import PhpValue
from provision_py.services import phpfpm
from provision_py.services.http_apache import HttpApache
from provision_py.system.local import LocalHost

DEBIAN = """nginx version: nginx/1.22.1
built with OpenSSL 3.0.8 7 Feb 2023
TLS SNI support enabled
configure arguments: --with-http_ssl_module --with-http_gzip_static_module --with-http_v2_module
"""


@pytest.mark.parametrize(
    ("names", "newest"),
    [
        (["php8.2-fpm.pid", "php8.2-fpm.sock", "php-fpm.sock"], "php8.2-fpm.sock"),
        (["php7.4-fpm.sock", "php8.10-fpm.sock", "php8.9-fpm.sock"], "php8.10-fpm.sock"),
        (["php-fpm.sock"], "php-fpm.sock"),
        (["www.sock", "php-fpm.pid"], "www.sock"),
        (["php8.2-fpm.pid", "sessions"], None),
        ([], None),
    ],
)
def test_newest_socket(names: list[str], newest: str | None) -> None:
    assert phpfpm.newest_socket(names) == newest


@pytest.mark.parametrize(
    ("version", "modern", "etag"),
    [("1.0.15", 0, 0), ("1.1.8", 1, 0), ("1.2.1", 1, 0), ("1.3.3", 1, 1), ("1.22.1", 1, 1), ("2.0.0", 1, 1)],
)
def test_versions(version: str, modern: int, etag: int) -> None:
    facts = phpfpm.nginx_facts(DEBIAN.replace("1.22.1", version))

    assert (facts["nginx_is_modern"], facts["nginx_has_etag"]) == (modern, etag)


def test_modules() -> None:
    facts = phpfpm.nginx_facts(DEBIAN)
    bare = phpfpm.nginx_facts("nginx version: nginx/1.22.1\nconfigure arguments: --add-module=nginx-upload-progress")

    assert [facts[f"nginx_has_{name}"] for name in ("http2", "gzip", "upload_progress")] == [1, 1, 0]
    assert [bare[f"nginx_has_{name}"] for name in ("http2", "gzip", "upload_progress")] == [0, 0, 1]


def test_output_that_says_nothing() -> None:
    assert set(phpfpm.nginx_facts("command not found").values()) == {0}


def server(**properties: PhpValue) -> Server:
    return Server("server_web1", "web1", "/var/aegir", "aegir", properties=properties)


@pytest.mark.parametrize(
    ("properties", "address"),
    [
        ({}, "127.0.0.1:9000"),
        ({"phpfpm_mode": "port"}, "127.0.0.1:9000"),
        ({"phpfpm_mode": "socket"}, "unix:/run/php/php-fpm.sock"),
        ({"phpfpm_mode": "socket", "phpfpm_socket": "/run/php/php8.2-fpm.sock"}, "unix:/run/php/php8.2-fpm.sock"),
        ({"phpfpm_mode": "port", "phpfpm_socket": "/run/x.sock"}, "unix:/run/x.sock"),
        ({"phpfpm_socket": "unix:/run/x.sock"}, "unix:/run/x.sock"),
        ({"phpfpm_socket": "10.0.0.7:9001"}, "10.0.0.7:9001"),
        ({"phpfpm_socket": "php.test:9001"}, "php.test:9001"),
    ],
)
def test_addresses(properties: dict[str, PhpValue], address: str) -> None:
    assert phpfpm.address(server(**properties)) == address


@pytest.mark.parametrize(
    "value", ["run/x.sock", "/run/x y", "/run/x;", "/run/$x", "host:port", "host:99999", "a b:9000", "9000"]
)
def test_what_is_no_address(value: str) -> None:
    with pytest.raises(ServiceError):
        phpfpm.address(server(phpfpm_socket=value))


def test_an_address_that_somebody_added_to_the_alias_file_counts() -> None:
    added = Server("server_web1", "web1", "/var/aegir", "aegir", extra={"phpfpm_socket": "/run/mine.sock"})

    assert phpfpm.address(added) == "unix:/run/mine.sock"


def test_what_was_chosen_stays_while_it_holds(tmp_path: Path) -> None:
    host = LocalHost()
    facts: dict[str, PhpValue] = {"phpfpm_mode": "socket", "phpfpm_socket": "/run/php/found.sock"}
    there = tmp_path / "mine.sock"
    there.touch()

    assert phpfpm.keep_chosen(server(), facts, host) == facts
    assert phpfpm.keep_chosen(server(phpfpm_socket=str(there)), facts, host)["phpfpm_socket"] == str(there)
    assert phpfpm.keep_chosen(server(phpfpm_socket="10.0.0.7:9001"), facts, host) == {
        "phpfpm_mode": "port",
        "phpfpm_socket": "10.0.0.7:9001",
    }
    there.unlink()
    assert phpfpm.keep_chosen(server(phpfpm_socket=str(there)), facts, host) == facts
    assert phpfpm.keep_chosen(server(phpfpm_socket=str(there)), {"phpfpm_mode": "port"}, host) == {
        "phpfpm_mode": "port",
        "phpfpm_socket": None,
    }


def test_detection_on_this_machine() -> None:
    facts = phpfpm.detect_nginx(LocalHost())

    assert facts["phpfpm_mode"] in ("socket", "port")
    assert ("phpfpm_socket" in facts) == (facts["phpfpm_mode"] == "socket")
    assert facts["nginx_config_mode"] in ("basic", "extended")


def test_a_restart_command_that_works_is_kept(tmp_path: Path) -> None:
    program = tmp_path / "apachectl"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    host = LocalHost()

    assert HttpApache(server(http_restart_cmd=f"sudo -n {program} graceful")).detect(host) == {}
    assert HttpApache(server(http_restart_cmd="reload-my-web-server")).detect(host) == {}
    program.unlink()
    found = HttpApache(server(http_restart_cmd=f"sudo {program} graceful")).detect(host)
    assert str(found["http_restart_cmd"]).endswith(" graceful")
    assert list(HttpApache(server()).detect(host)) == ["http_restart_cmd"]
