"""What the backend is told of a server, platform or site, and the command that a task stands for.

Rules: the hosting modules' ``*_context_options`` hooks and pre-task hooks; keys and their meaning are those of
``provision-save``. ``null`` (the word) means: back to the default; ``NONE``: the server has no such service.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias
from urllib.parse import quote_plus

from provision_py.errors import HostmasterError, TaskError
from provision_py.hostmaster import queries
from provision_py.hostmaster.connection import Database
from provision_py.hostmaster.features import Features, load_features
from provision_py.hostmaster.nodes import DELETED, ServiceRecord, context_name, load_services, nid_of_context
from provision_py.hostmaster.subjects import PlatformSubject, SiteSubject, Subject, load_subject
from provision_py.hostmaster.tasks import TaskRecord
from provision_py.hostmaster.variables import HOSTMASTER_SITE, nid_variable
from provision_py.php.values import PhpValue

_NULL: Final = "null"

#: Tasks before which the front end pushes its values down into the alias file.
_SAVES_CONTEXT: Final = frozenset(
    {("site", "verify"), ("site", "install"), ("platform", "verify"), ("server", "verify")}
)
#: Tasks of a site whose command gets no profile and no mail address.
_WITHOUT_PROFILE: Final = frozenset({"import", "delete", "verify"})
#: Services in the order in which the front end's modules name them.
_SERVICES: Final = ("db", "http")

#: Arguments and options of a command.
Built: TypeAlias = tuple[tuple[str, ...], dict[str, PhpValue]]


@dataclass(frozen=True)
class CommandLine:
    """The backend command of a task, as drush would be called.

    ``context`` is the name of the object's context, without ``@``; None when the object has been deleted already.
    ``saves_context``: provision-save comes first. ``forgets_context``: the alias is removed after success.
    """

    context: str | None
    object_type: str
    command: str
    arguments: tuple[str, ...] = ()
    options: dict[str, PhpValue] = field(default_factory=dict)
    saves_context: bool = False
    forgets_context: bool = False


def context_options(db: Database, rid: int, features: Features | None = None) -> tuple[str, dict[str, PhpValue]]:
    """As :func:`subject_options`, of an object that is not loaded yet."""
    return subject_options(db, load_subject(db, rid), features or load_features(db), master_url(db))


def subject_options(
    db: Database, subject: Subject, features: Features, address: str | None
) -> tuple[str, dict[str, PhpValue]]:
    """Name of an object's context, without ``@``, and the options that ``provision-save`` gets for it.

    ``root`` and ``uri`` are always among them, None where the type has no such value of its own. ``address`` is the
    front end's own (:func:`master_url`). Raises HostmasterError when the object has no context or refers to something
    that is gone.
    """
    name = _own_context(subject)
    options: dict[str, PhpValue] = {
        "context_type": subject.type,
        "master_url": address,
        "root": None,
        "uri": None,
    }
    match subject:
        case SiteSubject():
            options |= _site_options(db, subject, features)
        case PlatformSubject():
            options |= _platform_options(subject)
        case Subject(type="server"):
            options |= _server_options(db, subject, features)
        case other:
            raise HostmasterError(f"A node of type {other.type} has no context", where=f"node {subject.nid}")
    return name, options


def task_options(db: Database, task: TaskRecord) -> dict[str, PhpValue]:
    """The options of a task's command (``profile``, ``client_email``, ``new_db_server`` …)."""
    return command_line(db, task).options


def command_line(db: Database, task: TaskRecord, subject: Subject | None = None) -> CommandLine:
    """The command that a task stands for. Task types of extensions become ``provision-TYPE`` too.

    ``subject`` is the task's object, where it has been loaded. Raises TaskError when the task's arguments do not fit
    or what they name is gone.
    """
    subject = subject or load_subject(db, task.rid)
    arguments: tuple[str, ...] = ()
    options: dict[str, PhpValue] = {}
    if isinstance(subject, SiteSubject):
        build = _SITE_COMMANDS.get(task.task_type, _plain_command)
        arguments, options = build(db, task, subject)
    elif subject.type == "platform" and task.task_type == "migrate":
        raise _bad_arguments(task, "A platform is migrated by one task per site, never by a task of its own")
    return CommandLine(
        context=None if subject.status == DELETED else _own_context(subject),
        object_type=subject.type,
        command=f"provision-{task.task_type}",
        arguments=arguments,
        options=options,
        saves_context=(subject.type, task.task_type) in _SAVES_CONTEXT,
        forgets_context=task.task_type == "delete",
    )


def master_url(db: Database) -> str | None:
    """The address of the front end's own site with a slash at the end; None when the database does not say which."""
    nid = nid_variable(db, HOSTMASTER_SITE) or nid_of_context(db, "hostmaster")
    domain = db.value(queries.HOSTMASTER_DOMAIN, {"nid": nid}) if nid else None
    return f"http://{str(domain).strip().lower()}/" if domain else None


