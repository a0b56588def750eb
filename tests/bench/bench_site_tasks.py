#!/usr/bin/env python3
"""Verify and install of a site, held against a bare PHP script that does the same inside the same Drupal.

The script starts Drupal, runs the installer (install), rebuilds all caches and lists what is enabled; for a verify
the front page is asked for afterwards, which takes a while without caches. A task does that too, and besides: the
page beforehand, files, settings, database and account (install), the web server's test and reload, and every row of
the front end. A verify that asks for no page, as ``provision_check_pages`` has it, is held against the script alone.
``worker`` is a task inside a runner that has done one before; ``process`` is
``provision-py hosting-task NID``.

The bound is for real code bases, named in the environment variable PROVISION_PY_DRUPAL and copied before anything
is written. The stand-ins are measured too, to see the cost of everything around Drupal: they start in a twentieth of
its time, so their ratios say nothing.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

from measure import Table, alternate, ms, seconds
from stage import Stage, code_bases, php, stage

from provision_py.drupal import layout
from provision_py.drupal.model import CodeBase
from provision_py.php.files import read_drushrc
from provision_py.services.http_properties import CHECK_PAGES
from provision_py.system.local import LocalHost

BOUND = 1.5
OK = 200
BARE = Path(__file__).parent / "bare"


def bare_script(stage: Stage, code: CodeBase, action: str, uri: str, settings: dict[str, str]) -> Callable[[], None]:
    script = BARE / ("drupal7.php" if code.major < 8 else "drupal8.php")
    return php(stage, script, [action, code.docroot, uri, "standard"], settings)


def credentials(code: CodeBase, uri: str) -> dict[str, str]:
    options = read_drushrc(Path(code.docroot) / "sites" / uri / "drushrc.php")
    return {str(key): str(value) for key, value in options.items() if str(key).startswith("db_")}


def verify(stage: Stage, site: int, code: CodeBase, uri: str, rounds: int, *, pages: bool) -> dict[str, float]:
    script = bare_script(stage, code, "verify", uri, credentials(code, uri))
    stage.session().store.save(uri, {CHECK_PAGES.name: None if pages else False})

    def bare() -> None:
        script()
        if pages:
            status = stage.web.fetch("/", host=f"{uri}:{stage.web.port}", timeout=120).status
            if status != OK:
                raise SystemExit(f"{uri} answers {status}")

    def task(run: Callable[[int], object]) -> Callable[[], float]:
        def measured() -> float:
            nid = stage.queue(site, "verify")
            return seconds(lambda: run(nid))

        return measured

    ways = {"bare": lambda: seconds(bare), "worker": task(stage.run), "process": task(stage.run_alone)}
    return alternate(ways, rounds)


def install(stage: Stage, platform: int, code: CodeBase, uri: str, rounds: int) -> dict[str, float]:
    numbers = itertools.count(1)

    def bare() -> float:
        name = f"bare{next(numbers)}.{uri}"
        database = f"bare_{name.partition('.')[0]}_{code.major}_{platform}"
        prepare(code, uri, name)
        stage.database.create_database(database)
        admin = {"db_user": stage.database.user, "db_passwd": stage.database.password.reveal()}
        settings = {**credentials(code, uri), **admin, "db_name": database}
        return seconds(bare_script(stage, code, "install", name, settings))

    def task(run: Callable[[int], object]) -> Callable[[], float]:
        def measured() -> float:
            name = f"i{next(numbers)}.{uri}"
            site = stage.front.add_site(name, platform, stage.front.db_server, install=False)
            nid = stage.queue(site, "install")
            return seconds(lambda: run(nid))

        return measured

    return alternate({"bare": bare, "worker": task(stage.run), "process": task(stage.run_alone)}, rounds)


def prepare(code: CodeBase, like: str, uri: str) -> None:
    """The folder of a site that only wants installing, its settings like those of another one."""
    host = LocalHost()
    for directory in layout.site_directories(code, uri, "root"):
        host.mkdir(directory.path, mode=0o2775 if "files" in directory.path else 0o755)
    sites = Path(code.docroot) / "sites"
    text = (sites / like / "settings.php").read_text().replace(like, uri)
    (sites / uri / "settings.php").write_text(text)


def report(table: Table, label: str, found: dict[str, float], bound: float | None) -> None:
    bare = found["bare"]
    for way in ("worker", "process"):
        over = found[way] - bare
        table.add(
            label, way, ms(bare), ms(found[way]), f"{over * 1000:+.0f} ms", value=found[way] / bare, bound=bound
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="times that each way is measured")
    rounds = parser.parse_args().rounds
    table = Table("Site tasks against a bare PHP script", ("what", "run as", "bare", "task", "difference"))
    with stage() as made:
        roots = [made.stand_in(7), made.stand_in(10), *(made.copy_of(source) for source in code_bases())]
        for number, root in enumerate(roots):
            label = f"{root.name}" if number > 1 else f"stand-in {root.name.removeprefix('drupal')}"
            platform, code = made.platform(f"Platform {number}", root)
            uri = f"p{number}.example.test"
            site = made.site(uri, platform)
            made.empty_queue()
            bound = BOUND if number > 1 else None
            report(table, f"{label}: verify", verify(made, site, code, uri, rounds, pages=True), bound)
            found = verify(made, site, code, uri, rounds, pages=False)
            report(table, f"{label}: verify, no page", found, bound)
            report(table, f"{label}: install", install(made, platform, code, uri, max(1, rounds // 2)), bound)
    table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
