from __future__ import annotations

import subprocess
import sys

import pytest

from provision_py.commands.registry import COMMANDS, Command, Registry
from provision_py.errors import UsageError
from provision_py.services.plugins import Plugins, hookimpl

MINE = Command("my-command", "os.path:join", "Mine", aliases=("mc",))


class Package:
    @hookimpl
    def provision_commands(self) -> list[Command]:
        return [MINE]


class WrongPackage:
    @hookimpl
    def provision_commands(self) -> list[str]:
        return ["my-command"]


def with_plugin(plugin: object) -> Registry:
    plugins = Plugins()
    plugins.register(plugin)
    return Registry(plugins=lambda: plugins)


@pytest.mark.parametrize("alias", ["site:alias", "sa", "site-alias"])
def test_commands_have_aliases(alias: str) -> None:
    assert Registry().find(alias).name == "site:alias"


def test_names_and_aliases_are_unique() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))


def test_an_unknown_name_gets_suggestions() -> None:
    with pytest.raises(UsageError) as caught:
        Registry().find("provision-verfy")
    assert caught.value.code == "PROVISION_UNKNOWN_COMMAND"
    assert "provision-verify" in caught.value.hint
    with pytest.raises(UsageError, match="lists all commands"):
        Registry().find("xyzzy")


def test_commands_of_packages() -> None:
    registry = with_plugin(Package())
    assert registry.find("mc") is MINE
    assert registry.all()[-1] is MINE
    assert MINE.load()("a", "b") == "a/b"
    with pytest.raises(UsageError, match="wrong kind"):
        with_plugin(WrongPackage()).find("my-command")


def test_packages_are_not_asked_for_our_commands() -> None:
    def never() -> Plugins:
        raise AssertionError("asked")

    assert Registry(plugins=never).find("provision-save").name == "provision-save"


@pytest.mark.parametrize("path", ["no_such_module_anywhere:run", "os.path:nothing", "os.path:sep"])
def test_a_command_that_cannot_be_loaded(path: str) -> None:
    with pytest.raises(UsageError, match="broken"):
        Command("broken", path, "").load()


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_of_ours_can_be_loaded(command: Command) -> None:
    assert callable(command.load())


def test_the_table_imports_no_command() -> None:
    code = (
        "import sys, provision_py.commands.registry;"
        "print(*[name for name in sys.modules if name.startswith('provision_py.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) == {
        "provision_py.commands",
        "provision_py.commands.registry",
        "provision_py.errors",
    }
