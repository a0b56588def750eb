"""``make demo``: from nothing to a served site through the front end's task queue, on private servers.

``python -m provision_py.sandbox.demo [--drupal PATH]`` leaves everything running below ``.sandbox``;
``provision_py.sandbox.takedown`` stops it and removes every trace.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from provision_py.drupal.codebase import detect, vendor_folder
from provision_py.errors import DrupalError, HostError, ProvisionError
from provision_py.sandbox.base import Sandbox, is_traversable
from provision_py.sandbox.installation import Installation, Layout, install
from provision_py.sandbox.mariadb import start_mariadb
from provision_py.sandbox.nginx import Nginx, start_nginx
from provision_py.sandbox.phpfpm import start_php_fpm
from provision_py.sandbox.platforms import make_platform
from provision_py.sandbox.queue_run import failures, print_table, run_queue
from provision_py.sandbox.takedown import FOLDER, only_one, take_down
from provision_py.sandbox.webserver import Response

T = TypeVar("T")

SITE = "site.localhost"

#: Easy to remember; another one is taken when somebody listens there.
PORT = 8080

FIXTURE_VERSION = 10


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path(FOLDER))
    parser.add_argument("--drupal", type=Path, help="a Drupal code base, which is copied, in place of the small one")
    options = parser.parse_args(arguments)
    try:
        with only_one(options.folder):
            return up(options.folder, options.drupal)
    except ProvisionError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        print("demo: stopped, because nobody reads what it says any more", file=sys.stderr)
        # What is still in the buffer must not fail once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def up(folder: Path, drupal: Path | None) -> int:
    """Start the servers, queue a server, a platform and a site, run the queue, fetch the site's page.

    0 when every task ended well and the page is there, else 1. Everything stays up, unless it could not be started.
    """
    source = whole_code_base(drupal) if drupal is not None else None
    take_down(folder)
    sandbox = make_sandbox(folder)
    try:
        installation, nginx = start(sandbox)
        queue(installation, code_base(installation.home, source))
    except BaseException:
        take_down(folder)
        raise
    front_end = installation.front_end
    try:
        seconds = run_queue(installation, sandbox.mark)
    except BaseException:
        left = f"\nThe servers still run, their logs are in {sandbox.path / 'log'}. Remove all with: make demo-down"
        print(left, file=sys.stderr)
        raise
    tasks = front_end.tasks()
    front_end.close()
    page = front_page(nginx)
    print()
    print_table(tasks, seconds)
    print()
    report(page, nginx)
    return 0 if not failures(tasks) and page is not None and page.status == 200 else 1


def make_sandbox(folder: Path) -> Sandbox:
    """The sandbox in ``folder``; where accounts of the servers cannot reach that, elsewhere with a link to it."""
    folder = folder.absolute()
    plain = re.fullmatch(r"[A-Za-z0-9._/+-]+", str(folder)) is not None
    if plain and (os.geteuid() != 0 or is_traversable(folder.parent)):
        return Sandbox.create(folder, keep=True)
    elsewhere = Path(tempfile.mkdtemp(prefix="provision-py-demo-"))
    folder.symlink_to(elsewhere)
    return Sandbox.create(elsewhere, keep=True)


def start(sandbox: Sandbox) -> tuple[Installation, Nginx]:
    print(f"Starting private servers in {sandbox.path}")
    database = timed("MariaDB", lambda: start_mariadb(sandbox))
    php_fpm = timed("php-fpm", lambda: start_php_fpm(sandbox))
    nginx = timed("nginx", lambda: start_nginx(sandbox, php_fpm=php_fpm, prefer=PORT))
    home = sandbox.folder("aegir", mode=0o711)
    installation = timed("front end", lambda: install(Layout(home), database, nginx))
    nginx.serve(home)
    return installation, nginx


def queue(installation: Installation, root: Path) -> None:
    """What an administrator does on the front end's pages."""
    front_end = installation.front_end
    with front_end.db.transaction():
        front_end.queue_task(front_end.web_server, "verify")
        front_end.queue_task(front_end.db_server, "verify")
        platform = front_end.add_platform("Demo", str(root), front_end.web_server)
        front_end.add_site(SITE, platform, front_end.db_server)
    print(f"\nQueued: two servers, the platform {root.name} and the site {SITE}\n")


def whole_code_base(path: Path) -> Path:
    """The folder that holds all of the Drupal at ``path``: for the docroot of a composer project, the project.

    Raises DrupalError when there is no Drupal, HostError when there is nothing at all or when no one folder holds all
    of its parts.
    """
    if not path.exists():
        raise HostError("There is no such code base", where=str(path), hint="Check DRUPAL")
    code = detect(str(path.resolve()))
    vendor = vendor_folder(code)
    if vendor is None or Path(vendor).is_relative_to(code.root):
        return Path(code.root)
    project = Path(vendor).parent
    with suppress(DrupalError):
        if detect(str(project)).docroot == code.docroot:
            return project
    raise HostError(
        f"This is a part of a code base, which needs {vendor} too",
        where=str(path),
        hint="Give the folder of the whole project",
    )


def code_base(home: Path, source: Path | None) -> Path:
    """The platform's folder: a copy of somebody's code, or the small Drupal look-alike of the tests."""
    if source is None:
        root = home / "platforms" / f"drupal{FIXTURE_VERSION}"
        timed("small platform", lambda: make_platform(root, FIXTURE_VERSION))
        return root
    root = home / "platforms" / re.sub(r"[^A-Za-z0-9._-]+", "-", source.name)
    print(f"  copying {source}; nothing is written there")
    timed("copy", lambda: copy_code(source, root))
    return root


def copy_code(source: Path, target: Path) -> None:
    """Copy a code base without the sites that it may hold."""

    def other_sites(folder: str, names: list[str]) -> list[str]:
        here = Path(folder)
        if here.name != "sites" or not (here.parent / "index.php").exists():
            return []
        return [name for name in names if name not in ("all", "default") and (here / name).is_dir()]

    shutil.copytree(source, target, symlinks=True, ignore=other_sites)
    for path in target.rglob("sites/default/settings.php"):
        path.parent.chmod(0o755)
        path.unlink()


def front_page(nginx: Nginx, patience: float = 5.0) -> Response | None:
    """The site's front page; None when nothing answers. A web server takes its last reload in by and by."""
    deadline = time.monotonic() + patience
    while True:
        try:
            page = nginx.fetch("/", host=f"{SITE}:{nginx.port}")
        except OSError:
            page = None
        if (page is not None and page.status == 200) or time.monotonic() > deadline:
            return page
        time.sleep(0.05)


def report(page: Response | None, nginx: Nginx) -> None:
    address = f"http://{SITE}:{nginx.port}/"
    if page is None:
        print(f"{address} gives no answer")
        return
    title = re.search(r"<title>(.*?)</title>", page.text, re.DOTALL)
    words = " ".join(title.group(1).split()) if title else f"{len(page.body)} bytes"
    print(f"{address} answers {page.status}: {words}")
    if page.status == 200:
        print("Open it in a browser. Remove everything with: make demo-down")


def timed(name: str, work: Callable[[], T]) -> T:
    with _seconds() as seconds:
        result = work()
    print(f"  {name:<16} {seconds():5.1f} s")
    return result


@contextmanager
def _seconds() -> Iterator[Callable[[], float]]:
    begun = time.monotonic()
    yield lambda: time.monotonic() - begun


if __name__ == "__main__":
    sys.exit(main())
