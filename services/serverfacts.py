"""What was found on a machine, and which pieces it lacks for being a web server of the hosting system. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from provision_py.errors import HostError
from provision_py.services.preparation import Preparation

#: Shells that let nobody in.
_NO_SHELLS = ("nologin", "false", "sync")


_VITAL = frozenset({
    "package:rsync", "package:php-cli", "package:sudo", "user", "web_group", "groups", "root", "root_owner",
})  # fmt: skip

_NUMBERS = frozenset({"uid", "gid", "web_gid"})


@dataclass(frozen=True)
class Folder:
    """A folder's owner, group and permission bits."""

    owner: str
    group: str
    mode: int


@dataclass(frozen=True)
class Facts:
    """What the facts script told.

    ``asked_by`` is the user who asked. ``uid``, ``gid`` and ``shell`` are None without an account, ``web_gid``
    without the web server's group. ``packages`` and ``modules`` are those that are missing, ``sudo`` the numbers of
    the commands that may not be run. ``has_key`` None: the asking user may not look.
    """

    asked_by: str
    has_apt: bool
    uid: int | None
    gid: int | None
    shell: str | None
    groups: frozenset[str]
    web_gid: int | None
    root: Folder | None
    packages: tuple[str, ...]
    modules: tuple[str, ...]
    sudo: tuple[int, ...]
    included: bool
    has_key: bool | None


@dataclass(frozen=True)
class Finding:
    """A piece that is missing: a stable name for programs, words for people, and what to do about it."""

    piece: str
    what: str
    hint: str = field(default="", compare=False)


def parse(output: str, where: str) -> Facts:
    """Facts from the output of the facts script. Raises HostError when it did not come to its end."""
    rows: dict[str, list[str]] = {}
    for line in output.splitlines():
        key, _, value = line.partition("\t")
        rows.setdefault(key, []).append(value)
    if "end" not in rows:
        raise HostError("The machine did not say all that was asked", where=where, hint="Look at its shell and disk")
    passwd = _one(rows, "passwd").split(":")
    known = len(passwd) >= 7
    return Facts(
        asked_by=_one(rows, "me"),
        has_apt=_one(rows, "apt") == "yes",
        uid=int(passwd[2]) if known else None,
        gid=int(passwd[3]) if known else None,
        shell=passwd[6] if known else None,
        groups=frozenset(_one(rows, "groups").split()),
        web_gid=int(_one(rows, "web_group")) if _one(rows, "web_group") else None,
        root=_folder(_one(rows, "root")),
        packages=tuple(rows.get("package", ())),
        modules=tuple(rows.get("module", ())),
        sudo=tuple(int(number) for number in rows.get("sudo", ())),
        included=_one(rows, "included") == "yes",
        has_key={"yes": True, "no": False}.get(_one(rows, "key")),
    )


def missing_pieces(wanted: Preparation, facts: Facts) -> list[Finding]:
    """What is missing, in the order in which it can be put right."""
    hint = f"provision-py @{wanted.server} prepare --run, or --print and run it there as root"
    found = [
        *[Finding(f"package:{name}", f"The package {name} is not installed", hint) for name in facts.packages],
        *_account_findings(wanted, facts, hint),
        *_root_findings(wanted, facts, hint),
        *[
            Finding(f"sudo:{number}", f"{wanted.user} may not run with sudo: {' '.join(command)}", hint)
            for number, command in enumerate(wanted.sudo)
            if number in facts.sudo
        ],
        *[Finding(f"module:{name}", f"Apache's module {name} is not enabled", hint) for name in facts.modules],
    ]
    if not facts.included:
        found.append(Finding("include", f"The web server does not read {wanted.include.target}", hint))
    # Who has come in by ssh as that user needs no further key.
    if facts.has_key is False and facts.asked_by != wanted.user:
        found.append(Finding("key", f"No key of the hub lets it in as {wanted.user}", hint))
    # The hub's own machine may have the account under another name, which cannot have the same number.
    return found if wanted.is_hub else [*found, *_number_findings(wanted, facts)]


def is_vital(finding: Finding) -> bool:
    """Whether a verify or an install fails without the piece. What else is missing may be there in another way, such
    as the web server's include in a file of its own, or is needed by some sites only.
    """
    return finding.piece in _VITAL or finding.piece.startswith("sudo:")


def is_number(finding: Finding) -> bool:
    """Whether it is another number than the hub's: that matters where a disk is shared, so in a pack, and nowhere
    else.
    """
    return finding.piece in _NUMBERS


def _account_findings(wanted: Preparation, facts: Facts, hint: str) -> Sequence[Finding]:
    found = []
    if facts.uid is None:
        return [Finding("user", f"There is no user {wanted.user}", hint)]
    if (facts.shell or "").rpartition("/")[2] in _NO_SHELLS:
        found.append(Finding("shell", f"The user {wanted.user} has no login shell but {facts.shell}", hint))
    if facts.web_gid is None:
        what = f"There is no group {wanted.web_group}"
        found.append(Finding("web_group", what, "Set web_group of the server to the group of its web server"))
    elif wanted.web_group not in facts.groups:
        found.append(Finding("groups", f"{wanted.user} is not in the group {wanted.web_group}", hint))
    return found


def _number_findings(wanted: Preparation, facts: Facts) -> Sequence[Finding]:
    """No script changes numbers: what has the old ones would lose its owner."""
    user, group = wanted.user, wanted.web_group
    rows = (
        ("uid", f"The user {user}", facts.uid, wanted.uid, f"usermod -u {wanted.uid} {user}"),
        ("gid", f"The group of {user}", facts.gid, wanted.gid, f'groupmod -g {wanted.gid} "$(id -gn {user})"'),
        ("web_gid", f"The group {group}", facts.web_gid, wanted.web_gid, f"groupmod -g {wanted.web_gid} {group}"),
    )
    why = "That is well for a single server and in a cluster, but a pack's machines need the same"
    how = "To change it, run there as root while nothing of it runs"
    return [
        Finding(
            piece,
            f"{who} has the number {there} there and {here} on the hub",
            f"{why}. {how}: {command}. Then give it its files again",
        )
        for piece, who, there, here, command in rows
        if None not in (there, here) and there != here
    ]


def _root_findings(wanted: Preparation, facts: Facts, hint: str) -> Sequence[Finding]:
    if facts.root is None:
        return [Finding("root", f"There is no folder {wanted.root}", hint)]
    found = []
    if facts.root.owner != wanted.user:
        what = f"{wanted.root} belongs to {facts.root.owner} and not to {wanted.user}"
        found.append(Finding("root_owner", what, hint))
    if not facts.root.mode & 0o001:
        found.append(Finding("root_mode", f"The web server may not pass through {wanted.root}", hint))
    return found


def _folder(text: str) -> Folder | None:
    parts = text.split()
    return Folder(parts[0], parts[1], int(parts[2], 8)) if len(parts) == 3 else None


def _one(rows: dict[str, list[str]], key: str) -> str:
    return rows.get(key, [""])[0]
