"""Apache's and nginx's service types: the properties that they store, and the commands that follow from them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from http_contexts import server

from provision_py.contexts.properties import Draft
from provision_py.errors import ServiceError
from provision_py.services.base import HttpService
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_cluster import HttpCluster
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.services.http_pack import HttpPack
from provision_py.services.http_properties import restart_command

PUBLIC = [
    "http_port",
    "http_restart_cmd",
    "web_group",
    "web_disable_url",
    "web_maintenance_url",
    "http_app_path",
    "http_pred_path",
    "http_postd_path",
    "http_platformd_path",
    "http_vhostd_path",
    "http_subdird_path",
    "http_platforms_path",
]
SSL = ["http_ssl_port", "ssld_path", "http_ssld_path", "ssl_enabled", "ssl_key"]
NGINX = [
    "nginx_config_mode",
    "nginx_is_modern",
    "nginx_has_etag",
    "nginx_has_http2",
    "nginx_has_gzip",
    "nginx_has_upload_progress",
    "provision_db_cloaking",
    "phpfpm_mode",
    "subdirs_support",
    "satellite_mode",
]


@pytest.mark.parametrize(
    ("service", "names"),
    [
        (HttpApache, PUBLIC),
        (HttpApacheSsl, PUBLIC + SSL),
        (HttpNginx, PUBLIC + NGINX),
        (HttpNginxSsl, PUBLIC + SSL + [name for name in NGINX if name != "subdirs_support"]),
    ],
)
def test_names_and_order_in_the_alias_file(service: type[HttpService], names: list[str]) -> None:
    properties = service.server_properties()

    assert [prop.name for prop in properties if not prop.optional] == names
    assert [prop.name for prop in properties if prop.optional] == ["tolerate_down", "phpfpm_socket"]


def draft(**fields: Any) -> Draft:
    made = Draft(
        "server_web1", "web1.test", "/srv/aegir", "aegir", "/srv/aegir/config/server_web1", "http://f.test/", {}, None
    )
    return replace(made, **fields)


def test_defaults() -> None:
    values = {prop.name: prop.default(draft()) for prop in HttpNginxSsl.server_properties()}

    assert values["http_port"] == 80
    assert values["http_ssl_port"] == 443
    assert values["web_disable_url"] == "http://f.test/hosting/disabled"
    assert values["web_maintenance_url"] == "http://f.test/hosting/maintenance"
    assert values["http_app_path"] == "/srv/aegir/config/server_web1/nginx"
    assert values["http_subdird_path"] == "/srv/aegir/config/server_web1/nginx/subdir.d"
    assert values["http_platforms_path"] == "/srv/aegir/platforms"
    assert values["ssld_path"] == "/srv/aegir/config/ssl.d"
    assert values["http_ssld_path"] == "/srv/aegir/config/server_web1/ssl.d"
    assert (values["ssl_enabled"], values["ssl_key"]) == (1, "default")
    assert (values["phpfpm_mode"], values["provision_db_cloaking"]) == ("port", True)
    assert isinstance(values["web_group"], str)


def test_the_group_is_the_masters() -> None:
    master = replace(server(), properties={"web_group": "httpd"})
    prop = next(prop for prop in HttpApache.server_properties() if prop.name == "web_group")

    assert prop.default(draft(master=master)) == "httpd"


@pytest.mark.parametrize("service", [HttpApacheSsl, HttpNginxSsl])
def test_site_properties_of_https(service: type[HttpService]) -> None:
    values = {prop.name: prop.default(draft()) for prop in service.site_properties()}

    own = [("provision_check_pages", None)]
    assert list(values.items()) == [("ssl_enabled", 0), ("ssl_key", None), ("ip_addresses", {}), *own]
    assert [prop.name for prop in HttpApache.site_properties()] == ["provision_check_pages"]


@pytest.mark.parametrize(
    ("alias", "service"),
    [
        ("server_master", HttpApacheSsl),
        ("server_web1exampletest", HttpApache),
        ("server_nginx1exampletest", HttpNginx),
        ("server_cluster1", HttpCluster),
        ("server_pack1", HttpPack),
    ],
)
def test_the_original_writes_the_same_properties(reference: Path, alias: str, service: type[HttpService]) -> None:
    text = (reference / f"home/var/aegir/.drush/{alias}.alias.drushrc.php").read_text()
    recorded = re.findall(r"^  '(\w+)' =>", text, re.MULTILINE)

    ours = [prop.name for prop in service.server_properties() if not prop.optional]
    assert recorded[recorded.index("http_service_type") + 1 :] == ours


@pytest.mark.parametrize(
    ("programs", "apache", "nginx"),
    [
        (
            ["/usr/sbin/apache2ctl", "/usr/sbin/apachectl"],
            "sudo /usr/sbin/apache2ctl graceful",
            "sudo /usr/sbin/nginx -s reload",
        ),
        (["/usr/local/sbin/apachectl"], "sudo /usr/local/sbin/apachectl graceful", "sudo /usr/sbin/nginx -s reload"),
        (
            ["/etc/init.d/nginx", "/usr/sbin/nginx"],
            "sudo /usr/sbin/apache2ctl graceful",
            "sudo /etc/init.d/nginx reload",
        ),
        (["/usr/local/bin/nginx"], "sudo /usr/sbin/apache2ctl graceful", "sudo /usr/local/bin/nginx -s reload"),
        ([], "sudo /usr/sbin/apache2ctl graceful", "sudo /usr/sbin/nginx -s reload"),
    ],
)
def test_default_restart_commands(programs: list[str], apache: str, nginx: str) -> None:
    assert restart_command("apache", programs.__contains__) == apache
    assert restart_command("nginx", programs.__contains__) == nginx


@pytest.mark.parametrize(
    ("kind", "command", "test"),
    [
        ("apache", "sudo /usr/sbin/apache2ctl graceful", "sudo /usr/sbin/apache2ctl configtest"),
        ("apache", "sudo -n apachectl graceful", "sudo -n apachectl configtest"),
        ("apache", "/srv/bin/apache2ctl-two reload", "/srv/bin/apache2ctl-two configtest"),
        ("apache", "httpd -f /etc/x.conf -k graceful", "httpd -f /etc/x.conf -t"),
        ("apache", "sudo /etc/init.d/apache2 reload", None),
        ("apache", "sudo systemctl reload apache2", None),
        ("apache", "sudo service apache2 reload", None),
        ("apache", "/usr/local/bin/reload-apache2ctl graceful", None),
        ("apache", "apache2ctl", None),
        ("apache", "apache2ctl -k", None),
        ("apache", "", None),
        ("nginx", "sudo /etc/init.d/nginx reload", "sudo /etc/init.d/nginx configtest"),
        ("nginx", "sudo /usr/sbin/nginx -s reload", "sudo /usr/sbin/nginx -t"),
        ("nginx", "nginx -s reload -c '/etc/my nginx.conf' -p /srv", "nginx -c|/etc/my nginx.conf|-p /srv -t"),
        ("nginx", "nginx -c /x -sreload", "nginx -c /x -t"),
        ("nginx", "/sandbox/bin/nginxctl reload", "/sandbox/bin/nginxctl configtest"),
        ("nginx", "nginx -s stop", None),
        ("nginx", "nginx -s", None),
        ("nginx", "sudo systemctl reload nginx", None),
        ("nginx", "echo nginx -s reload", None),
    ],
)
def test_the_test_follows_from_the_restart_command(kind: str, command: str, test: str | None) -> None:
    service = (HttpApache if kind == "apache" else HttpNginx)(server(kind, http_restart_cmd=command))

    expected = None if test is None else tuple(part for word in test.split(" -c|") for part in [word])
    if test is not None and "|" in test:
        assert service.test_command() == ("nginx", "-c", "/etc/my nginx.conf", "-p", "/srv", "-t")
    else:
        assert service.test_command() == (None if expected is None else tuple(str(test).split()))


def test_a_restart_command_is_never_a_shell_line() -> None:
    service = HttpApache(server(http_restart_cmd="apache2ctl graceful; rm -rf '/var/a b'"))

    assert service.reload_command() == ("apache2ctl", "graceful;", "rm", "-rf", "/var/a b")
    assert service.test_command() is None


def test_a_restart_command_with_open_quotes() -> None:
    with pytest.raises(ServiceError, match="cannot be split"):
        HttpApache(server(http_restart_cmd="apache2ctl 'graceful")).reload_command()


def test_no_restart_command() -> None:
    assert HttpApache(server()).reload_command() is None
    assert HttpNginx(server("nginx", http_restart_cmd="")).test_command() is None
