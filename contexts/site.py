"""Properties of a site, in the order of its alias file (Provision/Context/site.php; backend.md 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from provision_py.contexts.model import Platform, Server, Site
from provision_py.contexts.names import folder_name, redirection_target, site_alias, site_uri
from provision_py.contexts.properties import Draft, Property
from provision_py.contexts.references import MASTER_REFERENCE, Key
from provision_py.contexts.values import (
    Chooser,
    choose_property,
    to_bool,
    to_text,
    to_text_of,
    to_text_or_none,
    to_texts,
    unique,
)
from provision_py.errors import ContextError
from provision_py.php.values import PhpArray, PhpValue

CORE_PROPERTIES = (
    "context_type",
    "platform",
    "server",
    "db_server",
    "uri",
    "root",
    "site_path",
    "site_enabled",
    "language",
    "client_name",
    "aliases",
    "redirection",
    "cron_key",
    "drush_aliases",
    "profile",
    "install_method",
)


def choose_references(
    record: Mapping[int | str, PhpValue], options: Mapping[str, PhpValue]
) -> tuple[PhpValue, PhpValue]:
    """The values of ``platform`` and ``db_server``, which must be loaded before the rest can be chosen."""
    choose = Chooser(record, options)
    return choose.reference("platform", None), choose.reference("db_server", MASTER_REFERENCE)


def choose_site(
    name: str,
    record: Mapping[int | str, PhpValue],
    options: Mapping[str, PhpValue],
    platform: Platform,
    docroot: str,
    added: Sequence[Property],
) -> dict[str, PhpValue]:
    """All properties of a site on ``platform``; ``added`` are those of the web server's service types."""
    choose = Chooser(record, options)
    choose.put("context_type", "site")
    choose.reference("platform", None)
    choose.put("server", MASTER_REFERENCE)
    choose.reference("db_server", MASTER_REFERENCE)
    uri = to_text_of(choose.scalar("uri"))
    choose.put("root", docroot)
    choose.put("site_path", f"{docroot}/sites/{uri}")
    choose.scalar("site_enabled", True)
    choose.scalar("language", "en")
    choose.scalar("client_name")
    choose.put("aliases", unique(choose.array("aliases")))
    choose.scalar("redirection", False)
    choose.scalar("cron_key", "")
    choose.put("drush_aliases", unique(choose.array("drush_aliases")))
    choose.scalar("profile", "standard")
    choose.scalar("install_method", "profile")
    if added:
        draft = _draft(name, platform.web_server, choose.chosen, platform.master)
        for prop in added:
            choose_property(prop, choose, draft)
    return choose.chosen


def _draft(name: str, web_server: Server, values: Mapping[str, PhpValue], master: Server) -> Draft:
    return Draft(
        name=name,
        remote_host=web_server.remote_host,
        aegir_root=master.aegir_root,
        script_user=web_server.script_user,
        config_path=web_server.config_path,
        master_url=master.master_url,
        values=values,
        master=master,
    )


def check_names(values: dict[str, PhpValue], at: Callable[[str], Key]) -> None:
    """Check the names of a site that is to be saved and put them into their canonical form.

    Raises ContextError (PROVISION_INVALID_NAME) naming the key.
    """
    uri = _checked(site_uri, to_text(values["uri"], at("uri")), at("uri"))
    values["uri"] = uri
    values["site_path"] = f"{to_text_of(values['root'])}/sites/{uri}"
    aliases = values["aliases"]
    if isinstance(aliases, dict):
        values["aliases"] = unique(
            {key: _checked(site_alias, to_text(item, at("aliases")), at("aliases")) for key, item in aliases.items()}
        )
    for key in ("language", "client_name", "profile", "install_method"):
        text = to_text(values[key], at(key))
        if text:
            _checked(folder_name, text, at(key))
    redirection = values["redirection"]
    if isinstance(redirection, str) and redirection not in ("", "1", "0"):
        values["redirection"] = _checked(redirection_target, redirection, at("redirection"))


def _checked(check: Callable[[str], str], text: str, at: Key) -> str:
    try:
        return check(text)
    except ContextError as error:
        raise ContextError(error.what, where=at.where(), hint=error.hint, code=error.code) from error


def site_from(
    name: str,
    values: Mapping[str, PhpValue],
    extra: PhpArray,
    platform: Platform,
    db_server: Server,
    at: Callable[[str], Key],
) -> Site:
    """The site of these properties. Raises ContextError naming the key whose value has the wrong form."""
    uri = to_text(values["uri"], at("uri"))
    if not uri:
        raise ContextError("The site has no name", where=at("uri").where(), hint="Set it with --uri=www.example.com")
    redirection = to_text_or_none(values["redirection"], at("redirection"))
    return Site(
        name=name,
        uri=uri,
        root=to_text(values["root"], at("root")),
        platform=platform,
        db_server=db_server,
        master=platform.master,
        enabled=to_bool(values["site_enabled"], at("site_enabled")),
        language=to_text(values["language"], at("language")) or "en",
        client_name=to_text_or_none(values["client_name"], at("client_name")),
        aliases=to_texts(values["aliases"], at("aliases")),
        # Installations of long ago stored true for "redirect to the site's own name".
        redirection={"1": uri, "0": None}.get(redirection or "0", redirection),
        cron_key=to_text(values["cron_key"], at("cron_key")),
        drush_aliases=to_texts(values["drush_aliases"], at("drush_aliases")),
        profile=to_text(values["profile"], at("profile")),
        install_method=to_text(values["install_method"], at("install_method")),
        properties={key: value for key, value in values.items() if key not in CORE_PROPERTIES},
        extra={str(key): value for key, value in extra.items()},
    )
