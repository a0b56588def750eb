"""``make demo-down``: end what ``make demo`` has started and remove every trace, whatever state it is in.

``python -m provision_py.sandbox.takedown``. It needs nothing but Python itself, so it works without ``.venv`` too.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from provision_py.errors import ProvisionError
from provision_py.sandbox.base import Sandbox, remove_tree, was_never_made

FOLDER = ".sandbox"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo-down", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(FOLDER))
    folder = parser.parse_args(arguments).folder
    try:
        print("The demo is gone." if take_down(folder) else "There is no demo.")
    except ProvisionError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def take_down(folder: Path) -> bool:
    """Stop what runs in ``folder`` and remove it, with the folder that it may link to. False when there is nothing.

    Raises HostError, and leaves everything, when what is there was not made by the demo.
    """
    path = folder.resolve()
    found = folder.is_symlink() or path.exists()
    if was_never_made(path):
        remove_tree(path)
    elif path.exists():
        Sandbox.open(path).remove()
    if folder.is_symlink():
        folder.unlink()
    return found


if __name__ == "__main__":
    sys.exit(main())
