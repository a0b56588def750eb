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
from provision_py.services import phpfpm
from provision_py.system import fanout
from provision_py.system.host import Completed, Program, Secret

#: Clocks further apart than this make sessions and one-time links fail by chance. Seconds.
CLOCK_TOLERANCE = 5.0

#: Less free space than this, in bytes, lets uploads and caches fail soon.
FREE_SPACE = 256 * 1024 * 1024

TIMEOUT = 60.0

#: PHP without its configuration starts in a third of the time. Where it lacks something then, the usual one is asked.
BARE_PHP = ("-n", "-d", "display_errors=0", "-d", "extension=mysqlnd", "-d", "extension=mysqli")

#: Extensions of those who write code: a server may have them alone.
_DEVELOPERS = frozenset({"blackfire", "pcov", "runkit7", "spx", "uopz", "vld", "xdebug", "xhprof"})

#: What serves visitors, in words.
_SERVING = {"fpm": "php-fpm", "apache2": "PHP in Apache"}

#: So many of the servers that have what another lacks are named.
_TOLD = 3

#: Runs on each web server, by its PHP; the job comes on its standard input, so no password is in a process list.
#: Extensions are those that the configuration names, as far as their files are there, and those built into PHP. PHP
#: without its configuration gives no answer where that moves the folder of extensions. That a name has no address is
#: told by the login, in the words of mysqlnd or by libmysqlclient's number: gethostbyname() would know IPv4 alone.
#: What the PHP that serves visitors loads is read from its files in Debian's layout; of another one nothing is said.
_FACTS = r"""
$job = json_decode(stream_get_contents(STDIN), true);
$folder = $job["path"];
while (!is_dir($folder) && $folder !== dirname($folder)) { $folder = dirname($folder); }
$facts = ["time" => microtime(true), "php" => PHP_MAJOR_VERSION . "." . PHP_MINOR_VERSION,
    "extensions" => extensions(), "serving" => serving($job["serves"], $job["socket"]),
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

function built_in() {
    $found = [];
    foreach (get_loaded_extensions() as $name) {
        $name = str_replace("zend ", "", strtolower($name));
        if (!is_file(ini_get("extension_dir") . "/$name.so")) { $found[] = $name; }
    }
    return $found;
}

function scanned($folder) {
    $files = [];
    foreach ($folder === "" ? [] : (array) @scandir($folder) as $name) {
        if (substr((string) $name, -4) === ".ini") { $files[] = "$folder/$name"; }
    }
    return $files;
}

function text($files) {
    $text = "";
    foreach ($files as $file) { $text .= @file_get_contents($file) . "\n"; }
    return $text;
}

function loaded($text, $folders) {
    $found = [];
    preg_match_all('/^[ \t]*(?:zend_)?extension[ \t]*=[ \t]*"?([^"\s;]+)/im', $text, $named);
    foreach ($named[1] as $name) {
        $file = preg_replace('/\.so$/', "", $name) . ".so";
        foreach (strpos($name, "/") === false ? $folders : [""] as $folder) {
            $path = $folder === "" ? $name : "$folder/$file";
            if (is_file($path)) { $found[] = strtolower(basename($path, ".so")); break; }
        }
    }
    return $found;
}

function extensions() {
    $own = is_file(PHP_CONFIG_FILE_PATH . "/php-cli.ini") ? "php-cli.ini" : "php.ini";
    $files = [PHP_CONFIG_FILE_PATH . "/$own"];
    foreach (explode(PATH_SEPARATOR, (string) getenv("PHP_INI_SCAN_DIR")) as $more) {
        $files = array_merge($files, scanned($more === "" ? PHP_CONFIG_FILE_SCAN_DIR : $more));
    }
    $text = text($files);
    $bare = !php_ini_loaded_file() && !php_ini_scanned_files();
    if ($bare && preg_match('/^[ \t]*extension_dir[ \t]*=/im', $text)) { exit(1); }
    return array_values(array_unique(array_merge(built_in(), loaded($text, [ini_get("extension_dir")]))));
}

function serving($kind, $socket) {
    if ($kind === "") { return null; }
    $name = $socket === "" ? "" : basename(realpath($socket) ?: $socket);
    if ($kind === "apache") {
        $modules = glob("/etc/apache2/mods-enabled/php*.load");
        $kind = $modules ? "apache2" : "fpm";
        $files = $modules ?: glob("/etc/apache2/conf-enabled/php*-fpm.conf");
        $name = $files ? basename($files[0]) : "";
    }
    $usual = PHP_MAJOR_VERSION . "." . PHP_MINOR_VERSION;
    $version = preg_match('/php-?(\d+\.\d+)/', $name, $found) ? $found[1] : $usual;
    $folder = "/etc/php/$version/$kind";
    if (!is_readable("$folder/conf.d")) { return null; }
    $text = text(array_merge(["$folder/php.ini"], scanned("$folder/conf.d")));
    $folders = [PHP_EXTENSION_DIR];
    if (preg_match('/^[ \t]*extension_dir[ \t]*=[ \t]*"?([^"\s;]+)/im', $text, $found)) {
        $folders = [$found[1]];
    } elseif ($version !== $usual) {
        $folders = glob(dirname(PHP_EXTENSION_DIR) . "/*", GLOB_ONLYDIR) ?: [];
    }
    $all = array_values(array_unique(array_merge(built_in(), loaded($text, $folders))));
    return ["kind" => $kind, "extensions" => $all];
}
"""


