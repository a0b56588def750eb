"""The rule of the suite's own fixtures: what is missing skips here and fails where CI is set."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from provision_py.sandbox.base import is_traversable
from provision_py.sandbox.mariadb import DatabaseServer
from provision_py.sandbox.programs import MissingProgramError


@pytest.fixture
def conftest(request: pytest.FixtureRequest) -> ModuleType:
    path = Path(__file__).resolve().parents[1] / "conftest.py"
    module = request.config.pluginmanager.get_plugin(str(path))
    assert isinstance(module, ModuleType)
    return module


@pytest.mark.parametrize("value", ["true", "1", "yes"])
def test_a_missing_program_fails_in_ci(conftest: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.fail.Exception, match="apt-get install nginx"), conftest.needed():
        raise MissingProgramError("nginx", "nginx")


@pytest.mark.parametrize("value", ["", "false", "0"])
def test_a_missing_program_skips_elsewhere(conftest: ModuleType, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.skip.Exception, match="nginx is not installed"), conftest.needed():
        raise MissingProgramError("nginx", "nginx")


def test_servers_can_pass_through_an_aegir_root(aegir_root: Path) -> None:
    assert is_traversable(aegir_root)
    assert list(aegir_root.iterdir()) == []


def test_a_server_that_runs_already_is_taken(
    conftest: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mariadb: DatabaseServer
) -> None:
    monkeypatch.delenv("PROVISION_PY_DATABASE_SERVER", raising=False)
    assert conftest.database_server() is None
    path = tmp_path / "server.cnf"
    path.touch(mode=0o600)
    login = f"user = {mariadb.user}\npassword = {mariadb.password.reveal()}\n"
    path.write_text(f"[client]\nhost = {mariadb.host}\nport = {mariadb.port}\n{login}")
    monkeypatch.setenv("PROVISION_PY_DATABASE_SERVER", str(path))
    assert conftest.database_server().port == mariadb.port
