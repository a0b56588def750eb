"""Asks web servers what a site needs of them: database, clock, disk, PHP. One round trip each, over what is open."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provision_py.commands.session import Session
from provision_py.contexts.model import Server, Site
from provision_py.drupal.model import Credentials
from provision_py.errors import ProvisionError
from provision_py.system import fanout
from provision_py.system.host import Completed, Program, Secret

#: Clocks further apart than this make sessions and one-time links fail by chance. Seconds.
CLOCK_TOLERANCE = 5.0

#: Less free space than this, in bytes, lets uploads and caches fail soon.
FREE_SPACE = 256 * 1024 * 1024

TIMEOUT = 60.0

#: PHP without its configuration starts in a third of the time. Where it lacks something then, the usual one is asked.
BARE_PHP = ("-n", "-d", "display_errors=0", "-d", "extension=mysqlnd", "-d", "extension=mysqli")

#: Runs on each web server, by its PHP; the job comes on its standard input, so no password is in a process list.
#: Extensions are those that the configuration names, as far as their files are there, and those built into PHP. PHP
#: without its configuration gives no answer where that moves the folder of extensions. That a name has no address is
#: told by the login, in the words of mysqlnd or by libmysqlclient's number: gethostbyname() would know IPv4 alone.
_FACTS = r"""
$job = json_decode(stream_get_contents(STDIN), true);
$folder = $job["path"];
while (!is_dir($folder) && $folder !== dirname($folder)) { $folder = dirname($folder); }
$facts = ["time" => microtime(true), "php" => PHP_MAJOR_VERSION . "." . PHP_MINOR_VERSION,
    "extensions" => extensions(PHP_EXTENSION_DIR),
    "there" => is_dir($job["path"]), "free" => disk_free_space($folder),
    "resolves" => true, "login" => null];
if (!isset($job["host"])) { exit(json_encode($facts)); }
$facts["code"] = is_file(dirname($job["path"], 2) . "/index.php");
mysqli_report(MYSQLI_REPORT_OFF);
$link = mysqli_init();
$link->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
$ok = @$link->real_connect($job["host"], $job["user"], $job["password"], $job["name"], $job["port"]);
$facts["login"] = $ok ? null : mysqli_connect_error();
$unknown = mysqli_connect_errno() === 2005 || strpos((string) $facts["login"], "getaddrinfo") !== false;
$facts["resolves"] = !$unknown || filter_var($job["host"], FILTER_VALIDATE_IP) !== false;
echo json_encode($facts);

function extensions($folder) {
    $found = [];
    foreach (get_loaded_extensions() as $name) {
        $name = str_replace("zend ", "", strtolower($name));
        if (!is_file("$folder/$name.so")) { $found[$name] = true; }
    }
    $bare = !php_ini_loaded_file() && !php_ini_scanned_files();
    $own = is_file(PHP_CONFIG_FILE_PATH . "/php-cli.ini") ? "php-cli.ini" : "php.ini";
    $files = [PHP_CONFIG_FILE_PATH . "/$own"];
    foreach (explode(PATH_SEPARATOR, (string) getenv("PHP_INI_SCAN_DIR")) as $more) {
        $more = $more === "" ? PHP_CONFIG_FILE_SCAN_DIR : $more;
        foreach ($more === "" ? [] : (array) @scandir($more) as $name) {
            if (substr((string) $name, -4) === ".ini") { $files[] = "$more/$name"; }
        }
    }
    foreach ($files as $file) {
        $text = (string) @file_get_contents($file);
        if ($bare && preg_match('/^[ \t]*extension_dir[ \t]*=/im', $text)) { exit(1); }
        preg_match_all('/^[ \t]*(?:zend_)?extension[ \t]*=[ \t]*"?([^"\s;]+)/im', $text, $named);
        foreach ($named[1] as $name) {
            $path = strpos($name, "/") === false ? "$folder/" . preg_replace('/\.so$/', "", $name) . ".so" : $name;
            if (is_file($path)) { $found[strtolower(basename($path, ".so"))] = true; }
        }
    }
    return array_keys($found);
}
"""


@dataclass(frozen=True)
class Facts:
    """What was found of one web server. ``problems`` empty: all is well as far as it alone goes."""

    problems: tuple[str, ...] = ()
    php: str = ""
    extensions: frozenset[str] = frozenset()


def ask(session: Session, site: Site, server: Server, credentials: Credentials, *, has_site: bool = True) -> Facts:
    """The facts of one web server; ``has_site``: the site's folder should be there. Raises ProvisionError."""
    before = time.time()
    answer = _answer(session, server, _job(site, credentials))
    return weighed(answer, before, time.time(), site.site_path, site.db_server.remote_host, has_folder=has_site)


