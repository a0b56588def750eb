"""The PHP bridge: what must run inside Drupal, done by one PHP process per command.

The job goes to PHP as JSON on its standard input, database credentials included. The answer comes back on its
standard output in lines that carry a random mark, so that whatever modules print, PHP complains about, or a fatal
error leaves half done, is told apart from it and becomes log entries. See ``provision_py/drupal/php/channel.php``.

Locally PHP reads the bridge from this package. On another host nothing is installed: the code goes with the job.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from provision_py.drupal.fatalhints import fatal_hint
from provision_py.drupal.frames import FrameReader
from provision_py.drupal.model import Credentials
from provision_py.errors import DrupalError, ProcessError
from provision_py.system.host import Host, Secret

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

PHP_FOLDER = Path(__file__).parent / "php"
_SOURCES = ("channel.php", "family.php", "drupal7.php", "drupal8.php", "bridge.php")
#: Runs code that comes with the job. It must stay free of the job's data: it is seen in the process list.
_LOADER = (
    "$d=json_decode(stream_get_contents(STDIN),true);$GLOBALS['provision_bridge_job']=$d['job'];"
    "foreach($d['code'] as $c){eval('?>'.$c);}"
)
_NOISE_SHOWN = 100
_PHP_FATAL = re.compile(r"(PHP )?(Fatal|Parse) error: ")
_SITE_DIR = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Operation:
    """One thing to do inside Drupal; made by the functions below."""

    name: str
    arguments: Mapping[str, Json | Secret] = field(default_factory=dict)


def install(
    *,
    profile: str,
    language: str = "en",
    site_name: str,
    site_mail: str | None,
    account_name: str = "admin",
    account_mail: str | None = None,
    account_password: Secret | None = None,
) -> Operation:
    """Run Drupal's installer (Provision's ``platform/drupal/install_*.inc``). Result: ``{profile}``.

    An invalid or missing mail address is replaced with a warning; without a password PHP makes a random one that
    nobody learns.
    """
    return Operation(
        "install",
        {
            "profile": profile,
            "language": language,
            "site_name": site_name,
            "site_mail": site_mail,
            "account_name": account_name,
            "account_mail": account_mail,
            "account_password": account_password,
        },
    )


def flush_caches() -> Operation:
    """Rebuild all caches. Result: None."""
    return Operation("flush_caches")


def login_link() -> Operation:
    """A one-time login of user 1. Result: an absolute URL on the job's ``base_url``."""
    return Operation("login_link")


def welcome_mail(profile: str) -> Operation:
    """Mail user 1 a one-time login. Result: whether the site's mail system took the mail."""
    return Operation("welcome_mail", {"profile": profile})


def cron_key() -> Operation:
    """The key of the site's cron URL. Result: a string, ``drupal`` where a Drupal 7 site has none."""
    return Operation("cron_key")


def site_packages() -> Operation:
    """What is enabled, as Drupal stores it.

    Result for 7: ``{profile, system: [row of the system table, info unserialised, …]}``; for 8 and later:
    ``{profile, modules: {name: weight}, themes: {name: weight}, schema: {module: installed schema}}``.
    """
    return Operation("site_packages")


def status() -> Operation:
    """Whether the site is there and starts; works on a site that is not installed.

    Result: ``{version, installed, bootstrapped, profile, language, maintenance}``.
    """
    return Operation("status")


def run_cron() -> Operation:
    """Run the site's cron. Result: False when another run holds the lock."""
    return Operation("run_cron")


def maintenance_mode(enabled: bool) -> Operation:
    """Switch the site's own maintenance mode, which is stored in its database. Result: None."""
    return Operation("maintenance_mode", {"enabled": enabled})


