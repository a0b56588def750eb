"""``provision-verify``: make a server, a platform or a site what its context says, and look what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision_py.commands.session import Session
from provision_py.contexts.model import Context, Platform, Server
from provision_py.hostmaster.outcome import Outcome
from provision_py.php.values import PhpValue, says_yes


def run(session: Session, context: Context, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Outcome:
    """Verify any context."""
    # Each kind imports what only it needs.
    if isinstance(context, Server):
        from provision_py.commands.verify_server import verify_server

        return verify_server(session, context)
    if isinstance(context, Platform):
        from provision_py.commands.verify_platform import verify_platform

        return verify_platform(session, context, working_copy=says_yes(options.get("working-copy")))
    from provision_py.commands.verify_site import verify_site

    return verify_site(session, context)
