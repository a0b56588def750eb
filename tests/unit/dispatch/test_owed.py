"""Which interrupted commands ``recover`` is about, what it refuses, and how it asks."""

from __future__ import annotations

import os
import pty
import sys

import pytest

from provision_py.dispatch.owed import Chosen, _confirm, _table
from provision_py.errors import UsageError
from provision_py.steps.journal import Begun, JournalState, UndoFailure

STEPS = (
    Begun("files", "Write files", {"server": "server_web1", "former": []}),
    Begun("sync", "Sync files", {"path": "/p", "new": ["server_web2"]}),
)
STATE = JournalState("provision-verify", "one.test", 17, STEPS, committed=False, started=0.0, id="1-a")

CASES = [
    (Chosen(None, "", frozenset()), True),
    (Chosen("one.test", "", frozenset()), True),
    (Chosen("two.test", "", frozenset()), False),
    (Chosen(None, "1-a", frozenset()), True),
    (Chosen(None, "1-b", frozenset()), False),
    (Chosen(None, "", frozenset({"server_web2"})), True),
    (Chosen(None, "", frozenset({"server_web3", "server_web1"})), True),
    (Chosen(None, "", frozenset({"server_web3"})), False),
    (Chosen("two.test", "", frozenset({"server_web2"})), False),
]


@pytest.mark.parametrize(("chosen", "concerned"), CASES)
def test_which_commands_are_meant(chosen: Chosen, concerned: bool) -> None:
    assert chosen.concerns(STATE) is concerned


def test_the_list_for_people() -> None:
    failure = UndoFailure("@server_web2 cannot be reached", "web2.test", "PROVISION_SSH_UNREACHABLE", 60.0)
    text = _table([JournalState(**{**vars(STATE), "failure": failure})])
    lines = text.splitlines()
    assert lines[0].startswith("1-a: provision-verify of @one.test, task 17, begun 19")
    assert lines[1].endswith(": @server_web2 cannot be reached (web2.test) [PROVISION_SSH_UNREACHABLE]")
    assert lines[2:] == [
        "  still to undo, in this order:", "    Sync files: @server_web2", "    Write files: @server_web1",
    ]  # fmt: skip
    assert _table([]) == "Nothing is owed\n"


def test_nobody_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(UsageError, match="needs a confirmation") as caught:
            _confirm("what is lost", confirmed=False)
        _confirm("what is lost", confirmed=True)
    assert "--yes" in caught.value.hint
    assert caught.value.where == "what is lost"


@pytest.mark.parametrize(("answer", "agreed"), [("y", True), ("Yes", True), ("", False), ("n", False), ("yo", False)])
def test_somebody_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, agreed: bool
) -> None:
    ours, theirs = pty.openpty()
    os.write(ours, f"{answer}\n".encode())
    with os.fdopen(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        if agreed:
            _confirm("what is lost", confirmed=False)
        else:
            with pytest.raises(UsageError, match="Not confirmed"):
                _confirm("what is lost", confirmed=False)
    os.close(ours)
    assert "what is lost" in capsys.readouterr().err
