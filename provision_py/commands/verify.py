"""``provision-verify``: make a server, a platform or a site what its context says, and look what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision_py.commands.session import Session
from provision_py.commands.verify_platform import verify_platform
from provision_py.commands.verify_server import verify_server
from provision_py.commands.verify_site import verify_site
from provision_py.contexts.model import Context, Platform, Server
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpValue


def run(session: Session, context: Context, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Outcome:
    """Verify any context."""
    if isinstance(context, Server):
        return verify_server(session, context)
    if isinstance(context, Platform):
        return verify_platform(session, context, working_copy=bool(options.get("working-copy")))
    return verify_site(session, context)
