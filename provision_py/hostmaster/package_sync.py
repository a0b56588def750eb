"""Bring the package tables into line with what was found on a platform or a site.

The tables are read with a handful of queries, the difference is computed in memory (:mod:`.package_plan`) and
written with multi-row statements, so that the cost hardly depends on the number of packages. Call these functions
inside a transaction.

``hosting_package_instance.rid`` is the nid of a platform or site *or* the iid of a profile's instance on a platform,
for the packages that sites of that profile have. The two are counted separately, so they can meet; then the profile's
instance gets another iid before anything is overwritten.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from provision_py.drupal.model import Package, PlatformPackages, SitePackages
from provision_py.hostmaster import package_queries as sql
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.nodes import touch_node
from provision_py.hostmaster.package_plan import (
    Instance,
    PackageKey,
    PackageNode,
    StoredInstance,
    instance_of,
    merge_groups,
    plan_instances,
    plan_languages,
    plan_packages,
)

#: The texts of a package that are stored.
_TEXTS = ("short_name", "name", "filename", "version", "description", "old_short_name")


def sync_platform_packages(
    db: Database, nid: int, packages: PlatformPackages, *, now: int, acting_uid: int = 1
) -> bool:
    """Store what a platform has, and for each of its profiles what sites of that profile have.

    Whether anything was written: False when all rows were right.
    """
    writer = _Writer(db, now, acting_uid)
    base = writer.storable(packages.base)
    everywhere = writer.storable(packages.sites_all)
    inside = {profile: writer.storable(group) for profile, group in packages.profiles.items()}
    nids = writer.package_nids([*base, *everywhere, *(package for group in inside.values() for package in group)])

    wrote = _separate(db, nid)
    former, moved = _separated_profiles(db, nid)
    iids = writer.instances({nid: merge_groups(base, everywhere)}, nids, platform=nid).get(nid, {})
    wrote |= moved
    if writer.wrote or wrote:
        wrote |= _remove_lists(db, former - profile_iids(db, nid))
        _profiles, moved = _separated_profiles(db, nid)
        if moved:
            iids = {int(row["package_id"]): int(row["iid"]) for row in db.rows(sql.INSTANCES, {"rids": (nid,)})}
    lists = {}
    for profile, group in inside.items():
        iid = iids.get(nids.get(("profile", profile.lower()), 0))
        if iid is not None:
            lists[iid] = merge_groups(base, group, everywhere)
    writer.instances(lists, nids, platform=nid)
    return writer.wrote or wrote


def sync_site_packages(
    db: Database, nid: int, packages: SitePackages, *, platform: int, now: int, acting_uid: int = 1
) -> None:
    """Store what a site on ``platform`` (a nid) has and has enabled."""
    writer = _Writer(db, now, acting_uid)
    found = writer.storable(packages.packages)
    nids = writer.package_nids(found)
    _separate(db, nid)
    writer.instances({nid: merge_groups(found)}, nids, platform=platform)


def remove_packages(db: Database, nid: int) -> None:
    """Forget the packages of a platform or site: its own list and those of its profiles."""
    _separate(db, nid)
    profiles, _moved = _separated_profiles(db, nid)
    _remove_lists(db, profiles | {nid})


class _Writer:
    """Writes rows of one sync; ``now`` (unix seconds) and ``acting_uid`` mark the nodes that it saves."""

    def __init__(self, db: Database, now: int, acting_uid: int) -> None:
        self.db = db
        self.now = now
        self.acting_uid = acting_uid
        self.wrote = False
        self._three_bytes = not db.charset_of("hosting_package").startswith("utf8mb4")

    def storable(self, packages: Iterable[Package]) -> tuple[Package, ...]:
        """The packages with only such characters as the tables can hold."""
        return tuple(self._storable(package) for package in packages)

    def _storable(self, package: Package) -> Package:
        texts = {name: getattr(package, name) for name in _TEXTS}
        odd: dict[str, Any] = {
            name: self._text(text) for name, text in texts.items() if text is not None and not text.isascii()
        }
        return replace(package, **odd) if odd else package

    def _text(self, text: str) -> str:
        text = text.encode("utf-8", "replace").decode("utf-8")
        return "".join("?" if ord(char) > 0xFFFF else char for char in text) if self._three_bytes else text

    def package_nids(self, packages: Sequence[Package]) -> dict[PackageKey, int]:
        """Add and rewrite package nodes where needed; the nid of each package of the front end."""
        stored = self._stored_packages(sql.PACKAGES)
        plan = plan_packages(stored, packages)
        if plan:
            stored = self._stored_packages(sql.PACKAGES_FOR_UPDATE)
            plan = plan_packages(stored, packages)
            self.wrote |= bool(plan)
        nids: dict[PackageKey, int] = {}
        for node in stored:
            nids.setdefault(node.key, node.nid)
        nids.update(self._add_nodes(plan.added))
        for node in plan.changed:
            self.db.execute(sql.CHANGE_PACKAGE, asdict(node))
            touch_node(self.db, node.nid, self.now, acting_uid=self.acting_uid, title=node.title)
        return nids

    def _stored_packages(self, query: str) -> list[PackageNode]:
        return [
            PackageNode(
                type=row["package_type"],
                short_name=row["short_name"],
                old_short_name=row["old_short_name"],
                description=row["description"],
                title=row["title"],
                nid=int(row["nid"]),
                vid=int(row["vid"] or 0),
            )
            for row in self.db.rows(query)
        ]

    def _add_nodes(self, nodes: Sequence[PackageNode]) -> dict[PackageKey, int]:
        """Add nodes in bulk.

        Revisions come first, unclaimed (nid 0); the numbers that the server gave them are read back, because
        those of one statement need not be consecutive on every server. Two nodes of one title may swap theirs.
        """
        if not nodes:
            return {}
        common = {"type": "package", "uid": 1, "status": 1, "log": "", "acting_uid": self.acting_uid, "now": self.now}
        self.db.insert_many(sql.ADD_REVISIONS, [{**common, "title": node.title} for node in nodes])
        free: defaultdict[str, list[int]] = defaultdict(list)
        for row in self.db.rows(sql.UNCLAIMED_REVISIONS, {"now": self.now}):
            free[row["title"]].append(int(row["vid"]))
        numbered = [replace(node, vid=free[node.title].pop(0)) for node in nodes]
        self.db.insert_many(sql.ADD_NODES, [{**common, "vid": node.vid, "title": node.title} for node in numbered])
        vids = tuple(node.vid for node in numbered)
        nids = {int(row["vid"]): int(row["nid"]) for row in self.db.rows(sql.NIDS_OF_REVISIONS, {"vids": vids})}
        self.db.execute(sql.CLAIM_REVISIONS, {"vids": vids})
        numbered = [replace(node, nid=nids[node.vid]) for node in numbered]
        self.db.insert_many(sql.ADD_PACKAGES, [asdict(node) for node in numbered])
        self.db.insert_many(
            sql.PUBLISH_PACKAGES, [{"nid": node.nid, "realm": "all", "grant_view": 1} for node in numbered]
        )
        return {node.key: node.nid for node in numbered}

    def instances(
        self, lists: Mapping[int, Mapping[PackageKey, Package]], nids: Mapping[PackageKey, int], *, platform: int
    ) -> dict[int, dict[int, int]]:
        """Write the package lists of some rids; for each rid the iid of each package nid."""
        if not lists:
            return {}
        stored = self._stored_instances(lists)
        added: list[dict[str, object]] = []
        changed: list[dict[str, object]] = []
        removed: list[int] = []
        for rid, packages in lists.items():
            wanted = [instance_of(package, nids[key], platform) for key, package in packages.items()]
            plan = plan_instances(stored[rid], wanted)
            added += [{"rid": rid, **asdict(instance)} for instance in plan.added]
            changed += [{"rid": rid, "iid": row.iid, **asdict(row.instance)} for row in plan.changed]
            removed += plan.removed
        self.wrote |= bool(added or changed or removed)
        if removed:
            self.db.execute(sql.REMOVE_INSTANCES, {"iids": tuple(removed)})
        self.db.insert_many(sql.CHANGE_INSTANCES, changed)
        self.db.insert_many(sql.ADD_INSTANCES, added)
        if added:
            stored = self._stored_instances(lists)
        gone = set(removed)
        iids = {
            rid: {row.instance.package_id: row.iid for row in reversed(stored[rid]) if row.iid not in gone}
            for rid in lists
        }
        self._languages(lists, nids, iids, removed)
        return iids

    def _stored_instances(self, rids: Iterable[int]) -> defaultdict[int, list[StoredInstance]]:
        stored: defaultdict[int, list[StoredInstance]] = defaultdict(list)
        for row in self.db.rows(sql.INSTANCES, {"rids": tuple(rids)}):
            iid, rid = int(row.pop("iid")), int(row.pop("rid"))
            stored[rid].append(StoredInstance(iid, Instance(**row)))
        return stored

    def _languages(
        self,
        lists: Mapping[int, Mapping[PackageKey, Package]],
        nids: Mapping[PackageKey, int],
        iids: Mapping[int, Mapping[int, int]],
        removed: Sequence[int],
    ) -> None:
        wanted = {
            iids[rid][nids[key]]: package.languages
            for rid, packages in lists.items()
            for key, package in packages.items()
            if package.languages
        }
        concerned = (*wanted, *removed)
        if not concerned:
            return
        stored: defaultdict[int, list[str]] = defaultdict(list)
        for row in self.db.rows(sql.LANGUAGES, {"iids": concerned}):
            stored[int(row["iid"])].append(row["language"])
        plan = plan_languages(stored, wanted, removed)
        self.wrote |= bool(plan.cleared or plan.added)
        if plan.cleared:
            self.db.execute(sql.REMOVE_LANGUAGES, {"iids": plan.cleared})
        self.db.insert_many(sql.ADD_LANGUAGES, [{"iid": iid, "language": language} for iid, language in plan.added])


def profile_iids(db: Database, platform: int) -> set[int]:
    """The iids of a platform's profiles, under which their package lists are kept."""
    return {int(row["iid"]) for row in db.rows(sql.PROFILE_INSTANCES, {"rid": platform})}