def site_domain(name: str, features: Features) -> str:
    """A site's name as the backend knows it: lower case; ``example.org/blog`` as ``blog.example.org`` where the
    module for sites in subfolders is on."""
    name = name.strip().lower()
    if "/" in name and features.has_module("hosting_subdirs"):
        return ".".join(reversed(name.split("/")))
    return name


# Servers


def _server_options(db: Database, server: Subject, features: Features) -> dict[str, PhpValue]:
    addresses = [str(row["ip_address"]) for row in db.rows(queries.SERVER_ADDRESSES, {"nid": server.nid})]
    options: dict[str, PhpValue] = {
        "remote_host": server.title,
        "ip_addresses": ",".join(addresses) or _NULL,
    }
    services = load_services(db, server.nid)
    for service in dict.fromkeys((*_SERVICES, *services)):
        record = services.get(service)
        if record is None:
            options[f"{service}_service_type"] = "NONE"
        else:
            options |= _service_options(db, server, record)
    if features.has_module("hosting_server_data") and features.has_table("hosting_server_data"):
        options["server_data"] = db.value(queries.SERVER_DATA, {"nid": server.nid}) or _NULL
    return options


def _service_options(db: Database, server: Subject, record: ServiceRecord) -> dict[str, PhpValue]:
    nid = server.nid
    options: dict[str, PhpValue] = {f"{record.service}_service_type": record.type}
    match record.service, record.type:
        case "http", "cluster":
            options["cluster_web_servers"] = _members(db, queries.CLUSTER_MEMBERS, {"nid": nid})
        case "http", "pack":
            for kind in ("master", "slave"):
                members = _members(db, queries.PACK_MEMBERS, {"nid": nid, "type": kind})
                options[f"{kind}_web_servers"] = members
        case "db", "mysql":
            options["db_port"] = str(record.port)
            options["master_db"] = _master_db(db, server)
        case _:
            options[f"{record.service}_restart_cmd"] = record.restart_cmd
            options[f"{record.service}_port"] = str(record.port)
            if record.type.endswith("_ssl"):
                port = db.value(queries.SSL_PORT, {"nid": nid})
                options[f"{record.service}_ssl_port"] = None if port is None else str(port)
    return options


def _members(db: Database, sql: str, params: dict[str, object]) -> str:
    return ",".join(f"@{row['name']}" for row in db.rows(sql, params))


def _master_db(db: Database, server: Subject) -> str:
    row = db.row(queries.DB_CREDENTIALS, {"nid": server.nid}) or {"db_user": "", "db_passwd": ""}
    user, password = (_url_encoded(str(row[key] or "")) for key in ("db_user", "db_passwd"))
    return f"mysql://{user}:{password}@{server.title}"


def _url_encoded(text: str) -> str:
    """As PHP's urlencode, which also encodes the tilde."""
    return quote_plus(text, safe="").replace("~", "%7E")


# Platforms


def _platform_options(platform: PlatformSubject) -> dict[str, PhpValue]:
    web_server = platform.web_server
    options: dict[str, PhpValue] = {
        "server": "@server_master",
        "web_server": f"@{_there(web_server, platform, f'The web server of platform {platform.title}')}",
        "root": platform.publish_path.strip(" "),
    }
    if platform.makefile:
        options["makefile"] = platform.makefile
    options["make_working_copy"] = "1" if platform.make_working_copy else _NULL
    return options


# Sites


def _site_options(db: Database, site: SiteSubject, features: Features) -> dict[str, PhpValue]:
    options: dict[str, PhpValue] = {}
    if features.has_module("hosting_alias"):
        options |= _alias_options(db, site.nid)
    options["db_server"] = f"@{_there(site.db_server_context, site, f'The database server of site {site.title}')}"
    options["platform"] = f"@{_there(site.platform_context, site, f'The platform of site {site.title}')}"
    options["uri"] = site_domain(site.title, features)
    options["language"] = site.language
    options["profile"] = site.profile
    options["client_name"] = site.client_name
    if features.has_module("hosting_ssl") or features.has_module("hosting_nginx_ssl"):
        options |= _ssl_options(db, site.nid)
    if features.has_module("hosting_site_data") and features.has_table("hosting_site_data"):
        options["site_data"] = db.value(queries.SITE_DATA, {"nid": site.nid}) or _NULL
    return options


def _alias_options(db: Database, nid: int) -> dict[str, PhpValue]:
    rows = db.rows(queries.SITE_ALIASES, {"nid": nid})
    names = sorted({str(row["alias"]) for row in rows} - {""})
    redirection = str(rows[0]["redirection"]) if rows else ""
    return {
        "aliases": ",".join(names) or _NULL,
        "redirection": redirection if redirection not in ("", "0") else _NULL,
    }


def _ssl_options(db: Database, nid: int) -> dict[str, PhpValue]:
    row = db.row(queries.SITE_SSL, {"nid": nid})
    if row is None:
        return {}
    enabled, cid = int(row["ssl_enabled"]), int(row["ssl_key"])
    addresses = db.rows(queries.CERTIFICATE_ADDRESSES, {"cid": cid})
    key: PhpValue = _NULL
    if enabled:
        name = db.value(queries.CERTIFICATE, {"cid": cid})
        key = False if name is None else str(name)
    return {
        "ssl_enabled": str(enabled) if enabled else _NULL,
        "ssl_key": key,
        "ip_addresses": {str(each["name"]): str(each["ip_address"]) for each in addresses},
    }


