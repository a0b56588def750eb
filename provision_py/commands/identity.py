"""Who may run commands: the user that everything belongs to."""

from __future__ import annotations

from provision_py.errors import ProvisionError


def check_user(user: str, script_user: str | None) -> None:
    """Refuse a user whose files the others could not change.

    ``script_user`` is the master's; None when there is no master yet. Raises ProvisionError, PROVISION_IS_ROOT for
    root and PROVISION_WRONG_USER for anybody else.
    """
    if user == script_user:
        return
    if user == "root":
        owner = f"as {script_user}: su -s /bin/bash - {script_user}" if script_user else "as the aegir user"
        raise ProvisionError(
            "Commands are not run as root, whose files the aegir user could not change",
            where="@server_master, key script_user",
            hint=f"Run it {owner}" + ("" if script_user else ", or save @server_master with --script_user=root"),
            code="PROVISION_IS_ROOT",
        )
    if script_user is not None:
        raise ProvisionError(
            f"Everything here belongs to {script_user}, and this command runs as {user}",
            where="@server_master, key script_user",
            hint=f"Run it as {script_user}",
            code="PROVISION_WRONG_USER",
        )
