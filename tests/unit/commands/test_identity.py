from __future__ import annotations

import pytest

from provision_py.commands.identity import check_user
from provision_py.errors import ProvisionError


@pytest.mark.parametrize(("user", "script_user"), [("aegir", "aegir"), ("root", "root"), ("aegir", None)])
def test_who_may(user: str, script_user: str | None) -> None:
    check_user(user, script_user)


@pytest.mark.parametrize(
    ("user", "script_user", "code"),
    [
        ("root", "aegir", "PROVISION_IS_ROOT"),
        ("root", None, "PROVISION_IS_ROOT"),
        ("www-data", "aegir", "PROVISION_WRONG_USER"),
        ("www-data", "root", "PROVISION_WRONG_USER"),
    ],
)
def test_who_may_not(user: str, script_user: str | None, code: str) -> None:
    with pytest.raises(ProvisionError) as caught:
        check_user(user, script_user)
    assert caught.value.code == code
    assert caught.value.hint
