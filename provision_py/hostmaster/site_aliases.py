"""The further names of a site (``hosting_site_alias``), written anew at each save of the site.

Custom names stay as people entered them; automatic ones follow from the site's name and the front end's settings
(alias/hosting_alias.module, reference section 6.9).
"""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from provision_py.hostmaster import writeback_queries as sql
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.nodes import Node
from provision_py.hostmaster.variables import flag, get_variable
from provision_py.php.values import PhpValue

DNS_TIMEOUT = 2.0  # seconds for all names of a site together

_ALIAS_LENGTH = 128
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"(?:\*\.)?(?:{_LABEL}\.)+{_LABEL}")


class Lookup(Enum):
    """What the name service says about a name."""

    FOUND = "found"
    MISSING = "missing"
    UNKNOWN = "unknown"  # no answer in time, or a passing failure


Resolver = Callable[[Sequence[str]], Mapping[str, Lookup]]


@dataclass(frozen=True)
class AliasSettings:
    """The front end's variables about automatic names."""

    subdomain: str = ""
    replace_dash: bool = True
    dash_substitute: str = "--"
    automatic_www: bool = False
    automatic_no_www: bool = False


@dataclass(frozen=True)
class AliasRow:
    alias: str
    automatic: bool
    redirection: str


@dataclass(frozen=True)
class AutomaticNames:
    """``sure``: names that the site has; ``kept``: names that it keeps if it has them, as DNS did not answer."""

    sure: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def load_alias_settings(db: Database) -> AliasSettings:
    return AliasSettings(
        subdomain=_text(get_variable(db, "hosting_alias_subdomain", "")),
        replace_dash=flag(db, "hosting_alias_subdomain_replace_dash", True),
        dash_substitute=_text(get_variable(db, "hosting_alias_subdomain_dash_substitute", "--")),
        automatic_www=flag(db, "hosting_alias_automatic_www"),
        automatic_no_www=flag(db, "hosting_alias_automatic_no_www"),
    )


def automatic_names(title: str, settings: AliasSettings, resolve: Resolver | None = None) -> AutomaticNames:
    """The automatic names of the site ``title``. DNS is asked only when the settings want it."""
    sure: list[str] = []
    asked: list[str] = []
    subdomain = settings.subdomain.strip().strip(".")
    if subdomain and not title.endswith(f".{subdomain}"):
        stem = title.replace("-", settings.dash_substitute) if settings.replace_dash else title
        sure.append(f"{stem.replace('.', '-')}.{subdomain}")
    if settings.automatic_www and not title.startswith("www."):
        asked.append(f"www.{title}")
    if settings.automatic_no_www and title.startswith("www."):
        asked.append(title.removeprefix("www."))
    sure = [name for name in sure if _storable(name)]
    asked = [name for name in asked if _storable(name)]
    if not asked:
        return AutomaticNames(tuple(sure))
    answers = (resolve or look_up)(asked)
    sure += [name for name in asked if answers.get(name) is Lookup.FOUND]
    return AutomaticNames(tuple(sure), tuple(name for name in asked if answers.get(name) is Lookup.UNKNOWN))


def wanted_aliases(
    stored: Iterable[AliasRow],
    automatic: AutomaticNames,
    *,
    more: Iterable[str] = (),
    redirection: str | None = None,
) -> tuple[AliasRow, ...]:
    """The rows that a site should have, given those that it has.

    ``more`` are custom names to add; ``redirection`` replaces the stored one. All rows carry one redirection.
    """
    rows = tuple(stored)
    had = {row.alias.lower() for row in rows if row.automatic}
    names = dict.fromkeys(name.lower() for name in automatic.sure)
    names.update(dict.fromkeys(name for name in map(str.lower, automatic.kept) if name in had))
    custom = (*(row.alias for row in rows if not row.automatic), *more)
    customs = dict.fromkeys(name for name in (name.strip().lower() for name in custom) if name and name not in names)
    target = redirection if redirection is not None else next((row.redirection for row in rows), "")
    return (
        *(AliasRow(name, False, target) for name in customs if len(name) <= _ALIAS_LENGTH),
        *(AliasRow(name, True, target) for name in names),
    )


def rewrite_aliases(
    db: Database,
    node: Node,
    automatic: AutomaticNames,
    *,
    more: Iterable[str] = (),
    redirection: str | None = None,
) -> None:
    """Write the rows of a site's current revision, if they differ from what is there."""
    stored = [
        AliasRow(row["alias"], bool(row["automatic"]), row["redirection"])
        for row in db.rows(sql.SITE_ALIASES, {"vid": node.vid})
    ]
    wanted = wanted_aliases(stored, automatic, more=more, redirection=redirection)
    if set(wanted) == set(stored) and len(wanted) == len(stored):
        return
    key = {"vid": node.vid, "nid": node.nid}
    db.execute(sql.REMOVE_SITE_ALIASES, key)
    db.insert_many(
        sql.ADD_SITE_ALIASES,
        [
            {**key, "alias": row.alias, "automatic": int(row.automatic), "redirection": row.redirection}
            for row in wanted
        ],
    )


def is_domain(name: str) -> bool:
    """Whether this is a host name with at least two labels, or such a name behind ``*.``."""
    return len(name) <= 255 and _DOMAIN.fullmatch(name) is not None


def look_up(names: Sequence[str], timeout: float = DNS_TIMEOUT) -> dict[str, Lookup]:
    """Ask the name service for IPv4 or IPv6 addresses of all names at once; ``timeout`` in seconds."""
    answers: dict[str, Lookup] = {}
    # Threads, because the system's resolver takes no time limit; one that hangs must not keep the process alive.
    threads = [threading.Thread(target=_ask, args=(name, answers), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return {name: answers.get(name, Lookup.UNKNOWN) for name in names}


def _ask(name: str, answers: dict[str, Lookup]) -> None:
    try:
        socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        missing = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME))
        answers[name] = Lookup.MISSING if missing else Lookup.UNKNOWN
    except (OSError, UnicodeError):
        answers[name] = Lookup.UNKNOWN
    else:
        answers[name] = Lookup.FOUND


def _storable(name: str) -> bool:
    return len(name) <= _ALIAS_LENGTH and is_domain(name)


def _text(value: PhpValue) -> str:
    return value if isinstance(value, str) else ""
