"""The folders, links and files of Apache's and nginx's service types, and the values that they refuse."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from http_contexts import CREDENTIALS, TYPES, server, site

from provision_py.drupal.model import CodeBase
from provision_py.errors import ServiceError
from provision_py.php.values import PhpValue
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_common import PublicHttp
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.system.host import Secret


@pytest.mark.parametrize("kind", TYPES)
def test_folders_and_modes(kind: type[PublicHttp]) -> None:
    service = kind(server())
    app = f"/var/aegir/config/server_web1/{service.application}"
    modes = {directory.path: directory.mode for directory in service.server_directories()}

    assert modes["/var/aegir/config"] == modes["/var/aegir/config/server_web1"] == modes[app] == 0o711
    assert {modes[f"{app}/{name}"] for name in ("pre.d", "post.d", "platform.d", "vhost.d", "subdir.d")} == {0o700}
    if kind in (HttpApacheSsl, HttpNginxSsl):
        assert modes["/var/aegir/config/ssl.d"] == modes["/var/aegir/config/server_web1/ssl.d"] == 0o700
    paths = [Path(directory.path) for directory in service.server_directories()]
    assert all(path.parent in paths[:at] for at, path in enumerate(paths) if path != Path("/var/aegir/config"))


def test_links() -> None:
    assert [(link.path, link.target) for link in HttpApache(server()).server_links()] == [
        ("/var/aegir/config/apache.conf", "/var/aegir/config/server_web1/apache.conf")
    ]
    includes = "/var/aegir/config/includes"
    assert [(link.path, link.target) for link in HttpNginx(server()).server_links()] == [
        ("/var/aegir/config/nginx.conf", "/var/aegir/config/server_web1/nginx.conf"),
        (f"{includes}/nginx_simple_include.conf", f"{includes}/nginx_vhost_common.conf"),
        (f"{includes}/nginx_advanced_include.conf", f"{includes}/nginx_vhost_common.conf"),
    ]


def test_paths_of_files() -> None:
    service = HttpApache(server())
    platform = site().platform
    code = CodeBase(platform.root, f"{platform.root}/web", "10.1.0", 10)

    assert [file.path for file in service.server_files()] == ["/var/aegir/config/server_web1/apache.conf"]
    (conf,) = service.platform_files(platform, code)
    assert conf.path == "/var/aegir/config/server_web1/apache/platform.d/platform_d7.conf"
    assert '<Directory "/var/aegir/platforms/d7/web">' in str(conf.content)
    assert [(file.path, file.content) for file in service.removed_platform_files(platform)] == [(conf.path, None)]
    (vhost,) = service.site_files(site(), CREDENTIALS)
    assert vhost.path == "/var/aegir/config/server_web1/apache/vhost.d/a.test"
    assert [(file.path, file.content) for file in service.removed_site_files(site())] == [(vhost.path, None)]
    (named,) = HttpApache(server(), conf_suffix=True).site_files(site(), CREDENTIALS)
    assert named.path.endswith("/vhost.d/a.test.conf")
    assert HttpNginx(server()).platform_files(platform, code) == ()


@pytest.mark.parametrize("kind", TYPES)
def test_credentials_stand_in_enabled_vhosts_only(kind: type[PublicHttp]) -> None:
    service = kind(server())
    (enabled,) = service.site_files(site(), CREDENTIALS)
    (disabled,) = service.site_files(site(enabled=False), CREDENTIALS)

    assert "Pa55" in str(enabled.content)
    assert enabled.sensitive
    assert "Pa55" not in str(disabled.content)
    assert not any("Pa55" in str(file.content) for file in service.server_files())


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "fields",
    [
        {"uri": "a.test\nServerAlias b.test"},
        {"uri": "a.test; } server {"},
        {"uri": "../../../etc/cron.d/x"},
        {"aliases": ("b.test c.test",)},
        {"aliases": ('b.test"',)},
        {"aliases": ("b.test/x y",)},
        {"aliases": ("b.test/../x",)},
        {"redirection": "$host"},
        {"redirection": "b.test\r\nX: y"},
        {"root": '/var/aegir/"/x'},
        {"root": "/var/aegir/\n/x"},
        {"root": "/var/aegir/$document_root"},
        {"root": "/var/aegir/{x}"},
        {"root": "relative"},
        {"aliases": ("b.test\x00",), "enabled": False},
        {"uri": "a.test }", "enabled": False},
    ],
)
def test_hostile_values_are_refused(kind: type[PublicHttp], fields: Mapping[str, object]) -> None:
    with pytest.raises(ServiceError) as caught:
        kind(server()).site_files(site(**fields), CREDENTIALS)
    assert caught.value.code == "PROVISION_BAD_VALUE"


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\x00b"])
def test_a_password_over_two_lines_is_refused_and_not_shown(kind: type[PublicHttp], password: str) -> None:
    with pytest.raises(ServiceError) as caught:
        kind(server()).site_files(site(), replace(CREDENTIALS, password=Secret(f"hidden{password}")))
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    "properties",
    [{"http_port": "80;"}, {"http_port": 0}, {"web_disable_url": "http://f.test/\n"}, {"phpfpm_socket": "/x;y"}],
)
def test_hostile_properties_are_refused(kind: type[PublicHttp], properties: dict[str, PhpValue]) -> None:
    with pytest.raises(ServiceError):
        kind(server(**properties)).site_files(site(enabled=False), CREDENTIALS)


@pytest.mark.parametrize("kind", TYPES)
def test_another_root_than_the_usual(kind: type[PublicHttp]) -> None:
    service = kind(replace(server(), aegir_root="/srv/hosting"))
    files = [*service.server_files(), *service.site_files(site(root="/srv/hosting/p"), CREDENTIALS)]

    assert not any("/var/aegir" in f"{file.path}{file.content}" for file in files)
    assert all(file.content and file.content.endswith("\n") for file in files)


def test_each_nginx_server_has_the_address_of_its_own_php() -> None:
    service = HttpNginx(server("nginx", phpfpm_socket="/run/php/php8.2-fpm.sock"))
    common = next(file for file in service.server_files() if file.path == service.common_file)
    (vhost,) = service.site_files(site(), CREDENTIALS)

    assert "fastcgi_pass unix:/run/php/php8.2-fpm.sock;" in str(common.content)
    assert f'include "{service.common_file}";' in str(vhost.content)


@pytest.mark.parametrize(
    ("address", "handler"),
    [
        ("/run/a.sock", 'SetHandler "proxy:unix:/run/a.sock|fcgi://localhost"'),
        ("127.0.0.1:9001", 'SetHandler "proxy:fcgi://127.0.0.1:9001"'),
    ],
)
def test_apache_hands_php_to_the_chosen_address(address: str, handler: str) -> None:
    (vhost,) = HttpApache(server(phpfpm_socket=address)).site_files(site(), CREDENTIALS)
    (plain,) = HttpApache(server()).site_files(site(), CREDENTIALS)

    assert handler in str(vhost.content)
    assert "proxy:" not in str(plain.content)


@pytest.mark.parametrize("kind", [HttpApacheSsl, HttpNginxSsl])
def test_the_address_of_a_site_on_its_server(kind: type[PublicHttp]) -> None:
    fields = {"ssl_enabled": "1", "ssl_key": "k"}

    def vhost(addresses: PhpValue) -> str:
        (file,) = kind(server()).site_files(site(properties={**fields, "ip_addresses": addresses}), CREDENTIALS)
        return str(file.content)

    assert "*:443" in vhost({})
    assert "192.0.2.7:443" in vhost({"@server_web1": "192.0.2.7"})
    assert "192.0.2.8:443" in vhost({"server_web1": "192.0.2.8"})
    assert "*:443" in vhost({"@server_other": "192.0.2.9"})
    assert "[2001:db8::1]:443" in vhost({"@server_web1": "2001:db8::1"})
    with pytest.raises(ServiceError):
        vhost({"@server_web1": "1.2.3.4; x"})


@pytest.mark.parametrize("kind", [HttpApacheSsl, HttpNginxSsl])
@pytest.mark.parametrize("key", ["../x", "a/b", ".hidden", "a b", "", "a\n"])
def test_names_of_certificates(kind: type[PublicHttp], key: str) -> None:
    made = site(properties={"ssl_enabled": 1, "ssl_key": key})
    if key:
        with pytest.raises(ServiceError):
            kind(server()).site_files(made, CREDENTIALS)
    else:
        assert "443" not in str(kind(server()).site_files(made, CREDENTIALS)[0].content)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("ssl_enabled", [0, 1, 2])
@pytest.mark.parametrize(
    ("aliases", "target"),
    [
        ((), None),
        ((), "a.test"),
        ((), "elsewhere.test"),
        (("www.a.test",), "www.a.test"),
        (("b.test/shop",), "b.test/shop"),
        (("*.a.test",), "www.a.test"),
    ],
)
def test_every_redirection_goes_with_every_way_of_https(
    kind: type[PublicHttp], ssl_enabled: int, aliases: tuple[str, ...], target: str | None
) -> None:
    properties: dict[str, PhpValue] = {"ssl_enabled": ssl_enabled, "ssl_key": "k"}
    made = site(aliases=aliases, redirection=target, properties=properties)
    files = kind(server(http_ssl_port="443")).site_files(made, CREDENTIALS)
    (vhost,) = [file.content or "" for file in files if file.path.endswith("/vhost.d/a.test")]
    host = (target or "a.test").partition("/")[0]
    assert host in vhost.replace("\\", "")
