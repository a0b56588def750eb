"""Verify of a server: its folders, its database service, its web service."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.commands import absence, catchup, farm, groupchecks, memberfacts, ownfiles, packchecks
from provision_py.commands.lb_config import platforms_of
from provision_py.commands.preparedness import check_prepared
from provision_py.commands.session import Session
from provision_py.commands.webrollout import roll_out
from provision_py.contexts.model import Server
from provision_py.hostmaster.outcome import Outcome
from provision_py.services.base import HttpService
from provision_py.services.db_mysql import DEFAULT_PORT
from provision_py.services.http_pack import HttpPack
from provision_py.steps.files import ApplyFiles, EnsureDirectories
from provision_py.system.configfile import ConfigFile, Directory

_GLOBAL_INC = "<?php # global settings.php\n"


def verify_server(session: Session, server: Server) -> Outcome:
    """Make the server's folders, check its database service, write and load its web service's configuration.

    Raises ServiceError, DatabaseError or HostError; then everything is as it was.
    """
    hub = session.master.name
    session.run(EnsureDirectories(hub, server_directories(server), description="Make the folders of the server"))
    if server.is_master:
        session.run(ApplyFiles(hub, [_global_inc(server)], description="Make the file for global settings"))
    if "db" in server.service_types:
        verify_database_service(session, server)
    if "http" in server.service_types:
        verify_web_service(session, server)
    session.log.success(f"@{server.name} is verified")
    return Outcome()


def server_directories(server: Server) -> list[Directory]:
    """Folders below the aegir root (platform/verify.provision.inc; backend.md, Aegir root)."""
    root = server.aegir_root
    directories = [
        Directory(f"{root}/config", 0o711),
        Directory(server.config_path, 0o711),
        Directory(server.clients_path, 0o711),
    ]
    if server.is_master:
        directories += [Directory(server.backup_path, 0o700), Directory(server.include_path, 0o711)]
    return directories


def _global_inc(server: Server) -> ConfigFile:
    return ConfigFile(f"{server.include_path}/global.inc", _GLOBAL_INC, only_if_missing=True)


def _prepare_remote(session: Session, member: Server, hub: str) -> None:
    """Folders on another machine, and those of its configuration here."""
    directories = [*server_directories(member), Directory(session.master.include_path, 0o711)]
    session.run(
        EnsureDirectories(member.name, directories, description="Make the folders of the server"),
        EnsureDirectories(hub, session.http(member).server_directories(), description="Make the folders of copies"),
    )


def verify_database_service(session: Session, server: Server) -> None:
    """Log in, try what installing a site needs, and keep what was learned about the character set."""
    db = session.db(server)
    found = db.check()
    session.log.success(f"The database server ({found.version}) can make databases and users")
    if db.host == "localhost" and db.port != DEFAULT_PORT:
        session.log.warning(
            f"The database server is called localhost: for that name PHP takes the socket instead of port {db.port}."
            " Call it 127.0.0.1 if it is not the one at the default socket"
        )
    if not found.utf8mb4:
        session.log.warning("The database server does not support utf8mb4: characters such as emoji are lost")
    if server.properties.get("utf8mb4_is_supported") != found.utf8mb4:
        session.store.save(server.name, {"utf8mb4_is_supported": found.utf8mb4})


def verify_web_service(session: Session, server: Server) -> None:
    """Make the folders of every member, write its main configuration and load it. Clocks, disks and PHP of other
    machines that are doubtful are warnings. Members get what they have missed while they were down.
    """
    groupchecks.check_names(session, server)
    absence.check_reachable(session, server)
    groupchecks.check_machines(session, server)
    check_prepared(session, farm.remote(session, session.http(server).config_servers()))
    if server.service_types["http"] == HttpPack.type:
        roots = [str(session.store.record(name).get("root") or "") for name in platforms_of(session, server)]
        packchecks.check_pack_server(session, server, [root for root in roots if root])
    own = {}
    for member in session.http(server).config_servers():
        hub = farm.hub_copy(session, session.host_of(member))
        if hub is not None:
            _prepare_remote(session, member, hub)
            own[member.name] = ownfiles.bring(session, member)
        service = session.http(session.learn(member, "http"))
        session.run(
            EnsureDirectories(
                member.name,
                service.server_directories(),
                service.server_links(),
                description="Make the folders of the web server",
            )
        )

    def files(service: HttpService) -> Sequence[ConfigFile]:
        return service.server_files(extra_config="\n".join(session.plugins.server_extra(service.server)))

    roll_out(session, session.store.server(server.name), files, own=own)
    catchup.catch_up(session, server)
    members = session.http(server).config_servers()
    memberfacts.doubts(session, members, lambda member: memberfacts.ask_server(session, member))
    for member in session.http(server).config_servers():
        service = session.http(member)
        if service.reload_command() is not None and service.test_command() is None:
            session.log.info(
                f"@{member.name} loads its configuration untested: no test follows from its restart command"
                f" ({' '.join(service.reload_command() or ())})"
            )