@dataclass(frozen=True)
class BridgeJob:
    """Operations to perform on one site, in order, in one PHP process.

    ``site_dir`` is the folder below ``sites/`` (default: ``uri``). ``base_url`` is where people reach the site
    (``https://other.example.test``), without a trailing slash (default: ``http://<uri>``). ``credentials`` are needed
    where settings.php takes them from the environment. ``timeout`` is in seconds.
    """

    docroot: str
    uri: str
    major: int
    operations: tuple[Operation, ...]
    credentials: Credentials | None = None
    base_url: str | None = None
    site_dir: str | None = None
    php: str = "php"
    memory_limit: str = "1G"
    timeout: float = 1800.0

    def __post_init__(self) -> None:
        names = [operation.name for operation in self.operations]
        if not names or len(set(names)) != len(names):
            raise ValueError("a job needs operations, each once")
        if not _SITE_DIR.fullmatch(self.site_dir or self.uri):
            raise DrupalError(
                f"{self.site_dir or self.uri!r} is not a name of a site folder",
                where=self.docroot,
                code="PROVISION_URL_REQUIRED",
            )
        url = urlsplit(self.url)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise DrupalError(
                f"{self.url!r} is not the address of a site", where=self.docroot, code="PROVISION_URL_REQUIRED"
            )

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not be shown, whoever prints it."""
        given = (value for operation in self.operations for value in operation.arguments.values())
        known = [value for value in given if isinstance(value, Secret)]
        if self.credentials:
            known.append(self.credentials.password)
        return tuple(secret.reveal() for secret in known if secret)

    @property
    def url(self) -> str:
        return (self.base_url or f"http://{self.uri}").rstrip("/")


@dataclass(frozen=True)
class BridgeLogEntry:
    """Something that happened inside Drupal.

    ``type``: ``debug``, ``info``, ``notice``, ``warning``, ``error``. ``source``: ``bridge`` (progress), ``php`` (an
    error PHP reported), ``log`` (Drupal's log), ``message`` (meant for the person at the screen), ``output``
    (printed). ``file`` is relative to the docroot where it lies in it.
    """

    type: str
    message: str
    source: str = "bridge"
    file: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.message} ({self.file}:{self.line})" if self.file else self.message


@dataclass(frozen=True)
class BridgeAnswer:
    """Results by operation name, and the log in order."""

    results: Mapping[str, Json]
    log: tuple[BridgeLogEntry, ...]


class BridgeError(DrupalError):
    """Drupal did not do what was asked. ``answer`` holds what it did and said before."""

    code = "PROVISION_DRUPAL_FAILED"

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        code: str | None = None,
        answer: BridgeAnswer | None = None,
    ) -> None:
        super().__init__(what, where=where, hint=hint, code=code)
        self.answer = answer or BridgeAnswer({}, ())


def run_job(host: Host, job: BridgeJob, *, on_entry: Callable[[BridgeLogEntry], None] | None = None) -> BridgeAnswer:
    """Start PHP on ``host``, perform the job and wait for its end.

    ``on_entry`` gets each log entry as it happens. Raises BridgeError, whose code is that of the failure:
    ``DRUPAL_INSTALL_FAILED`` (anything that goes wrong inside the installer), ``PROVISION_DRUPAL_FATAL`` (PHP died or
    code ended it), ``PROVISION_DRUPAL_FAILED`` (an exception), ``PROVISION_DRUPAL_TIMEOUT``,
    ``PROVISION_DB_CONNECT_FAIL``, ``PROVISION_SITE_INSTALLED``, ``PROVISION_SITE_NOT_INSTALLED``,
    ``DRUPAL_NO_SETTINGS``, ``DRUSH_INVALID_DRUPAL_ROOT``; HostError when PHP cannot be started.
    """
    nonce = secrets.token_hex(16)
    reader = _AnswerReader(nonce, job, on_entry)
    argv, stdin = _command(host, job, nonce)
    try:
        done = host.run(argv, stdin=stdin, cwd="/", timeout=job.timeout, check=False, on_line=reader.feed)
    except ProcessError as error:
        if reader.begun:
            raise _failure(job, reader, {"kind": "timeout", "message": error.what}) from None
        raise
    if reader.final is None:
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        raise _failure(job, reader, {"kind": "fatal", "message": f"PHP ended with {how} and without an answer"})
    if not reader.final.get("ok"):
        raise _failure(job, reader, reader.final)
    return reader.answer()


def _command(host: Host, job: BridgeJob, nonce: str) -> tuple[Sequence[str], Secret]:
    options = {
        "memory_limit": job.memory_limit,
        "max_execution_time": "0",
        "display_errors": "0",
        "log_errors": "0",
        "html_errors": "0",
        "auto_prepend_file": "",
        "auto_append_file": "",
        "output_buffering": "0",
        "zend.exception_ignore_args": "1",
    }
    argv = [job.php, *(item for key, value in options.items() for item in ("-d", f"{key}={value}"))]
    payload: dict[str, Any] = {
        "nonce": nonce,
        "docroot": job.docroot,
        "uri": job.uri,
        "site_dir": job.site_dir or job.uri,
        "base_url": job.url,
        "major": job.major,
        "server": _server_variables(job.credentials),
        "secrets": job.secrets,
        "operations": [{"op": item.name, "args": item.arguments or {}} for item in job.operations],
    }
    if host.is_local:
        return [*argv, str(PHP_FOLDER / "bridge.php")], Secret(json.dumps(payload, default=_revealed))
    code = [(PHP_FOLDER / name).read_text() for name in _SOURCES]
    return [*argv, "-r", _LOADER], Secret(json.dumps({"job": payload, "code": code}, default=_revealed))


def _revealed(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} is nothing that PHP gets")


def _server_variables(credentials: Credentials | None) -> dict[str, str]:
    """What a vhost gives PHP for a site with cloaked credentials (all strings, as a web server's are)."""
    if credentials is None:
        return {}
    return {
        "db_type": credentials.driver,
        "db_port": str(credentials.port),
        "db_host": credentials.host,
        "db_user": credentials.user,
        "db_passwd": credentials.password.reveal(),
        "db_name": credentials.name,
    }


class _AnswerReader:
    """Collects the lines of one PHP process into results, log entries and the final message."""

    def __init__(self, nonce: str, job: BridgeJob, on_entry: Callable[[BridgeLogEntry], None] | None) -> None:
        self.frames = FrameReader(nonce)
        self.results: dict[str, Json] = {}
        self.log: list[BridgeLogEntry] = []
        self.final: Mapping[str, Any] | None = None
        self.begun: str | None = None
        self._on_entry = on_entry
        self._secrets = job.secrets
        self._noise = 0

    def feed(self, line: str) -> None:
        message = self.frames.feed(line)
        if message is None:
            return
        if isinstance(message, str):
            self._noise += 1
            if self._noise <= _NOISE_SHOWN:
                fatal = _PHP_FATAL.match(message)
                self._add(BridgeLogEntry("warning" if fatal else "notice", message, "php" if fatal else "output"))
            return
        kind = message.get("t")
        if kind == "begin":
            self.begun = message["op"]
        elif kind == "result":
            self.results[message["op"]] = message["data"]
        elif kind == "end":
            self.final = message
        elif kind == "log":
            self._add(
                BridgeLogEntry(
                    message["type"], message["message"], message["source"], message["file"], message["line"]
                )
            )

    def answer(self) -> BridgeAnswer:
        return BridgeAnswer(dict(self.results), tuple(self.log))

    def redacted(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "********")
        return text

    def _add(self, entry: BridgeLogEntry) -> None:
        entry = BridgeLogEntry(entry.type, self.redacted(entry.message), entry.source, entry.file, entry.line)
        self.log.append(entry)
        if self._on_entry is not None:
            self._on_entry(entry)


_CODES = {"fatal": "PROVISION_DRUPAL_FATAL", "exit": "PROVISION_DRUPAL_FATAL", "timeout": "PROVISION_DRUPAL_TIMEOUT"}
_HINTS = {
    "PROVISION_DB_CONNECT_FAIL": "Check that the database server runs and accepts the site's user from this host",
    "PROVISION_SITE_INSTALLED": "Delete the site first, or verify it to take it over",
    "PROVISION_SITE_NOT_INSTALLED": "Install the site first",
    "PROVISION_DRUPAL_TIMEOUT": "Raise the time limit if the site needs longer",
}


def _hint(job: BridgeJob, final: Mapping[str, Any]) -> str:
    if final["kind"] != "fatal" or not final.get("php"):
        return ""
    return fatal_hint(str(final["message"]), final.get("file"), php=final["php"], major=job.major)


def _failure(job: BridgeJob, reader: _AnswerReader, final: Mapping[str, Any]) -> BridgeError:
    message = reader.redacted(str(final["message"]))
    if final.get("file"):
        message += f" in {final['file']}:{final['line']}"
    code = final.get("code") or ("DRUPAL_INSTALL_FAILED" if reader.begun == "install" else _CODES.get(final["kind"]))
    doing = f"Drupal failed at {reader.begun.replace('_', ' ')}" if reader.begun else "Drupal did not start"
    reader._add(BridgeLogEntry("error", message, "php" if final["kind"] == "fatal" else "bridge"))
    return BridgeError(
        f"{doing}: {message}",
        where=f"{job.docroot}, sites/{job.site_dir or job.uri}",
        hint=_HINTS.get(code or "") or _hint(job, final),
        code=code,
        answer=reader.answer(),
    )
