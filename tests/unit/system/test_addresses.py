"""Which names mean this machine, and what is asked to find out."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from provision_py.system import addresses
from provision_py.system.addresses import is_local


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    is_local.cache_clear()
    yield
    is_local.cache_clear()


@pytest.fixture
def questions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were looked up; each lookup finds nothing."""
    asked: list[str] = []

    def getaddrinfo(host: str, *arguments: object, **options: object) -> list[object]:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    def reverse(*arguments: object) -> object:
        raise AssertionError("a reverse lookup, which can take seconds")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "gethostbyaddr", reverse)
    return asked


@pytest.mark.parametrize("host", ["", "localhost", "LOCALHOST", "localhost.", "127.0.0.1", "::1"])
def test_plain_names_of_this_machine_ask_nobody(host: str, questions: list[str]) -> None:
    assert is_local(host)
    assert questions == []


def test_our_host_name_asks_nobody(questions: list[str]) -> None:
    assert is_local(socket.gethostname().upper())
    assert questions == []


def test_an_unknown_name_is_asked_for_once_however_often_it_is_needed(questions: list[str]) -> None:
    assert not is_local("db7.example.test")
    assert not is_local("db7.example.test")
    assert questions == ["db7.example.test"]


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.0.1.1", True), ("127.0.0.2", False), ("192.0.2.7", False)],
)
def test_a_name_is_local_when_its_address_is_ours(
    monkeypatch: pytest.MonkeyPatch, address: str, expected: bool
) -> None:
    monkeypatch.setattr(addresses, "_resolve", lambda name: [(int(socket.AF_INET), address)])
    assert is_local("web1.example.test") is expected