@dataclass(frozen=True)
class Serving:
    """The PHP that serves visitors; ``kind`` is ``fpm`` or ``apache2``, as Debian's folders are called."""

    kind: str
    extensions: frozenset[str]


@dataclass(frozen=True)
class Facts:
    """What was found of one web server. ``problems`` empty: all is well as far as it alone goes.

    ``php`` and ``extensions`` are those of the command line. ``serving`` None: it is not known.
    """

    problems: tuple[str, ...] = ()
    php: str = ""
    extensions: frozenset[str] = frozenset()
    serving: Serving | None = None


def ask(session: Session, site: Site, server: Server, credentials: Credentials, *, has_site: bool = True) -> Facts:
    """The facts of one web server; ``has_site``: the site's folder should be there. Raises ProvisionError."""
    before = time.time()
    answer = _answer(session, server, _job(site, server, credentials))
    return weighed(answer, before, time.time(), site.site_path, site.db_server.remote_host, has_folder=has_site)


def question(site: Site, server: Server, credentials: Credentials) -> Program:
    """What to run on a web server to know what :func:`ask` would, in most cases."""
    return _program(_job(site, server, credentials), BARE_PHP)


def answered(site: Site, done: Completed, asked: float) -> Facts | None:
    """The facts from how the question's program, started at ``asked`` (unix seconds), has ended, the site's folder
    left aside. None: they have to be asked for by :func:`ask`."""
    answer = _read(done)
    if answer is None:
        return None
    return weighed(answer, asked, done.heard, site.site_path, site.db_server.remote_host, has_folder=False)


def _job(site: Site, server: Server, credentials: Credentials) -> Mapping[str, Any]:
    return {
        **_serves(server),
        "path": site.site_path,
        "host": credentials.host,
        "port": credentials.port,
        "user": credentials.user,
        "password": credentials.password.reveal(),
        "name": credentials.name,
    }


def _serves(server: Server) -> Mapping[str, Any]:
    """What runs PHP for visitors, as far as it is known here: which kind an Apache without a socket has, it knows."""
    web = server.service_types.get("http", "").partition("_")[0]
    if web == "nginx" or (web == "apache" and phpfpm.setting(server, "phpfpm_socket")):
        return {"serves": "fpm", "socket": phpfpm.socket_path(server)}
    return {"serves": "apache" if web == "apache" else "", "socket": ""}


def ask_server(session: Session, server: Server) -> Facts:
    """What does not depend on a site. Raises ProvisionError."""
    before = time.time()
    answer = _answer(session, server, {"path": server.aegir_root, **_serves(server)})
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
    serving = answer.get("serving")
    known = Serving(serving["kind"], frozenset(serving["extensions"])) if serving else None
    return Facts(tuple(told), str(answer.get("php") or ""), frozenset(answer.get("extensions") or ()), known)


def differences(found: Sequence[tuple[str, Facts]]) -> dict[str, tuple[str, ...]]:
    """How the PHP of web servers differs, by name; those that lack nothing are left out.

    Versions are compared with the first one's, extensions with what any has: on the command line, and in what serves
    visitors, be that php-fpm on one and within Apache on another.
    """
    if not found:
        return {}
    first, wanted = found[0]
    called = _lacking({name: facts.extensions for name, facts in found if facts.extensions})
    serving = _lacking({name: facts.serving.extensions for name, facts in found if facts.serving is not None})
    told = {}
    for name, facts in found:
        extra = []
        if facts.php != wanted.php:
            extra.append(f"its PHP is {facts.php}, that of @{first} {wanted.php}")
        lacks, here = called.get(name, {}), serving.get(name, {})
        if facts.serving is None:
            extra += _told("PHP", lacks)
        else:
            extra += _told("PHP", {one: having for one, having in here.items() if one in lacks})
            alone = {one: having for one, having in lacks.items() if one not in here}
            extra += _told("PHP on the command line", alone)
            alone = {one: having for one, having in here.items() if one not in lacks}
            extra += _told(_SERVING[facts.serving.kind], alone)
        if extra:
            told[name] = tuple(extra)
    return told


def _lacking(found: Mapping[str, frozenset[str]]) -> dict[str, dict[str, tuple[str, ...]]]:
    """By server, the extensions that it lacks, each with those that have it."""
    every = frozenset().union(*found.values()) - _DEVELOPERS
    having = {one: tuple(name for name, own in found.items() if one in own) for one in sorted(every)}
    return {name: {one: names for one, names in having.items() if one not in own} for name, own in found.items()}


def _told(php: str, lacking: Mapping[str, tuple[str, ...]]) -> list[str]:
    """What this PHP lacks, in a sentence for each group of servers that has it."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for extension, having in lacking.items():
        groups.setdefault(having, []).append(extension)
    return [f"its {php} lacks {', '.join(names)}, which {_named(having)}" for having, names in groups.items()]


def _named(servers: Sequence[str]) -> str:
    if len(servers) == 1:
        return f"@{servers[0]} has"
    if len(servers) > _TOLD:
        return f"{', '.join(f'@{name}' for name in servers[:_TOLD])} and {len(servers) - _TOLD} more have"
    return f"{', '.join(f'@{name}' for name in servers[:-1])} and @{servers[-1]} have"
