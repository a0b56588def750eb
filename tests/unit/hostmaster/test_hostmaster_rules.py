"""Rules of the front end that need no database."""

from __future__ import annotations

import html
import inspect
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.hostmaster import queries
from provision_py.hostmaster.context_options import site_domain
from provision_py.hostmaster.features import Features
from provision_py.hostmaster.queue import QueueSettings
from provision_py.hostmaster.tasklogs import MESSAGE_LENGTH, to_html
from provision_py.hostmaster.tasks import LABELS
from provision_py.php.values import PhpValue, truthy

PLAIN = Features(modules={"hosting": 7304}, tables=frozenset(), upstream_2024=True, fork=False)
SUBDIRS = Features(
    modules={"hosting": 7304, "hosting_subdirs": 1}, tables=frozenset(), upstream_2024=True, fork=False
)


@pytest.mark.parametrize(
    ("settings", "running", "now", "due"),
    [
        (QueueSettings(enabled=True, frequency=60, items=5, last_run=100), 0, 160, 5),
        (QueueSettings(enabled=True, frequency=60, items=5, last_run=100), 0, 159, 0),
        (QueueSettings(enabled=True, frequency=60, items=5, last_run=100), 3, 200, 2),
        (QueueSettings(enabled=True, frequency=60, items=5, last_run=100), 9, 200, 0),
        (QueueSettings(enabled=False, frequency=60, items=5, last_run=0), 0, 999, 0),
        (QueueSettings(enabled=True, frequency=0, items=1, last_run=100), 0, 100, 1),
    ],
)
def test_items_due(settings: QueueSettings, running: int, now: int, due: int) -> None:
    assert settings.items_due(running, now) == due


@pytest.mark.parametrize(
    ("name", "features", "wanted"),
    [
        (" Example.TEST ", PLAIN, "example.test"),
        ("example.test/a", PLAIN, "example.test/a"),
        ("Example.test/A", SUBDIRS, "a.example.test"),
        ("example.test/a/b", SUBDIRS, "b.a.example.test"),
        ("example.test", SUBDIRS, "example.test"),
    ],
)
def test_domain_of_a_site(name: str, features: Features, wanted: str) -> None:
    assert site_domain(name, features) == wanted


def test_features_go_by_modules() -> None:
    modules = {"hosting": 0, "hosting_migrate": 0, "hosting_site_data": 0, "hosting_ssl": 0}
    features = Features(modules=modules, tables=frozenset({"node"}), upstream_2024=False, fork=False)
    assert all(features.has_feature(name) for name in ("hosting", "sitemigrate", "site_data", "ssl"))
    assert not features.has_feature("client")
    assert not features.has_feature("migrate_x")
    assert features.has_table("node")


@pytest.mark.parametrize("value", [None, False, "", "0", 0, 0.0, {}])
def test_what_php_takes_for_false(value: PhpValue) -> None:
    assert not truthy(value)


@pytest.mark.parametrize("value", [True, 1, "1", "00", " ", "false", {0: False}])
def test_what_php_takes_for_true(value: PhpValue) -> None:
    assert truthy(value)


@given(st.text())
def test_log_text_has_no_markup_and_is_valid(text: str) -> None:
    shown = to_html(text)
    assert not re.search("[<>]", shown)
    assert not re.search(r"&(?!(amp|lt|gt);)", shown)
    shown.encode("utf-8")
    if len(text) <= MESSAGE_LENGTH and text.isprintable():
        assert html.unescape(shown) == text


@given(st.binary())
def test_output_that_is_no_text_can_be_logged(data: bytes) -> None:
    to_html(data.decode("utf-8", "surrogateescape")).encode("utf-8")


def test_long_text_keeps_both_ends() -> None:
    shown = to_html("a" * MESSAGE_LENGTH + "end")
    assert shown.startswith("aaa")
    assert shown.endswith("end")
    assert len(shown) < MESSAGE_LENGTH + 100


def statements() -> list[tuple[str, str]]:
    return [(name, value) for name, value in inspect.getmembers(queries) if name.isupper() and isinstance(value, str)]


def test_every_table_in_every_statement_is_in_braces() -> None:
    """Or a table prefix would be forgotten there."""
    assert len(statements()) > 50
    for name, sql in statements():
        for match in re.finditer(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\S+)", sql):
            table = match.group(1)
            after_duplicate = sql[: match.start()].rstrip().endswith(("KEY", "FOR"))
            assert after_duplicate or table.startswith("{") or table == "information_schema.tables", name


def test_statements_have_parameters_not_values() -> None:
    for name, sql in statements():
        assert not re.search(r"%(?!\()", sql), name
        assert '"' not in sql, name


def test_labels_are_of_the_three_kinds_of_objects() -> None:
    assert set(LABELS) == {"site", "platform", "server"}
    assert sum(len(labels) for labels in LABELS.values()) == 19
