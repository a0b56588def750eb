"""Are the names of a site, and its folders of other hosts, free?"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from provision_py.commands.session import Session
from provision_py.commands.sitestate import SiteState
from provision_py.contexts.model import Site
from provision_py.errors import ContextError, ProvisionError
from provision_py.php.values import as_strings
from provision_py.services.http_common import site_names
from provision_py.services.subdirectories import Subdirectory, subdirectories
from provision_py.system.presence import exists

_OTHER_NAME = "Choose another name, or remove it from that site first"

#: Where the code of Drupal 7 and later is in its docroot: no site can do without these.
_CODE = frozenset({"core", "includes", "misc", "modules", "profiles", "scripts", "sites", "themes", "index.php"})


def check_name_is_free(session: Session, site: Site) -> None:
    """Refuse to install over a site: on this platform, on another one, or behind another site's alias.

    Two sites of one name on one web server would make one of them unreachable, and which one is chance. Raises
    ContextError.
    """
    if exists(f"{site.site_path}/settings.php"):
        raise ContextError(
            f"{site.uri} is installed already",
            where=f"{site.site_path}/settings.php",
            hint="Verify the site, or delete it first; nothing was changed",
            code="PROVISION_SITE_INSTALLED",
        )
    if Path(site.site_path).is_symlink():
        raise ContextError(
            f"{site.uri} stands for the folder of something else",
            where=f"{site.site_path}, a link",
            hint="Choose another name, or remove the link first; nothing was changed",
            code="PROVISION_NAME_TAKEN",
        )
    _check_names(session, site, {site.uri, *_further_names(site)}, of_aliases=True)
    _check_folders(session, site, shown=lambda: ())


def check_values(session: Session, site: Site) -> None:
    """Refuse what no web server of the site could be told, before Drupal works for long. Raises ServiceError."""
    for server in session.http(site.web_server).config_servers():
        session.http(server).check_site(site)


def check_aliases_are_free(session: Session, site: Site) -> None:
    """Refuse an alias that is the host name of another site, and a redirection to it under a wildcard alias:
    requests to that site would land here.

    Two sites with one alias are left to the web server, as they always were, but for a folder of a host: the file of
    one would take the place of the other's. Where the site is shown there already, it works: then what can be lived
    with is a warning. Raises ContextError.
    """
    _check_names(session, site, _further_names(site) - {site.uri}, of_aliases=False)
    for warning in _check_folders(session, site, shown=cache(lambda: _shown(session, site))):
        session.log.warning(warning, code="PROVISION_NAME_TAKEN")


def _further_names(site: Site) -> set[str]:
    """Aliases, and the target of a redirection that one of them covers."""
    return {*site.aliases, *site_names(site).served}


def _check_names(session: Session, site: Site, names: set[str], *, of_aliases: bool) -> None:
    if not names:
        return
    for other, uri, aliases in _other_sites(session, names):
        if _is_itself(site, other, uri):
            continue
        taken = sorted(names & {uri, *(aliases if of_aliases else ())})
        if taken and _exists(session, other):
            raise _taken(site, f"The name {taken[0]} belongs to @{other}", _OTHER_NAME)


def _check_folders(session: Session, site: Site, *, shown: Callable[[], Collection[Subdirectory]]) -> list[str]:
    """Refuse a folder of a host that is another site's on one web server, or of the code of the host's own site.

    Where the site is ``shown`` all the same, which is asked only then, gives what is to be said of it.
    """
    mine = {(one.host, one.file_name): one for one in subdirectories(site)}
    hosts = {one.host for one in mine.values()}
    warnings: dict[tuple[str, Subdirectory], str] = {}
    for other, uri, aliases in _other_sites(session, hosts) if hosts else ():
        others = () if _is_itself(site, other, uri) else aliases
        clashes = [mine[key] for key in map(_folder_of, others) if key in mine]
        below = [one for one in mine.values() if one.host == uri]
        root = str(session.store.record(other).get("root") or "") if below else ""
        for doubt in (
            *(_clash(site, one, other) for one in clashes),
            *(_in_the_code(site, one, other, root) for one in below),
        ):
            if not doubt or not _meet(session, site, other):
                continue
            if not doubt.warning or doubt.folder not in shown():
                raise doubt.refusal
            warnings.setdefault((uri, doubt.folder), doubt.warning)
    return list(warnings.values())


@dataclass(frozen=True)
class _Doubt:
    """Why a folder of a host cannot be a site's. Without a warning, not even where it is already."""

    folder: Subdirectory
    refusal: ContextError
    warning: str | None


def _clash(site: Site, one: Subdirectory, other: str) -> _Doubt:
    return _Doubt(
        one,
        _taken(site, f"The address {one} belongs to @{other}", _OTHER_NAME),
        f"The address {one}, where {site.uri} is shown, is an alias of @{other} too. Remove it from one of them",
    )


def _in_the_code(site: Site, one: Subdirectory, other: str, root: str) -> _Doubt | None:
    """Whether the host's own site has something at that address: ``/files``, or what is in its docroot."""
    first = one.path.partition("/")[0]
    is_needed = first == "files" or (first in _CODE and os.path.lexists(f"{root}/{first}"))
    if not is_needed and not os.path.lexists(f"{root}/{one.path}"):
        return None
    return _Doubt(
        one,
        _taken(site, f"@{other} needs the addresses below {one} for itself", "Choose another folder"),
        None
        if is_needed
        else f"{site.uri} is shown at {one} and hides {root}/{one.path} from visitors of @{other}. Rename that, or"
        f" give {site.uri} another folder",
    )


def _shown(session: Session, site: Site) -> set[Subdirectory]:
    """The folders of hosts where one web server at least shows the site already."""
    database = str(SiteState.read(site).options.get("db_name") or "")
    servers = session.http(site.web_server).config_servers()
    return {
        one
        for server in servers
        for one in session.http(server).shown_folders(site, database, session.host_of(server))
    }


def _folder_of(alias: str) -> tuple[str, str] | None:
    """The host of a ``host/folder`` alias, and the name of the file that it is kept in."""
    host, _, path = alias.partition("/")
    return (host.lower(), Subdirectory(host, path.strip("/")).file_name) if path.strip("/") else None


def _meet(session: Session, site: Site, other: str) -> bool:
    """Whether both are really there, on one web server at least."""
    if not _exists(session, other):
        return False
    try:
        servers = session.http(session.store.site(other).web_server).config_servers()
    except ProvisionError:
        return False
    mine = session.http(site.web_server).config_servers()
    return not {server.name for server in servers}.isdisjoint(server.name for server in mine)


def _is_itself(site: Site, other: str, uri: str) -> bool:
    """Whether a context is the site, or an extra drush alias of it."""
    return other == site.name or (uri == site.uri and other in site.drush_aliases)


def _taken(site: Site, what: str, hint: str) -> ContextError:
    return ContextError(what, where=f"@{site.name}", hint=f"{hint}; nothing was changed", code="PROVISION_NAME_TAKEN")


def _exists(session: Session, name: str) -> bool:
    """Whether that site is really there; a failed install leaves only its alias file."""
    record = session.store.record(name)
    return exists(f"{record.get('site_path') or ''}/settings.php")


def _other_sites(session: Session, names: set[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, host name and aliases of every site that may have one of these names; unreadable files have none."""
    for name in session.store.names_of("site", mentioning=names):
        record = session.store.record(name)
        yield name, str(record.get("uri") or ""), as_strings(record.get("aliases"))
