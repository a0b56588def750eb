"""What there is in an installation, for drawing: servers, groups, platforms and sites, and what is wrong with them.

Worked out from the records of the alias files, not from loaded contexts: one broken file must not hide all others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from provision_py.commands.checkresults import OK, STATES, WARNING, CheckResult, MemberResult
from provision_py.contexts.references import MASTER
from provision_py.errors import UsageError
from provision_py.php.values import PhpValue, as_strings

#: Properties that name the members of a group, and what these are called there.
_MEMBER_KEYS = (
    ("cluster_web_servers", "member"),
    ("master_web_servers", "master"),
    ("slave_web_servers", "slave"),
)
_NO_SERVICE = ("", "NONE")

#: So many sites, and so many things that are wrong with sites, are told of what has many.
_TOLD = 3


@dataclass(frozen=True)
class MemberNode:
    """A server in a group; ``role`` is member, master or slave."""

    name: str
    role: str


@dataclass(frozen=True)
class ServerNode:
    """A server; ``http`` and ``db`` are types of services, empty without one."""

    name: str
    host: str
    http: str = ""
    db: str = ""
    members: tuple[MemberNode, ...] = ()

    @property
    def is_hub(self) -> bool:
        return self.name == MASTER

    @property
    def is_group(self) -> bool:
        return bool(self.members) or self.http in ("cluster", "pack")


@dataclass(frozen=True)
class PlatformNode:
    name: str
    root: str
    web_server: str


@dataclass(frozen=True)
class SiteNode:
    """A site; ``database`` is the name of its database, empty when it is not known."""

    name: str
    uri: str
    platform: str
    db_server: str
    enabled: bool = True
    database: str = ""


@dataclass(frozen=True)
class Problem:
    """What is wrong with a context, so that it is not drawn or not where it belongs."""

    context: str
    message: str


@dataclass(frozen=True)
class Topology:
    """Everything, each kind sorted by name. ``checks`` holds the last results by site, ``missed`` by server the
    contexts that it was left out of."""

    servers: tuple[ServerNode, ...] = ()
    platforms: tuple[PlatformNode, ...] = ()
    sites: tuple[SiteNode, ...] = ()
    problems: tuple[Problem, ...] = ()
    checks: Mapping[str, CheckResult] = field(default_factory=dict)
    missed: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def server(self, name: str) -> ServerNode | None:
        return next((server for server in self.servers if server.name == name), None)

    def platforms_on(self, server: str) -> list[PlatformNode]:
        return [platform for platform in self.platforms if platform.web_server == server]

    def sites_on(self, platform: str) -> list[SiteNode]:
        return [site for site in self.sites if site.platform == platform]

    def sites_in(self, db_server: str) -> list[SiteNode]:
        return [site for site in self.sites if site.db_server == db_server]

    def web_servers(self) -> list[ServerNode]:
        """Groups, and web servers that have platforms or are in no group; groups first."""
        inside = {member.name for server in self.servers for member in server.members}
        found = [
            server
            for server in self.servers
            if server.is_group or self.platforms_on(server.name) or (server.http and server.name not in inside)
        ]
        return sorted(found, key=lambda server: not server.is_group)

    def db_servers(self) -> list[ServerNode]:
        return [server for server in self.servers if server.db]

    def other_servers(self) -> list[ServerNode]:
        """Servers that are drawn nowhere else."""
        drawn = {server.name for server in (*self.web_servers(), *self.db_servers())}
        drawn.update(member.name for server in self.servers for member in server.members)
        return [server for server in self.servers if server.name not in drawn]

    def lost_platforms(self) -> list[PlatformNode]:
        """Platforms whose web server is not there."""
        known = {server.name for server in self.web_servers()}
        return [platform for platform in self.platforms if platform.web_server not in known]

    def lost_sites(self) -> list[SiteNode]:
        """Sites whose platform is not there."""
        known = {platform.name for platform in self.platforms}
        return [site for site in self.sites if site.platform not in known]

    def state_of(self, name: str, group: str = "") -> str:
        """``ok``, ``warning``, ``failed``, or empty when there was no check; of a server as a member of a group.

        A server that has missed something is to be looked at, however the last check went.
        """
        found = self.check_of(name, group)
        state = found.state if found is not None else ""
        return WARNING if state in ("", OK) and self.missed.get(name) else state

    def state_of_database(self, server: str) -> str:
        """Checks are of web servers: what a database server may have is something missed."""
        return WARNING if self.missed.get(server) else ""

    def check_of(self, name: str, group: str = "") -> CheckResult | None:
        """What the last checks found of a context, or of a server as a member of a group; None: nothing was checked.

        Only sites are checked. A platform, a group and a server by itself are as the worst of the sites on them, a
        member of a group as the worst of what that group's sites say of it.
        """
        own = self.checks.get(name)
        if own is not None:
            return own
        server = self.server(name)
        platforms = [name] if server is None else [one.name for one in self.platforms_on(group or name)]
        whole = server is None or (server.is_group and not group)
        found = []
        for site in (site for platform in platforms for site in self.sites_on(platform)):
            result = self.checks.get(site.name)
            if result is not None:
                said = MemberResult(result.state, result.message) if whole else result.members.get(name)
                if said is not None:
                    found.append((site.uri, result.time, said))
        return _worst(found)


def topology(
    records: Mapping[str, Mapping[int | str, PhpValue]],
    *,
    broken: Iterable[Problem] = (),
    checks: Mapping[str, CheckResult] | None = None,
    databases: Mapping[str, str] | None = None,
    missed: Mapping[str, Sequence[str]] | None = None,
) -> Topology:
    """Everything in these records, by context name. ``broken``: contexts whose files cannot be read.

    ``databases`` holds names of databases by site; ``missed`` what servers were left out of.
    """
    problems = list(broken)
    servers, platforms, sites = [], [], []
    for name, record in sorted(records.items()):
        kind = _text(record, "context_type")
        if kind == "server":
            servers.append(_server(name, record))
        elif kind == "platform":
            web_server = _reference(record, "web_server") or MASTER
            platforms.append(PlatformNode(name, _text(record, "root"), web_server))
        elif kind == "site":
            if name not in as_strings(record.get("drush_aliases")):
                sites.append(_site(name, record, (databases or {}).get(name, "")))
        else:
            problems.append(Problem(name, f"It is neither server, platform nor site but {kind or 'nothing'}"))
    known = {site.name for site in sites}
    results = {name: result for name, result in (checks or {}).items() if name in known}
    # What a server has missed of a context that is gone will never be brought.
    there = {*records, *(problem.context for problem in problems)}
    owed = {server: [name for name in names if name in there] for server, names in (missed or {}).items()}
    owed = {server: names for server, names in owed.items() if names}
    found = Topology(tuple(servers), tuple(platforms), tuple(sites), (), results, owed)
    return replace(
        found, problems=tuple(sorted([*problems, *_lost(found)], key=lambda one: (one.context, one.message)))
    )


def only(whole: Topology, names: Sequence[str]) -> Topology:
    """What has to do with these servers: their groups and members, platforms, sites, and those sites' other servers.
    States are those of the sites that are left.

    Raises UsageError for a name that is no server.
    """
    wanted = {_known_server(whole, name) for name in names}
    webs = wanted | {server.name for server in whole.servers if wanted & {member.name for member in server.members}}
    platforms = {platform.name for platform in whole.platforms if platform.web_server in webs}
    sites = [site for site in whole.sites if site.platform in platforms or site.db_server in wanted]
    platforms |= {site.platform for site in sites}
    webs |= {platform.web_server for platform in whole.platforms if platform.name in platforms}
    members = {member.name for server in whole.servers if server.name in webs for member in server.members}
    servers = webs | members | {site.db_server for site in sites}
    kept = servers | platforms | {site.name for site in sites}
    return Topology(
        tuple(server for server in whole.servers if server.name in servers),
        tuple(platform for platform in whole.platforms if platform.name in platforms),
        tuple(sites),
        tuple(problem for problem in whole.problems if problem.context in kept),
        {name: result for name, result in whole.checks.items() if name in kept},
        {name: contexts for name, contexts in whole.missed.items() if name in kept},
    )


def _worst(found: Sequence[tuple[str, int, MemberResult]]) -> CheckResult | None:
    """The worst of what was found, by address of the site and time; those of equal state are told together."""
    if not found:
        return None
    state = max((one.state for _, _, one in found), key=STATES.index)
    told: dict[str, list[str]] = {}
    for uri, _, one in found:
        if one.state == state and one.message:
            told.setdefault(one.message, []).append(uri)
    parts = [f"{_some(uris)}: {message}" for message, uris in told.items()]
    more = sum(len(uris) for uris in list(told.values())[_TOLD:])
    parts[_TOLD:] = [f"and {more} more"] if more else []
    return CheckResult(state, max(time for _, time, one in found if one.state == state), "; ".join(parts))


def _some(uris: Sequence[str]) -> str:
    more = len(uris) - _TOLD
    return ", ".join(uris[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _known_server(whole: Topology, text: str) -> str:
    name = text.removeprefix("@")
    if whole.server(name) is None:
        raise UsageError(
            f"@{name} is no server that can be read",
            hint=f"Servers are {', '.join(f'@{server.name}' for server in whole.servers) or 'none'}",
        )
    return name


def _server(name: str, record: Mapping[int | str, PhpValue]) -> ServerNode:
    http, db = (_text(record, f"{service}_service_type") for service in ("http", "db"))
    members: dict[str, MemberNode] = {}
    if http in ("cluster", "pack"):
        for key, role in _MEMBER_KEYS:
            for text in as_strings(record.get(key)):
                member = text.strip().removeprefix("@")
                if member and key.startswith("cluster") == (http == "cluster"):
                    members.setdefault(member, MemberNode(member, role))
    return ServerNode(
        name,
        _text(record, "remote_host") or "localhost",
        "" if http in _NO_SERVICE else http,
        "" if db in _NO_SERVICE else db,
        tuple(members.values()),
    )


def _site(name: str, record: Mapping[int | str, PhpValue], database: str) -> SiteNode:
    enabled = record.get("site_enabled")
    return SiteNode(
        name,
        _text(record, "uri") or name,
        _reference(record, "platform"),
        _reference(record, "db_server") or MASTER,
        enabled is None or enabled not in (False, 0, "", "0"),
        database,
    )


def _lost(found: Topology) -> Iterable[Problem]:
    """References to contexts that are not there or of another type."""
    servers = {server.name for server in found.servers}
    platforms = {platform.name for platform in found.platforms}
    for server in found.servers:
        for member in server.members:
            yield from _missing(server.name, f"Its {member.role}", member.name, servers)
            yield from _unfit(server, member, found.server(member.name))
    for platform in found.platforms:
        yield from _missing(platform.name, "Its web server", platform.web_server, servers)
    for site in found.sites:
        yield from _missing(site.name, "Its platform", site.platform, platforms)
        yield from _missing(site.name, "Its database server", site.db_server, servers)


def _unfit(group: ServerNode, member: MemberNode, node: ServerNode | None) -> Iterable[Problem]:
    """A member that every task of its group refuses."""
    if node is None:
        return
    if node.name == group.name:
        yield Problem(group.name, "It is a member of itself")
    elif node.is_group:
        yield Problem(group.name, f"Its {member.role} @{node.name} is a group itself ({node.http})")
    elif not node.http:
        yield Problem(group.name, f"Its {member.role} @{node.name} offers no http service")


def _missing(context: str, what: str, name: str, known: Collection[str]) -> Iterable[Problem]:
    if name not in known:
        yield Problem(context, f"{what} @{name} cannot be read or is not there" if name else f"{what} is not named")


def _text(record: Mapping[int | str, PhpValue], key: str) -> str:
    value = record.get(key)
    return "" if value is None or isinstance(value, (bool, dict)) else str(value)


def _reference(record: Mapping[int | str, PhpValue], key: str) -> str:
    return _text(record, key).removeprefix("@")
