"""A topology as an SVG drawing: a box for each web server or group, in it its members, platforms and their sites.

Laid out by hand: boxes below each other, sites in as many columns as fit. No script, no font but the reader's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from provision_py.commands.topologydata import ServerNode, SiteNode, Topology
from provision_py.commands.topologytext import behind, explained, kinds, printable

#: Sizes in pixels. Letters are about so wide as the sans serif fonts of browsers make them at these sizes.
WIDTH, MARGIN, PAD, GAP, ROW = 1120, 24, 14, 12, 26
LETTER = {"title": 12.5, "name": 9.2, "label": 8.0, "small": 7.0}

_STATES = {"ok": ("#2e7d32", "✓"), "warning": ("#b26a00", "!"), "failed": ("#c62828", "✗"), "": ("#9aa4ae", "")}

_STYLE = """
  text { font-family: system-ui, 'DejaVu Sans', Verdana, sans-serif; fill: #1c2733; }
  .title { font-size: 20px; font-weight: 600; }
  .name { font-size: 14px; font-weight: 600; }
  .label { font-size: 13px; }
  .small { font-size: 12px; fill: #51606e; }
  .bad { font-size: 12px; fill: #c62828; }
  .mark { font-size: 11px; font-weight: 700; fill: #ffffff; text-anchor: middle; }
  .end { text-anchor: end; }
  .group { fill: #eef3f8; stroke: #9fb3c8; }
  .member { fill: #ffffff; stroke: #7b93ab; }
  .platform { fill: #ffffff; stroke: #c3cfdb; }
  .site { fill: #f7f9fb; stroke: #dde5ec; }
  .database { fill: #f4effa; stroke: #a48cc4; }
  .missing { fill: #ffffff; stroke: #c62828; stroke-dasharray: 4 3; }
"""


def as_svg(topology: Topology) -> str:
    """The same contexts give the same drawing."""
    canvas = _Canvas(topology)
    canvas.heading("Web servers", bool(topology.web_servers()))
    for server in topology.web_servers():
        canvas.web_server(server)
    canvas.lost()
    canvas.chips("Databases", topology.db_servers(), "database")
    canvas.chips("Other servers", topology.other_servers(), "member")
    canvas.problems()
    return canvas.text()


@dataclass(frozen=True)
class _Chip:
    """A small box with a name and a line about it. ``state`` None: no mark."""

    name: str
    about: str
    style: str
    state: str | None
    tip: str


class _Canvas:
    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self._parts: list[str] = []
        self._y = float(MARGIN)

    # Sections

    def heading(self, text: str, wanted: bool = True) -> None:
        if wanted:
            self._y += 22
            self._text(MARGIN, self._y, text, "title", WIDTH)
            self._y += 12

    def web_server(self, server: ServerNode) -> None:
        left, top, width = MARGIN, self._y, WIDTH - 2 * MARGIN
        frame = len(self._parts)
        self._y += PAD + 12
        self._mark(left + PAD + 8, self._y - 5, server.name)
        about = server.http if server.is_group else f"{server.host} · {kinds(server)}"
        self._two_texts(left + PAD + 24, self._y, f"@{server.name}", about, width - 2 * PAD - 24)
        self._y += GAP
        if server.is_group:
            self._row_of([self._member(server, name, role) for name, role in _members(server)], left + PAD, width)
        for platform in self.topology.platforms_on(server.name):
            self._platform(platform.name, platform.root, left + PAD, width - 2 * PAD)
        self._y += 2
        self._parts.insert(frame, _rect(left, top, width, self._y - top, "group", 10))
        self._y += GAP + 4

    def lost(self) -> None:
        platforms, sites = self.topology.lost_platforms(), self.topology.lost_sites()
        self.heading("Platforms without a web server", bool(platforms))
        for platform in platforms:
            self._platform(platform.name, platform.root, MARGIN, WIDTH - 2 * MARGIN)
        self.heading("Sites without a platform", bool(sites))
        self._sites(sites, MARGIN, WIDTH - 2 * MARGIN)

    def chips(self, title: str, servers: Sequence[ServerNode], style: str) -> None:
        self.heading(title, bool(servers))
        self._row_of([self._server(server, style) for server in servers], MARGIN, WIDTH - MARGIN)

    def problems(self) -> None:
        self.heading("Broken", bool(self.topology.problems))
        for problem in self.topology.problems:
            self._y += 6
            self._parts.append(_rect(MARGIN, self._y, WIDTH - 2 * MARGIN, ROW + 4, "missing", 6))
            self._y += 19
            self._two_texts(
                MARGIN + PAD, self._y, f"@{problem.context}", problem.message, WIDTH - 2 * MARGIN - 2 * PAD, "bad"
            )
            self._y += 11

    def text(self) -> str:
        if not self._parts:
            self._y += 12
            self._text(MARGIN, self._y, "There are no contexts", "name", WIDTH)
        height = round(self._y + MARGIN)
        size = f'width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
        title = "<title>Servers, platforms and sites</title>"
        background = f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        return "\n".join([head, title, f"<style>{_STYLE}</style>", background, *self._parts, "</svg>", ""])

    # Boxes

    def _member(self, group: ServerNode, name: str, role: str) -> _Chip:
        node = self.topology.server(name)
        if node is None:
            return _Chip(f"@{name}", f"{role}, missing", "missing", None, "")
        about = f"{node.host} · {role}, {node.http or 'no web service'}"
        return self._chip(name, about, "member", group.name)

    def _server(self, server: ServerNode, style: str) -> _Chip:
        if not server.db:
            return self._chip(server.name, f"{server.host} · {kinds(server)}", style)
        count = len(self.topology.sites_in(server.name))
        about = f"{server.host} · {server.db} · {count} site{'' if count == 1 else 's'}"
        state = self.topology.state_of_database(server.name)
        return _Chip(f"@{server.name}", about, style, state, behind(self.topology, server.name))

    def _chip(self, name: str, about: str, style: str, group: str = "") -> _Chip:
        state = self.topology.state_of(name, group)
        return _Chip(f"@{name}", about, style, state, explained(self.topology, name, group))

    def _row_of(self, chips: Sequence[_Chip], left: float, right: float) -> None:
        """Chips side by side, in further rows where they do not fit."""
        x = left
        for chip in chips:
            letters = max(len(chip.name) * LETTER["name"], len(chip.about) * LETTER["small"])
            width = min(letters + 2 * PAD + (24 if chip.state is not None else 0), right - left)
            if x > left and x + width > right:
                x, self._y = left, self._y + 58
            self._parts.append(_rect(x, self._y, width, 48, chip.style, 8))
            inner = x + PAD
            if chip.state is not None:
                self._parts.append(_mark(x + PAD + 7, self._y + 24, chip.state, chip.tip))
                inner += 24
            self._text(inner, self._y + 20, chip.name, "name", width - (inner - x) - 4)
            self._text(inner, self._y + 38, chip.about, "small", width - (inner - x) - 4)
            x += width + GAP
        if chips:
            self._y += 48 + GAP

    def _platform(self, name: str, root: str, left: float, width: float) -> None:
        top, frame = self._y, len(self._parts)
        self._y += PAD + 10
        self._mark(left + PAD + 8, self._y - 5, name)
        self._two_texts(left + PAD + 24, self._y, f"@{name}", root, width - 2 * PAD - 24)
        self._y += GAP
        self._sites(self.topology.sites_on(name), left + PAD, width - 2 * PAD)
        self._parts.insert(frame, _rect(left, top, width, self._y - top, "platform", 8))
        self._y += GAP

    def _sites(self, sites: Sequence[SiteNode], left: float, width: float) -> None:
        """Sites in columns that are wide enough for the longest."""
        if not sites:
            return
        texts = [(site.uri + ("" if site.enabled else " (disabled)"), _database(site)) for site in sites]
        widest = max(len(name) * LETTER["label"] + len(about) * LETTER["small"] for name, about in texts)
        columns = max(1, min(3, len(sites), int((width + GAP) // (widest + 70 + GAP))))
        cell = (width - (columns - 1) * GAP) / columns
        for number, (site, (name, about)) in enumerate(zip(sites, texts, strict=True)):
            row, column = divmod(number, columns)
            x, y = left + column * (cell + GAP), self._y + row * (ROW + 6)
            self._parts.append(_rect(x, y, cell, ROW, "site", 5))
            self._mark(x + 15, y + ROW / 2, site.name)
            self._two_texts(x + 30, y + 18, name, about, cell - 40, of="label")
        self._y += -(-len(sites) // columns) * (ROW + 6) + 6

    # Words

    def _mark(self, x: float, y: float, name: str) -> None:
        self._parts.append(_mark(x, y, self.topology.state_of(name), explained(self.topology, name)))

    def _two_texts(
        self, x: float, y: float, name: str, about: str, width: float, style: str = "small", of: str = "name"
    ) -> None:
        """A name at the left, in the style ``of``, and words about it at the right; the words give way."""
        name_width = min(len(name) * LETTER[of], width)
        self._text(x, y, name, of, width)
        if width - name_width > 40:
            self._text(x + width, y, about, f"{style} end", width - name_width - GAP)

    def _text(self, x: float, y: float, text: str, style: str, width: float) -> None:
        letter = LETTER.get(style, LETTER["small"])
        shown = _shortened(printable(text), max(2, int(width / letter)))
        tip = f"<title>{_xml(text)}</title>" if shown != printable(text) else ""
        self._parts.append(f'<text x="{_n(x)}" y="{_n(y)}" class="{style}">{tip}{_xml(shown)}</text>')


def _members(server: ServerNode) -> list[tuple[str, str]]:
    return [(member.name, member.role) for member in server.members]


def _database(site: SiteNode) -> str:
    return f"{site.database} on @{site.db_server}" if site.database else f"@{site.db_server}"


def _mark(x: float, y: float, state: str, tip: str) -> str:
    colour, sign = _STATES[state]
    title = f"<title>{_xml(tip or 'not checked')}</title>"
    circle = f'<circle cx="{_n(x)}" cy="{_n(y)}" r="7" fill="{colour}"/>'
    return f'<g>{title}{circle}<text x="{_n(x)}" y="{_n(y + 4)}" class="mark">{sign}</text></g>'


def _rect(x: float, y: float, width: float, height: float, style: str, radius: int) -> str:
    place = f'x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"'
    return f'<rect {place} rx="{radius}" class="{style}"/>'


def _shortened(text: str, letters: int) -> str:
    """The end of a path or a host name says more than its beginning, so it is the middle that gives way."""
    if len(text) <= letters:
        return text
    head = (letters - 1) // 2
    return f"{text[:head]}…{text[len(text) - (letters - 1 - head) :]}"


def _xml(text: str) -> str:
    return escape(printable(text))


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