def _nodes_with_packages(db: Database, numbers: Iterable[int]) -> set[int]:
    """Which of these numbers are nids of platforms or sites."""
    nids = tuple(numbers)
    return {int(row["nid"]) for row in db.rows(sql.NODES_WITH_PACKAGES, {"nids": nids})} if nids else set()


def _remove_lists(db: Database, rids: set[int]) -> bool:
    """Remove package lists and their languages; whether there was anything."""
    iids = tuple(int(row["iid"]) for row in db.rows(sql.INSTANCES, {"rids": tuple(rids)})) if rids else ()
    if iids:
        db.execute(sql.REMOVE_LANGUAGES, {"iids": iids})
        db.execute(sql.REMOVE_INSTANCES, {"iids": iids})
    return bool(iids)


def _separated_profiles(db: Database, platform: int) -> tuple[set[int], bool]:
    """The iids of a platform's profiles, none the number of a node any more, and whether one had to change."""
    iids = profile_iids(db, platform)
    meeting = sorted(_nodes_with_packages(db, iids))
    for iid in meeting:
        _separate(db, iid)
    return (profile_iids(db, platform), True) if meeting else (iids, False)


def _separate(db: Database, nid: int) -> bool:
    """When a profile's instance has the number of this platform's or site's node, give it another one; if it had.

    Its package list goes with it as far as it can be told from that of the node; the next verify of the profile's
    platform completes it, and the sync of the node takes out of its list what is not its own.
    """
    home = db.value(sql.PROFILE_INSTANCE_AT, {"iid": nid})
    if home is None:
        return False
    new = db.insert(sql.COPY_INSTANCE, {"iid": nid})
    while _nodes_with_packages(db, [new]):
        taken, new = new, db.insert(sql.COPY_INSTANCE, {"iid": nid})
        db.execute(sql.REMOVE_INSTANCE, {"iid": taken})
    db.execute(sql.COPY_PACKAGE_LIST, {"new": new, "iid": nid, "platform": home})
    db.execute(sql.REMOVE_INSTANCE, {"iid": nid})
    db.execute(sql.MOVE_LANGUAGES, {"new": new, "iid": nid})
    return True
