"""``nfs-setup``: print what shares the platforms of a pack's masters with its slaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision_py.commands.lb_config import platforms_of
from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.contexts.model import Server
from provision_py.php.values import PhpArray, PhpValue, php_list
from provision_py.services import nfs


def run(session: Session, context: Server, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Shown:
    """Print it. Raises UsageError for what is no pack with slaves, ContextError for members that are not there."""
    roots = [str(session.store.record(name).get("root") or "") for name in platforms_of(session, context)]
    setup = nfs.nfs_setup(context, [root for root in roots if root])
    data: PhpArray = {
        "exports": {master.host: php_list(setup.exports()) for master in setup.masters},
        "fstab": {slave.host: php_list(setup.fstab()) for slave in setup.slaves},
    }
    return Shown(data, as_table=lambda: nfs.render(setup))
