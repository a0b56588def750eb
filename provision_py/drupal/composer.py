"""Decide whether ``composer install`` must run for a platform, and how.

Provision ran it at each verify (reference: backend.md section 4.2 step 3). Here it runs when the vendor folder is
missing or holds other packages than ``composer.lock`` names, and always only when asked.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from provision_py.drupal.codebase import DOCROOT_FOLDERS, web_root_of
from provision_py.drupal.toolrun import ToolRun
from provision_py.errors import DrupalError

COMMAND = "composer install --no-interaction --no-progress --no-dev"
"""The default of the option ``provision_composer_install_command``."""

_PROBLEMS = re.compile(r"([^\n]*\n\s*^  Problem 1$.*?)(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
_OPTIONS = re.compile(r"^install \[--.*\n?", re.MULTILINE)
_EXCEPTION = re.compile(r"((?:^(?:In \S+ line \d+:|  \[[^]\n]+\] *)$.*?(?=^\S|\Z))+)", re.MULTILINE | re.DOTALL)
_SHOWN = 1500


def composer_install(
    root: str,
    repo_path: str | None = None,
    *,
    always: bool = False,
    command: str = COMMAND,
    which: Callable[[str], str | None] = shutil.which,
) -> ToolRun | None:
    """The composer call that the platform at ``root`` needs; None when it needs none.

    ``always`` (option ``provision_composer_install_platforms_verify_always``) calls it whether needed or not.
    ``command`` is split like a shell's line; no shell runs it.
    Raises DrupalError ``PROVISION_COMPOSER`` when composer.json or composer.lock is broken, when the command is
    malformed, and when its program is missing though it is needed.
    """
    project = composer_project(root, repo_path)
    if project is None:
        return None
    reason = _reason(project) or ("it was asked for" if always else "")
    if not reason:
        return None
    argv = _split(command)
    if which(argv[0]) is None:
        raise DrupalError(
            f"{argv[0]} is needed for this platform, but is not installed",
            where=project,
            hint="Install composer, or run it on the code base yourself, or switch the option "
            "provision_composer_install_platforms off",
            code="PROVISION_COMPOSER",
        )
    return ToolRun(argv, project, reason)


def complaint(said: str) -> str:
    """The part of composer's output that tells why it failed; all of it where that is not to be found.

    Composer says it in the middle: after what it did, before a list of PHP's files or of its own options.
    """
    found = _PROBLEMS.search(said) or _EXCEPTION.search(said)
    if found is None:
        return _OPTIONS.sub("", said).strip()
    text = "\n".join(line.rstrip() for line in found.group(1).splitlines()).strip("\n")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def composer_project(root: str, repo_path: str | None = None) -> str | None:
    """The folder with the platform's ``composer.json``: the root, its repository, or the folder around a docroot.

    The folder around counts only when its ``composer.json`` declares ``root`` as docroot, or declares none and
    ``root`` has one of the customary names.
    """
    root = os.path.normpath(root)
    for folder in (root, repo_path):
        if folder and os.path.isfile(f"{folder}/composer.json"):
            return folder
    parent, name = os.path.split(root)
    if not os.path.isfile(f"{parent}/composer.json"):
        return None
    declared = web_root_of(parent)
    belongs = name in DOCROOT_FOLDERS if declared is None else declared == name
    return parent if belongs else None


def _reason(project: str) -> str:
    """Why composer must run in ``project``; empty when what is installed fits the lock file."""
    composer = _load(f"{project}/composer.json")
    config = composer.get("config")
    vendor = config.get("vendor-dir", "vendor") if isinstance(config, Mapping) else "vendor"
    folder = os.path.join(project, vendor if isinstance(vendor, str) else "vendor")
    if not os.path.isfile(f"{folder}/autoload.php"):
        return "the vendor folder is missing"
    lock, installed = f"{project}/composer.lock", f"{folder}/composer/installed.json"
    if not os.path.isfile(lock):
        return ""
    wanted = _packages(_load(lock))
    if not os.path.isfile(installed):
        return "the vendor folder does not say what is installed" if wanted else ""
    present = _packages(_load(installed))
    differing = sorted(name for name, version in wanted.items() if present.get(name) != version)
    if not differing:
        return ""
    more = f" and {len(differing) - 1} more" if len(differing) > 1 else ""
    return f"{differing[0]}{more} not installed as composer.lock says"


def _packages(document: Mapping[str, Any]) -> dict[str, str]:
    """Name and version of the packages of a lock file or of ``installed.json`` (composer 2; 1 has a bare list)."""
    packages = document.get("packages")
    return {
        str(package["name"]).lower(): str(package.get("version", ""))
        for package in (packages if isinstance(packages, list) else [])
        if isinstance(package, Mapping) and "name" in package and package.get("type") != "metapackage"
    }


def _load(path: str) -> dict[str, Any]:
    try:
        document = json.loads(Path(path).read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not JSON ({error})"
        raise DrupalError(
            f"A file of composer cannot be read: {reason}",
            where=path,
            hint="Repair it, or check out a commit that works",
            code="PROVISION_COMPOSER",
        ) from error
    if isinstance(document, list):
        return {"packages": document}
    return document if isinstance(document, dict) else {}


def _split(command: str) -> tuple[str, ...]:
    try:
        argv = tuple(shlex.split(command))
    except ValueError:
        argv = ()
    if not argv:
        raise DrupalError(
            "The composer command is malformed",
            where="option provision_composer_install_command",
            hint=f"The default is: {COMMAND}",
            code="PROVISION_COMPOSER",
        )
    return argv
