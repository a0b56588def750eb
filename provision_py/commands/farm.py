"""Web servers on other machines: what each command brings to them besides configuration, and in which order.

Code and site files lie on the hub and are pushed to the servers that hold code; a web server that shares a master's
folders gets none. Uploads are never removed on a member because the hub lacks them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import replace

from provision_py.commands import packchecks
from provision_py.commands.databasestep import GrantHosts
from provision_py.commands.memberfacts import BARE_PHP
from provision_py.commands.session import Session
from provision_py.contexts.model import Platform, Server, Site
from provision_py.drupal.codebase import vendor_folder
from provision_py.drupal.model import CodeBase, Credentials
from provision_py.errors import ContextError
from provision_py.steps.release import ReleaseTree
from provision_py.steps.sync import SyncBack, SyncTree
from provision_py.system import rsync, sameness, transfer
from provision_py.system.addresses import is_loopback
from provision_py.system.host import Host
from provision_py.system.rsync import SyncOptions, Tree, Uploads

#: What the probe says before it asks.
_ASKED = "Asked the database: "
#: Asks a database server, from a web server and by its PHP, for whom it takes us. The user does not exist: the
#: refusal names the host, and no password is needed.
_PROBE = (
    "mysqli_report(MYSQLI_REPORT_OFF); $link = @mysqli_init(); $link->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);"
    f" echo '{_ASKED}'; @$link->real_connect($argv[1], 'provision_probe', '', '', (int) $argv[2]);"
    " echo mysqli_connect_error();"
)


def remote(session: Session, servers: Sequence[Server]) -> list[Server]:
    """Those that are on other machines."""
    return [server for server in servers if not session.is_here(server)]


def check_database_host(session: Session, site: Site) -> None:
    """A database server called localhost is another one on every web server. Raises ContextError."""
    servers = remote(session, session.http(site.web_server).grant_servers())
    if servers and is_loopback(site.db_server.remote_host):
        raise ContextError(
            f"The database server of {site.uri} is called {site.db_server.remote_host}, which on"
            f" @{servers[0].name} means that machine itself",
            where=f"@{site.db_server.name}, remote_host",
            hint="Give the database server a name or address by which every web server reaches it",
            code="PROVISION_DB_HOST_LOCAL",
        )


def reached_database(session: Session, site: Site, recorded: Credentials) -> Credentials:
    """The site's credentials as its web servers can use them, the hub among them.

    A site from the time when this machine alone served it may have localhost on record, as its database server was
    called then. Then its accounts are made sure of, too: the hub comes by another name from now on.
    """
    if not is_loopback(recorded.host) or not remote(session, session.http(site.web_server).grant_servers()):
        return recorded
    host = site.db_server.remote_host
    session.log.notice(f"The database of {site.uri} is called {host} from now on: {recorded.host} is here only")
    credentials = replace(recorded, host=host)
    grant_members(session, site, credentials, grant_hosts(session, site))
    return credentials


def grant_hosts(session: Session, site: Site, *, granted: Collection[str] = ()) -> tuple[str, ...]:
    """The hosts that the site's database accounts are for: those of its web servers, and the hub's, which runs
    Drupal for the backend. Those of servers that are ``granted`` access already may be missing."""
    servers = {server.name: server for server in session.http(site.web_server).grant_servers()}
    servers = {name: server for name, server in servers.items() if name not in granted}
    servers.setdefault(session.master.name, session.master)

    def probe(server: Server, host: str, port: int) -> str:
        said = ""
        for options in (BARE_PHP, ()):
            argv = ["php", *options, "-r", _PROBE, "--", host, str(port)]
            said, asked, answer = session.host_of(server).run(argv, timeout=30, check=False).stdout.partition(_ASKED)
            if asked:
                return answer
        return said

    return session.db(site.db_server).grant_hosts(tuple(servers.values()), probe=probe)


def grant_members(session: Session, site: Site, credentials: Credentials, hosts: Sequence[str]) -> None:
    """Let members that have joined since the install connect to the site's database; see :func:`grant_hosts`."""
    session.run(GrantHosts(session.db(site.db_server), credentials, tuple(hosts)))


def push_platform(session: Session, platform: Platform, code: CodeBase) -> None:
    """Bring the platform's code, without its sites, to the servers that hold code.

    Raises ContextError when a server that should share it does not see it.
    """
    servers = _code_servers(session, platform.web_server)
    if servers:
        _push_code(session, platform, code, servers)
    packchecks.check_code(session, platform.web_server, f"{code.docroot}/index.php")


