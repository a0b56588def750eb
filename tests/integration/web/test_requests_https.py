"""Sites by https: both vhosts, certificates, redirections; on an Apache and an nginx of their own."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision_py.drupal.pages import examine, examine_redirection
from provision_py.errors import HostError, ServiceError
from provision_py.sandbox import programs
from provision_py.sandbox.apache import start_apache
from provision_py.sandbox.base import Sandbox, free_port
from provision_py.sandbox.nginx import start_nginx
from provision_py.sandbox.phpfpm import PhpFpm
from provision_py.sandbox.webserver import Response, WebServer
from provision_py.services.certificates import Certificate, ensure_certificates, release_certificates
from provision_py.services.http_ssl import SslHttp
from provision_py.system import web
from provision_py.system.local import LocalHost
from web.hosting import Hosting, new_hosting
from web.tree import SECRET, make_drupal_7


@pytest.fixture(scope="module", params=["apache_ssl", "nginx_ssl"])
def secure(request: pytest.FixtureRequest, php_fpm: PhpFpm) -> Iterator[Hosting]:
    request.getfixturevalue(request.param.removesuffix("_ssl"))  # skips where the program is missing
    sandbox = Sandbox.create(prefix="provision-py-test-")
    try:
        server: WebServer
        port = free_port()
        if request.param == "apache_ssl":
            server = start_apache(sandbox, php_fpm=php_fpm)
            module = programs.find_apache_module("mod_ssl")
            (server.config / "aegir.d/-ssl.conf").write_text(f'LoadModule ssl_module "{module}"\nListen {port}\n')
        else:
            server = start_nginx(sandbox, php_fpm=php_fpm)
        with new_hosting(server, request.param, http_ssl_port=port, nginx_has_http2=1) as hosting:
            _fill(hosting)
            server.serve(hosting.root)
            yield hosting
    finally:
        sandbox.remove()


def _service(hosting: Hosting) -> SslHttp:
    assert isinstance(hosting.service, SslHttp)
    return hosting.service


def _fill(hosting: Hosting) -> None:
    host = hosting.host
    ensure_certificates(host, host, _service(hosting).default_certificate())
    docroot = make_drupal_7(hosting.root / "code")
    platform = hosting.platform("platform_code", hosting.root / "code", docroot, 7)
    states: dict[str, dict[str, object]] = {
        "both.test": {"properties": {"ssl_enabled": "1", "ssl_key": "both"}, "aliases": ("www.both.test",)},
        "only.test": {"properties": {"ssl_enabled": 2, "ssl_key": "only"}, "aliases": ("www.only.test",)},
        "moved.test": {
            "properties": {"ssl_enabled": "2", "ssl_key": "moved"},
            "aliases": ("www.moved.test",),
            "redirection": "www.moved.test",
        },
        "named.test": {
            "properties": {"ssl_enabled": "1", "ssl_key": "named"},
            "aliases": ("www.named.test",),
            "redirection": "www.named.test",
        },
        "off.test": {"properties": {"ssl_enabled": "1", "ssl_key": "off"}, "enabled": False},
        "plain.test": {"properties": {"ssl_enabled": 0, "ssl_key": None}},
    }
    for uri, fields in states.items():
        site = hosting.site(platform, docroot, uri, **fields)
        certificate = _service(hosting).site_certificate(site)
        assert (certificate is None) == (uri == "plain.test")
        if certificate is not None:
            ensure_certificates(host, host, certificate, uri=uri)


def fetch(hosting: Hosting, host: str, path: str = "/", *, trusted: bool = False) -> Response:
    """One request by https with the name in the handshake; ``trusted``: the site's own certificate must fit."""
    key = host.removeprefix("www.").removesuffix(".test")
    context = ssl.create_default_context()
    if trusted:
        context.load_verify_locations(f"{hosting.root}/config/ssl.d/{key}/openssl.crt")
    else:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    port = _service(hosting).ssl_port
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
    connection.sock = context.wrap_socket(socket.create_connection(("127.0.0.1", port), 20), server_hostname=host)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        answer = connection.getresponse()
        return Response(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
    finally:
        connection.close()


def test_a_site_answers_both_ways(secure: Hosting) -> None:
    by_https = json.loads(fetch(secure, "both.test", "/node/1", trusted=True).text)
    by_http = json.loads(secure.web.fetch("/node/1", host="both.test").text)

    assert (by_https["script"], by_https["https"]) == ("/index.php", "on")
    assert (by_http["script"], by_http["https"]) == ("/index.php", "")
    assert by_https["credentials"] == by_http["credentials"]
    assert json.loads(fetch(secure, "www.both.test").text)["script"] == "/index.php"


@pytest.mark.parametrize("path", ["/sites/both.test/settings.php", "/files/evil.php", "/.git/config", "/phpinfo.php"])
def test_the_same_is_hidden(secure: Hosting, path: str) -> None:
    answer = fetch(secure, "both.test", path)

    assert answer.status in (403, 404)
    assert SECRET not in answer.text


@pytest.mark.parametrize(
    ("host", "target"),
    [
        ("only.test", "only.test"),
        ("www.only.test", "www.only.test"),
        ("moved.test", "www.moved.test"),
        ("www.moved.test", "www.moved.test"),
    ],
)
def test_http_leads_to_https(secure: Hosting, host: str, target: str) -> None:
    answer = secure.web.fetch("/node/1?x=%20y", host=host)

    assert answer.status == 301
    assert answer.headers["location"] == f"https://{target}:{_service(secure).ssl_port}/node/1?x=%20y"


def test_https_leads_to_the_chosen_name(secure: Hosting) -> None:
    port = _service(secure).ssl_port

    for host in ("moved.test", "named.test"):
        answer = fetch(secure, host, "/x?y=z")
        assert (answer.status, answer.headers["location"]) == (301, f"https://www.{host}/x?y=z")
        assert json.loads(fetch(secure, f"www.{host}").text)["https"] == "on"
    answer = fetch(secure, f"moved.test:{port}".split(":")[0], "/")
    assert answer.headers["location"] == "https://www.moved.test/"
    assert secure.web.fetch("/a", host="named.test").headers["location"] == "http://www.named.test/a"


def test_a_disabled_site_is_so_by_https_too(secure: Hosting) -> None:
    for path in ("/", "/index.php", "/files/report.pdf"):
        answer = fetch(secure, "off.test", path, trusted=True)
        assert (answer.status, answer.headers["location"]) == (302, "http://front.test/hosting/disabled/off.test")


def test_names_without_https_show_no_other_site(secure: Hosting) -> None:
    assert fetch(secure, "plain.test").status == 404
    assert fetch(secure, "nobody.test").status == 404
    assert json.loads(secure.web.fetch("/", host="plain.test").text)["script"] == "/index.php"


def test_keys_are_for_their_owner_alone(secure: Hosting) -> None:
    keys = list((secure.root / "config").glob("**/openssl.key"))

    assert len(keys) == 12
    assert {path.stat().st_mode & 0o777 for path in keys} == {0o600}


# The life of a certificate, without a web server.


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate("one", "a.test", f"{tmp_path}/ssl.d/one", f"{tmp_path}/server/ssl.d/one")


def test_a_certificate_is_made_once(certificate: Certificate) -> None:
    host = LocalHost()

    assert ensure_certificates(host, host, certificate, uri="a.test") is True
    key = host.read(certificate.key_file)
    assert ensure_certificates(host, host, certificate, uri="a.test") is False
    assert host.read(certificate.key_file) == key
    assert sorted(host.listdir(certificate.target)) == [
        "a.test.receipt",
        "openssl.crt",
        "openssl.key",
        "openssl_bundle.crt",
    ]


def test_a_certificate_of_ones_own_goes_along_with_its_chain(certificate: Certificate) -> None:
    host = LocalHost()
    host.mkdir(certificate.source, mode=0o700)
    for name, text in (("openssl.key", b"key"), ("openssl.crt", b"leaf"), ("openssl_chain.crt", b"chain\n")):
        host.write(f"{certificate.source}/{name}", text, mode=0o664)

    assert ensure_certificates(host, host, certificate) is True
    assert host.read(certificate.bundle_file) == b"leaf\nchain\n"
    assert host.read(f"{certificate.target}/openssl_chain.crt") == b"chain\n"
    state = host.stat(certificate.key_file)
    assert state is not None
    assert state.mode == 0o600

    host.write(f"{certificate.source}/openssl_chain.crt", b"leaf\nchain\n")
    ensure_certificates(host, host, certificate)
    assert host.read(certificate.bundle_file) == b"leaf\nchain\n"

    host.remove(f"{certificate.source}/openssl_chain.crt")
    assert ensure_certificates(host, host, certificate) is True
    assert host.read(certificate.bundle_file) == b"leaf\n"
    assert host.stat(f"{certificate.target}/openssl_chain.crt") is None


def test_a_certificate_without_key_is_never_replaced(certificate: Certificate) -> None:
    host = LocalHost()
    host.mkdir(certificate.source, mode=0o700)
    host.write(f"{certificate.source}/openssl.crt", b"paid for")

    with pytest.raises(ServiceError) as caught:
        ensure_certificates(host, host, certificate)

    assert caught.value.code == "SSL_KEY_GEN_FAIL"
    assert host.read(f"{certificate.source}/openssl.crt") == b"paid for"


def test_the_copy_goes_with_the_last_site(certificate: Certificate) -> None:
    host = LocalHost()
    for uri in ("a.test", "b.test"):
        ensure_certificates(host, host, certificate, uri=uri)

    assert release_certificates(host, certificate, "a.test") is False
    assert host.stat(certificate.key_file) is not None
    assert release_certificates(host, certificate, "b.test") is True
    assert host.stat(certificate.target) is None
    assert host.stat(f"{certificate.source}/openssl.key") is not None
    assert release_certificates(host, certificate, "b.test") is False


def test_a_folder_that_belongs_to_somebody_else_stays(certificate: Certificate, tmp_path: Path) -> None:
    host = LocalHost()
    (tmp_path / "theirs").mkdir()
    host.mkdir(str(Path(certificate.target).parent), mode=0o700)
    host.symlink(str(tmp_path / "theirs"), certificate.target)

    assert release_certificates(host, certificate, "a.test") is False
    assert (tmp_path / "theirs").is_dir()


@pytest.mark.parametrize("uri", ["both.test", "only.test", "moved.test", "named.test", "off.test", "plain.test"])
def test_how_to_see_that_a_site_is_served(secure: Hosting, uri: str) -> None:
    site = secure.site_named(uri)
    for visit in _service(secure).visits(site):
        page = web.get("127.0.0.1", visit.port, visit.path, host=visit.host, https=visit.https)
        if visit.target is not None:
            assert examine_redirection(page, host=visit.host, target=visit.target, https=visit.to_https) == ()
        elif site.enabled:
            assert page.status == 200
            assert json.loads(page.body)["https"] == ("on" if uri in ("only.test", "moved.test") else "")
        else:
            assert examine(page, host=visit.host, enabled=False).problems == ()


def test_a_web_server_that_does_not_answer(secure: Hosting) -> None:
    port = free_port()
    with pytest.raises(HostError, match=f"does not answer on port {port}"):
        web.get("127.0.0.1", port, "/", host="both.test")
    with pytest.raises(HostError, match="does not answer on port"):
        web.get("127.0.0.1", secure.web.port, "/", host="both.test", https=True)
