"""``check``: does every web server of a site really serve it, and can each of them do what the site needs?

What people else do by hand after setting up a cluster: ask each member by its own address for the site, log in to the
database from there, compare clocks, disks and PHP.
"""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision_py.commands.checkresults import FAILED, OK, CheckResult, MemberResult, write_result
from provision_py.commands.results import Shown
from provision_py.commands.session import Session
from provision_py.commands.sitestate import SiteState
from provision_py.contexts.model import Context, Server, Site
from provision_py.drupal.model import Credentials
from provision_py.drupal.pages import Page, Verdict, examine
from provision_py.errors import ProvisionError, UsageError
from provision_py.php.values import PhpValue, php_list
from provision_py.system import fanout
from provision_py.system.host import Secret

FETCH_TIMEOUT = 30.0

#: Clocks further apart than this make sessions and one-time links fail by chance. Seconds.
CLOCK_TOLERANCE = 5.0

#: Less free space than this, in bytes, lets uploads and caches fail soon.
FREE_SPACE = 256 * 1024 * 1024

#: Runs on each web server, by its PHP; the job comes on its standard input, so no password is in a process list.
_FACTS = """
$job = json_decode(stream_get_contents(STDIN), true);
$facts = ["time" => microtime(true), "php" => PHP_MAJOR_VERSION . "." . PHP_MINOR_VERSION,
    "extensions" => array_map("strtolower", get_loaded_extensions()),
    "free" => is_dir($job["path"]) ? disk_free_space($job["path"]) : null,
    "resolves" => filter_var($job["host"], FILTER_VALIDATE_IP) || gethostbyname($job["host"]) !== $job["host"]];
mysqli_report(MYSQLI_REPORT_OFF);
$link = mysqli_init();
$link->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
$ok = @$link->real_connect($job["host"], $job["user"], $job["password"], $job["name"], $job["port"]);
$facts["login"] = $ok ? null : mysqli_connect_error();
echo json_encode($facts);
"""


@dataclass(frozen=True)
class MemberState:
    """What was found of one web server. ``problems`` empty: all is well."""

    server: str
    address: str
    problems: tuple[str, ...]
    title: str = ""
    facts: Mapping[str, Any] | None = None


def run(
    session: Session, context: Context | None, arguments: Sequence[str], options: Mapping[str, PhpValue]
) -> Shown:
    """Check a site on all its web servers. Exit status 1 when something is wrong."""
    if not isinstance(context, Site):
        raise UsageError("Name the site to check", hint="provision-py @site check")
    states = check_site(session, context)
    write_result(session.state, context.name, _result(states))
    data: PhpValue = php_list(
        {
            "server": state.server,
            "address": state.address,
            "ok": not state.problems,
            "title": state.title,
            "problems": php_list(state.problems),
        }
        for state in states
    )
    failed = any(state.problems for state in states)
    return Shown(data, as_table=lambda: _table(states), status=1 if failed else 0)


def _result(states: Sequence[MemberState]) -> CheckResult:
    members = {one.server: MemberResult(FAILED if one.problems else OK, "; ".join(one.problems)) for one in states}
    failed = [one.server for one in states if one.problems]
    message = f"wrong on {', '.join(failed)}" if failed else ""
    return CheckResult(FAILED if failed else OK, int(time.time()), message, members)


def check_site(session: Session, site: Site) -> list[MemberState]:
    """Ask every web server of the site, side by side. Raises ContextError when no database is on record."""
    credentials = SiteState.read(site).credentials(site)
    servers = session.http(site.web_server).config_servers()
    found, failures = fanout.each(servers, lambda server: _look(session, site, server, credentials))
    states = {server.name: state for server, state in found}
    for failure in failures:
        states[failure.item.name] = MemberState(failure.item.name, failure.item.remote_host, (failure.error.what,))
    return _compared([states[server.name] for server in servers])


