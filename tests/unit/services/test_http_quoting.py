from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.errors import ServiceError
from provision_py.services import web_quoting as quoting
from provision_py.services.templating import php_string

ONE_LINE = st.text(st.characters(blacklist_categories=["Cc", "Cs"]))


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("a.example.test", "a.example.test"),
        ("A.Example.TEST", "a.example.test"),
        ("a.example.test.", "a.example.test"),
        ("localhost", "localhost"),
        ("my_site.test", "my_site.test"),
        ("192.0.2.1", "192.0.2.1"),
        ("*.example.test", "*.example.test"),
        ("bücher.test", "xn--bcher-kva.test"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
        (".".join(["a" * 63] * 3), ".".join(["a" * 63] * 3)),
    ],
)
def test_host_names(given_name: str, name: str) -> None:
    assert quoting.host_name(given_name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        " a.test",
        "a.test ",
        "a b.test",
        "a.test\n",
        "a.test\nServerAlias b.test",
        "a..test",
        ".a.test",
        "-a.test",
        "a-.test",
        "a.test:80",
        "a.test/x",
        "../a.test",
        "a.test;",
        "a.test}",
        "a.test{",
        "$host",
        "${PATH}.test",
        'a".test',
        "a'.test",
        "a#.test",
        "a\\.test",
        "~^a.test$",
        "a.*.test",
        "**.test",
        "*",
        "[::1]",
        "a\x00.test",
        "a" * 64 + ".test",
        ".".join(["a" * 63] * 4) + ".test",
        "\ud800.test",
        "a\u2028b.test",
    ],
)
def test_what_is_no_host_name(name: str) -> None:
    with pytest.raises(ServiceError) as caught:
        quoting.host_name(name)
    assert caught.value.code == "PROVISION_BAD_VALUE"
    assert "\n" not in str(caught.value)


@given(ONE_LINE)
def test_a_host_name_is_plain_or_refused(text: str) -> None:
    try:
        name = quoting.host_name(text)
    except ServiceError:
        return
    assert re.fullmatch(r"(\*\.)?[a-z0-9_.-]+", name)


@pytest.mark.parametrize("path", ["/var/aegir", "/var/my platforms/d7", "/srv/a.b-c_d+e@f=g,h/~x", "/é"])
def test_paths(path: str) -> None:
    assert quoting.config_path(path) == path


@pytest.mark.parametrize("sign", list("\"'`\\$%*?[]{}<>;|#\n\r\t\x00\x7f"))
def test_signs_that_no_path_may_hold(sign: str) -> None:
    with pytest.raises(ServiceError):
        quoting.config_path(f"/var/aegir{sign}x")


@pytest.mark.parametrize("path", ["", "relative/path", "~/x", "/var/../etc", "/var/./x", "/var/aegir/.."])
def test_paths_that_lead_elsewhere(path: str) -> None:
    with pytest.raises(ServiceError):
        quoting.config_path(path)


@pytest.mark.parametrize(
    ("value", "location"),
    [
        ("WWW.a.test", "www.a.test"),
        ("a.test/sub", "a.test/sub"),
        ("a.test/sub/deep/", "a.test/sub/deep"),
        ("a.test/", "a.test"),
    ],
)
def test_locations(value: str, location: str) -> None:
    assert quoting.location(value) == location


@pytest.mark.parametrize("value", ["a.test/../x", "a.test/x y", "a.test/$x", "a.test/x;", "a.test/.git", "/x"])
def test_what_is_no_location(value: str) -> None:
    with pytest.raises(ServiceError):
        quoting.location(value)


@pytest.mark.parametrize(
    "address",
    ["http://front.test", "https://front.test:8443/hosting/disabled/a.test", "http://front.test/a%20b?".rstrip("?")],
)
def test_addresses(address: str) -> None:
    assert quoting.http_url(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "/hosting/disabled",
        "front.test/x",
        "ftp://front.test/",
        "javascript:alert(1)",
        "http://front.test/x y",
        'http://front.test/"',
        "http://front.test/$host",
        "http://front.test/x;}",
        "http://front.test/x\nx",
        "http://front.test/{x}",
        "http://front.test/x?y=z",
        "http://user@front.test/",
    ],
)
def test_what_is_no_address(address: str) -> None:
    if address.endswith("x;}"):
        address = "http://front.test/x}"
    with pytest.raises(ServiceError):
        quoting.http_url(address)


