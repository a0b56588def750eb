"""Compare the rows that changed in two runs: those of a recording and those of ours.

Before the comparison, rows are made independent of what differs between any two runs: numbers that the database gave
out during the run become what they stand for, times within the run become ``now``, durations become ``seconds``.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from replay.recording import Row, Value
from replay.rewind import State

NODE_COLUMNS = {
    *("nid", "rid", "package_id", "site", "platform", "profile", "client", "db_server", "web_server"),
    *("pid", "cid", "web_server_nid"),
}
TIME_COLUMNS = {"created", "changed", "timestamp", "verified", "executed", "last_cron"}
#: Numbers that nothing refers to.
LOOSE_NUMBERS = {("url_alias", "pid"), ("hosting_site_backups", "bid"), ("hosting_task_log", "lid")}

#: Tables that recordings do not hold, or that every run writes in its own way.
UNCOMPARED = {"hosting_task_log", "semaphore", "history", "watchdog", "sessions", "queue", "sequences"}


def is_compared(table: str) -> bool:
    return table not in UNCOMPARED and not table.startswith("cache")


@dataclass(frozen=True)
class Window:
    """The time of a run, unix seconds, both ends included."""

    first: int
    last: int

    def __contains__(self, value: object) -> bool:
        return isinstance(value, int) and self.first <= value <= self.last


@dataclass(frozen=True)
class Changes:
    """Rows that went and came in one run."""

    removed: tuple[Row, ...]
    added: tuple[Row, ...]


def changes(before: State, after: State) -> Changes:
    """What changed between two states, in the tables that count."""
    removed: Counter[Row] = Counter()
    added: Counter[Row] = Counter()
    for table in {*before.rows, *after.rows}:
        if is_compared(table):
            old, new = Counter(before.table(table)), Counter(after.table(table))
            removed += old - new
            added += new - old
    return Changes(tuple(removed.elements()), tuple(added.elements()))


@dataclass
class Translator:
    """Makes the rows of one run comparable. ``before`` says which numbers existed already."""

    before: State
    windows: tuple[Window, ...]
    ignored: Mapping[str, Set[str]]
    nodes: dict[int, str] = field(default_factory=dict)
    revisions: dict[int, str] = field(default_factory=dict)
    instances: dict[int, str] = field(default_factory=dict)

    def learn(self, added: Iterable[Row]) -> None:
        """Name the numbers that are new in these rows."""
        rows: defaultdict[str, list[Row]] = defaultdict(list)
        for row in added:
            rows[row.table].append(row)
        self._learn_nodes(rows["node"])
        self._learn_revisions(rows["node_revision"])
        self._learn_instances(rows["hosting_package_instance"])

    def _learn_nodes(self, rows: list[Row]) -> None:
        known = self.before.numbers("node", "nid")
        seen: Counter[str] = Counter()
        for row in sorted(rows, key=lambda row: row.number("nid")):
            if row.number("nid") not in known:
                name = f"{row.text('type')} {row.text('title')}"
                seen[name] += 1
                self.nodes[row.number("nid")] = f"<node {name} #{seen[name]}>"

    def _learn_revisions(self, rows: list[Row]) -> None:
        known = self.before.numbers("node_revision", "vid")
        seen: Counter[str] = Counter()
        for row in sorted(rows, key=lambda row: row.number("vid")):
            if row.number("vid") not in known:
                name = str(self._node(row.values["nid"]))
                seen[name] += 1
                self.revisions[row.number("vid")] = f"<revision {name} #{seen[name]}>"

    def _learn_instances(self, rows: list[Row]) -> None:
        known = self.before.numbers("hosting_package_instance", "iid")
        for row in sorted(rows, key=lambda row: row.number("iid")):
            if row.number("iid") not in known:
                name = f"{self._owner(row.values['rid'])} has {self._node(row.values['package_id'])}"
                self.instances[row.number("iid")] = f"<instance {name}>"

    def row(self, row: Row) -> str:
        ignored = self.ignored.get(row.table, frozenset())
        parts = [
            f"{column}={self._value(row.table, column, value)!r}"
            for column, value in row.items
            if column not in ignored
        ]
        return f"{row.table}({', '.join(parts)})"

    def _value(self, table: str, column: str, value: Value) -> Value:
        if (table, column) in LOOSE_NUMBERS:
            return "<number>"
        if column in TIME_COLUMNS and any(value in window for window in self.windows):
            return "<now>"
        if column == "delta" and value is not None:
            return "<seconds>"
        if column == "vid":
            return self.revisions.get(value, value) if isinstance(value, int) else value
        if column == "iid":
            return self.instances.get(value, value) if isinstance(value, int) else value
        if column == "rid" and table == "hosting_package_instance":
            return self._owner(value)
        if column in NODE_COLUMNS:
            return self._node(value)
        if column == "source" and isinstance(value, str):
            return re.sub(r"(?<=^node/)[0-9]+", lambda match: str(self._node(int(match[0]))), value)
        return value

    def _node(self, value: Value) -> Value:
        return self.nodes.get(value, value) if isinstance(value, int) else value

    def _owner(self, value: Value) -> Value:
        """A rid: a node or a profile's instance."""
        if isinstance(value, int) and value in self.instances:
            return self.instances[value]
        return self._node(value)


def differences(
    before: State,
    recorded: Changes,
    ours: Changes,
    windows: tuple[Window, ...],
    ignored: Mapping[str, Set[str]] | None = None,
) -> list[str]:
    """What changed in one run and not in the other, one line per row; empty when both did the same."""
    theirs_gone, theirs_come = _comparable(before, recorded, windows, ignored or {})
    ours_gone, ours_come = _comparable(before, ours, windows, ignored or {})
    lines = []
    for verb, theirs, mine in (("removed", theirs_gone, ours_gone), ("added", theirs_come, ours_come)):
        lines += [f"only the recording {verb} {row}" for row in sorted((theirs - mine).elements())]
        lines += [f"only we {verb} {row}" for row in sorted((mine - theirs).elements())]
    return lines


def _comparable(
    before: State, made: Changes, windows: tuple[Window, ...], ignored: Mapping[str, Set[str]]
) -> tuple[Counter[str], Counter[str]]:
    translator = Translator(before, windows, ignored)
    translator.learn(made.added)
    gone = Counter(translator.row(row) for row in made.removed if is_compared(row.table))
    come = Counter(translator.row(row) for row in made.added if is_compared(row.table))
    return gone - come, come - gone
