"""``prepare``: make a machine ready to be a web server of the hosting system, or say what it lacks."""

from __future__ import annotations

import grp
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.contexts.model import Server
from provision_py.errors import HostError, ProcessError, UsageError
from provision_py.php.values import PhpValue, says_yes
from provision_py.services.preparation import Preparation, facts_script, preparation, prepare_script, public_key
from provision_py.services.serverfacts import Finding, is_number, missing_pieces, parse
from provision_py.system.addresses import is_local
from provision_py.system.host import Host

#: Installing packages may take its time, asking may not; in seconds.
INSTALL_TIMEOUT, ASK_TIMEOUT = 1800.0, 60.0

_MODES = ("print", "run", "check")


def run(session: Session, context: Server, arguments: Sequence[str], options: Mapping[str, PhpValue]) -> Shown | int:
    """Print the script, run it, or check. Raises UsageError, ServiceError, HostError."""
    chosen = [mode for mode in _MODES if says_yes(options.get(mode))]
    if len(chosen) != 1:
        raise UsageError(
            "prepare prints, runs or checks", where="prepare", hint="Add --print, --run or --check, and one of them"
        )
    wanted = wanted_of(session, context, str(options.get("key") or ""))
    if chosen == ["print"]:
        script = prepare_script(wanted)
        return Shown({"script": script}, as_table=lambda: script)
    user = str(options.get("as") or ("root" if chosen == ["run"] else context.script_user))
    # The session keeps one host for each server: nothing else may be asked of this one as that user.
    host = session.host_of(replace(context, script_user=user))
    # What sudo allows to an account, and its keys, are seen by itself and by root.
    before = check(host, wanted, as_root=chosen == ["run"] or user != context.script_user)
    if chosen == ["check"]:
        return _told(session, host, before)
    return _told(session, host, _fixed(session, host, wanted, before))


def wanted_of(session: Session, server: Server, key_file: str = "") -> Preparation:
    """What the server's machine needs; keys and numbers are those of the hub's user.

    Raises UsageError for a server without a web service of its own, or a key that is none.
    """
    if "http" not in server.service_types:
        raise UsageError(
            f"@{server.name} is no web server",
            where=f"@{server.name}",
            hint="A database server needs no account of ours on its machine, only one in its database (master_db)",
        )
    local = server.is_master or is_local(server.remote_host)
    keys = _keys(session, key_file) if key_file or not local else ()
    try:
        account = pwd.getpwnam(session.master.script_user)
        uid, gid = account.pw_uid or None, account.pw_gid or None
    except KeyError:
        uid = gid = None
    wanted = preparation(server, session.http(server), keys, uid=uid, gid=gid, is_hub=local)
    try:
        return replace(wanted, web_gid=grp.getgrnam(wanted.web_group).gr_gid)
    except KeyError:
        return wanted


def check(host: Host, wanted: Preparation, *, as_root: bool = False) -> list[Finding]:
    """Ask a machine, in one round trip, what it lacks. Raises HostError."""
    argv = _root_shell(host) if as_root else ("sh", "-s")
    done = host.run(argv, stdin=facts_script(wanted).encode(), timeout=ASK_TIMEOUT, check=False)
    return missing_pieces(wanted, parse(done.stdout, host.name))


def _fixed(session: Session, host: Host, wanted: Preparation, before: Sequence[Finding]) -> list[Finding]:
    """Run the script, tell what it put right, give what is missing still."""
    if not before:
        return []
    done = host.run(
        _root_shell(host),
        stdin=prepare_script(wanted).encode(),
        timeout=INSTALL_TIMEOUT,
        check=False,
        on_line=lambda line: _log_line(session, host, line),
    )
    after = check(host, wanted, as_root=True)
    for finding in before:
        if finding not in after:
            session.log.success(f"Put right: {finding.what}", host=host.name)
    if done.returncode and all(map(is_number, after)):
        session.log.warning("The script met problems, though nothing is missing now", host=host.name)
    return after


def _log_line(session: Session, host: Host, line: str) -> None:
    if line.startswith("problem: "):
        session.log.warning(line.removeprefix("problem: "), host=host.name)
    elif line.strip():
        session.log.notice(line.rstrip(), host=host.name)


def _told(session: Session, host: Host, findings: Sequence[Finding]) -> int:
    numbers = [finding for finding in findings if is_number(finding)]
    missing = [finding for finding in findings if finding not in numbers]
    for finding in missing:
        error = HostError(finding.what, where=host.name, hint=finding.hint, code="PROVISION_NOT_PREPARED")
        session.log.error(error, host=host.name)
    for finding in numbers:
        session.log.warning(f"{finding.what}. {finding.hint}", host=host.name, code="PROVISION_PACK_IDS")
    if not missing:
        but = ", but it is not ready for a pack" if numbers else ""
        session.log.success(f"Nothing is missing{but}", host=host.name)
    return 1 if missing else 0


def _root_shell(host: Host) -> tuple[str, ...]:
    """What runs a script as root. Raises HostError when the user who is logged in cannot become root."""
    if host.run(("id", "-u"), timeout=ASK_TIMEOUT).stdout.strip() == "0":
        return ("sh", "-s")
    try:
        host.run(("sudo", "-n", "true"), timeout=ASK_TIMEOUT)
    except ProcessError as error:
        raise HostError(
            "This needs root there, and the user who logs in may not use sudo for everything",
            where=host.name,
            hint="Log in as another user with --as=USER, or use --print and run the script there as root",
            code="PROVISION_NOT_ROOT",
        ) from error
    return ("sudo", "-n", "sh", "-s")


def _keys(session: Session, key_file: str) -> tuple[str, ...]:
    files = [Path(key_file)] if key_file else _own_key_files(Path.home() / ".ssh")
    try:
        keys = [line for file in files for line in file.read_text(errors="replace").splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"The key cannot be read: {error.strerror}", where=str(error.filename)) from error
    if not keys:
        session.log.warning("The hub's user has no ssh key; make one with ssh-keygen and prepare again")
    return tuple(public_key(key) for key in keys)


def _own_key_files(folder: Path) -> list[Path]:
    """A certificate lies beside its key and is named after it, but lets nobody in by authorized_keys."""
    return sorted(file for file in folder.glob("id_*.pub") if not file.name.endswith("-cert.pub"))
