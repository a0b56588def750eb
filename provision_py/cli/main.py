"""The program ``provision-py``. Imports nothing before it knows that there is something to do."""

from __future__ import annotations

import sys

from provision_py import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

OK, FAILED, USAGE = 0, 1, 2


def main(words: Sequence[str] | None = None) -> int:
    """Run a command line, by default that of the process. Gives 0, 1 when it failed, 2 when its usage is wrong."""
    given = sys.argv[1:] if words is None else list(words)
    if given in (["--version"], ["version"]):
        print(f"provision-py {__version__}")
        return OK
    import gc

    # A run makes many objects, hardly any cycles, and ends soon: looking for cycles often costs a sixth of its time.
    gc.set_threshold(50_000)
    from provision_py.cli.execute import execute

    return execute(given)


if __name__ == "__main__":
    sys.exit(main())
