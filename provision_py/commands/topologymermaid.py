"""A topology as a Mermaid flowchart."""

from __future__ import annotations

from collections.abc import Sequence

from provision_py.commands.topologydata import ServerNode, SiteNode, Topology
from provision_py.commands.topologytext import kinds, printable

_COLOURS = (
    ("ok", "fill:#e8f5e9,stroke:#2e7d32"),
    ("warning", "fill:#fff3e0,stroke:#e07b00"),
    ("failed", "fill:#ffebee,stroke:#c62828"),
    ("broken", "fill:#ffebee,stroke:#c62828,stroke-dasharray:4"),
)


def as_mermaid(topology: Topology) -> str:
    """The same contexts give the same text. Identifiers are numbers, names stand in labels."""
    chart = _Chart(topology)
    for server in topology.db_servers():
        chart.add_database(server)
    for server in topology.web_servers():
        chart.add_web_server(server)
    for platform in topology.lost_platforms():
        chart.add_platform(platform.name, platform.root, None)
    for site in topology.lost_sites():
        chart.add_site(site, None)
    for server in topology.other_servers():
        chart.node("[", [f"@{server.name}", server.host], "]", topology.state_of(server.name))
    for problem in topology.problems:
        chart.node("[", [f"@{problem.context}", problem.message], "]", "broken")
    return chart.text()


def label(lines: Sequence[str]) -> str:
    """A label in quotes; what Mermaid or HTML would read into it stands there as a number."""
    texts = ("".join(_escaped(character) for character in printable(line)) for line in lines if line)
    return '"' + "<br/>".join(texts) + '"'


def _escaped(character: str) -> str:
    return f"#{ord(character)};" if character in '"#<>&`;\\[]{}()|' else character


class _Chart:
    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._lines = ["flowchart LR"]
        self._classes: dict[str, list[str]] = {}
        self._databases: dict[str, str] = {}
        self._count = 0

    def node(self, opening: str, lines: Sequence[str], closing: str, state: str, indent: str = "  ") -> str:
        """Add a node; its identifier."""
        name = self._name()
        self._lines.append(f"{indent}{name}{opening}{label(lines)}{closing}")
        self._mark(name, state)
        return name

    def add_database(self, server: ServerNode) -> None:
        state = self.topology.state_of_database(server.name)
        self._databases[server.name] = self.node("[(", [f"@{server.name}", server.host, server.db], ")]", state)

    def add_web_server(self, server: ServerNode) -> None:
        state = self.topology.state_of(server.name)
        if server.is_group:
            name = self._name()
            self._lines.append(f"  subgraph {name}[{label([f'@{server.name} ({server.http})'])}]")
            for member in server.members:
                node = self.topology.server(member.name)
                about = [node.host, f"{member.role}, {node.http}"] if node else [member.role, "missing"]
                own = self.topology.state_of(member.name, server.name) if node else "broken"
                self.node("[", [f"@{member.name}", *about], "]", own, indent="    ")
            if not server.members:
                self.node("[", ["no members"], "]", "broken", indent="    ")
            self._lines.append("  end")
            self._mark(name, state)
        else:
            name = self.node("[", [f"@{server.name}", server.host, kinds(server)], "]", state)
        for platform in self.topology.platforms_on(server.name):
            self.add_platform(platform.name, platform.root, name)

    def add_platform(self, name: str, root: str, below: str | None) -> None:
        platform = self.node("[/", [f"@{name}", root], "/]", self.topology.state_of(name))
        if below is not None:
            self._lines.append(f"  {below} --> {platform}")
        for site in self.topology.sites_on(name):
            self.add_site(site, platform)

    def add_site(self, site: SiteNode, below: str | None) -> None:
        lines = [site.uri, "" if site.enabled else "disabled"]
        name = self.node("(", lines, ")", self.topology.state_of(site.name))
        if below is not None:
            self._lines.append(f"  {below} --> {name}")
        if site.db_server in self._databases:
            arrow = f"-.->|{label([site.database])}|" if site.database else "-.->"
            self._lines.append(f"  {name} {arrow} {self._databases[site.db_server]}")

    def text(self) -> str:
        if not self._count:
            self._lines.append('  empty["There are no contexts"]')
        for state, colours in _COLOURS:
            if state in self._classes:
                self._lines.append(f"  classDef {state} {colours}")
                self._lines.append(f"  class {','.join(self._classes[state])} {state}")
        return "\n".join([*self._lines, ""])

    def _name(self) -> str:
        self._count += 1
        return f"n{self._count}"

    def _mark(self, name: str, state: str) -> None:
        if state:
            self._classes.setdefault(state, []).append(name)
