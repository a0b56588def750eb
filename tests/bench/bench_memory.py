#!/usr/bin/env python3
"""The most memory that a runner takes, its own process alone: PHP's memory is Drupal's affair.

Measured as the high-water mark of resident memory (VmHWM) at the end of ``provision-py hosting-task NID``. The
installs are of the stand-ins and of copies of what the environment variable PROVISION_PY_DRUPAL names.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time

from bench_platform_scan import make
from measure import Table
from stage import Stage, code_bases, stage

from provision_py.system.identity import SETTLED_NS

BOUND = 80.0  # megabytes

#: Runs the program and says at its end how much memory it took at most.
WRAPPER = """
import sys
from provision_py.cli.main import main
status = main(sys.argv[1:])
with open("/proc/self/status") as file:
    print(status, *[line.split()[1] for line in file if line.startswith("VmHWM:")])
"""


def peak(stage: Stage, nid: int) -> float:
    """Megabytes."""
    argv = [sys.executable, "-c", WRAPPER, "hosting-task", str(nid)]
    done = subprocess.run(argv, env=stage.environment, capture_output=True, text=True)
    last = done.stdout.splitlines()[-1:]
    if done.returncode or not last or not last[0].startswith("0 "):
        raise SystemExit(f"hosting-task {nid} failed:\n{done.stdout}{done.stderr}")
    return int(last[0].split()[1]) * 1024 / 1e6


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=2000, help="info files of the large code bases")
    files = parser.parse_args().files
    table = Table("Memory of the runner", ("what",))
    with stage() as made:
        for major in (7, 10):
            root = made.installation.home / "platforms" / f"large{major}"
            make(root, major, files)
            time.sleep(SETTLED_NS / 1e9 + 0.1)
            platform = made.front.add_platform(f"Large {major}", str(root), made.front.web_server, verify=False)
            for what in ("first verify", "verify again"):
                taken = peak(made, made.queue(platform, "verify"))
                table.add(f"{what}, drupal {major}, {files} info files", value=taken, bound=BOUND, unit=" MB")
        for number, root in enumerate([made.stand_in(10), *(made.copy_of(source) for source in code_bases())]):
            platform, _code = made.platform(f"Platform {number}", root)
            uri = f"p{number}.example.test"
            site = made.front.add_site(uri, platform, made.front.db_server, install=False)
            for action in ("install", "verify"):
                taken = peak(made, made.queue(site, action))
                label = root.name if number else "stand-in"
                table.add(f"{action} of a site, {label}", value=taken, bound=BOUND, unit=" MB")
    table.print()
    return int(table.broken > 0)


if __name__ == "__main__":
    sys.exit(main())
