"""The ways in which ssh fails, one constructor and one stable code each."""

from __future__ import annotations

from provision_py.errors import HostError
from provision_py.system.knownhosts import KnownKey, fingerprint
from provision_py.system.shell import quote
from provision_py.system.sshconfig import SshTarget

UNKNOWN_HOST_KEY = "PROVISION_SSH_UNKNOWN_HOST_KEY"
CHANGED_HOST_KEY = "PROVISION_SSH_CHANGED_HOST_KEY"
AUTH = "PROVISION_SSH_AUTH"
UNREACHABLE = "PROVISION_SSH_UNREACHABLE"
TIMEOUT = "PROVISION_SSH_TIMEOUT"
LOST = "PROVISION_SSH_LOST"
SHELL = "PROVISION_SSH_SHELL"
REFUSED = "PROVISION_SSH_REFUSED"


def accept_command(target: SshTarget, kind: str, encoded: str) -> str:
    """The shell command that makes a key known."""
    file = target.known_hosts[0] if target.known_hosts else f"{target.settings.folder}/known_hosts"
    return f"echo {quote(f'{target.key_name} {kind} {encoded}')} >> {quote(file)}"


def unknown_key(target: SshTarget, kind: str, encoded: str, blob: bytes) -> HostError:
    return HostError(
        f"The host key of {target.key_name} is not known: {kind} {fingerprint(blob)}",
        where=target.label,
        hint="Compare the fingerprint with the one that the server itself shows (ssh-keygen -lf "
        f"/etc/ssh/ssh_host_{kind.removeprefix('ssh-').partition('-')[0]}_key.pub). If they are the same, accept it: "
        + accept_command(target, kind, encoded),
        code=UNKNOWN_HOST_KEY,
    )


def changed_key(target: SshTarget, kind: str, encoded: str, blob: bytes, known: KnownKey) -> HostError:
    return HostError(
        f"The host key of {target.key_name} has changed, it may be another machine: {kind} {fingerprint(blob)}, "
        f"known is {known.kind} {fingerprint(known.blob)}",
        where=f"{target.label}: {known.file} line {known.line}",
        hint="If the server was set up anew and the fingerprint is right, accept it: "
        f"ssh-keygen -R {quote(target.key_name)} -f {quote(known.file)} && {accept_command(target, kind, encoded)}",
        code=CHANGED_HOST_KEY,
    )


def revoked_key(target: SshTarget, known: KnownKey) -> HostError:
    return HostError(
        f"The host key of {target.key_name} is marked as revoked: {known.kind} {fingerprint(known.blob)}",
        where=f"{target.label}: {known.file} line {known.line}",
        hint="Give the server a new host key",
        code=CHANGED_HOST_KEY,
    )


def refused(target: SshTarget, why: str) -> HostError:
    return HostError(
        f"{target.address} cannot be reached by ssh: {why}",
        where=target.label,
        hint="Check that the machine runs, its name, its ssh port and its firewall",
        code=UNREACHABLE,
    )


def timed_out(target: SshTarget, doing: str, seconds: float) -> HostError:
    return HostError(
        f"{target.address} did not {doing} within {seconds:g} seconds",
        where=target.label,
        hint="Check that the machine runs and that no firewall drops the connection",
        code=TIMEOUT,
    )


def denied(target: SshTarget, why: str) -> HostError:
    return HostError(
        f"{target.label} does not let us in: {why}",
        where=target.label,
        hint=f"Add our public key to ~{target.user}/.ssh/authorized_keys there",
        code=AUTH,
    )


def lost(label: str, doing: str) -> HostError:
    return HostError(
        f"The connection was lost while {doing}",
        where=label,
        hint="Whether it was done there is not known. Check the machine and its network, then run the task again",
        code=LOST,
    )


def bad_shell(label: str, said: str) -> HostError:
    return HostError(
        "The account does not run commands" + (f": {said}" if said else ""),
        where=label,
        hint="Give it a login shell (chsh -s /bin/sh) and take “command=” out of its authorized_keys",
        code=SHELL,
    )
