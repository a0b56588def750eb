#!/usr/bin/env python3
"""Reading what the system has on disk: a large drushrc.php, and the alias files of many sites.

PHP's own reading of the same file, in a process that does nothing else, stands beside it.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

from measure import Table, alternate, ms, seconds
from stage import stage

from provision_py.php.files import read_drushrc, render_site_drushrc
from provision_py.php.values import PhpArray

KILOBYTES = 200
SITES = 200


def large_drushrc(path: Path) -> None:
    """A site's drushrc.php with as many packages as fill the size."""
    modules: PhpArray = {}
    credentials = dict.fromkeys(("db_host", "db_port", "db_name", "db_user", "db_passwd"), "one")
    options: PhpArray = {"db_type": "mysql", **credentials, "packages": {"base": {"modules": modules}}}
    number = 0
    while True:
        for _ in range(50):
            number += 1
            modules[f"module_{number}"] = {
                "filename": f"sites/all/modules/contrib/module_{number}/module_{number}.module",
                "basename": f"module_{number}.module",
                "name": f"Module {number}",
                "status": number % 2,
                "schema_version": 7000 + number,
                "version": f"7.x-1.{number}",
                "info": {"dependencies": {0: "system", 1: f"module_{number - 1}"}, "core": "7.x"},
            }
        path.write_text(render_site_drushrc(options, str(path.parent)))
        if path.stat().st_size >= KILOBYTES * 1000:
            return


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="times that each way is measured")
    rounds = parser.parse_args().rounds
    table = Table("Reading what is on disk", ("what", "by PHP", "by us"))
    php = shutil.which("php") or "php"
    with stage() as made:
        path = made.folder / "drushrc.php"
        large_drushrc(path)
        argv = [php, "-n", "-r", "include $argv[1]; exit(count($options['packages']) ? 0 : 1);", "--", str(path)]
        found = alternate(
            {
                "php": lambda: seconds(lambda: subprocess.run(argv, check=True)),
                "ours": lambda: seconds(lambda: read_drushrc(path)),
            },
            rounds,
        )
        size = path.stat().st_size / 1000
        table.add(f"drushrc.php of {size:.0f} KB", ms(found["php"]), ms(found["ours"]))
        platform, _code = made.platform("P", made.stand_in(10))
        first = made.site("s0.example.test", platform)
        folder = made.installation.drush_dir
        text = (folder / "s0.example.test.alias.drushrc.php").read_text()
        for number in range(1, SITES):
            (folder / f"s{number}.example.test.alias.drushrc.php").write_text(
                text.replace("s0.example.test", f"s{number}.example.test")
            )
        store = made.session().store
        every = store.names()

        def load_all() -> None:
            fresh = made.session().store
            for name in every:
                fresh.load(name)

        loaded = alternate({"ours": lambda: seconds(load_all)}, max(1, rounds // 2))
        table.add(f"all {len(every)} contexts", "", ms(loaded["ours"]))

        def verify() -> float:
            task = made.queue(first, "verify")
            return seconds(lambda: made.run(task))

        verified = alternate({"ours": verify}, max(1, rounds // 2))
        table.add(f"a site verify beside {len(every)} contexts", "", ms(verified["ours"]))
    table.print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
