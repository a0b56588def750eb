"""A load balancer in front of a cluster, a pack or a single web server: what it is to do, and its configuration.

Pure: a :class:`Balancer` is worked out from contexts and wishes, templates turn it into the files of one program.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from provision_py.contexts.model import Server, Site
from provision_py.errors import ServiceError, UsageError
from provision_py.services import templating, web_quoting
from provision_py.services.base import HttpService
from provision_py.services.http_common import PublicHttp, site_names
from provision_py.services.http_pack import HttpPack
from provision_py.services.http_ssl import SslHttp

PROGRAMS = ("haproxy", "nginx")

#: How https goes through: ended at the balancer, passed on as it is, or not at all.
TLS = ("terminate", "pass", "none")

#: The cookie that says which member a visitor with a session is served by.
COOKIE = "provision_member"

#: Drupal answers here in maintenance mode too, so that one site under maintenance takes no member out.
CHECK_PATH = "/user/login"

CERTIFICATES = "/etc/ssl/aegir"

#: Regular expressions (PCRE) of what the balancer tells apart. The first folder may be a language or a site below
#: another one's address.
SESSION = r"(?:^|; *)S?SESS[0-9a-f]{32}="
ACCOUNT_PATH = r"^/(?:[^/?]+/)?(?:user|admin)(?:[/?]|$)"
ACCOUNT_QUERY = r"[?&]q=(?:user|admin)(?:[/&]|$)"
FILES = r"^/(?:[^/]+/)?(?:sites/[^/]+/files|files|system/files)/"
AGGREGATES = r"^/(?:[^/]+/)?(?:sites/[^/]+/files|files)/(?:css|js)/"
UPLOAD_TYPES = ("multipart/form-data", "application/octet-stream")

#: Letters for which nginx has room by itself: of the name that variables are called after, and of a site's name.
_SLUG, _NAME = 24, 46

_CHECK_PATH = re.compile(r"/[A-Za-z0-9._~!&()*+,;=:@/?-]*", re.ASCII)
_MEMBER_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", re.ASCII)


@dataclass(frozen=True)
class Wishes:
    """What somebody asked for; empty texts stand for what fits.

    ``uploads``: ``member``, ``shared`` or ``@name`` of a member. ``drain`` and ``backup`` are names of members.
    """

    tls: str = ""
    uploads: str = ""
    drain: tuple[str, ...] = ()
    backup: tuple[str, ...] = ()
    check_path: str = CHECK_PATH
    certificates: str = CERTIFICATES
    port: int = 80
    https_port: int = 443


@dataclass(frozen=True)
class Member:
    """A web server behind the balancer. ``host`` is as it stands in ``host:port``; ``ssl_port`` None without https.

    ``state`` is ``active``, ``drain`` (no new visitors) or ``backup`` (serves when no active one can).
    """

    name: str
    host: str
    port: int
    ssl_port: int | None
    state: str = "active"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def ssl_address(self) -> str:
        return f"{self.host}:{self.ssl_port}"


@dataclass(frozen=True)
class BalancedSite:
    """What a balancer needs to know of a site. ``certificate`` None: its members have no https vhost for it."""

    names: tuple[str, ...]
    check_name: str | None
    certificate: str | None
    https_only: bool


@dataclass(frozen=True)
class Balancer:
    """A load balancer. ``upload_member`` None: uploads are on a disk that all members share. ``check_name`` is the
    site that is asked for, by https where it can be seen by that alone."""

    name: str
    kind: str
    members: tuple[Member, ...]
    sites: tuple[BalancedSite, ...]
    tls: str
    upload_member: Member | None
    check_name: str | None
    checks_https: bool
    wishes: Wishes

    @property
    def slug(self) -> str:
        """The name as part of a variable's, short enough for nginx' table of variables as it is by itself."""
        plain = re.sub(r"[^A-Za-z0-9_]", "_", self.name)
        if len(plain) <= _SLUG:
            return plain
        return f"{plain[: _SLUG - 9]}_{zlib.crc32(self.name.encode()):08x}"

    @property
    def has_long_names(self) -> bool:
        """Whether nginx needs a larger table of names for those of certificates: by itself, rows have 64 bytes."""
        named = self.https_sites if self.tls == "terminate" else ()
        return any(len(name) > _NAME for site in named for name in site.names)

    @property
    def ssl_members(self) -> tuple[Member, ...]:
        return tuple(member for member in self.members if member.ssl_port is not None)

    @property
    def upload_order(self) -> tuple[Member, ...]:
        """The members, that of the uploads first, then those that may stand in for it, drained ones last."""
        ranks = ("active", "backup", "drain")
        return tuple(
            sorted(self.members, key=lambda member: (member != self.upload_member, ranks.index(member.state)))
        )

    @property
    def https_sites(self) -> tuple[BalancedSite, ...]:
        """Sites that the members themselves show by https."""
        return tuple(site for site in self.sites if site.certificate is not None)

    @property
    def certificate_names(self) -> tuple[str, ...]:
        return tuple(sorted({site.certificate for site in self.https_sites if site.certificate is not None}))


def balancer(
    server: Server, http: Callable[[Server], HttpService], sites: Iterable[Site], wishes: Wishes
) -> Balancer:
    """The balancer for a web server or group. ``http`` gives a server's http service, ``sites`` are those served.

    Raises UsageError for wishes that cannot be met together, ContextError for a group without valid members,
    ServiceError for values that cannot stand in a configuration.
    """
    service = http(server)
    services = [http(member) for member in service.config_servers()]
    members = tuple(_member(service, wishes) for service in services)
    _check_wishes(server, members, wishes)
    tls = wishes.tls or ("terminate" if any(member.ssl_port for member in members) else "none")
    _check_ports(tls, wishes)
    balanced = tuple(_balanced(site, services) for site in sorted(sites, key=lambda site: site.uri))
    by_https = [member for member in members if member.ssl_port is not None]
    shared = wishes.uploads == "shared" or (not wishes.uploads and _shares_files(service, members))
    asked = _asked(balanced)
    needs_https = tls == "terminate" and any(site.certificate is not None for site in balanced)
    if needs_https:
        _check_https(by_https)
    return Balancer(
        name=_plain_name(server.name),
        kind=server.service_types.get("http", ""),
        members=members,
        sites=balanced,
        tls=tls,
        upload_member=None if shared else _upload_member(members, by_https if needs_https else members, tls, wishes),
        check_name=asked.check_name if asked is not None else None,
        checks_https=asked is not None and asked.https_only,
        wishes=wishes,
    )


def render(balancer: Balancer, program: str) -> dict[str, str]:
    """The files of a program by their names. Raises UsageError for a program that we do not know."""
    if program not in PROGRAMS:
        raise UsageError(
            f"{program or 'Nothing'} is no load balancer that is known here",
            where="--for",
            hint=f"Known are {' and '.join(PROGRAMS)}",
        )
    values: dict[str, object] = {
        "lb": balancer,
        "wishes": balancer.wishes,
        "cookie": COOKIE,
        "session": SESSION,
        "account_path": ACCOUNT_PATH,
        "account_query": ACCOUNT_QUERY,
        "files": FILES,
        "aggregates": AGGREGATES,
        "upload_types": UPLOAD_TYPES,
    }
    if program == "haproxy":
        return {"haproxy.cfg": templating.render("haproxy/balancer.cfg.j2", **values)}
    files = {"http.conf": templating.render("loadbalancer_nginx/http.conf.j2", **values)}
    if balancer.tls == "pass":
        files["stream.conf"] = templating.render("loadbalancer_nginx/stream.conf.j2", **values)
    return files


def as_text(files: dict[str, str]) -> str:
    """All files in one text; where there are several, each after a line with its name."""
    if len(files) == 1:
        return next(iter(files.values()))
    return "\n".join(f"# ==== {name} ====\n{text}" for name, text in files.items())


def _member(service: HttpService, wishes: Wishes) -> Member:
    server = service.server
    if not isinstance(service, PublicHttp):
        raise ServiceError(
            f"@{server.name} does not listen itself",
            where=f"http_service_type {server.service_types.get('http')}",
            hint="A load balancer needs the port of each member",
        )
    ssl_port = service.ssl_port if isinstance(service, SslHttp) else None
    state = "drain" if server.name in wishes.drain else "backup" if server.name in wishes.backup else "active"
    return Member(_plain_name(server.name), _host(server.remote_host), service.port, ssl_port, state)


def _host(name: str) -> str:
    host = web_quoting.host_or_address(name)
    return f"[{host}]" if ":" in host else host


def _plain_name(name: str) -> str:
    if not _MEMBER_NAME.fullmatch(name):
        raise web_quoting.refuse("This name of a context", name)
    return name


def _balanced(site: Site, services: Sequence[HttpService]) -> BalancedSite:
    names = site_names(site)
    certificates = [one for service in services for one in service.site_certificates(site)]
    return BalancedSite(
        names=names.all,
        check_name=next((name for name in names.served if not name.startswith("*")), None) if site.enabled else None,
        certificate=certificates[0].key if certificates else None,
        https_only=bool(certificates) and str(site.properties.get("ssl_enabled")) == "2",
    )


def _asked(sites: Sequence[BalancedSite]) -> BalancedSite | None:
    """The site to ask for: rather one that shows itself by http, which all members have."""
    return next((site for site in sorted(sites, key=lambda site: site.https_only) if site.check_name), None)


def _check_wishes(server: Server, members: Sequence[Member], wishes: Wishes) -> None:
    if wishes.tls and wishes.tls not in TLS:
        raise UsageError(f"{wishes.tls} is no way to treat https", where="--tls", hint=f"Choose {', '.join(TLS)}")
    known = {member.name for member in members}
    for option, names in (("--drain", wishes.drain), ("--backup", wishes.backup)):
        for name in names:
            if name not in known:
                raise UsageError(
                    f"@{name} is no member of @{server.name}",
                    where=option,
                    hint=f"Its members are {', '.join(f'@{one}' for one in sorted(known))}",
                )
    if not any(member.state == "active" for member in members):
        raise UsageError(
            "No member is left to serve",
            where="--drain, --backup",
            hint=f"Leave one of {', '.join(f'@{one}' for one in sorted(known))} as it is",
        )
    if wishes.tls == "pass" and not any(member.ssl_port for member in members if member.state == "active"):
        raise UsageError(
            "No member to serve offers https, so there is nothing to pass on",
            where="--tls=pass",
            hint="Choose --tls=terminate, or make the members' service types apache_ssl or nginx_ssl",
        )
    if not _CHECK_PATH.fullmatch(wishes.check_path):
        raise web_quoting.refuse("This address to check", wishes.check_path, "Begin it with a slash")
    web_quoting.config_path(wishes.certificates)
    web_quoting.port(wishes.port)
    web_quoting.port(wishes.https_port)


def _check_ports(tls: str, wishes: Wishes) -> None:
    if tls != "none" and wishes.port == wishes.https_port:
        raise UsageError(
            f"Http and https cannot both have the port {wishes.port}",
            where="--port, --https-port",
            hint="Give them two ports, or choose --tls=none",
        )


def _check_https(by_https: Sequence[Member]) -> None:
    if all(member.state == "drain" for member in by_https):
        raise UsageError(
            "No other member offers https, by which sites are to be seen",
            where="--drain",
            hint=f"Leave one of {_words(by_https)} as it is",
        )


def _shares_files(service: HttpService, members: Sequence[Member]) -> bool:
    """Whether all members see the same uploads: a cluster's have disks of their own, and some of a pack's may."""
    if isinstance(service, HttpPack):
        return not service.apart()
    return service.type != "cluster" or len(members) == 1


def _upload_member(members: Sequence[Member], fit: Sequence[Member], tls: str, wishes: Wishes) -> Member:
    """The member that has the uploads of all sites, one of those that are ``fit``.

    What is there already stays there when the member is drained or put in reserve, so its state does not matter.
    """
    uploads = wishes.uploads
    if tls == "pass":
        raise UsageError(
            "A balancer that passes https on does not see what is asked, so it cannot route uploads",
            where="--tls=pass",
            hint="Choose --tls=terminate, or share the files folders and choose --uploads=shared",
        )
    if uploads in ("", "member"):
        return fit[0]
    name = uploads.removeprefix("@")
    found = next((member for member in members if member.name == name), None)
    if found is not None and found not in fit:
        raise UsageError(
            f"@{found.name} offers no https, so uploads of sites that are seen by https cannot go there",
            where="--uploads",
            hint=f"Choose {_words(fit)}, or make its service type apache_ssl or nginx_ssl",
        )
    if found is None or not uploads.startswith("@"):
        raise UsageError(
            f"{uploads} is no place for uploads",
            where="--uploads",
            hint=f"Choose member, shared or one of {_words(fit)}",
        )
    return found


def _words(members: Sequence[Member]) -> str:
    return ", ".join(f"@{member.name}" for member in members)
