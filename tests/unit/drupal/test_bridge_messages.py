"""Jobs that are refused before PHP starts, and messages between other lines."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision_py.drupal.bridge import BridgeJob, BridgeLogEntry, cron_key, install, login_link, status
from provision_py.drupal.frames import FrameReader
from provision_py.drupal.model import Credentials
from provision_py.errors import DrupalError
from provision_py.system.host import Secret

MARK = "0123456789abcdef"


def lines(message: dict[str, Any], size: int = 40) -> list[str]:
    text = base64.b64encode(json.dumps(message).encode()).decode()
    parts = [text[start : start + size] for start in range(0, len(text), size)]
    return [f"{MARK} {'.' if part is parts[-1] else '+'}{part}" for part in parts]


def fed(reader: FrameReader, given_lines: list[str]) -> list[dict[str, Any] | str]:
    return [found for line in given_lines if (found := reader.feed(line)) is not None]


noise = st.text(string.printable.replace("\n", "").replace("\r", ""), max_size=60).filter(
    lambda text: MARK not in text
)


@given(st.lists(st.dictionaries(st.text(max_size=9), st.text(max_size=200), max_size=3), max_size=5), st.data())
def test_messages_are_found_between_noise(messages: list[dict[str, str]], data: st.DataObject) -> None:
    stream: list[str] = []
    for message in messages:
        for line in lines(message):
            stream += data.draw(st.lists(noise, max_size=2))
            stream.append(line)
    found = fed(FrameReader(MARK), stream)
    assert [item for item in found if isinstance(item, dict)] == messages
    assert [item for item in found if isinstance(item, str)] == [
        line.strip() for line in stream if line.strip() and not line.startswith(f"{MARK} ")
    ]


@pytest.mark.parametrize("part", [".%%%", ".AAA", ".", f".{base64.b64encode(b'[1]').decode()}"])
def test_a_damaged_message_is_told_and_the_next_one_read(part: str) -> None:
    reader = FrameReader(MARK)
    found = fed(reader, [f"{MARK} {part}", *lines({"t": "end"})])
    assert found == ["A message of the PHP process was damaged", {"t": "end"}]


def test_what_looks_like_a_message_without_the_mark_is_noise() -> None:
    forged = lines({"t": "end", "ok": True})[0].replace(MARK, "fedcba9876543210")
    assert FrameReader(MARK).feed(forged) == forged


def job(**changes: Any) -> BridgeJob:
    values: dict[str, Any] = {
        "docroot": "/p",
        "uri": "a.example.test",
        "major": 10,
        "operations": (status(),),
    } | changes
    return BridgeJob(**values)


@pytest.mark.parametrize(
    "uri", ["", "..", "../default", "a/b", "a b", "-x", ".hidden", "a'b", "a;b", "a\nb", "ä.test"]
)
def test_names_that_are_no_site_folder(uri: str) -> None:
    with pytest.raises(DrupalError) as caught:
        job(uri=uri)
    assert caught.value.code == "PROVISION_URL_REQUIRED"


@pytest.mark.parametrize("url", ["ftp://a.test", "//a.test", "a.test", "http://", "javascript:x"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(DrupalError) as caught:
        job(base_url=url)
    assert caught.value.code == "PROVISION_URL_REQUIRED"


def test_operations_are_needed_once_each() -> None:
    with pytest.raises(ValueError, match="each once"):
        job(operations=())
    with pytest.raises(ValueError, match="each once"):
        job(operations=(login_link(), cron_key(), login_link()))


def test_the_address_of_a_site() -> None:
    assert job().url == "http://a.example.test"
    assert job(base_url="https://b.example.test:444/sub/").url == "https://b.example.test:444/sub"


def test_a_job_shows_no_secret() -> None:
    operation = install(profile="minimal", site_name="x", site_mail=None, account_password=Secret("pa55"))
    shown = job(operations=(operation,), credentials=Credentials("h", 3306, "n", "u", Secret("db-pa55")))
    assert "pa55" not in repr(shown) and "pa55" not in str(operation)
    assert set(shown.secrets) == {"pa55", "db-pa55"}


def test_an_entry_says_where() -> None:
    assert str(BridgeLogEntry("warning", "Odd", "php", "index.php", 7)) == "Odd (index.php:7)"
    assert str(BridgeLogEntry("notice", "Done")) == "Done"
