from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.contexts.names import (
    MAX_CONTEXT_NAME,
    context_name,
    new_context_name,
    redirection_target,
    site_alias,
    site_uri,
)
from provision_py.errors import ContextError


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("@server_master", "server_master"),
        ("server_master", "server_master"),
        ("@www.example.test", "www.example.test"),
        ("platform_Drupal7", "platform_Drupal7"),
        ("@bücher.example", "xn--bcher-kva.example"),
    ],
)
def test_context_names(given_name: str, name: str) -> None:
    assert context_name(given_name) == name


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "@",
        "../etc/passwd",
        "a/b",
        ".hidden",
        "-rf",
        "a b",
        "a\nb",
        "a\0b",
        "a;b",
        "a'b",
        'a"b',
        "a`b`",
        "a\\b",
        "$(id)",
        "a\udcffb",
        "x" * (MAX_CONTEXT_NAME + 1),
    ],
)
def test_bad_context_names_are_refused(bad: str) -> None:
    with pytest.raises(ContextError) as caught:
        context_name(bad)
    assert caught.value.code == "PROVISION_INVALID_NAME"
    assert caught.value.hint


@pytest.mark.parametrize("reserved", ["@self", "none", "ALL"])
def test_names_of_drush_cannot_be_given(reserved: str) -> None:
    assert context_name(reserved)
    with pytest.raises(ContextError, match="drush"):
        new_context_name(reserved)


@pytest.mark.parametrize(
    ("given_uri", "uri"),
    [
        ("WWW.Example.Test", "www.example.test"),
        ("localhost", "localhost"),
        ("a_b.example.test", "a_b.example.test"),
        ("1.example.test", "1.example.test"),
        ("Bücher.example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_site_names(given_uri: str, uri: str) -> None:
    assert site_uri(given_uri) == uri


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "name under which"),
        ("my site.test", "space"),
        ("site.test ", "space"),
        ("site\u00a0.test", "space"),
        ("it's.test", "'"),
        ('"quoted".test', '"'),
        ("../../etc", "'..'"),
        ("a;rm -rf.test", "space"),
        ("a;b.test", ";"),
        ("a\tb.test", "control"),
        ("a\x7f.test", "control"),
        ("site.test/sub", "Each part"),
        ("site.test:8080", "Each part"),
        ("*.test", "Each part"),
        (".test", "Each part"),
        ("test.", "Each part"),
        ("a..test", "Each part"),
        ("-a.test", "Each part"),
        ("a-.test", "Each part"),
        ("x" * 64 + ".test", "1 to 63"),
        (".".join(["x" * 60] * 5), "at most 253"),
        # Look-alikes and characters that would silently become another name.
        ("ｅxample.test", "punycode"),
        ("straße.test", "punycode"),
        ("a／b.test", "punycode"),
        ("☃\ufe0f.test", "punycode"),
    ],
)
def test_bad_site_names_are_refused_with_a_reason(bad: str, reason: str) -> None:
    with pytest.raises(ContextError) as caught:
        site_uri(bad)
    assert caught.value.code == "PROVISION_INVALID_NAME"
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    "alias", ["www.example.test", "*.example.test", "d7.example.test/sub1", "example.test/a/b-c_d"]
)
def test_site_aliases(alias: str) -> None:
    assert site_alias(alias) == alias


@pytest.mark.parametrize(
    "bad",
    [
        "example.test/",
        "example.test/../x",
        "example.test//x",
        "*.example.test/sub",
        "a b.test",
        "*",
        "/x",
        "*.",
        "a.test/x;y",
    ],
)
def test_bad_site_aliases_are_refused(bad: str) -> None:
    with pytest.raises(ContextError):
        site_alias(bad)


@given(st.text(max_size=40))
def test_what_is_accepted_is_always_safe(text: str) -> None:
    for check in (context_name, site_uri):
        try:
            name = check(text)
        except ContextError:
            continue
        assert name.isascii() and name
        assert not set(name) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
        assert not name.startswith((".", "-"))
        assert check(name) == name


def test_redirections_lead_to_one_name() -> None:
    assert redirection_target("WWW.a.test") == "www.a.test"
    assert redirection_target("a.test/shop") == "a.test/shop"
    for text in ("*.a.test", "*", "a b", "a.test/../x"):
        with pytest.raises(ContextError, match="cannot be a target of a redirection"):
            redirection_target(text)
