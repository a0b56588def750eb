"""A topology as text: a tree below each web server, then databases and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from provision_py.commands.topologydata import PlatformNode, ServerNode, SiteNode, Topology
from provision_py.php.values import PhpArray, PhpValue, php_list


def printable(text: str) -> str:
    """Control characters escaped: names and messages come from files that anybody may have written."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def as_text(topology: Topology) -> str:
    """The same contexts give the same text. Ends in a line break."""
    blocks = [_web_block(topology, server) for server in topology.web_servers()]
    lost = [_platform_branch(topology, platform) for platform in topology.lost_platforms()]
    blocks += [_named("Platforms without a web server", [line for branch in lost for line in branch])]
    blocks += [_named("Sites without a platform", [_site_line(topology, site) for site in topology.lost_sites()])]
    databases = [_database_line(topology, server) for server in topology.db_servers()]
    blocks += [_named("Databases", databases)]
    blocks += [_named("Other servers", [_server_line(topology, server) for server in topology.other_servers()])]
    blocks += [_named("Broken", [f"@{one.context}: {one.message}" for one in topology.problems])]
    lines = [printable(line).rstrip() for block in blocks if block for line in [*block, ""]]
    return "\n".join(lines[:-1] or ["There are no contexts"]) + "\n"


def _web_block(topology: Topology, server: ServerNode) -> list[str]:
    branches: list[list[str]] = []
    for member in server.members:
        node = topology.server(member.name)
        about = f"{node.host}  {kinds(node)}" if node else "missing"
        branches.append([f"@{member.name}  {member.role}  {about}{_state(topology, member.name, server.name)}"])
    branches += [_platform_branch(topology, platform) for platform in topology.platforms_on(server.name)]
    return [_server_line(topology, server), *tree(branches)]


def _platform_branch(topology: Topology, platform: PlatformNode) -> list[str]:
    head = f"@{platform.name}  {platform.root}{_state(topology, platform.name)}"
    return [head, *tree([[_site_line(topology, site)] for site in topology.sites_on(platform.name)])]


def _site_line(topology: Topology, site: SiteNode) -> str:
    database = f"{site.database} on @{site.db_server}" if site.database else f"@{site.db_server}"
    words = [site.uri, *([] if site.enabled else ["disabled"]), f"database {database}"]
    return "  ".join(words) + _state(topology, site.name)


def _server_line(topology: Topology, server: ServerNode) -> str:
    where = "" if server.is_group else f"  {server.host}"
    return f"@{server.name}{where}  {kinds(server)}".rstrip() + _state(topology, server.name)


def _database_line(topology: Topology, server: ServerNode) -> str:
    count = len(topology.sites_in(server.name))
    sites = "1 site" if count == 1 else f"{count} sites"
    return f"@{server.name}  {server.host}  {server.db}, {sites}{_bracketed(behind(topology, server.name))}"


def kinds(server: ServerNode) -> str:
    """What a server is, in a few words."""
    return ", ".join(filter(None, ["hub" if server.is_hub else "", server.http, server.db]))


def moment(time: int) -> str:
    """Unix seconds as a date that means the same everywhere."""
    try:
        return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (OverflowError, OSError, ValueError):
        return f"at {time}"


def explained(topology: Topology, name: str, group: str = "") -> str:
    """The state of the last check with its date and message, and what a server has missed; empty without either."""
    return "; ".join(filter(None, [_checked(topology, name, group), behind(topology, name)]))


def behind(topology: Topology, server: str) -> str:
    """What a server has missed, empty when nothing."""
    missed = topology.missed.get(server, ())
    return f"has missed {', '.join(f'@{one}' for one in missed)}" if missed else ""


def _checked(topology: Topology, name: str, group: str) -> str:
    found = topology.check_of(name, group)
    if found is None:
        return ""
    return f"{found.state}, {moment(found.time)}" + (f": {found.message}" if found.message else "")


def _state(topology: Topology, name: str, group: str = "") -> str:
    return _bracketed(explained(topology, name, group))


def _bracketed(text: str) -> str:
    return f"  [{text}]" if text else ""


def tree(branches: Sequence[Sequence[str]]) -> list[str]:
    """Branches below a trunk, each with its own lines below its first."""
    lines = []
    for number, branch in enumerate(branches):
        last = number == len(branches) - 1
        for index, line in enumerate(branch):
            lead = ("└─ " if last else "├─ ") if index == 0 else ("   " if last else "│  ")
            lines.append(lead + line)
    return lines


def _named(title: str, lines: Sequence[str]) -> list[str]:
    return [title, *(f"  {line}" for line in lines)] if lines else []


def as_data(topology: Topology) -> PhpArray:
    """A topology for programs: names refer to names, states are empty where nothing was checked."""
    return {
        "servers": php_list([_server_data(topology, server) for server in topology.servers]),
        "platforms": php_list(
            [
                {"name": one.name, "root": one.root, "web_server": one.web_server, **_check(topology, one.name)}
                for one in topology.platforms
            ]
        ),
        "sites": php_list([_site_data(topology, site) for site in topology.sites]),
        "problems": php_list([{"context": one.context, "message": one.message} for one in topology.problems]),
    }


def _server_data(topology: Topology, server: ServerNode) -> PhpArray:
    members: list[PhpValue] = [
        {
            "name": one.name,
            "role": one.role,
            **_check(topology, one.name, server.name),
            "state": topology.state_of(one.name, server.name),
        }
        for one in server.members
    ]
    services: PhpArray = {"http": server.http, "db": server.db}
    about: PhpArray = {"name": server.name, "host": server.host, "hub": server.is_hub, **services}
    missed = php_list(list(topology.missed.get(server.name, ())))
    return {**about, "members": php_list(members), "missed": missed, **_check(topology, server.name)}


def _site_data(topology: Topology, site: SiteNode) -> PhpArray:
    about: PhpArray = {"name": site.name, "uri": site.uri, "platform": site.platform, "enabled": site.enabled}
    return {**about, "db_server": site.db_server, "database": site.database, **_check(topology, site.name)}


def _check(topology: Topology, name: str, group: str = "") -> PhpArray:
    result = topology.check_of(name, group)
    if result is None:
        return {"state": "", "checked": None}
    return {"state": result.state, "checked": result.time, "message": result.message}
