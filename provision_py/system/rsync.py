"""What rsync is asked to do, and what it answers: pure functions.

The option sets are the original's (Provision/Context/server.php, sync and fetch; Drush's rsync.core.inc), with two
changes that keep data: uploads are never deleted unless the caller is their authority, and removals wait until
everything else has arrived (``--delete-delay``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from provision_py.errors import HostError
from provision_py.php.values import PhpValue

#: Folders and files of version control systems, never synced and never removed.
VCS = (".git", ".gitignore", ".hg", ".hgignore", ".hgrags", ".bzr", ".bzrignore", ".bzrtags", ".svn")
#: Folders of a site that hold what its users uploaded.
UPLOADS = ("files", "private")
#: One line for each change: what it is, and the path.
_FORMAT = "--out-format=%i %n%L"
_PLAIN_FORMAT = "--out-format=%i %n"
#: Folders in which new and former files of a tree wait for their time, see :mod:`provision_py.system.treeswitch`.
WORK_FOLDERS = ".provision-py-sync-"
_CHANGE = re.compile(r"(?P<what>[<>ch.*][fdLDSe][^ ]{9}|\*deleting  ) (?P<path>.*)")
#: Files of the source vanished while rsync read them: no failure of a site in use.
VANISHED = 24


class Uploads(Enum):
    """What becomes of ``files/`` and ``private/`` of sites when their site is pushed."""

    LEAVE = "leave"  # they are not looked at
    MERGE = "merge"  # what is new here is added there, what is newer there stays, nothing is removed
    AUTHORITATIVE = "authoritative"  # there they become what they are here: for restore and migrate only


@dataclass(frozen=True)
class SyncOptions:
    """Options from the drushrc: ``include-paths`` and ``exclude-paths`` (patterns of rsync, split at colons) and
    ``global_sync_options``, as arguments."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @classmethod
    def from_drushrc(cls, options: Mapping[int | str, PhpValue]) -> SyncOptions:
        def patterns(name: str) -> tuple[str, ...]:
            value = options.get(name)
            parts = value.split(":") if isinstance(value, str) else []
            return tuple(part for part in parts if part and not _clears(part))

        return cls(
            patterns("include-paths"), patterns("exclude-paths"), extra_options(options.get("global_sync_options"))
        )


NO_OPTIONS = SyncOptions()

#: Options that decide what is deleted, where to, or that may clear the list of filters; and those with which rsync
#: does nothing, or does not say on its output, line by line, what it does.
_FORBIDDEN = re.compile(
    r"del|delete.*|remove-.*|force|ignore-errors|rsh|e|relative|no-relative|R|no-R|no-s|no-protect-args"
    r"|no-secluded-args|files-from|filter|f|F|include-from|exclude-from|cvs-exclude|C|dirs|d|old-d|old-dirs"
    r"|recursive|no-recursive|no-r|server|sender|daemon|out-format|log-format|dry-run|n|list-only|version|V|help"
    r"|only-write-batch|read-batch|stderr|msgs2stderr|protocol"
)
#: What these silence is not shown to anybody, but what is to be changed is read there.
_WITHOUT_MEANING = ("quiet", "q")


def extra_options(value: PhpValue) -> tuple[str, ...]:
    """``global_sync_options``: a table of options, true or empty for those without a value, as Drush reads it.

    Raises HostError for options that may change what is deleted, and where, or hide what is done.
    """
    found: list[str] = []
    for key, one in value.items() if isinstance(value, dict) else ():
        name = str(key).lstrip("-")
        for text in one.values() if isinstance(one, dict) else [one]:
            if _FORBIDDEN.fullmatch(name) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", name) or _clears(text):
                raise HostError(
                    f"The option {name} is not allowed in global_sync_options",
                    where="drushrc.php",
                    hint="Take it out; what is not to be synced can be named in exclude-paths",
                    code="PROVISION_SYNC_OPTION",
                )
            if text is not False and name not in _WITHOUT_MEANING:
                dashes = "-" if len(name) == 1 else "--"
                bare = text is True or text is None or text == ""
                found.append(f"{dashes}{name}" if bare else f"{dashes}{name}{'=' if len(name) > 1 else ''}{text}")
    return tuple(found)


def _clears(pattern: PhpValue) -> bool:
    """rsync takes “!” for an order to forget all patterns before."""
    return isinstance(pattern, str) and pattern.lstrip().startswith("!")


