"""Is a new site's name free?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from provision_py.commands.session import Session
from provision_py.contexts.model import Site
from provision_py.errors import ContextError
from provision_py.php.values import as_strings


def check_name_is_free(session: Session, site: Site) -> None:
    """Refuse to install over a site: on this platform, on another one, or behind another site's alias.

    Two sites of one name on one web server would make one of them unreachable, and which one is chance. Raises
    ContextError.
    """
    if Path(f"{site.site_path}/settings.php").exists():
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
    _check_names(session, site, {site.uri, *site.aliases}, of_aliases=True)


def check_aliases_are_free(session: Session, site: Site) -> None:
    """Refuse an alias that is the host name of another site: requests to that site would land here.

    Two sites with one alias are left to the web server, as they always were. Raises ContextError.
    """
    _check_names(session, site, set(site.aliases) - {site.uri}, of_aliases=False)


def _check_names(session: Session, site: Site, names: set[str], *, of_aliases: bool) -> None:
    if not names:
        return
    for other, uri, aliases in _other_sites(session, names):
        if other == site.name or (uri == site.uri and other in site.drush_aliases):
            continue
        taken = sorted(names & {uri, *(aliases if of_aliases else ())})
        if taken and _exists(session, other):
            raise ContextError(
                f"The name {taken[0]} belongs to @{other}",
                where=f"@{site.name}",
                hint="Choose another name, or remove it from that site first; nothing was changed",
                code="PROVISION_NAME_TAKEN",
            )


def _exists(session: Session, name: str) -> bool:
    """Whether that site is really there; a failed install leaves only its alias file."""
    record = session.store.record(name)
    return Path(f"{record.get('site_path') or ''}/settings.php").exists()


def _other_sites(session: Session, names: set[str]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Name, host name and aliases of every site that may have one of these names; unreadable files have none."""
    for name in session.store.names_of("site", mentioning=names):
        record = session.store.record(name)
        yield name, str(record.get("uri") or ""), as_strings(record.get("aliases"))
