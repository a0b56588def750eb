"""The packages of a platform as a verify hands them on: there when somebody asks for them.

While a code base stays as it was, nobody does: what was written of it before still stands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from provision_py.drupal.codebase import minimum_php
from provision_py.drupal.model import CodeBase, PlatformPackages
from provision_py.drupal.platform_packages import platform_packages
from provision_py.drupal.scan import JsonValue, ScanCache
from provision_py.drupal.seal import Seal, intact, put_seal
from provision_py.errors import HostError


@dataclass(frozen=True)
class FoundPackages:
    """``digest`` is the same for two finds only if they are the same; '' when that cannot be said.

    ``warnings`` has a sentence for each broken file, ``count`` is the number of packages for all sites, ``load``
    gives them all. ``rows_file`` is a cache file for what is known of their rows in the front end; '' for none.
    """

    digest: str
    warnings: tuple[str, ...]
    count: int
    load: Callable[[], PlatformPackages]
    rows_file: str = ""

    @classmethod
    def of(cls, packages: PlatformPackages) -> FoundPackages:
        """Packages that are known already."""
        return cls("", (), _count(packages), lambda: packages)


def find_packages(code: CodeBase, cache_file: str) -> tuple[FoundPackages, str | None]:
    """The packages of a platform, and why they cannot be remembered (None: they are).

    ``cache_file`` is the path of the platform's caches, without a suffix. The packages that are loaded are those that
    are there then; what was read of the code base is let go, it takes as much memory as all that follows.
    """
    inputs: JsonValue = [code.root, code.version, minimum_php(code) if code.major < 8 else ""]
    rows_file = f"{cache_file}.rows.json"
    seal = intact(f"{cache_file}.seal", code.docroot, inputs)
    if seal is not None:
        warnings, count = _said(seal)

        @lru_cache(maxsize=1)
        def load() -> PlatformPackages:
            return platform_packages(code, cache=ScanCache.open(f"{cache_file}.json"))[0]

        return FoundPackages(seal.digest, warnings, count, load, rows_file), None
    cache = ScanCache.open(f"{cache_file}.json")
    packages, complaints = platform_packages(code, cache=cache)
    count = _count(packages)
    said: JsonValue = {"warnings": [*complaints], "count": count}
    problem = None
    try:
        seal = put_seal(f"{cache_file}.seal", code.docroot, inputs, cache, said)
    except HostError as error:
        problem = error.what
    digest = seal.digest if seal else ""
    return FoundPackages(digest, tuple(complaints), count, lambda: packages, rows_file), cache.save() or problem


def _said(seal: Seal) -> tuple[tuple[str, ...], int]:
    said = seal.said if isinstance(seal.said, dict) else {}
    warnings, count = said.get("warnings"), said.get("count")
    return (
        tuple(str(text) for text in warnings) if isinstance(warnings, list) else (),
        count if isinstance(count, int) else 0,
    )


def _count(packages: PlatformPackages) -> int:
    return len({(package.kind, package.short_name) for package in packages.base})
