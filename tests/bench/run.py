#!/usr/bin/env python3
"""All benchmarks, one after the other. ``run.py [NAME …]`` runs those whose file names hold one of the names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
#: Short ones first.
ALL = ("start", "reads", "platform_scan", "platform_verify", "memory", "queue", "site_tasks", "sync", "cluster")


def main(wanted: list[str]) -> int:
    chosen = [name for name in ALL if not wanted or any(word in name for word in wanted)]
    if not chosen:
        print(f"No benchmark is named like {', '.join(wanted)}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    broken = [name for name in chosen if subprocess.run([sys.executable, str(HERE / f"bench_{name}.py")]).returncode]
    print(f"\n{'Not within its bounds: ' + ', '.join(broken) if broken else 'Everything is within its bounds'}")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
