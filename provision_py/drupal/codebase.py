"""Find Drupal in a folder: its docroot, its version, its vendor folder, its ``sites`` folder.

Nothing here runs PHP. The places are facts of Drupal: ``includes/bootstrap.inc`` (7) and ``core/lib/Drupal.php``
(8 and later) hold the version; composer projects keep the docroot in a subfolder
(reference: backend.md section 4.2 step 1 and section 10.7).
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from provision_py.drupal.model import CodeBase
from provision_py.errors import DrupalError

SUPPORTED_MAJORS = range(7, 12)
DOCROOT_FOLDERS = ("docroot", "html", "web")

_DEFINED = re.compile(r"""^\s*define\(\s*['"]VERSION['"]\s*,\s*['"]([^'"]+)['"]\s*\)""", re.MULTILINE)
_CONSTANT = re.compile(r"""^\s*(?:[a-z]+\s+)*const\s+(?:string\s+)?VERSION\s*=\s*['"]([^'"]+)['"]""", re.MULTILINE)
_VERSION_FILES = (
    ("core/lib/Drupal.php", _CONSTANT),  # 8 and later
    ("core/includes/bootstrap.inc", _DEFINED),  # the first alphas of 8
    ("includes/bootstrap.inc", _DEFINED),  # 7
    ("modules/system/system.module", _DEFINED),  # 5 and 6
)
_MINIMUM_PHP = re.compile(r"""define\(\s*['"]DRUPAL_MINIMUM_PHP['"]\s*,\s*['"]([\d.]+)['"]""")
_AUTOLOAD = re.compile(r"""(?:__DIR__|dirname\(__FILE__\))\s*\.\s*['"]/?([^'"]*autoload\.php)['"]""")


def detect(root: str) -> CodeBase:
    """The code base at ``root``, an absolute path of a docroot or of a composer project around one.

    Raises DrupalError: ``DRUSH_INVALID_DRUPAL_ROOT`` when the folder is missing, unreadable or not Drupal;
    ``PROVISION_DRUPAL_VERSION`` when it is a Drupal that we do not support.
    """
    root = _absolute(root)
    if os.path.isfile(root):
        hint = "Unpack it and give its folder"
        raise DrupalError("The code base is a file, not a folder", where=root, hint=hint)
    if not os.path.isdir(root):
        raise DrupalError(
            "The platform's folder does not exist",
            where=root,
            hint="Check the publish path of the platform, or give it a makefile or a git repository to build it from",
        )
    if not os.access(root, os.R_OK | os.X_OK, effective_ids=True):
        raise DrupalError("The platform's folder cannot be read", where=root, hint=_readable_hint(root))
    for docroot in _docroots(root):
        version = _version_of(docroot)
        if version is not None:
            return CodeBase(root=root, docroot=docroot, version=version, major=_major(version, docroot))
    raise DrupalError(
        "No Drupal was found",
        where=root,
        hint=f"Expected index.php and Drupal's core there or in one of {', '.join(DOCROOT_FOLDERS)}"
        + ("; run composer install first" if os.path.exists(f"{root}/composer.json") else ""),
    )


def check_sites_folder(code: CodeBase) -> str:
    """The path of the ``sites`` folder, where sites are made.

    Raises DrupalError ``DRUSH_NO_SITE`` when it is missing, ``PROVISION_SITES_DIR_NOT_WRITABLE`` when we may not
    write to it.
    """
    folder = f"{code.docroot}/sites"
    if not os.path.isdir(folder):
        raise DrupalError(
            "The platform has no sites folder", where=folder, hint="The code base is incomplete", code="DRUSH_NO_SITE"
        )
    if not os.access(folder, os.W_OK | os.X_OK, effective_ids=True):
        raise DrupalError(
            "The platform's sites folder is not writable",
            where=folder,
            hint=_writable_hint(folder),
            code="PROVISION_SITES_DIR_NOT_WRITABLE",
        )
    return folder


def vendor_folder(code: CodeBase) -> str | None:
    """The composer ``vendor`` folder of a code base: inside the docroot, beside it, or where ``autoload.php`` says.

    None for Drupal 7 without composer, and while ``composer install`` has not run.
    """
    autoload = _AUTOLOAD.search(_read(f"{code.docroot}/autoload.php") or "")
    candidates = [os.path.join(code.docroot, autoload.group(1))] if autoload else []
    candidates += [f"{code.docroot}/vendor/autoload.php", f"{code.root}/vendor/autoload.php"]
    if os.path.isfile(f"{code.docroot}/../composer.json"):
        candidates.append(f"{code.docroot}/../vendor/autoload.php")
    for candidate in map(os.path.normpath, candidates):
        if os.path.isfile(candidate):
            return os.path.dirname(candidate)
    return None


def minimum_php(code: CodeBase) -> str:
    """The PHP version that Drupal 7 asks for when a module does not say (``DRUPAL_MINIMUM_PHP``)."""
    found = _MINIMUM_PHP.search(_read(f"{code.docroot}/includes/bootstrap.inc") or "")
    return found.group(1) if found else "5.3.3"


def web_root_of(project: str) -> str | None:
    """The docroot that ``project/composer.json`` declares, relative to it (``web``; ``.`` for itself); None if none.

    A path that leads out of the project counts as none.
    """
    try:
        composer = json.loads(_read(f"{project}/composer.json") or "{}")
        web_root = composer["extra"]["drupal-scaffold"]["locations"]["web-root"]
    except (ValueError, KeyError, TypeError):
        return None
    if not isinstance(web_root, str) or "\0" in web_root:
        return None
    path = os.path.normpath(web_root)
    return None if os.path.isabs(path) or path.split("/")[0] == ".." else path


def _absolute(root: str) -> str:
    if not os.path.isabs(root) or "\0" in root:
        raise DrupalError("The platform's folder is not an absolute path", where=repr(root), hint="Use a full path")
    return os.path.normpath(root)


def _docroots(root: str) -> Iterator[str]:
    """Places where the docroot may be, best first."""
    yield root
    declared = web_root_of(root)
    for folder in (declared, *DOCROOT_FOLDERS):
        if folder not in (None, "."):
            yield f"{root}/{folder}"


def _version_of(docroot: str) -> str | None:
    """The version of the Drupal whose docroot this is; None when it is not one."""
    if not os.path.isfile(f"{docroot}/index.php"):
        return None
    for name, pattern in _VERSION_FILES:
        path = f"{docroot}/{name}"
        text = _read(path)
        if text is None:
            continue
        if text.startswith("<<<<<<< ") or "\n<<<<<<< " in text:
            raise DrupalError(
                "Drupal's core holds an unresolved merge conflict",
                where=path,
                hint="Resolve it, or check out a commit that works",
            )
        found = pattern.search(text)
        if found:
            return found.group(1)
    return None


def _major(version: str, docroot: str) -> int:
    number = version.split(".", 1)[0]
    major = int(number) if number.isascii() and number.isdigit() else 0
    if major not in SUPPORTED_MAJORS:
        raise DrupalError(
            f"Drupal {version} is not supported",
            where=docroot,
            hint=f"Supported are Drupal {SUPPORTED_MAJORS[0]} to {SUPPORTED_MAJORS[-1]}",
            code="PROVISION_DRUPAL_VERSION",
        )
    return major


def _read(path: str) -> str | None:
    """The text of a file; None when there is no file. An unreadable one is an error, not an absence."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise DrupalError(
            f"A file of the code base cannot be read: {error.strerror}", where=path, hint=_readable_hint(path)
        ) from error


def _writable_hint(folder: str) -> str:
    state = os.stat(folder)
    quoted = shlex.quote(folder)
    if state.st_uid != os.geteuid():
        return f"Give it to the user that runs this command: chown -R {os.geteuid()} {quoted}"
    if state.st_mode & 0o300 != 0o300:
        return f"Let its owner, who runs this command, write there: chmod u+rwx {quoted}"
    return "The file system is mounted read-only, or has rules of its own"


def _readable_hint(path: str) -> str:
    return f"Let the user with id {os.geteuid()} read {path} and the folders above it"
