"""Properties of a platform, in the order of its alias file (Provision/Context/platform.php; backend.md 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from provision_py.contexts.model import Platform, Server
from provision_py.contexts.references import MASTER_REFERENCE, Key
from provision_py.contexts.values import Chooser, to_bool, to_text, to_text_of
from provision_py.errors import ContextError
from provision_py.php.values import PhpArray, PhpValue
from provision_py.system.presence import exists

#: Where a code base keeps its docroot when ``index.php`` is not at its top, in the original's order.
DOCROOT_FOLDERS = ("docroot", "html", "web")


def choose_platform(record: Mapping[int | str, PhpValue], options: Mapping[str, PhpValue]) -> dict[str, PhpValue]:
    """All properties of a platform."""
    choose = Chooser(record, options)
    choose.put("context_type", "platform")
    choose.put("server", MASTER_REFERENCE)
    choose.reference("web_server", MASTER_REFERENCE)
    root = choose.scalar("root")
    if isinstance(root, str) and len(root) > 1:
        choose.put("root", root.strip().rstrip("/"))
    choose.scalar("makefile", "")
    choose.scalar("make_working_copy", False)
    return choose.chosen


def check_root(values: Mapping[str, PhpValue], at: Key) -> None:
    """Refuse a root that no code base can have. Raises ContextError (PROVISION_INVALID_PATH)."""
    root = to_text_of(values["root"])
    if not root:
        return
    parts = root.split("/")
    if not root.startswith("/") or ".." in parts or root == "/" or any(ord(c) < 32 or ord(c) == 127 for c in root):
        raise ContextError(
            f"{root!a} cannot be the folder of a platform",
            where=at.where(),
            hint="Give an absolute path below the root folder, without '..' and control characters",
            code="PROVISION_INVALID_PATH",
        )


def platform_from(
    name: str,
    values: Mapping[str, PhpValue],
    extra: PhpArray,
    web_server: Server,
    master: Server,
    at: Callable[[str], Key],
) -> Platform:
    """The platform of these properties. Raises ContextError naming the key whose value has the wrong form."""
    return Platform(
        name=name,
        root=to_text(values["root"], at("root")),
        web_server=web_server,
        master=master,
        makefile=to_text(values["makefile"], at("makefile")),
        make_working_copy=to_bool(values["make_working_copy"], at("make_working_copy")),
        extra={str(key): value for key, value in extra.items()},
    )


def find_docroot(root: str, stored: str | None = None) -> str:
    """The folder of ``root`` that holds ``index.php``; ``root`` itself when none does.

    ``stored`` is what was found before; it stays when nothing can be found now, so that a file system that is not
    mounted does not move a site (provision_auto_fix_platform_root in platform/provision_drupal.drush.inc).
    """
    for folder in (root, *(f"{root}/{name}" for name in DOCROOT_FOLDERS)):
        if exists(f"{folder}/index.php"):
            return folder
    if stored is not None and stored in {f"{root}/{name}" for name in DOCROOT_FOLDERS}:
        return stored
    return root
