"""The rows of all tables as they were before a recorded run.

Recordings newer than the run are taken back one after the other; what came after it without a recording (tasks that
nobody recorded, nodes made by scripts) is recognised by its revision numbers, which only grow.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from replay.recording import Recording, Row, Value

Key: TypeAlias = tuple[Value, ...]

#: Tables whose rows belong to a node that is named in this column.
OWNED_BY_NODE = {
    "node_access": "nid",
    "hosting_context": "nid",
    "hosting_site_backups": "site",
    "hosting_platform_client_access": "pid",
    "hosting_client_user": "client",
}


@dataclass
class State:
    """All rows by table. ``keys`` names the primary key columns of each table (none: the whole row is the key)."""

    keys: Mapping[str, Sequence[str]]
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def copy(self) -> State:
        return State(self.keys, {table: list(rows) for table, rows in self.rows.items()})

    def table(self, name: str) -> list[Row]:
        return self.rows.get(name, [])

    def key(self, row: Row) -> Key:
        columns = self.keys.get(row.table)
        values = row.values
        return tuple(values[column] for column in columns) if columns else tuple(values.values())

    def numbers(self, table: str, column: str) -> set[int]:
        return {row.number(column) for row in self.table(table)}

    def find(self, table: str, **values: Value) -> list[Row]:
        return [row for row in self.table(table) if all(row.values[name] == value for name, value in values.items())]

    def replace(self, gone: Iterable[Row], come: Iterable[Row]) -> None:
        """Take rows away by key and put others in; a row that comes takes the place of one with its key."""
        come = list(come)
        keys: defaultdict[str, set[Key]] = defaultdict(set)
        for row in (*gone, *come):
            keys[row.table].add(self.key(row))
        for table, taken in keys.items():
            self.rows[table] = [row for row in self.table(table) if self.key(row) not in taken]
        for row in come:
            self.rows[row.table].append(row)

    def drop(self, table: str, column: str, values: set[int]) -> None:
        self.rows[table] = [row for row in self.table(table) if row.values[column] not in values]


def before(state: State, history: Iterable[Recording], recording: Recording) -> State:
    """The rows before the run of ``recording``, from those after the newest of ``history``."""
    rewound = state.copy()
    newer = [each for each in history if each.moment > recording.moment]
    gone: dict[tuple[str, Key], Row] = {}
    come: dict[tuple[str, Key], Row] = {}
    for each in sorted(newer, key=lambda each: each.moment, reverse=True):
        for row in each.added:
            gone[row.table, state.key(row)] = row
            come.pop((row.table, state.key(row)), None)
        come |= {(row.table, state.key(row)): row for row in each.removed}
    rewound.replace(gone.values(), come.values())
    _forget_future(rewound, recording)
    _set_clocks_back(rewound, recording.started)
    rewound.replace(recording.added, recording.removed)
    _forget_lists(rewound)
    _complete_task(rewound, recording)
    return rewound


def after(state: State, recording: Recording) -> State:
    """The rows after the run, from those before it."""
    played = state.copy()
    played.replace(recording.removed, recording.added)
    return played


def move(recording: Recording, state: State, folders: Mapping[str, str]) -> tuple[Recording, State]:
    """The same with other folders, in all columns of the hosting tables."""

    def moved(row: Row) -> Row:
        if not row.table.startswith("hosting_"):
            return row
        return Row(row.table, tuple((name, _moved(value, folders)) for name, value in row.items))

    return change(recording, state, moved)


def change(recording: Recording, state: State, changed: Callable[[Row], Row]) -> tuple[Recording, State]:
    """The same with every row changed in the same way."""
    rows = {table: [changed(row) for row in rows] for table, rows in state.rows.items()}
    removed, added = (tuple(changed(row) for row in rows) for rows in (recording.removed, recording.added))
    return Recording(recording.label, removed, added), State(state.keys, rows)


def _moved(value: Value, folders: Mapping[str, str]) -> Value:
    if isinstance(value, str):
        for old, new in folders.items():
            if value == old or value.startswith(f"{old}/"):
                return new + value[len(old) :]
    return value


def _forget_future(state: State, recording: Recording) -> None:
    """Remove nodes and revisions that are not older than the run, and what belongs to them."""
    vid = recording.task.number("vid")
    revisions: defaultdict[int, list[int]] = defaultdict(list)
    for row in state.table("node_revision"):
        revisions[row.number("nid")].append(row.number("vid"))
    nodes: list[Row] = []
    for node in state.table("node"):
        older = [each for each in revisions[node.number("nid")] if each < vid]
        if older or node.number("vid") < vid:
            nodes.append(node if node.number("vid") < vid else node.changed(vid=max(older)))
    known = {node.number("nid") for node in nodes}
    future = state.numbers("node", "nid") - known
    state.rows["node"] = nodes
    for table, rows in list(state.rows.items()):
        columns = [name for name, _ in rows[0].items] if rows else []
        if "vid" in columns and table != "node":
            state.rows[table] = [row for row in rows if row.number("vid") < vid and row.number("nid") not in future]
    for table, column in OWNED_BY_NODE.items():
        state.drop(table, column, future)
    sources = {f"node/{nid}" for nid in future}
    state.rows["url_alias"] = [row for row in state.table("url_alias") if row.text("source") not in sources]
    state.rows["hosting_site_backups"] = [
        row for row in state.table("hosting_site_backups") if row.number("timestamp") < recording.started
    ]


def _forget_lists(state: State) -> None:
    """Remove package lists of objects that are not there, and lists of their profiles."""
    nids = {row.number("nid") for row in state.table("node") if row.values["type"] in ("platform", "site", "package")}
    while True:
        owners = nids | state.numbers("hosting_package_instance", "iid")
        kept = [row for row in state.table("hosting_package_instance") if row.number("rid") in owners]
        if len(kept) == len(state.table("hosting_package_instance")):
            break
        state.rows["hosting_package_instance"] = kept
    iids = state.numbers("hosting_package_instance", "iid")
    state.rows["hosting_package_languages"] = [
        row for row in state.table("hosting_package_languages") if row.number("iid") in iids
    ]


def _set_clocks_back(state: State, moment: int) -> None:
    """No row was saved later than now; a row saved in the second of the run is not in the recording."""
    for table, column in (("node", "changed"), ("node_revision", "timestamp")):
        state.rows[table] = [row.changed(**{column: min(row.number(column), moment)}) for row in state.table(table)]


def _complete_task(state: State, recording: Recording) -> None:
    """Put the queued revision of the task back, where the front end has cleaned it away since."""
    run = recording.task
    nid = run.number("nid")
    (node,) = state.find("node", nid=nid)
    queued = node.number("vid")
    if not state.find("hosting_task", vid=queued):
        state.rows["hosting_task"].append(run.changed(vid=queued, task_status=0, executed=None, delta=None))
        for row in recording.added_to("hosting_task_arguments"):
            if row.values["vid"] == run.values["vid"]:
                state.rows["hosting_task_arguments"].append(row.changed(vid=queued))
    if not state.find("node_revision", vid=queued):
        (revision,) = (row for row in recording.added_to("node_revision") if row.values["vid"] == run.values["vid"])
        state.rows["node_revision"].append(revision.changed(vid=queued))
    if not state.find("node_access", nid=nid):
        for row in state.find("node_access", nid=run.number("rid")):
            grant = row.changed(nid=nid, realm="hosting task", grant_update=0)
            state.rows["node_access"].append(grant)