@dataclass(frozen=True)
class Tree:
    """A folder or file to push, at the same path on the other side.

    ``exclude_sites``: sites have pushes of their own, of the folder ``sites`` in ``docroot`` (``path`` when empty)
    only ``sites/all`` goes along. ``include``: paths that do too, whatever is excluded. ``content`` False: just the
    folder itself. ``sites``: folders of sites at or below ``path``, whose uploads are treated apart.
    """

    path: str
    exclude_sites: bool = False
    content: bool = True
    sites: tuple[str, ...] = ()
    exclude: tuple[str, ...] = field(default=())
    docroot: str = ""
    include: tuple[str, ...] = ()


def escape(path: str) -> str:
    """A path as a pattern that means just this path: a backslash escapes only where there is a wildcard."""
    return re.sub(r"([\\*?\[])", r"\\\1", path) if re.search(r"[*?\[]", path) else path


def uploads_of(tree: Tree) -> list[str]:
    """The folders of uploads in a tree."""
    sites = [*tree.sites, tree.path] if os.path.basename(os.path.dirname(tree.path)) == "sites" else tree.sites
    return [f"{site}/{name}" for site in dict.fromkeys(sites) for name in UPLOADS]


def filters(tree: Tree, options: SyncOptions, uploads: Uploads) -> list[str]:
    """Filters of a push; the first that fits counts. With ``--relative``, one that begins with a slash is a path.

    What is excluded is not deleted either.
    """
    path = escape(tree.path)
    found = [] if tree.content else [f"--exclude={path}/*"]
    if uploads is not Uploads.AUTHORITATIVE:
        # Also those of sites that nobody named: a push of more than was meant must not cost anybody's uploads.
        folders = [escape(folder) for folder in uploads_of(tree)]
        folders += [f"{path}/{above}sites/*/{name}" for above in ("", "**/") for name in UPLOADS]
        found += [f"--exclude={folder}/*" for folder in folders]
    found += [f"--exclude={path}/{WORK_FOLDERS}*"]
    found += [f"--include={escape(one)}" for one in tree.include]
    if tree.exclude_sites:
        docroot = escape(tree.docroot) or path
        found += [f"--include={docroot}/sites/all", f"--exclude={docroot}/sites/*"]
    found += [f"--exclude={name}" for name in VCS]
    found += [f"--exclude={pattern}" for pattern in tree.exclude]
    found += [f"--include={pattern}" for pattern in options.include]
    found += [f"--exclude={pattern}" for pattern in options.exclude]
    return found


def push_argv(
    tree: Tree,
    host: str,
    ssh: Sequence[str],
    options: SyncOptions = NO_OPTIONS,
    *,
    uploads: Uploads = Uploads.LEAVE,
) -> list[str]:
    """Make ``tree`` on ``host`` what it is here, uploads of its sites as told (MERGE: see :func:`merge_argv`).

    ``ssh`` is the command that reaches the machine. ``tree.path`` is absolute and normal. The folders above it are
    there already, and stay as they are.
    """
    return ["rsync", *_common(ssh), *_push_options(tree, options, uploads), "--", tree.path, f"{_bracketed(host)}:/"]


def _push_options(tree: Tree, options: SyncOptions, uploads: Uploads) -> list[str]:
    return [
        "-akz", "--relative", "--keep-dirlinks", "--omit-dir-times", "--delete-delay",
        *filters(tree, options, uploads), *options.extra, "--no-implied-dirs",
    ]  # fmt: skip


def plan_argv(
    tree: Tree,
    host: str,
    ssh: Sequence[str],
    options: SyncOptions = NO_OPTIONS,
    *,
    uploads: Uploads = Uploads.LEAVE,
) -> list[str]:
    """Say what :func:`push_argv` would change of a tree that is there, and change nothing.

    Names are printed as :func:`provision_py.system.treeswitch.unescape` reads them.
    """
    return [
        "rsync", *_common(ssh, _PLAIN_FORMAT), *_push_options(tree, options, uploads), "--no-8-bit-output",
        "--dry-run", "--", tree.path, f"{_bracketed(host)}:/",
    ]  # fmt: skip


#: Options that compare with what is there, and would find nothing in an empty folder, or another place for it.
_COMPARING = re.compile(
    r"--(existing|ignore-non-existing|ignore-existing|update|backup|backup-dir|suffix|max-delete|partial-dir"
    r"|(compare|copy|link)-dest)(=.*)?|-[ub]"
)


def stage_argv(path: str, folder: str, host: str, ssh: Sequence[str], options: SyncOptions = NO_OPTIONS) -> list[str]:
    """Bring parts of the tree ``path``, listed on standard input, to ``folder`` on ``host``.

    The input is that of :meth:`provision_py.system.treeswitch.Switch.files`. What the tree there has already is
    copied or completed from there.
    """
    above = os.path.dirname(path)
    extra = [option for option in options.extra if not _COMPARING.fullmatch(option)]
    return [
        "rsync", *_common(ssh), "-akz", "--omit-dir-times", "--no-implied-dirs", "--files-from=-", "--from0",
        *extra, f"--copy-dest={above}", "--", f"{above.rstrip('/')}/", f"{_bracketed(host)}:{folder}/",
    ]  # fmt: skip