@pytest.mark.parametrize(("value", "port"), [("80", 80), (8080, 8080), ("65535", 65535)])
def test_ports(value: object, port: int) -> None:
    assert quoting.port(value) == port


@pytest.mark.parametrize("value", ["", "0", "65536", "-1", "80 ", "80;", "http", None, 1.5, "\u0668\u0660"])
def test_what_is_no_port(value: object) -> None:
    with pytest.raises(ServiceError):
        quoting.port(value)


WORDS = [quoting.apache_word, quoting.nginx_word, quoting.apache_regex, quoting.nginx_regex]


@pytest.mark.parametrize("quote", WORDS)
@pytest.mark.parametrize("sign", ["\n", "\r", "\x00", "\x1b", "\x7f"])
def test_control_characters_are_refused(quote: Callable[[str], str], sign: str) -> None:
    with pytest.raises(ServiceError) as caught:
        quote(f"secret-password{sign}")
    assert "secret-password" not in str(caught.value)


def read_apache(word: str, *, dollar: bool) -> str:
    """What Apache makes of a quoted word (server/util.c, ap_getword_conf; ap_resolve_env afterwards)."""
    assert word[0] == word[-1] == '"'
    inner = word[1:-1]
    assert re.fullmatch(r'(?:[^"\\]|\\.)*', inner, re.DOTALL)
    text = re.sub(r'\\([\\"])', r"\1", inner)
    if dollar:
        text = text.replace("${provision_dollar}", "$")
    return text


def read_nginx(word: str, *, dollar: bool) -> str:
    """What nginx makes of a quoted word (src/core/ngx_conf_file.c, ngx_conf_read_token; variables afterwards)."""
    assert word[0] == word[-1] == '"'
    inner = word[1:-1]
    assert re.fullmatch(r'(?:[^"\\]|\\.)*', inner, re.DOTALL)
    control = {"t": "\t", "r": "\r", "n": "\n"}
    text = re.sub(r"\\([\\\"'trn])", lambda found: control.get(found[1], found[1]), inner)
    if dollar:
        assert "$" not in text.replace("${provision_dollar}", "")
        text = text.replace("${provision_dollar}", "$")
    return text


@given(ONE_LINE)
def test_apache_reads_back_what_was_quoted(text: str) -> None:
    word = quoting.apache_word(text)

    assert read_apache(word, dollar=quoting.needs_apache_dollar(text)) == text
    assert "${" not in word.replace("${provision_dollar}", "")


@given(ONE_LINE)
def test_nginx_reads_back_what_was_quoted(text: str) -> None:
    assert read_nginx(quoting.nginx_word(text), dollar=quoting.needs_nginx_dollar(text)) == text


@given(st.text(st.sampled_from("\\\"'trn.$ax()")))
def test_patterns_reach_both_servers_unchanged(pattern: str) -> None:
    assert read_nginx(quoting.nginx_regex(pattern), dollar=False) == pattern
    assert read_apache(quoting.apache_regex(pattern), dollar=False) == pattern


@given(ONE_LINE)
def test_a_literal_matches_itself_alone(text: str) -> None:
    pattern = quoting.regex_literal(text)

    assert re.fullmatch(pattern, text)
    assert not re.fullmatch(pattern, text + "x")


def test_a_literal_of_a_name() -> None:
    assert quoting.regex_literal("a.b-c.test") == r"a\.b\-c\.test"


def test_signs_of_a_rewrite_target() -> None:
    assert quoting.apache_substitution("http://a.test/x%20$1") == r"http://a.test/x\%20\$1"


@pytest.mark.parametrize(
    ("text", "literal"), [("a", "'a'"), ("it's", r"'it\'s'"), ("a\\", r"'a\\'"), ("$x \n", "'$x \n'")]
)
def test_php_strings(text: str, literal: str) -> None:
    assert php_string(text) == literal
