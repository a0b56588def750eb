"""Makes the session that commands run in, from a folder of alias files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from provision_py.commands.session import Session
from provision_py.contexts.store import ContextStore
from provision_py.php.files import read_drushrc
from provision_py.php.values import PhpArray, PhpValue
from provision_py.services.catalog import Catalog
from provision_py.services.plugins import Plugins
from provision_py.tasklog import TaskLog


def open_session(
    drush_dir: Path,
    log: TaskLog,
    *,
    options: Mapping[str, PhpValue] | None = None,
    plugins: Plugins | None = None,
) -> Session:
    """A session over the contexts in ``drush_dir``.

    Its options are those of ``drushrc.php`` there, overlaid by ``options``. Raises PhpDataError when that file is
    broken, ServiceError when an installed package is.
    """
    found = plugins if plugins is not None else Plugins.load()
    catalog = Catalog.from_plugins(found)
    merged = home_options(drush_dir)
    merged.update(options or {})
    return Session(ContextStore(drush_dir, catalog), found, catalog, log, options=merged)


def home_options(drush_dir: Path) -> PhpArray:
    """Options of ``drushrc.php`` in this folder; {} when there is none."""
    path = drush_dir / "drushrc.php"
    return read_drushrc(path) if path.is_file() else {}
