"""Find the modules and themes in given folders, the same for platforms and for single sites.

Drupal 7: a module is a ``.module`` file with an ``.info`` file beside it, a theme an ``.info`` file in a themes
folder. Drupal 8 and later: every ``.info.yml`` is an extension and names its type
(reference: backend.md section 8.1; Provision's ``platform/drupal/packages_7.inc`` and ``packages_8.inc``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from provision_py.drupal.codebase import minimum_php
from provision_py.drupal.info import MAX_BYTES, InfoFile, is_hidden, parse_info, parse_info_yml
from provision_py.drupal.languages import profile_languages
from provision_py.drupal.model import CodeBase, Package
from provision_py.drupal.scan import Folder, JsonValue, ScanCache, array_from_json, to_json, walk
from provision_py.drupal.schema_versions import highest_update
from provision_py.php.values import PhpArray, PhpValue, php_list

INFO_YML = ".info.yml"
PROFILE, MODULE, THEME = "profiles", "modules", "themes"

_NOT_SCANNED = frozenset(
    {
        *("src", "lib", "vendor", "assets", "css", "files", "images", "js", "misc", "templates"),
        *("includes", "fixtures", "Drupal", "config"),
    }
)
"""Folders in which Drupal 8 and later look for no extensions."""

_KINDS: Mapping[PhpValue, str] = {"module": MODULE, "theme": THEME, "profile": PROFILE}
_EARLIER_DEFAULT_PROFILE = "default"  # what Drupal 6 called Drupal 7's "standard"
_DEFAULT_PROFILE = "standard"


@dataclass
class Extensions:
    """Reads extensions of one code base; collects what was wrong with them in ``warnings``.

    ``test_modules`` lists what lies in ``tests`` folders of Drupal 8 and later, where Drupal itself does not look.
    """

    code: CodeBase
    cache: ScanCache
    test_modules: bool = False
    warnings: list[str] = field(default_factory=list)
    _minimum_php: str = ""
    _found: dict[tuple[str, str], tuple[Package, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code.major < 8:
            self._minimum_php = minimum_php(self.code)

    # -- Folders -----------------------------------------------------------------------------------------------

    def in_folders(self, parents: Iterable[str]) -> tuple[Package, ...]:
        """Modules, then themes, in the ``modules`` and ``themes`` folders of each of ``parents`` (absolute paths).

        Of two with one name the one in the later parent counts, and in one parent the one nearer to the top.
        Hidden modules are left out, hidden themes are not: both as Provision does.
        """
        found: dict[str, dict[str, Package]] = {MODULE: {}, THEME: {}}
        for parent in parents:
            here: dict[str, dict[str, Package]] = {MODULE: {}, THEME: {}}
            for section in (MODULE, THEME):
                for package in self._packages(f"{parent}/{section}", section):
                    here[package.kind].setdefault(package.short_name, package)
            for section, packages in here.items():
                found[section].update(packages)
        modules = (package for package in found[MODULE].values() if not is_hidden(package.info))
        return (*modules, *found[THEME].values())

    def profiles(self, parents: Iterable[str]) -> dict[str, tuple[Package, str]]:
        """The install profiles in ``parents``, by short name: the package and its absolute folder; hidden too."""
        find = self._profiles_7 if self.code.major < 8 else self._profiles_8
        return {package.short_name: (package, folder) for parent in parents for package, folder in find(parent)}

    def _packages(self, root: str, section: str) -> tuple[Package, ...]:
        """Modules and themes below one folder; ``sites/all`` belongs to two groups but is walked once."""
        if (root, section) not in self._found:
            if self.code.major >= 8:
                found = (
                    package
                    for folder in self._walk(root)
                    for package in self._extensions_8(folder, section, (MODULE, THEME))
                )
            else:
                find = self._modules_7 if section == MODULE else self._themes_7
                found = (package for folder in self._walk(root) for package in find(folder))
            self._found[root, section] = tuple(found)
        return self._found[root, section]

    def _walk(self, root: str) -> Iterator[Folder]:
        skip: frozenset[str] = frozenset()
        if self.code.major >= 8:
            skip = _NOT_SCANNED if self.test_modules else _NOT_SCANNED | {"tests"}
        return walk(root, self.cache, skip=skip, on_error=self._unreadable)

    # -- Drupal 7 ----------------------------------------------------------------------------------------------

    def _modules_7(self, folder: Folder) -> Iterator[Package]:
        for name in folder.files:
            short_name, dot, suffix = name.rpartition(".")
            if suffix != "module" or not dot or f"{short_name}.info" not in folder.files:
                continue
            info = self.info_7(f"{folder.path}/{short_name}.info", defaults=True)
            schema = highest_update(folder, short_name, self.code.docroot, self.cache) or 0
            yield self.package(MODULE, short_name, f"{folder.path}/{name}", info, schema)

    def _themes_7(self, folder: Folder) -> Iterator[Package]:
        for name in folder.files:
            if name.endswith(".info"):
                path = f"{folder.path}/{name}"
                yield self.package(THEME, name.removesuffix(".info"), path, self.info_7(path))

    def _profiles_7(self, parent: str) -> Iterator[tuple[Package, str]]:
        for name in self.cache.questions.folders(parent):
            folder, path = f"{parent}/{name}", f"{parent}/{name}/{name}.info"
            if not self.cache.questions.is_file(path):
                continue
            info = self.info_7(path, defaults=True)
            info["languages"] = php_list(self._languages(folder))
            old = _EARLIER_DEFAULT_PROFILE if name == _DEFAULT_PROFILE else info.get("old_short_name")
            info["old_short_name"] = _DEFAULT_PROFILE if old is None else str(old)
            shown = "./" + os.path.relpath(path, self.code.docroot)
            yield self._profile(name, shown, info), folder

    def info_7(self, path: str, *, defaults: bool = False) -> PhpArray:
        """The contents of an ``.info`` file; with ``defaults`` the keys that Drupal 7 expects of every module."""
        constants: dict[str, PhpValue] = {
            "VERSION": self.code.version,
            "DRUPAL_CORE_COMPATIBILITY": "7.x",
            "DRUPAL_MINIMUM_PHP": self._minimum_php,
        }
        info = self._info(path, f"info {self.code.version}", lambda data: InfoFile(parse_info(data, constants)))
        if defaults:
            own: PhpArray = {"dependencies": {}, "description": "", "version": None, "php": self._minimum_php}
            info = {**info, **{key: value for key, value in own.items() if info.get(key) is None}}
        return info

    # -- Drupal 8 and later ------------------------------------------------------------------------------------

    def _extensions_8(self, folder: Folder, section: str, wanted: Collection[str]) -> Iterator[Package]:
        """The extensions of the ``wanted`` kinds in one folder; one that hides its type is what its place says."""
        for name in folder.files:
            if not name.endswith(INFO_YML):
                continue
            short_name = name.removesuffix(INFO_YML)
            path = f"{folder.path}/{name}"
            info = self.info_8(path)
            if not info:
                continue
            kind = _KINDS.get(info["type"], "") if isinstance(info.get("type"), str) else section
            if kind not in wanted:
                continue
            schema = 0
            if kind == MODULE:
                least = self.code.major * 1000
                schema = max(least, highest_update(folder, short_name, self.code.docroot, self.cache) or 0)
            yield self.package(kind, short_name, path, info, schema)

    def _profiles_8(self, parent: str) -> Iterator[tuple[Package, str]]:
        for folder in self._walk(parent):
            for package in self._extensions_8(folder, "", (PROFILE,)):
                info: PhpArray = {**package.info, "languages": php_list(self._languages(folder.path))}
                yield self._profile(package.short_name, package.filename, info), folder.path

    def info_8(self, path: str) -> PhpArray:
        """The contents of an ``.info.yml`` file; empty when nothing of it can be read."""
        return self._info(path, "info.yml", parse_info_yml)

    # -- Common ------------------------------------------------------------------------------------------------

    def package(self, kind: str, short_name: str, filename: str, info: PhpArray, schema_version: int = 0) -> Package:
        """A package with its own version; only the word ``VERSION`` stands for the core's."""
        version = _text(info.get("version"))
        return Package(
            kind=kind,
            short_name=short_name,
            name=_text(info.get("name")) or short_name,
            filename=filename,
            version=self.code.version if version == "VERSION" else version or None,
            description=_text(info.get("description")),
            schema_version=schema_version,
            info=info,
        )

    def _profile(self, short_name: str, filename: str, info: PhpArray) -> Package:
        package = self.package(PROFILE, short_name, filename, info)
        languages = info.get("languages")
        return replace(
            package,
            version=package.version or self.code.version,
            old_short_name=_text(info.get("old_short_name")),
            languages=tuple(_text(code) for code in languages.values()) if isinstance(languages, dict) else (),
        )

    def _languages(self, folder: str) -> tuple[str, ...]:
        folders = walk(folder, self.cache, on_error=self._unreadable)
        return profile_languages(f"{place.path}/{name}" for place in folders for name in place.files)

    def _info(self, path: str, kind: str, parse: Callable[[bytes], InfoFile]) -> PhpArray:
        def read(path: str) -> JsonValue:
            try:
                with Path(path).open("rb") as file:
                    data = file.read(MAX_BYTES + 1)
            except OSError as error:
                return [{}, f"it cannot be read ({error.strerror})"]
            if len(data) > MAX_BYTES:
                return [{}, "it is too large to be an info file"]
            parsed = parse(data)
            return [{str(key): to_json(value) for key, value in parsed.info.items()}, parsed.complaint]

        try:
            value = self.cache.value(path, kind, read, self.cache.questions.stat(path))
        except OSError:
            return {}
        info, complaint = value if isinstance(value, list) and len(value) == 2 else ({}, "")
        if complaint:
            self.warnings.append(f"{path}: {complaint}")
        return array_from_json(info) if isinstance(info, dict) else {}

    def _unreadable(self, error: OSError) -> None:
        self.warnings.append(f"{error.filename}: it cannot be read ({error.strerror})")


def _text(value: PhpValue) -> str:
    """A value of an info file where a text is expected; an array is none."""
    if value is None or isinstance(value, dict | bool):
        return ""
    return str(value)