def _look(session: Session, site: Site, server: Server, credentials: Credentials) -> MemberState:
    before = time.time()
    facts = _facts(session, site, server, credentials)
    after = time.time()
    here = session.host_of(server).is_local
    verdict = _page(site, server, "127.0.0.1" if here else server.remote_host)
    problems = [*verdict.problems, *_fact_problems(facts, before, after, site, server)]
    return MemberState(server.name, server.remote_host, tuple(problems), verdict.title, facts)


def _facts(session: Session, site: Site, server: Server, credentials: Credentials) -> Mapping[str, Any]:
    job = {
        "path": site.site_path,
        "host": credentials.host,
        "port": credentials.port,
        "user": credentials.user,
        "password": credentials.password.reveal(),
        "name": credentials.name,
    }
    done = session.host_of(server).run(["php", "-r", _FACTS], stdin=Secret(json.dumps(job)), timeout=60)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        raise ProvisionError(
            f"PHP on @{server.name} gave no answer", where=server.remote_host, hint=done.stderr.strip()[-300:]
        ) from None
    return found if isinstance(found, dict) else {}


def _fact_problems(facts: Mapping[str, Any], before: float, after: float, site: Site, server: Server) -> list[str]:
    problems = []
    clock = float(facts.get("time") or 0)
    apart = max(before - clock, clock - after, 0.0)
    if apart > CLOCK_TOLERANCE:
        problems.append(f"its clock is {apart:.0f} seconds apart from the hub's")
    free = facts.get("free")
    if free is None:
        problems.append(f"it has no folder {site.site_path}")
    elif free < FREE_SPACE:
        problems.append(f"only {free / 1024 / 1024:.0f} MiB are free for {site.site_path}")
    if not facts.get("resolves"):
        problems.append(f"it does not know the address of the database server {site.db_server.remote_host}")
    elif facts.get("login"):
        problems.append(f"the database refuses the site: {facts['login']}")
    return problems


def _compared(states: list[MemberState]) -> list[MemberState]:
    """Differences of pages and PHP between members, told of the ones that differ from the first."""
    known = [state for state in states if state.facts]
    if len(known) < 2:
        return states
    first, compared = known[0], []
    wanted = first.facts or {}
    for state in states:
        extra: list[str] = []
        if state.facts and state is not first:
            if state.facts.get("php") != wanted.get("php"):
                extra.append(f"its PHP is {state.facts.get('php')}, that of @{first.server} {wanted.get('php')}")
            missing = sorted({*wanted.get("extensions", [])} - {*state.facts.get("extensions", [])})
            if state.title != first.title:
                extra.append(f"its front page is titled “{state.title}”, that of @{first.server} “{first.title}”")
            if missing:
                extra.append(f"its PHP lacks {', '.join(missing)}, which @{first.server} has")
        compared.append(MemberState(state.server, state.address, (*state.problems, *extra), state.title, state.facts))
    return compared


def _page(site: Site, server: Server, address: str) -> Verdict:
    """The site's front page from one server, by that server's own address."""
    port = int(str(server.properties.get("http_port") or 80))
    host = site.redirection or site.uri
    connection = http.client.HTTPConnection(address, port, timeout=FETCH_TIMEOUT)
    try:
        connection.request("GET", "/", headers={"Host": host, "User-Agent": "provision-py", "Connection": "close"})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        page = Page(answer.status, headers, answer.read())
    except (OSError, http.client.HTTPException, socket.gaierror) as error:
        return Verdict((f"it does not answer on port {port}: {error}",))
    finally:
        connection.close()
    return examine(page, host=host, enabled=site.enabled, others=(site.uri, *site.aliases))


def _table(states: Sequence[MemberState]) -> str:
    lines = []
    for state in states:
        lines.append(f"@{state.server} ({state.address}): {'; '.join(state.problems) or f'well, “{state.title}”'}")
    return "\n".join(lines) + "\n"