def question(site: Site, credentials: Credentials) -> Program:
    """What to run on a web server to know what :func:`ask` would, in most cases."""
    return _program(_job(site, credentials), BARE_PHP)


def answered(site: Site, done: Completed, asked: float) -> Facts | None:
    """The facts from how the question's program, started at ``asked`` (unix seconds), has ended, the site's folder
    left aside. None: they have to be asked for by :func:`ask`."""
    answer = _read(done)
    if answer is None:
        return None
    return weighed(answer, asked, done.heard, site.site_path, site.db_server.remote_host, has_folder=False)


def _job(site: Site, credentials: Credentials) -> Mapping[str, Any]:
    return {
        "path": site.site_path,
        "host": credentials.host,
        "port": credentials.port,
        "user": credentials.user,
        "password": credentials.password.reveal(),
        "name": credentials.name,
    }


def ask_server(session: Session, server: Server) -> Facts:
    """What does not depend on a site. Raises ProvisionError."""
    before = time.time()
    answer = _answer(session, server, {"path": server.aegir_root})
    return weighed(answer, before, time.time(), server.aegir_root, "")


def doubts(
    session: Session, servers: Sequence[Server], question: Callable[[Server], Facts]
) -> dict[str, tuple[str, ...]]:
    """Ask servers side by side; what is wrong with each, which is also logged as warnings.

    Nobody is asked where all are this machine: what a command does there tells by itself.
    """
    if all(session.host_of(server).is_local for server in servers):
        return {}
    found, failures = fanout.each(servers, question)
    told: dict[str, tuple[str, ...]] = {
        failure.item.name: (f"it could not be asked: {failure.error.what}",) for failure in failures
    }
    differing = differences([(server.name, facts) for server, facts in found])
    for server, facts in found:
        told[server.name] = (*facts.problems, *differing.get(server.name, ()))
    for name, problems in told.items():
        for problem in problems:
            session.log.warning(f"@{name}: {problem}", code="PROVISION_MEMBER_DOUBTFUL")
    return told


def _answer(session: Session, server: Server, job: Mapping[str, Any]) -> Mapping[str, Any]:
    said = ""
    for options in (BARE_PHP, ()):
        program = _program(job, options)
        done = session.host_of(server).run(program.argv, stdin=program.stdin, timeout=TIMEOUT, check=False)
        answer = _read(done)
        if answer is not None:
            return answer
        said = done.stderr or done.stdout
    raise ProvisionError(f"PHP on @{server.name} gave no answer", where=server.remote_host, hint=said.strip()[-300:])


def _program(job: Mapping[str, Any], options: Sequence[str]) -> Program:
    return Program(("php", *options, "-r", _FACTS), Secret(json.dumps(job)))


def _read(done: Completed) -> Mapping[str, Any] | None:
    try:
        found = json.loads(done.stdout)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def weighed(
    answer: Mapping[str, Any],
    before: float,
    after: float,
    folder: str,
    db_host: str,
    *,
    has_folder: bool = True,
) -> Facts:
    """What an answer means that was asked for and came at these times (unix seconds)."""
    told = []
    clock = float(answer.get("time") or 0)
    apart = max(before - clock, clock - after, 0.0)
    if apart > CLOCK_TOLERANCE:
        told.append(f"its clock is {apart:.0f} seconds apart from the hub's")
    free = answer.get("free")
    if answer.get("code") is False:
        told.append(f"it has no {os.path.dirname(os.path.dirname(folder))}/index.php: verify the platform")
    if has_folder and not answer.get("there"):
        told.append(f"it has no folder {folder}")
    elif isinstance(free, (int, float)) and not isinstance(free, bool) and free < FREE_SPACE:
        told.append(f"only {free / 1024 / 1024:.0f} MiB are free for {folder}")
    if not answer.get("resolves"):
        told.append(f"it does not know the address of the database server {db_host}")
    elif answer.get("login"):
        told.append(f"the database refuses the site: {answer['login']}")
    extensions = frozenset(str(name) for name in answer.get("extensions") or ())
    return Facts(tuple(told), str(answer.get("php") or ""), extensions)


def differences(found: Sequence[tuple[str, Facts]]) -> dict[str, tuple[str, ...]]:
    """How the PHP of web servers differs from that of the first one, by name; those that do not differ left out."""
    if not found:
        return {}
    first, wanted = found[0]
    told = {}
    for name, facts in found[1:]:
        extra = []
        if facts.php != wanted.php:
            extra.append(f"its PHP is {facts.php}, that of @{first} {wanted.php}")
        missing = sorted(wanted.extensions - facts.extensions)
        if missing:
            extra.append(f"its PHP lacks {', '.join(missing)}, which @{first} has")
        if extra:
            told[name] = tuple(extra)
    return told
