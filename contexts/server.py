"""Properties of a server, in the order of its alias file (Provision/Context/server.php; backend.md 2.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from provision_py.contexts.model import Server
from provision_py.contexts.names import INVALID_NAME
from provision_py.contexts.properties import Draft, ServiceCatalog
from provision_py.contexts.references import MASTER, MASTER_REFERENCE, Key, referenced_name
from provision_py.contexts.values import Chooser, choose_property, to_text, to_text_of, to_text_or_none, to_texts
from provision_py.errors import ContextError, ServiceError
from provision_py.php.values import PhpArray, PhpValue

#: What the front end sends as the type of a service that a server does not offer.
NO_SERVICE = "NONE"

_FORMS = (
    ("remote_host", re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*|[0-9A-Fa-f:]+"), "Give a host name or an IP address"),
    ("script_user", re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*\$?"), "Give the name of a user of that machine"),
    ("aegir_root", re.compile(r"/[^\x00-\x1f\x7f]+"), "Give an absolute path"),
    ("ip_addresses", re.compile(r"[0-9.]+|[0-9A-Fa-f:.]+"), "Give IP addresses, with commas between them"),
)

CORE_PROPERTIES = (
    "context_type",
    "server",
    "remote_host",
    "aegir_root",
    "script_user",
    "ip_addresses",
    "backup_path",
    "config_path",
    "include_path",
    "clients_path",
    "master_url",
    "admin_email",
)


@dataclass(frozen=True)
class Surroundings:
    """What a server's defaults come from: the home folder and name of the running user, and the master.

    ``master`` is None while the master itself is worked out.
    """

    home: str
    user: str
    master: Server | None
    catalog: ServiceCatalog


def choose_server(
    name: str, record: Mapping[int | str, PhpValue], options: Mapping[str, PhpValue], around: Surroundings
) -> dict[str, PhpValue]:
    """All properties of a server. Raises ServiceError when an option names a service type that nobody brings."""
    choose = Chooser(record, options)
    choose.put("context_type", "server")
    choose.put("server", MASTER_REFERENCE)
    remote_host = to_text_of(choose.scalar("remote_host", "localhost"))
    if around.master is None:
        root = to_text_of(choose.scalar("aegir_root", around.home))
    else:
        root = around.master.aegir_root
        choose.put("aegir_root", root)
    user = to_text_of(choose.scalar("script_user", around.master.script_user if around.master else around.user))
    choose.array("ip_addresses")
    config_path = f"{root}/config/{name}"
    choose.put("backup_path", f"{root}/backups")
    choose.put("config_path", config_path)
    choose.put("include_path", f"{root}/config/includes")
    choose.put("clients_path", f"{root}/clients")
    master_url = choose.scalar("master_url")
    choose.scalar("admin_email", f"admin@{remote_host}")
    draft = Draft(
        name=name,
        remote_host=remote_host,
        aegir_root=root,
        script_user=user,
        config_path=config_path,
        master_url=to_text_of(master_url) or None,
        values=choose.chosen,
        master=around.master,
    )
    for service in around.catalog.services():
        _choose_service(service, choose, draft, around.catalog)
    return choose.chosen


def _choose_service(service: str, choose: Chooser, draft: Draft, catalog: ServiceCatalog) -> None:
    key = type_key(service)
    service_type = to_text_of(choose.value(key, lambda: None))
    if service_type in ("", NO_SERVICE):
        return
    choose.put(key, service_type)
    if service_type not in catalog.types(service):
        if to_text_of(choose.options.get(key)) == service_type:
            raise ServiceError(
                f"No {service} service of the type {service_type} is known",
                where=f"@{draft.name}, key {key}",
                hint=f"Known types are {', '.join(catalog.types(service))}; others come from packages to install",
            )
        return
    for prop in catalog.server_properties(service, service_type):
        choose_property(prop, choose, draft)


def check_values(values: Mapping[str, PhpValue], at: Callable[[str], Key]) -> None:
    """Refuse values of a server that is to be saved that would be something else in a command or configuration file.

    Raises ContextError (PROVISION_INVALID_NAME) naming the key.
    """
    for key, pattern, hint in _FORMS:
        value = values[key]
        for text in to_texts(value, at(key)) if isinstance(value, dict) else (to_text(value, at(key)),):
            if not pattern.fullmatch(text):
                raise ContextError(
                    f"{text[:80]!a} cannot be the {key} of a server",
                    where=at(key).where(),
                    hint=hint,
                    code=INVALID_NAME,
                )


def type_key(service: str) -> str:
    return f"{service}_service_type"


def service_types(values: Mapping[str, PhpValue], catalog: ServiceCatalog) -> dict[str, str]:
    """Service to type, for the services that a server's properties choose."""
    found = {service: to_text_of(values.get(type_key(service))) for service in catalog.services()}
    return {service: kind for service, kind in found.items() if kind not in ("", NO_SERVICE)}


def member_names(values: Mapping[str, PhpValue], catalog: ServiceCatalog, at: Callable[[str], Key]) -> dict[str, Key]:
    """Names of the servers that a server's services refer to, each with the key that names it first."""
    found: dict[str, Key] = {}
    for service, kind in service_types(values, catalog).items():
        if kind not in catalog.types(service):
            continue
        for prop in catalog.server_properties(service, kind):
            if prop.kind == "members":
                for text in to_texts(values.get(prop.name), at(prop.name)):
                    found.setdefault(referenced_name(text, at(prop.name)), at(prop.name))
    return found


def declared_properties(catalog: ServiceCatalog) -> frozenset[str]:
    """Names of all properties that the known service types may add to a server."""
    names = {type_key(service) for service in catalog.services()}
    for service in catalog.services():
        for kind in catalog.types(service):
            names.update(prop.name for prop in catalog.server_properties(service, kind))
    return frozenset(names)


def server_from(
    name: str,
    values: Mapping[str, PhpValue],
    extra: PhpArray,
    members: Mapping[str, Server],
    catalog: ServiceCatalog,
    at: Callable[[str], Key],
) -> Server:
    """The server of these properties. Raises ContextError naming the key whose value has the wrong form."""
    types = service_types(values, catalog)
    core = {*CORE_PROPERTIES, *(type_key(service) for service in types)}
    return Server(
        name=name,
        remote_host=to_text(values["remote_host"], at("remote_host")),
        aegir_root=to_text(values["aegir_root"], at("aegir_root")),
        script_user=to_text(values["script_user"], at("script_user")),
        ip_addresses=to_texts(values["ip_addresses"], at("ip_addresses")),
        master_url=to_text_or_none(values["master_url"], at("master_url")),
        admin_email=to_text(values["admin_email"], at("admin_email")),
        service_types=types,
        properties={key: value for key, value in values.items() if key not in core},
        members=dict(members),
        extra={str(key): value for key, value in extra.items()},
    )


def is_master(name: str) -> bool:
    return name == MASTER
