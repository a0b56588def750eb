"""Rules that an admin has given a web server and that may refuse the hub: then the hub cannot see a site's page, and
a 403 says nothing of the site.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision_py.commands.ownfiles import OWN_FOLDERS
from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.errors import HostError

#: Directives of Apache and nginx that refuse somebody, or whose rules are in another file.
_RULE = re.compile(
    r"(?:^|[;{>])\s*(?:"
    r"deny\b|require\b(?!\s+all\s+granted)|auth_request\b|include(?:optional)?\b"
    r"|(?:return|redirect)\b[^#;\n]*\b403\b|rewriterule\b.*\[(?:[^]]*,)?\s*(?:F|forbidden|R=403)\s*[],])",
    re.IGNORECASE | re.MULTILINE,
)
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)


def may_refuse(text: str) -> bool:
    """Whether an admin's own configuration may let somebody not in."""
    return _RULE.search(_COMMENT.sub("", text)) is not None


def found(session: Session, site: Site, server: Server, *, vhost_is_new: bool) -> str | None:
    """Where such rules are for a site on a web server, in words; None without any, or where nobody can tell.

    What extensions add counts with a vhost that ``vhost_is_new`` only: in another one it was in force before.
    """
    if vhost_is_new:
        plugins = session.plugins
        extra = (*plugins.server_extra(server), *plugins.platform_extra(site.platform, server))
        if may_refuse("\n".join((*extra, *plugins.vhost_extra(site, server)))):
            return "what extensions add to its configuration"
    try:
        return next((path for path, text in _own_files(session, server) if may_refuse(text)), None)
    except HostError:
        return None


def _own_files(session: Session, server: Server) -> Iterator[tuple[str, str]]:
    host = session.host_of(server)
    folders = [str(server.properties[key]) for key in OWN_FOLDERS if server.properties.get(key)]
    paths = [f"{folder}/{name}" for folder in folders for name in sorted(host.listdir(folder))]
    for path, content in host.look(paths).contents.items():
        yield path, content.decode("utf-8", "surrogateescape")
