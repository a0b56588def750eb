"""Packs: do the slaves see what the masters hold, before anything is changed for a site that they are to serve?"""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from dataclasses import replace

from provision_py.commands.session import Session
from provision_py.contexts.model import Server
from provision_py.errors import ContextError, HostError, ProcessError
from provision_py.services import packfacts
from provision_py.services.nfs import shared_folders
from provision_py.services.packfacts import PackFacts
from provision_py.services.packrules import ERROR, INFO, MOUNT, WARNING, PackFinding, findings
from provision_py.system import fanout

#: Seconds that a machine may take to tell. A mount whose server is away does not answer at all.
TIMEOUT = 20.0


def check_pack_server(session: Session, pack: Server, roots: Sequence[str]) -> None:
    """Check that slaves see the masters' folders, by the same numbers of users and groups. ``roots`` are those of the
    pack's platforms; without any, the folder of all platforms is looked at.

    What is noteworthy is logged. Raises ContextError for what keeps a slave from serving, HostError for machines that
    cannot be asked.
    """
    folders = tuple(dict.fromkeys(roots)) or shared_folders(pack.aegir_root, ())
    _report(session, _look(session, pack, folders, whole=True), (ERROR, WARNING, INFO))


def check_shared(session: Session, web_server: Server, root: str, *, warn: bool = False) -> None:
    """The same for one platform on a web server, which may be any: only packs are asked. Errors alone count, and
    warnings where ``warn`` says so.
    """
    _report(session, _look(session, web_server, (root,)), (ERROR, WARNING) if warn else (ERROR,))


def check_code(session: Session, web_server: Server, path: str) -> None:
    """After code was brought to masters, slaves must see there what the hub has at ``path``, a file of the code.

    Raises ContextError naming each that does not. It would serve an empty folder, or an old copy.
    """
    masters, slaves = _roles(session, web_server)
    wanted = session.host_of(session.master).stat(path)

    def sees(server: Server) -> bool:
        host = session.host_of(server)
        # Reading the folder makes an NFS client ask for it anew, instead of remembering that nothing was there.
        host.run(["ls", "-A", "--", os.path.dirname(path)], check=False, timeout=60)
        found = host.stat(path)
        return found is not None and wanted is not None and (found.kind, found.size) == (wanted.kind, wanted.size)

    found, failures = fanout.each(slaves, sees)
    _raise_for(failures, web_server)
    blind = [f"@{server.name}" for server, there in found if not there]
    if blind:
        names = " and ".join(sorted(f"@{server.name}" for server in masters))
        mount = f"{session.master.aegir_root}/platforms"
        raise ContextError(
            f"{', '.join(blind)} should see the files of {names}, but {path} is not the same there",
            where=f"@{web_server.name}",
            hint=f"Mount the shared folder there (mount {mount}), or make it a master",
            code="PROVISION_SLAVE_WITHOUT_CODE",
        )


def _look(session: Session, web_server: Server, folders: Sequence[str], *, whole: bool = False) -> list[PackFinding]:
    """Ask masters, which make files for slaves to find, then slaves; a question each, all machines side by side.

    ``whole``: masters are asked too whether they see each other's, and the hub for its numbers.
    """
    masters, slaves = _roles(session, web_server)
    among = masters if whole and len(masters) > 1 else []
    if not slaves and not among:
        return []
    hub = session.master
    is_member = hub.name in {server.name for server in (*masters, *slaves)}
    group = str(hub.properties.get("web_group") or "www-data")

    def ask(server: Server, token: str = "", probes: Sequence[str] = ()) -> PackFacts:
        argv, script = packfacts.question(server.script_user, group, folders, token=token, probes=probes)
        try:
            done = session.host_of(server).run(argv, stdin=script, timeout=TIMEOUT, check=False)
        except ProcessError as error:
            raise _hanging(server, folders, error) if error.returncode is None else error from error
        return packfacts.parse(done.stdout, server, folders, here=session.is_here(server))

    # A name for each: masters with disks of their own have folders of the same names.
    told, failures = fanout.each(masters, lambda server: ask(server, secrets.token_hex(8)))
    try:
        _raise_for(failures, web_server)
        probes = list(dict.fromkeys(path for _, facts in told for path in facts.made.values()))
        seen, failures = fanout.each([*among, *slaves], lambda server: ask(server, probes=probes))
        _raise_for(failures, web_server)
    finally:
        fanout.each(told, lambda each: _clean_up(session, *each))
    facts = {server.name: one for server, one in seen}
    return findings(
        web_server,
        folders,
        [replace(one, seen=facts[server.name].seen) if among else one for server, one in told],
        [facts[server.name] for server in slaves],
        ask(hub) if whole and not is_member else None,
        web_group=group,
    )


def _roles(session: Session, web_server: Server) -> tuple[list[Server], list[Server]]:
    """Masters, and slaves on machines of their own."""
    group = session.http(web_server)
    masters = list(group.code_servers())
    names = {server.name for server in masters}
    slaves = [server for server in group.config_servers() if server.name not in names]
    machines = [session.host_of(server) for server in masters]
    if any(machine.is_local for machine in machines):
        slaves = [server for server in slaves if not session.is_here(server)]
    return masters, [server for server in slaves if session.host_of(server) not in machines]


def _hanging(server: Server, folders: Sequence[str], error: ProcessError) -> HostError:
    return HostError(
        f"@{server.name} did not tell within {TIMEOUT:g} seconds what it sees of {', '.join(folders)}",
        where=error.where,
        hint="A mount whose server is away does not answer: see that the NFS server runs and is reached from there",
        code=MOUNT,
    )


def _clean_up(session: Session, server: Server, facts: PackFacts) -> None:
    """What stays after a failure is an empty file; a later check removes it."""
    if facts.made:
        files = list(dict.fromkeys(facts.made.values()))
        session.host_of(server).run(["rm", "-f", "--", *files], timeout=TIMEOUT, check=False)


def _report(session: Session, found: Sequence[PackFinding], told: Sequence[str]) -> None:
    """Log what is ``told``. Raises the last error, after all others were logged."""
    for finding in found:
        if finding.severity == WARNING and WARNING in told:
            session.log.warning(f"{finding.what}. {finding.hint}", code=finding.code)
        elif finding.severity == INFO and INFO in told:
            session.log.info(finding.what)
    errors = [
        ContextError(finding.what, where=f"@{finding.server}", hint=finding.hint, code=finding.code)
        for finding in found
        if finding.severity == ERROR
    ]
    for error in errors[:-1]:
        session.log.error(error)
    if errors:
        raise errors[-1]


def _raise_for(failures: Sequence[fanout.Failure[Server]], web_server: Server) -> None:
    if failures:
        raise fanout.combined(failures, lambda server: f"@{server.name}", f"@{web_server.name}")