# Commands of site tasks


def _plain_command(db: Database, task: TaskRecord, site: SiteSubject) -> Built:
    options: dict[str, PhpValue] = {}
    if task.task_type == "install":
        options["client_email"] = db.value(queries.USER_MAIL, {"uid": task.uid}) or ""
    if task.task_type not in _WITHOUT_PROFILE:
        options["profile"] = site.profile
    return (), options


def _restore_command(db: Database, task: TaskRecord, site: SiteSubject) -> Built:
    bid = task.arguments.get("bid", "")
    file = db.value(queries.BACKUP_FILE, {"bid": bid}) if bid.isdigit() else None
    if not file:
        raise _bad_arguments(task, f"The backup {bid or '(none given)'} is not known to the front end")
    return (str(file),), {"profile": site.profile}


def _backup_delete_command(db: Database, task: TaskRecord, site: SiteSubject) -> Built:
    files = [file for file in task.arguments.values() if file not in ("", "0")]
    if not files:
        raise _bad_arguments(task, "No backup was chosen")
    return (",".join(files),), {"profile": site.profile}


def _migrate_command(db: Database, task: TaskRecord, site: SiteSubject) -> Built:
    features = load_features(db)
    platform, target = _target_platform(db, task)
    arguments = [target]
    new_name = site_domain(task.arguments.get("new_uri", ""), features)
    if new_name and new_name != site_domain(site.title, features):
        arguments.append(f"@{new_name}")
    return tuple(arguments), _moving_options(db, task, site, platform)


def _clone_command(db: Database, task: TaskRecord, site: SiteSubject) -> Built:
    features = load_features(db)
    platform, target = _target_platform(db, task)
    new_name = site_domain(task.arguments.get("new_uri", ""), features)
    if not new_name:
        raise _bad_arguments(task, "The name of the new site is missing")
    options = _moving_options(db, task, site, platform)
    if features.has_module("hosting_alias"):
        if not features.upstream_2024 or "aliases" in task.arguments:
            options["aliases"] = task.arguments.get("aliases", "").replace("\n", ",")
        if not features.upstream_2024 or "redirection" in task.arguments:
            options["redirection"] = task.arguments.get("redirection")
    return (f"@{new_name}", target), options


_SITE_COMMANDS: Final[dict[str, Callable[[Database, TaskRecord, SiteSubject], Built]]] = {
    "backup-delete": _backup_delete_command,
    "clone": _clone_command,
    "migrate": _migrate_command,
    "restore": _restore_command,
}


def _target_platform(db: Database, task: TaskRecord) -> tuple[int, str]:
    """Node id and context (with ``@``) of the platform that a task moves a site to."""
    text = task.arguments.get("target_platform", "")
    if not text.isdigit():
        raise _bad_arguments(task, "The target platform is missing")
    return int(text), _context(db, int(text), f"The target platform {text}")


def _moving_options(db: Database, task: TaskRecord, site: SiteSubject, platform: int) -> dict[str, PhpValue]:
    options: dict[str, PhpValue] = {}
    server = task.arguments.get("new_db_server", "")
    if server.isdigit() and int(server) not in (0, site.db_server):
        options["new_db_server"] = _context(db, int(server), f"The target database server {server}")
    name = site.profile
    wanted = {"platform": platform, "name": name}
    profile = db.value(queries.PROFILE_ON_PLATFORM, wanted) or db.value(queries.PROFILE_SUCCESSOR, wanted)
    if name is None or profile is None:
        raise TaskError(
            f"The target platform has no install profile {name or '(none known)'}, nor one that replaces it",
            where=f"site {site.title}",
            hint="Verify the target platform, or add the profile to its code",
            code="HOSTING_NO_VALID_PROFILE",
        )
    return {"profile": str(profile), **options}


def _own_context(subject: Subject) -> str:
    return _there(subject.context, subject, f"The {subject.type} {subject.title}")


def _context(db: Database, nid: int, what: str) -> str:
    """The context name of a node, with ``@``."""
    return f"@{_there(context_name(db, nid), nid, what)}"


def _there(name: str | None, where: Subject | int, what: str) -> str:
    """A context name that must be there. Raises HostmasterError."""
    if name is None:
        raise HostmasterError(
            f"{what} has no context in the front end",
            where=f"node {where.nid if isinstance(where, Subject) else where}",
            hint="It may have been deleted; choose another one in the front end",
            code="PROVISION_MISSING_CONTEXT",
        )
    return name


def _bad_arguments(task: TaskRecord, why: str) -> TaskError:
    return TaskError(
        f"The task cannot be run: {why}",
        where=f"task {task.nid}, {task.title}",
        hint="Queue it again from the front end",
        code="PROVISION_TASK_ARGUMENTS",
    )
