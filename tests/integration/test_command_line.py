"""A command of a foreign package on the real command line: locks, journal, signals and results."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

ME = pwd.getpwuid(os.geteuid()).pw_name

#: ``my-work`` makes a folder as a step, then does as it is told. ``my-shell`` runs without a journal.
PACKAGE = """
import os
import signal
import time

from provision_py.commands.registry import Command, Option, NEEDED
from provision_py.errors import HostError
from provision_py.hostmaster.outcome import Outcome
from provision_py.services.plugins import hookimpl
from provision_py.steps.files import EnsureDirectories
from provision_py.system.configfile import Directory


def work(session, context, arguments, options):
    path = f"{context.aegir_root}/made"
    session.run(EnsureDirectories("server_master", [Directory(path, 0o755)]))
    print("made", flush=True)
    then = options.get("then")
    if then == "fail":
        raise HostError("It does not work", code="PROVISION_MINE")
    if then == "crash":
        raise ZeroDivisionError("oops")
    if then == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if then == "wait":
        time.sleep(30)
    session.log.success("All done")
    return Outcome(login_link="http://a.test/login", sites=("a", "b"))


@hookimpl
def provision_commands():
    yield Command(
        "my-work", "foreign_work:work", "Work", context=NEEDED, context_types=("server",),
        options=(Option("then", "What to do", "WHAT"),), journaled=True, stoppable=True,
    )
"""


class Machine:
    """An installation with a master and the foreign package."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.made = home / "made"
        packages = home / "packages"
        info = packages / "foreign_work-1.0.dist-info"
        info.mkdir(parents=True)
        (packages / "foreign_work.py").write_text(PACKAGE)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: foreign-work\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[provision_py]\nwork = foreign_work\n")
        path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": path}
        self.run("provision-save", "@server_master", "--context_type=server", f"--script_user={ME}")

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "provision_py.cli.main", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        )

    def run(self, *words: str, expect: int = 0) -> tuple[str, str]:
        with self.start(*words) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == expect, err
        return out, err

    def work(self, *words: str, expect: int = 0) -> tuple[str, str]:
        return self.run("@server_master", "my-work", *words, expect=expect)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_success(machine: Machine) -> None:
    out, err = machine.work()
    assert out == "made\nhttp://a.test/login\n"
    assert "success: All done" in err
    assert machine.made.is_dir()


def test_the_result_as_data(machine: Machine) -> None:
    out, err = machine.work("--format=json")
    answer = json.loads(out.removeprefix("made\n"))
    assert answer["ok"] is True
    assert answer["result"] == {"sites": ["a", "b"], "login_link": "http://a.test/login"}
    assert [entry["message"] for entry in answer["log"] if entry["type"] == "success"] == ["All done"]
    assert err == ""


def test_a_failure_is_undone_and_told_once(machine: Machine) -> None:
    _, err = machine.work("--then=fail", expect=1)
    assert not machine.made.exists()
    assert err.count("It does not work") == 1
    assert "PROVISION_MINE" in err
    assert "undone" in err


def test_a_failure_as_data(machine: Machine) -> None:
    out, _ = machine.work("--then=fail", "--format=json", expect=1)
    answer = json.loads(out.removeprefix("made\n"))
    assert (answer["ok"], answer["error"]["code"]) == (False, "PROVISION_MINE")
    assert "error" in [entry["type"] for entry in answer["log"]]


def test_a_defect_is_undone_and_named(machine: Machine) -> None:
    _, err = machine.work("--then=crash", expect=1)
    assert not machine.made.exists()
    assert "ZeroDivisionError" in err and "PROVISION_DEFECT" in err
    assert "Traceback" not in err
    assert "Traceback" in machine.work("--then=crash", "--debug", expect=1)[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_undoes(machine: Machine, number: signal.Signals) -> None:
    with machine.start("@server_master", "my-work", "--then=wait") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        assert machine.made.is_dir()
        process.send_signal(number)
        _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Stopped" in err
    assert not machine.made.exists()


def test_the_next_command_undoes_what_a_killed_one_began(machine: Machine) -> None:
    machine.work("--then=die", expect=-signal.SIGKILL)
    assert machine.made.is_dir()
    _, err = machine.work("--then=fail", expect=1)
    assert "had been interrupted" in err
    assert not machine.made.exists()


def test_commands_on_one_context_wait_for_each_other(machine: Machine) -> None:
    with machine.start("@server_master", "my-work", "--then=wait") as first:
        assert first.stdout is not None
        assert first.stdout.readline() == "made\n"
        with machine.start("@server_master", "my-work") as second:
            time.sleep(1.5)
            assert second.poll() is None
            first.terminate()
            first.communicate(timeout=20)
            out, _ = second.communicate(timeout=20)
    assert out.startswith("made\n")
    assert machine.made.is_dir()


@pytest.mark.parametrize(("words", "part"), [(["my-wrok"], "my-work"), (["help", "my-work"], "--then=WHAT")])
def test_commands_of_packages_are_suggested_and_explained(machine: Machine, words: Sequence[str], part: str) -> None:
    out, err = machine.run(*words, expect=2 if words[0] != "help" else 0)
    assert part in out + err
    assert "my-work" in machine.run("help")[0]