def _push_code(session: Session, platform: Platform, code: CodeBase, servers: list[str]) -> None:
    base = _base(code)
    roots = (platform.master.aegir_root, base)
    transfer.check_source(base, roots)
    sites = f"{code.docroot}/sites"
    present = tuple(name for name in (f"{sites}/sites.php",) if os.path.exists(name))
    tree = Tree(base, exclude_sites=True, docroot=code.docroot, include=present)
    wanted = sameness.Wanted((base,), names=rsync.VCS, apart=sites, kept=(f"{sites}/all", *present))
    servers = _differing(session, servers, wanted)
    if servers:
        session.run(ReleaseTree(servers, tree, roots, _options(session)))


def keep_names(session: Session, site: Site, code: CodeBase) -> None:
    """Should the command fail, its servers get the names of sites as the hub has them then: other sites share the
    file. To be called before any change."""
    servers = _code_servers(session, site.web_server)
    if servers:
        roots = (site.master.aegir_root, _base(code))
        session.run(SyncBack(servers, Tree(f"{code.docroot}/sites/sites.php"), roots, _options(session)))


def push_site(
    session: Session, site: Site, code: CodeBase, *, new: bool = False, answers: sameness.Answers | None = None
) -> None:
    """Bring a site's folder to the servers that hold code, and the names of sites beside it.

    ``new`` takes the uploads along; so does a group, whose members should all have what the hub has. Nothing that
    only a member has is removed. ``answers`` are those to :func:`site_question`: most verifies change nothing on a
    server, which then needs no push. Raises ContextError when a server that should share the folder does not see it.
    """
    servers = _code_servers(session, site.web_server)
    tree, names = _site_tree(site, code)
    if servers and answers is not None:
        servers = _differing(session, servers, _wanted(session, site, code), answers)
    if servers:
        roots = (site.master.aegir_root, _base(code))
        session.run(
            ReleaseTree(servers, tree, roots, _options(session), _uploads(session, site, new=new)),
            SyncTree(servers, Tree(names), roots, _options(session)),
        )
    packchecks.check_code(session, site.web_server, f"{tree.path}/settings.php")


def site_question(session: Session, site: Site, code: CodeBase) -> tuple[sameness.Question | None, dict[str, Host]]:
    """What to ask servers that hold code for, to know which of them have the site's files; and those servers with
    their machines, each machine once."""
    question = sameness.question(session.host_of(session.master), _wanted(session, site, code))
    return question, _hosts(session, _code_servers(session, site.web_server))


def _differing(
    session: Session, servers: list[str], wanted: sameness.Wanted, answers: sameness.Answers | None = None
) -> list[str]:
    """Those of the servers that do not have what is here, or may not; ``answers`` is what they said ahead."""
    if _options(session).extra:
        return servers  # such as --checksum: rsync may be told to compare something else
    hosts = _hosts(session, servers)
    alike = sameness.having(session.host_of(session.master), list(hosts.values()), wanted, answers)
    for host in alike:
        session.log.info(f"{wanted.paths[0]}: nothing had changed", host=host.name)
    return [server for server in servers if session.host(server) not in alike]


def _hosts(session: Session, servers: Sequence[str]) -> dict[str, Host]:
    """Their machines, each once."""
    hosts = {session.host(server): server for server in servers}
    return {server: host for host, server in hosts.items()}


def _site_tree(site: Site, code: CodeBase) -> tuple[Tree, str]:
    path = f"{code.docroot}/sites/{site.uri}"
    return Tree(path, sites=(path,)), f"{code.docroot}/sites/sites.php"


def _uploads(session: Session, site: Site, *, new: bool = False) -> Uploads:
    return Uploads.MERGE if new or len(_code_servers(session, site.web_server)) > 1 else Uploads.LEAVE


def _wanted(session: Session, site: Site, code: CodeBase) -> sameness.Wanted:
    tree, names = _site_tree(site, code)
    merged = _uploads(session, site) is Uploads.MERGE
    return sameness.Wanted((tree.path, names), rsync.uploads_of(tree), merged=merged, names=rsync.VCS)


def _code_servers(session: Session, web_server: Server) -> list[str]:
    return [server.name for server in remote(session, session.http(web_server).code_servers())]


def _base(code: CodeBase) -> str:
    """The folder that holds all code of a platform: the docroot, or the project around it with its vendor folder."""
    vendor = vendor_folder(code)
    if vendor is None or vendor.startswith(f"{code.docroot}/"):
        return code.docroot
    return os.path.commonpath([code.docroot, os.path.dirname(vendor)])


def _options(session: Session) -> SyncOptions:
    return SyncOptions.from_drushrc(session.options)


def hub_copy(session: Session, host: Host) -> str | None:
    """The hub's context name where a server's configuration is kept there too, for the original to find; None for
    servers on this machine."""
    return None if host.is_local else session.master.name
