"""Installers that go wrong half-way: whatever PHP does, the bridge has an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from bridge_sites import PASSWORD, BridgeSite, MakeSite

from provision_py.drupal.bridge import BridgeError, login_link
from provision_py.sandbox.platforms import fail_install, make_platform


@pytest.fixture(params=[7, 10])
def trouble(request: pytest.FixtureRequest, tmp_path: Path, make_site: MakeSite) -> Callable[[str], BridgeSite]:
    """A site whose installer goes wrong in the way named."""
    platform = make_platform(tmp_path / "platform", request.param)
    site = make_site(platform.docroot, platform.major, platform.version)

    def goes_wrong(how: str) -> BridgeSite:
        fail_install(platform, how)
        return site

    return goes_wrong


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("exception", "The installer has failed half-way (for a reason below)"),
        ("die", "ended by an exit() or die() during install"),
        ("exit", "ended by an exit() or die() during install"),
        ("fatal", "undefined function stand_in_function_that_does_not_exist()"),
        ("compile", "StandInBroken"),
        ("memory", "Allowed memory size"),
        ("kill", "PHP ended with signal 9 and without an answer"),
    ],
)
def test_an_installer_that_fails(trouble: Callable[[str], BridgeSite], how: str, says: str) -> None:
    site = trouble(how)
    with pytest.raises(BridgeError) as caught:
        site.install(login_link())
    assert caught.value.code == "DRUPAL_INSTALL_FAILED"
    assert says in str(caught.value)
    assert says in site.texts(type="error")
    assert caught.value.answer.results == {}
    assert caught.value.answer.log == tuple(site.entries)


def test_last_words_are_kept(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("die")
    with pytest.raises(BridgeError):
        site.install()
    assert "A module gives up" in site.texts(source="output")


def test_noise_becomes_log_entries(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("noise")
    answer = site.install(login_link())
    assert set(answer.results) == {"install", "login_link"}
    printed = site.texts(type="notice", source="output").splitlines()
    for line in ("A module prints this and more", "and a half line", "straight to stdout", "straight to stderr"):
        assert line in printed
    where = "misc/trouble.php:"
    assert f"Warning: A module warns ({where}" in site.texts(type="warning", source="php").replace("core/", "")
    assert "Undefined variable $nowhere" in site.texts(type="warning", source="php")
    assert "Notice: A module notes" in site.texts(type="notice", source="php")
    assert "Deprecated: A module is old" in site.texts(type="notice", source="php")
    assert "not UTF-8" in site.texts(source="output")
    assert site.texts(type="error") == ""


def test_a_flood_is_cut_short(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("flood")
    answer = site.install(login_link())
    assert set(answer.results) == {"install", "login_link"}
    assert 200 < len(site.entries) < 500
    assert site.texts(source="php").count("again and again") == 1
    assert "were left out" in site.texts(type="info")


def test_output_buffers_and_stdout_may_be_closed(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("buffers")
    answer = site.install(login_link())
    assert set(answer.results) == {"install", "login_link"}
    assert "out of every buffer" in site.texts(source="output")


def test_a_fatal_error_after_the_work_is_a_warning(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("late")
    assert "install" in site.install().results
    assert "stand_in_function_that_does_not_exist" in site.texts(type="warning", source="php")


def test_the_password_is_never_shown(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("password")
    site.install()
    assert "********" in site.texts(source="output")
    assert PASSWORD not in site.texts()


def test_a_time_limit_ends_php(trouble: Callable[[str], BridgeSite]) -> None:
    site = trouble("slow")
    with pytest.raises(BridgeError) as caught:
        site.install(timeout=1.5)
    assert caught.value.code == "DRUPAL_INSTALL_FAILED" or caught.value.code == "PROVISION_DRUPAL_TIMEOUT"
    assert "1.5 seconds" in str(caught.value)
