"""``make demo-down``: end what ``make demo`` has started and remove every trace, whatever state it is in.

``python -m provision_py.sandbox.takedown``. It needs nothing but Python itself, so it works without ``.venv`` too.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pwd
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from provision_py.errors import HostError, ProvisionError
from provision_py.sandbox.base import Sandbox, remove_tree, was_never_made

FOLDER = ".sandbox"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo-down", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(FOLDER))
    folder = parser.parse_args(arguments).folder
    try:
        with only_one(folder):
            print("The demo is gone." if take_down(folder) else "There is no demo.")
    except ProvisionError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    return 0


def take_down(folder: Path) -> bool:
    """Stop what runs in ``folder`` and remove it, with the folder that it may link to. False when there is nothing.

    Raises HostError, and leaves everything, when what is there was not made by the demo or is another user's.
    """
    try:
        _check_owner(folder)
        return _remove(folder)
    except OSError as error:
        raise HostError(
            f"The demo cannot be removed: {error.strerror}",
            where=str(error.filename or folder.absolute()),
            hint="Correct that, then run make demo-down again",
        ) from error


def _check_owner(folder: Path) -> None:
    """Only who has made a demo can look into its folder and end its servers. Raises HostError."""
    for path in (folder, folder.resolve()):
        with suppress(FileNotFoundError):
            owner = path.lstat().st_uid
            if os.geteuid() not in (0, owner):
                name = _account(owner)
                raise HostError(
                    f"The demo is {name}'s, {_account(os.geteuid())} cannot remove it",
                    where=str(folder.absolute()),
                    hint=f"Run make demo-down as {name}" + (" or root" if owner else ""),
                )


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _remove(folder: Path) -> bool:
    path = folder.resolve()
    found = folder.is_symlink() or path.exists()
    if was_never_made(path):
        remove_tree(path)
    elif path.exists():
        Sandbox.open(path).remove()
    if folder.is_symlink():
        folder.unlink()
    return found


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep others away from the demo in ``folder`` meanwhile. Raises HostError when another one is at work.

    The lock is on the folder around it: it leaves no trace, and the kernel frees it when its holder dies.
    """
    around = folder.absolute().parent
    try:
        descriptor = os.open(around, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise HostError(f"The demo's place cannot be used: {error.strerror}", where=str(around)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HostError(
                "Another make demo is at work",
                where=str(folder.absolute()),
                hint="Wait until it has ended, or stop it with Ctrl-C where it runs",
            ) from None
        except OSError:
            pass  # some network file systems lock no folders: two at once are not told apart there
        yield
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
