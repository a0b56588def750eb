"""Programs that end, or are ended, while they are given their input: the connection outlives them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from paramiko import Transport

from provision_py.errors import ProcessError
from provision_py.system.host import Program
from provision_py.system.ssh import SshHost

DATA, END_OF_INPUT = 94, 96
#: Longer than a program takes to end, and sshd to say so.
HELD_UP = 0.4
#: Goes out in several messages.
MUCH = b"x" * 200_000


@pytest.fixture
def hold_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, str], None]]:
    """Hold up messages of a type that a thread sends, after its first one, where a busy machine might."""
    send, seen = Transport._send_user_message, set()  # type: ignore[attr-defined] # internal

    def hold(kind: int, thread: str) -> None:
        def late(transport: Any, message: Any) -> None:
            if threading.current_thread().name == thread and message.asbytes()[0] == kind:
                if kind == END_OF_INPUT or thread in seen:
                    time.sleep(HELD_UP)
                seen.add(thread)
            send(transport, message)

        monkeypatch.setattr(Transport, "_send_user_message", late)

    yield hold
    monkeypatch.undo()


def is_kept(host: SshHost, made: int) -> bool:
    time.sleep(2 * HELD_UP)
    return host.run(["echo", "there"]).stdout == "there\n" and host._link.made == made


@pytest.fixture
def made(ssh_host: SshHost) -> int:
    ssh_host.run(["true"])
    return ssh_host._link.made


def test_a_program_ends_before_its_input_does(
    ssh_host: SshHost, made: int, hold_up: Callable[[int, str], None]
) -> None:
    hold_up(END_OF_INPUT, threading.current_thread().name)
    assert ssh_host.run_all([Program(["echo", "one"]), Program(["echo", "two"])])[1].stdout == "two\n"
    assert is_kept(ssh_host, made)


def test_a_program_reads_not_all_of_its_input(
    ssh_host: SshHost, made: int, hold_up: Callable[[int, str], None]
) -> None:
    hold_up(DATA, "ssh input")
    assert ssh_host.run(["head", "-c", "3"], stdin=MUCH).stdout == "xxx"
    assert is_kept(ssh_host, made)


def test_a_program_that_takes_too_long_is_ended_while_it_gets_its_input(
    ssh_host: SshHost, made: int, hold_up: Callable[[int, str], None]
) -> None:
    hold_up(DATA, "ssh input")
    with pytest.raises(ProcessError, match="did not end within"):
        ssh_host.run(["sleep", "9"], stdin=MUCH, timeout=HELD_UP / 2)
    assert is_kept(ssh_host, made)
