"""Which tasks wait for each other, and which run side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from provision_py.contexts.model import Context, Platform, Server, Site
from provision_py.dispatch.contextlocks import hold, locks_for
from provision_py.errors import LockedError


def server(name: str) -> Server:
    return Server(name=name, remote_host=name, aegir_root="/var/aegir", script_user="aegir")


MASTER = server("server_master")
WEB = server("server_web1")
DB = server("server_db")
D7 = Platform("platform_d7", "/p/d7", WEB, MASTER)
D10 = Platform("platform_d10", "/p/d10", WEB, MASTER)


def site(name: str, platform: Platform = D7) -> Site:
    return Site(name, name, platform.root, platform, DB, MASTER)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        (site("a.example"), site("b.example"), True),
        (site("a.example"), site("a.example"), False),
        (site("a.example"), D7, False),
        (site("a.example"), D10, True),
        (site("a.example"), WEB, False),
        (site("a.example"), DB, False),
        (site("a.example"), MASTER, True),
        (D7, D10, True),
        (D7, WEB, False),
        (WEB, DB, True),
    ],
)
def test_who_waits_for_whom(tmp_path: Path, first: Context, second: Context, together: bool) -> None:
    with hold(tmp_path, locks_for(first), timeout=0):
        if together:
            with hold(tmp_path, locks_for(second), timeout=0):
                pass
        else:
            with pytest.raises(LockedError), hold(tmp_path, locks_for(second), timeout=0):
                pass
    with hold(tmp_path, locks_for(second), timeout=0):
        pass


def test_locks_are_taken_from_servers_down_to_sites() -> None:
    kinds = [lock.kind for lock in locks_for(site("a.example"))]
    assert kinds == ["server", "server", "platform", "site", "name"]
    assert [lock.shared for lock in locks_for(site("a.example"))] == [True, True, True, False, False]


def test_sites_of_two_contexts_do_not_take_one_name_at_once(tmp_path: Path) -> None:
    one = Site("one", "same.example", D7.root, D7, DB, MASTER)
    other = Site("other", "other.example", D10.root, D10, DB, MASTER, aliases=("*.x/../y", "same.example", "l" * 300))
    with (
        hold(tmp_path, locks_for(one), timeout=0),
        pytest.raises(LockedError),
        hold(tmp_path, locks_for(other), timeout=0),
    ):
        pass
    with hold(tmp_path, locks_for(other), timeout=0):
        assert {path.parent for path in tmp_path.rglob("*")} == {tmp_path}


def test_a_group_waits_for_its_members() -> None:
    cluster = Server("server_c", "c", "/var/aegir", "aegir", members={WEB.name: WEB})
    assert {(lock.name, lock.shared) for lock in locks_for(cluster)} == {("server_c", False), ("server_web1", True)}