def merge_argv(
    folders: Sequence[str],
    host: str,
    ssh: Sequence[str],
    options: SyncOptions = NO_OPTIONS,
    *,
    leave: Sequence[str] = (),
) -> list[str]:
    """Add to folders of uploads on ``host`` what they lack, replace what is older there, delete nothing, as long as
    what is of another kind there is named in ``leave``."""
    return [
        "rsync", *_common(ssh), "-akz", "--relative", "--keep-dirlinks", "--omit-dir-times", "--update",
        *[f"--exclude={escape(one)}" for one in leave],
        *[f"--exclude={name}" for name in VCS], *options.extra, "--no-implied-dirs", "--", *folders,
        f"{_bracketed(host)}:/",
    ]  # fmt: skip


def fetch_argv(
    path: str, host: str, ssh: Sequence[str], options: SyncOptions = NO_OPTIONS, *, leave: Sequence[str] = ()
) -> list[str]:
    """Bring here what a folder (``path`` ends in a slash) or a file on ``host`` has; replace nothing that is newer
    here, and delete nothing, as long as what is of another kind here is named in ``leave``."""
    return [
        "rsync", *_common(ssh), "-akz", "--omit-dir-times", "--update",
        *[f"--exclude={escape(one.removeprefix(path.rstrip('/')))}" for one in leave],
        *[f"--exclude={name}" for name in VCS], *options.extra, "--", f"{_bracketed(host)}:{path}", path,
    ]  # fmt: skip


def _common(ssh: Sequence[str], shown: str = _FORMAT) -> list[str]:
    # -s: the other side gets paths as they are, no shell takes them apart.
    return ["-e", rsh(ssh), "-s", "-8", "--itemize-changes", shown]


def rsh(argv: Iterable[str]) -> str:
    """A command for rsync's ``-e``: split at spaces, quotes are doubled within quotes, backslashes mean nothing."""
    return " ".join(
        "'" + one.replace("'", "''") + "'" if re.search(r"[\s'\"]", one) or not one else one for one in argv
    )


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True)
class Change:
    """One path that rsync changed, without a slash at its ends.

    ``what`` is ``sent``, ``received``, ``made``, ``removed`` or ``access`` (mode, owner or time).
    """

    what: str
    path: str
    is_directory: bool = False


def parse_change(line: str) -> Change | None:
    """A change from one line of output; None for other lines."""
    found = _CHANGE.fullmatch(line)
    if found is None:
        return None
    what, path = found["what"], found["path"]
    if what.startswith("*deleting"):
        return Change("removed", path.strip("/"), path.endswith("/"))
    names = {"<": "sent", ">": "received", "c": "made", "h": "made", ".": "access"}
    return Change(names.get(what[0], "access"), path.strip("/"), what[1] == "d")


def parse_changes(output: str) -> list[Change]:
    return [change for change in map(parse_change, output.splitlines()) if change is not None]


def summary(changes: Sequence[Change]) -> str:
    """For the log: ``3 files sent, 1 removed``; empty when nothing changed but times of folders."""
    files = [change for change in changes if not change.is_directory]
    counts = {
        "sent": sum(change.what == "sent" for change in files),
        "received": sum(change.what == "received" for change in files),
        "made": sum(change.what == "made" for change in changes),
        "removed": sum(change.what == "removed" for change in changes),
        "with other modes or owners": sum(change.what == "access" for change in changes),
    }
    return ", ".join(f"{count} {what}" for what, count in counts.items() if count)


def check_path(path: str, roots: Sequence[str]) -> str:
    """``path`` without a final slash, if it may be a target: absolute, normal, and within one of the roots.

    Raises HostError (PROVISION_SYNC_OUTSIDE).
    """
    clean = path.rstrip("/")
    if clean.startswith("/") and os.path.normpath(clean) == clean and "\0" not in clean and "\n" not in clean:
        for root in roots:
            top = root.rstrip("/")
            if top.startswith("/") and os.path.normpath(top) == top and (clean == top or clean.startswith(f"{top}/")):
                return clean
    raise outside(path, roots)


def outside(path: str, roots: Sequence[str], *, why: str = "lies outside") -> HostError:
    return HostError(
        f"{path!r} {why} what provision-py may change on other servers",
        where=", ".join(roots),
        hint="Only the aegir root and the roots of platforms are synced; correct the path",
        code="PROVISION_SYNC_OUTSIDE",
    )
