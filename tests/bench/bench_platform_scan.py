#!/usr/bin/env python3
"""How long a platform with many info files takes to scan: at first, again, and after one file changed.

It makes code bases in the shapes of Drupal 7 and Drupal 10 in a temporary folder. "First" means that no cache file
exists; the system's own file cache is warm throughout.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

from measure import Table, ms

from provision_py.drupal.codebase import detect
from provision_py.drupal.platform_packages import platform_packages
from provision_py.drupal.scan import ScanCache
from provision_py.system.identity import SETTLED_NS

LIMIT = 0.3
"""Seconds that a scan with a cache may take per 2,000 info files."""

INFO_7 = """name = Module {n}
description = "What module number {n} is for; a sentence of common length, as people write them."
package = Group {group}
version = "7.x-1.{n}"
core = 7.x
dependencies[] = system
dependencies[] = module_{before}
files[] = module_{n}.module
files[] = includes/module_{n}.inc
stylesheets[all][] = css/module_{n}.css
configure = admin/config/module_{n}
project = "module_{n}"
datestamp = "14000{n:05}"
"""
INFO_10 = """name: 'Module {n}'
type: module
description: 'What module number {n} is for; a sentence of common length, as people write them.'
package: 'Group {group}'
core_version_requirement: ^9.4 || ^10
dependencies:
  - drupal:system
  - drupal:module_{before}
configure: module_{n}.settings
php: 8.1

# Information added by Drupal.org packaging script on 2023-10-11
version: '1.{n}.0'
project: 'module_{n}'
datestamp: 1697000000
"""
INSTALL = "<?php\n" + "\n".join(
    f"/** Change {k}. */\nfunction MODULE_update_{{base}}{k:03}() {{\n  return t('Done.');\n}}\n" for k in range(1, 9)
)

#: Files around each module, in folders of the kind that its version has. Real code bases have one folder per info
#: file (Drupal 7's core) to seven (Drupal 8 and later).
AROUND = {
    7: ("css/a.css", "js/a.js", "includes/a.inc", "tests/a.test"),
    8: ("css/a.css", "js/a.js", "src/Controller/A.php", "src/Form/B.php", "config/install/a.settings.yml"),
}


def make(root: Path, major: int, files: int) -> None:
    """A code base with ``files`` modules, every third with updates, each with folders of other files around it."""
    if major < 8:
        write(root / "includes/bootstrap.inc", "<?php\ndefine('VERSION', '7.105');\n")
        modules, template, suffix = root / "sites/all/modules", INFO_7, ".info"
    else:
        write(root / "core/lib/Drupal.php", "<?php\nclass Drupal {\n  const VERSION = '10.3.6';\n}\n")
        modules, template, suffix = root / "modules/contrib", INFO_10, ".info.yml"
    write(root / "index.php", "<?php\n")
    (root / "sites").mkdir(parents=True, exist_ok=True)
    for n in range(files):
        name = f"module_{n}"
        folder = modules / f"module_{n - n % 4}" / ("modules" if n % 4 else "") / (name if n % 4 else "")
        write(folder / f"{name}{suffix}", template.format(n=n, group=n % 40, before=max(0, n - 1)))
        write(folder / f"{name}.module", "<?php\n")
        if n % 3 == 0:
            write(folder / f"{name}.install", INSTALL.replace("MODULE", name).replace("{base}", str(major)))
        for other in AROUND[min(major, 8)]:
            write(folder / other, "")


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def scan(root: Path, cache_path: Path) -> tuple[float, int]:
    """Seconds for detection, scan and saving, and how many modules were found."""
    started = time.perf_counter()
    cache = ScanCache.open(str(cache_path))
    packages, _warnings = platform_packages(detect(str(root)), cache=cache)
    problem = cache.save()
    seconds = time.perf_counter() - started
    if problem:
        raise SystemExit(problem)
    return seconds, sum(package.kind == "modules" for package in packages.base)


def measure(table: Table, folder: Path, major: int, files: int) -> None:
    root, cache_path = folder / f"d{major}", folder / f"d{major}.json"
    make(root, major, files)
    time.sleep(SETTLED_NS / 1e9 + 0.1)  # files that changed just now are not remembered
    first, found = scan(root, cache_path)
    if found != files:
        raise SystemExit(f"{found} modules found instead of {files}")
    again = statistics.median(scan(root, cache_path)[0] for _ in range(5))
    one = next(root.rglob("module_7.info*"))
    one.write_text(one.read_text())
    changed, _found = scan(root, cache_path)
    size = f"{cache_path.stat().st_size / 1e6:.1f} MB"
    bound = LIMIT * max(1.0, files / 2000)
    what = f"drupal {major}, {files} info files"
    table.add(what, ms(first), ms(changed), size, value=again, bound=bound, unit=" s")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="info files per code base")
    files = parser.parse_args().files
    table = Table("Scan of a platform, read before", ("what", "first", "one file changed", "cache"))
    with tempfile.TemporaryDirectory(prefix="bench-scan-") as temporary:
        for major in (7, 10):
            measure(table, Path(temporary), major, files)
    table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
