"""Decide how a platform is built from a drush makefile (reference: backend.md section 4.2 step 2)."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable

from provision_py.drupal.toolrun import ToolRun
from provision_py.errors import DrupalError

CODE = "DRUSH_MAKE_FAILED"

_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)


def make_platform(
    makefile: str,
    root: str,
    *,
    working_copy: bool = False,
    which: Callable[[str], str | None] = shutil.which,
) -> ToolRun | None:
    """The drush call that builds the missing platform ``root`` from ``makefile`` (a path or a URL).

    None when the platform exists or has no makefile. ``working_copy`` keeps the version control folders of what
    is fetched. Relative names inside a local makefile are found because drush starts in its folder.
    Raises DrupalError ``DRUSH_MAKE_FAILED`` when the makefile is missing, or when there is no drush: newer
    versions of Drupal and of drush have no makefiles any more.
    """
    if not makefile or os.path.lexists(root):
        return None
    if _URL.match(makefile):
        cwd = _existing_folder(os.path.dirname(root))
    else:
        if not os.path.isabs(makefile) or not os.path.isfile(makefile):
            raise DrupalError(
                "The platform's makefile does not exist",
                where=makefile,
                hint="Give the full path or the URL of a drush makefile",
                code=CODE,
            )
        cwd = os.path.dirname(makefile)
    drush = which("drush")
    if drush is None:
        raise DrupalError(
            "Building a platform from a makefile needs drush 8, which is not installed",
            where=makefile,
            hint="Install drush 8, or build the platform with composer or git and verify it then",
            code=CODE,
        )
    options = ("--working-copy",) if working_copy else ()
    argv = (drush, "@none", "make", "--yes", *options, makefile, root)
    return ToolRun(argv, cwd, "the platform's folder does not exist and it has a makefile")


def _existing_folder(path: str) -> str:
    while path != "/" and not os.path.isdir(path):
        path = os.path.dirname(path)
    return path
