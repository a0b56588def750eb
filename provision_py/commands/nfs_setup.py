"""``nfs-setup``: print what shares the platforms of a pack's masters with its slaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision_py.commands.lb_config import platforms_of
from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.contexts.model import Server
from provision_py.errors import ProvisionError
from provision_py.php.values import PhpArray, PhpValue, php_list
from provision_py.services import nfs
from provision_py.services.http_pack import HttpPack


def run(session: Session, context: Server, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Shown:
    """Print it. Raises UsageError for what is no pack with slaves, ContextError for members that are not there."""
    roots = [str(session.store.record(name).get("root") or "") for name in platforms_of(session, context)]
    setup = nfs.nfs_setup(context, [root for root in roots if root], _packs(session))
    data: PhpArray = {
        "exports": {master.host: php_list(setup.exports()) for master in setup.masters},
        "fstab": {slave.host: php_list(setup.fstab()) for slave in setup.slaves},
    }
    return Shown(data, as_table=lambda: nfs.render(setup))


def _packs(session: Session) -> list[Server]:
    """All packs, but for those whose servers are not there, with a warning.

    Of files that cannot be read the look for platforms has warned.
    """
    problems: list[ProvisionError] = []
    found = []
    for name in session.store.names_of("server"):
        try:
            if session.store.record(name).get("http_service_type") == HttpPack.type:
                found.append(session.store.server(name))
        except ProvisionError as error:
            problems.append(error)
    for problem in problems:
        session.log.warning(f"A context is left out: {problem}", code=problem.code)
    return found
