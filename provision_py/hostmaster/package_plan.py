"""What has to change in the package tables: the difference between rows and a code base, without I/O.

Rules: ``hosting_package.module`` and ``hosting_package.instance.inc`` (reference sections 7.3 and 7.4).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from provision_py.drupal.model import Package
from provision_py.hostmaster.version_code import version_code

EXCLUDED_PLATFORM = -1  # in hosting_package_instance.platform: the package lies in the site's own directory

_TYPES = {"modules": "module", "themes": "theme", "profiles": "profile", "engines": "engine", "platforms": "platform"}
_KIND_ORDER = tuple(_TYPES)

_TITLE_LENGTH = 255
_NAME_LENGTH = 255
_VERSION_LENGTH = 255
_LANGUAGE_LENGTH = 12
_INT_MAX = 2**31 - 1

PackageKey: TypeAlias = tuple[str, str]
"""Package type and short name in lower case: the front end looks names up without regard to case."""


@dataclass(frozen=True)
class PackageNode:
    """A package as the front end knows it: one node for all platforms and sites. ``nid`` is 0 until stored."""

    type: str
    short_name: str
    old_short_name: str
    description: str
    title: str
    nid: int = 0
    vid: int = 0

    @property
    def key(self) -> PackageKey:
        return (self.type, self.short_name.lower())


@dataclass(frozen=True)
class PackagePlan:
    """Package nodes to add and nodes (with ids and new values) to rewrite."""

    added: tuple[PackageNode, ...] = ()
    changed: tuple[PackageNode, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


@dataclass(frozen=True)
class Instance:
    """That a package is there for an object (a row of hosting_package_instance without iid and rid)."""

    package_id: int
    filename: str
    schema_version: int
    version: str
    version_code: int
    status: int
    platform: int


@dataclass(frozen=True)
class StoredInstance:
    iid: int
    instance: Instance


@dataclass(frozen=True)
class InstancePlan:
    """Instances to add, to rewrite (by iid) and to remove (iids) for one object."""

    added: tuple[Instance, ...] = ()
    changed: tuple[StoredInstance, ...] = ()
    removed: tuple[int, ...] = ()


@dataclass(frozen=True)
class LanguagePlan:
    """``cleared``: iids whose language rows go; ``added``: (iid, language) rows to add after that."""

    cleared: tuple[int, ...] = ()
    added: tuple[tuple[int, str], ...] = ()


def package_type(kind: str) -> str:
    """``modules`` gives ``module``; a kind that is not known stays as it is (at most 16 characters)."""
    return _TYPES.get(kind, kind)[:16]


def package_key(package: Package) -> PackageKey:
    return (package_type(package.kind), package.short_name[:_NAME_LENGTH].lower())


def merge_groups(*groups: Sequence[Package]) -> dict[PackageKey, Package]:
    """The packages of several groups, ordered by kind. Of two with one name the one of the later group wins."""
    merged = {package_key(package): package for group in groups for package in group}
    known = {kind: position for position, kind in enumerate(_KIND_ORDER)}
    return dict(sorted(merged.items(), key=lambda item: known.get(item[1].kind, len(known))))


def plan_packages(stored: Iterable[PackageNode], wanted: Iterable[Package]) -> PackagePlan:
    """Which package nodes are missing, and which say something else than the info files do.

    The packages are taken one after the other: where two groups describe a package differently, the last word
    counts. A text that a package does not have leaves the stored one alone.
    """
    before: dict[PackageKey, PackageNode] = {}
    for node in stored:
        before.setdefault(node.key, node)
    after = dict(before)
    for package in wanted:
        key = package_key(package)
        after[key] = _described(after.get(key), package)
    added = tuple(node for key, node in after.items() if key not in before)
    changed = tuple(node for key, node in after.items() if key in before and node != before[key])
    return PackagePlan(added, changed)


def _described(known: PackageNode | None, package: Package) -> PackageNode:
    title = (package.name or package.short_name)[:_TITLE_LENGTH]
    old_short_name = package.old_short_name[:_NAME_LENGTH]
    if known is None:
        short_name = package.short_name[:_NAME_LENGTH]
        return PackageNode(package_type(package.kind), short_name, old_short_name, package.description, title)
    description = package.description or known.description
    old_short_name = old_short_name or known.old_short_name
    if (title, description, old_short_name) == (known.title, known.description, known.old_short_name):
        return known
    return replace(known, title=title, description=description, old_short_name=old_short_name)


def instance_of(package: Package, package_id: int, platform: int) -> Instance:
    """The instance row of a package on ``platform`` (a nid), whatever object it belongs to."""
    return Instance(
        package_id=package_id,
        filename=package.filename,
        schema_version=max(-_INT_MAX, min(package.schema_version, _INT_MAX)),
        version="Unknown" if package.version is None else package.version[:_VERSION_LENGTH],
        version_code=0 if package.version is None else version_code(package.version),
        status=package.status or 0,
        platform=EXCLUDED_PLATFORM if package.local else platform,
    )


def plan_instances(stored: Iterable[StoredInstance], wanted: Iterable[Instance]) -> InstancePlan:
    """The difference between an object's instance rows and what it has now.

    A row that stays keeps its iid: the package lists of profiles hang on it. Of several rows of one package the
    one with the lowest iid stays.
    """
    kept: dict[int, StoredInstance] = {}
    removed: list[int] = []
    for row in sorted(stored, key=lambda row: row.iid):
        if row.instance.package_id in kept:
            removed.append(row.iid)
        else:
            kept[row.instance.package_id] = row
    target = {instance.package_id: instance for instance in wanted}
    removed += [row.iid for package_id, row in kept.items() if package_id not in target]
    changed = [
        StoredInstance(kept[package_id].iid, instance)
        for package_id, instance in target.items()
        if package_id in kept and kept[package_id].instance != instance
    ]
    added = [instance for package_id, instance in target.items() if package_id not in kept]
    return InstancePlan(tuple(added), tuple(changed), tuple(removed))


def plan_languages(
    stored: Mapping[int, Sequence[str]], wanted: Mapping[int, Sequence[str]], removed: Iterable[int] = ()
) -> LanguagePlan:
    """Language rows by iid. An empty wanted list leaves the stored rows alone; rows of removed iids go."""
    cleared = [iid for iid in removed if stored.get(iid)]
    added: list[tuple[int, str]] = []
    for iid, languages in wanted.items():
        usable = [language for language in dict.fromkeys(languages) if 0 < len(language) <= _LANGUAGE_LENGTH]
        if not usable or sorted(usable) == sorted(stored.get(iid, ())):
            continue
        if stored.get(iid):
            cleared.append(iid)
        added += [(iid, language) for language in usable]
    return LanguagePlan(tuple(cleared), tuple(added))
