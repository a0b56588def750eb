"""Apache's and nginx's service types: properties, commands, names, files; without a server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.properties import Draft
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.errors import ServiceError
from provision_py.php.values import PhpValue
from provision_py.services.base import HttpService
from provision_py.services.http_apache import HttpApache
from provision_py.services.http_apache_ssl import HttpApacheSsl
from provision_py.services.http_cluster import HttpCluster
from provision_py.services.http_common import Names, PublicHttp, site_names, subdirectories
from provision_py.services.http_nginx import HttpNginx
from provision_py.services.http_nginx_ssl import HttpNginxSsl
from provision_py.services.http_pack import HttpPack
from provision_py.services.http_properties import restart_command
from provision_py.system.host import Secret
from provision_py.system.local import LocalHost

TYPES: list[type[PublicHttp]] = [HttpApache, HttpNginx, HttpApacheSsl, HttpNginxSsl]
CREDENTIALS = Credentials("localhost", 3306, "name", "user", Secret("Pa55"))
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


def server(kind: str = "apache", **properties: PhpValue) -> Server:
    return Server(
        name="server_web1",
        remote_host="web1.test",
        aegir_root="/var/aegir",
        script_user="aegir",
        service_types={"http": kind},
        properties={"http_port": "80", "web_disable_url": "http://front.test/hosting/disabled", **properties},
    )


def site(**fields: object) -> Site:
    web = server()
    platform = Platform("platform_d7", "/var/aegir/platforms/d7", web, web)
    made = Site("a.test", "a.test", "/var/aegir/platforms/d7", platform, web, web)
    return replace(made, **fields)  # type: ignore[arg-type]


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


def draft(**fields: object) -> Draft:
    made = Draft(
        "server_web1", "web1.test", "/srv/aegir", "aegir", "/srv/aegir/config/server_web1", "http://f.test/", {}, None
    )
    return replace(made, **fields)  # type: ignore[arg-type]


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


def test_names_without_redirection() -> None:
    names = site_names(site(aliases=("www.a.test", "A.TEST", "www.a.test", "b.test/sub")))

    assert (names.served, names.redirected, names.target) == (("a.test", "www.a.test"), (), None)


def test_names_with_redirection() -> None:
    names = site_names(site(aliases=("www.a.test", "b.test"), redirection="WWW.a.test"))

    assert (names.served, names.redirected) == (("www.a.test",), ("a.test", "b.test"))
    assert names.target == "www.a.test"


def test_a_redirection_to_a_strange_name_takes_nobody_elses_name() -> None:
    names = site_names(site(redirection="other.test"))

    assert (names.served, names.redirected) == ((), ("a.test",))


def test_folders_of_other_hosts() -> None:
    found = subdirectories(site(aliases=("b.test/x/y", "B.test/x/y/", "www.a.test", "b.test/")))

    assert [(one.host, one.path, one.file_name) for one in found] == [("b.test", "x/y", "x_y.conf")]


@pytest.mark.parametrize("kind", TYPES)
def test_parents_whose_vhosts_do_not_look_for_folders(kind: type[PublicHttp], tmp_path: Path) -> None:
    service = kind(replace(server(kind.type), aegir_root=str(tmp_path)))
    below = site(aliases=("seen.test/one", "blind.test/one", "blind.test/two", "nobody.test/one", "www.a.test"))
    for name in ("seen.test", "blind.test"):
        vhost = Path(service.vhost_path(name))
        vhost.parent.mkdir(parents=True, exist_ok=True)
        vhost.write_text(service.site_files(site(name=name, uri=name), CREDENTIALS)[0].content or "")
    vhost = Path(service.vhost_path("blind.test"))
    vhost.write_text(vhost.read_text().replace("/subdir.d/blind.test/", "/subdir.d/seen.test/"))

    assert service.blind_parents(below, LocalHost()) == ["blind.test"]
    assert service.blind_parents(site(), LocalHost()) == []


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
    ("fields", "wanted"),
    [
        ({}, [("a.test", "/", None)]),
        ({"aliases": ("www.a.test",)}, [("a.test", "/", None)]),
        ({"redirection": "a.test"}, [("a.test", "/", None)]),
        (
            {"aliases": ("*.b.test", "www.a.test"), "redirection": "www.a.test"},
            [("www.a.test", "/", None), ("a.test", "/", "www.a.test")],
        ),
        (
            {"aliases": ("b.test/shop",), "redirection": "b.test/shop"},
            [("b.test", "/shop/", None), ("a.test", "/", "b.test/shop")],
        ),
        # Shown by somebody else: there is no page to see here.
        ({"redirection": "elsewhere.test"}, [("a.test", "/", "elsewhere.test")]),
        ({"enabled": False, "aliases": ("www.a.test",), "redirection": "www.a.test"}, [("a.test", "/", None)]),
    ],
)
@pytest.mark.parametrize("service", TYPES)
def test_how_to_see_that_a_site_is_served(
    service: type[PublicHttp], fields: dict[str, object], wanted: list[tuple[str, str, str | None]]
) -> None:
    visits = service(server()).visits(site(**fields))

    assert [(visit.host, visit.path, visit.target) for visit in visits] == wanted
    assert {(visit.port, visit.https, visit.to_https, visit.address) for visit in visits} == {
        (80, False, False, None)
    }


@pytest.mark.parametrize("service", [HttpApacheSsl, HttpNginxSsl])
def test_a_site_that_is_to_be_seen_by_https_alone(service: type[PublicHttp]) -> None:
    properties: dict[str, PhpValue] = {"ssl_enabled": "2", "ssl_key": "a", "ip_addresses": {"@server_web1": "::1"}}
    web = server(http_ssl_port=8443)
    page, redirected = service(web).visits(site(properties=properties))

    assert (page.host, page.port, page.https, page.address, page.target) == ("a.test", 8443, True, "::1", None)
    assert (redirected.host, redirected.port, redirected.https) == ("a.test", 80, False)
    assert (redirected.target, redirected.to_https) == ("a.test", True)
    # Both ways, by http alone, disabled: http shows it.
    for others in ({"ssl_enabled": "1"}, {"ssl_key": None}, {"ssl_enabled": 0}):
        (page,) = service(web).visits(site(properties=properties | others))
        assert (page.port, page.https) == (80, False)
    (page,) = service(web).visits(site(properties=properties, enabled=False))
    assert (page.port, page.https) == (80, False)


def test_a_port_stands_behind_the_host_of_a_target() -> None:
    assert Names((), ("a.test",), "b.test").target_at(":81") == "b.test:81"
    assert Names((), ("a.test",), "b.test/sub/one").target_at(":81") == "b.test:81/sub/one"
    assert Names((), ("a.test",), "b.test/sub").target_at("") == "b.test/sub"
