"""Is a site that is to be installed here installed on another platform?"""

from __future__ import annotations

import os
from collections.abc import Iterator

from provision_py.commands.session import Session
from provision_py.contexts.model import Site
from provision_py.contexts.platform import DOCROOT_FOLDERS
from provision_py.errors import ContextError


def check_not_elsewhere(session: Session, site: Site) -> None:
    """Refuse a name that is installed on another platform: the new site would take its vhost over.

    The site's own context may have been saved with the new platform, so only what is on disk tells. For installs
    alone: other commands move a site, and save its context for that. Raises ContextError.
    """
    for docroot in dict.fromkeys(_other_docroots(session, site)):
        folder = f"{docroot}/sites/{site.uri}"
        is_own = os.path.realpath(folder) == os.path.realpath(site.site_path)
        if not is_own and any(os.path.isfile(f"{folder}/{name}") for name in ("settings.php", "drushrc.php")):
            raise ContextError(
                f"{site.uri} is installed on another platform",
                where=folder,
                hint="Save the site with that platform again and verify it, or delete it there first;"
                " nothing was changed",
                code="PROVISION_SITE_INSTALLED",
            )


def _other_docroots(session: Session, site: Site) -> Iterator[str]:
    """Docroots that may have a site of this name: of all platforms, and of vhosts that it has already."""
    for name in session.store.names_of("platform"):
        root = str(session.store.record(name).get("root") or "")
        if root:
            yield from (root, *(f"{root}/{folder}" for folder in DOCROOT_FOLDERS))
    hub = session.host_of(session.master)
    for server in session.http(site.web_server).config_servers():
        yield from session.http(server).vhost_roots(site.uri, hub)
