"""One run of one command: what it works on, where it logs, and the journal of what it has begun."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from provision_py.contexts.model import Server
from provision_py.contexts.store import ContextStore
from provision_py.drupal.scan import ScanCache
from provision_py.errors import HostError, ProvisionError, ServiceError
from provision_py.php.files import read_drushrc
from provision_py.php.values import PhpValue, says_yes
from provision_py.services.base import HttpService
from provision_py.services.catalog import Catalog
from provision_py.services.db_mysql import DbMysql
from provision_py.services.plugins import Plugins
from provision_py.steps.journal import Journal, open_journal
from provision_py.steps.runner import clean_up, run_steps, undo_all
from provision_py.steps.step import Step
from provision_py.system.addresses import is_local
from provision_py.system.host import Host
from provision_py.system.local import LocalHost
from provision_py.system.stopping import deferring_signals
from provision_py.tasklog import Sink, TaskLog

# Connections to other machines are imported when the first one is needed.
if TYPE_CHECKING:
    from provision_py.system.ssh import SshPool

#: Folder below the aegir root that holds journals, locks and caches of provision-py; the original ignores it.
STATE = ".provision-py"


@dataclass
class Session:
    """Everything that a command needs, made once per run. Implements :class:`provision_py.steps.step.World`."""

    store: ContextStore
    plugins: Plugins
    catalog: Catalog
    log: TaskLog
    options: Mapping[int | str, PhpValue] = field(default_factory=dict)
    journal: Journal | None = None
    #: Servers that are out of reach and that the command goes on without, see :mod:`provision_py.commands.absence`.
    absent: frozenset[str] = frozenset()
    _hosts: dict[str, Host] = field(default_factory=dict)
    _here: dict[str, bool] = field(default_factory=dict)
    _hosts_lock: threading.Lock = field(default_factory=threading.Lock)
    _remote: SshPool | None = None
    committed: bool = False
    _undone: bool = False

    @functools.cached_property
    def master(self) -> Server:
        return self.store.server("server_master")

    @property
    def state(self) -> Path:
        return Path(self.master.aegir_root) / STATE

    @property
    def php(self) -> str:
        """The PHP that runs Drupal (option ``provision_php``)."""
        return self.text("provision_php") or "php"

    def flag(self, name: str, default: bool) -> bool:
        """A yes-or-no option of the command line or of ``~/.drush/drushrc.php``."""
        value = self.options.get(name)
        return default if value is None else says_yes(value)

    def text(self, name: str) -> str:
        """A text option; empty when it is not set."""
        value = self.options.get(name)
        return "" if value is None or isinstance(value, (dict, bool)) else str(value)

    def cache_file(self, name: str) -> str:
        """Path of a cache; everything there may be removed at any time."""
        return str(self.state / "cache" / name)

    def package_cache(self, name: str) -> ScanCache:
        """What is remembered of the info files of a code base."""
        return ScanCache.open(self.cache_file(f"{name}.json"))

    def save_package_cache(self, cache: ScanCache) -> None:
        self.tell_forgotten(cache.save())

    def tell_forgotten(self, problem: str | None) -> None:
        """Say why the info files of a code base cannot be remembered; None: they are."""
        if problem:
            self.log.notice(f"The next verify reads all info files again, they could not be remembered: {problem}")

    def learn(self, server: Server, service: str) -> Server:
        """Store what only the server itself can tell (restart command, php-fpm); the server as it is then."""
        found = self.catalog.service_of(server, service).detect(self.host_of(server))
        known = server.properties
        fresh = {key: value for key, value in found.items() if known.get(key) != value}
        return self.store.save_detected(server.name, fresh) if fresh else server

    def host_of(self, server: Server) -> Host:
        """The host of a server; others than this machine are connected when first used, once per session.

        Raises HostError (PROVISION_SSH_CONFIG) when ssh's configuration or the option ``ssh-options`` is malformed.
        """
        known = self._hosts.get(server.name)
        return known or self._hosts.setdefault(server.name, self._machine(server))

    def is_here(self, server: Server) -> bool:
        """Whether a server is this machine, without asking how others are reached."""
        if server.is_master:
            return True
        known = self._here.get(server.remote_host)
        return self._here.setdefault(server.remote_host, is_local(server.remote_host)) if known is None else known

    def _machine(self, server: Server) -> Host:
        if self.is_here(server):
            return LocalHost("localhost" if server.is_master else server.remote_host)
        with self._hosts_lock:
            if self._remote is None:
                from provision_py.system.ssh import SshPool
                from provision_py.system.sshconfig import SshSettings

                self._remote = SshPool(SshSettings.of_session(self.text("ssh-options")))
            remote = self._remote
        return remote.host(server.remote_host, server.script_user)

    def close(self) -> None:
        """Close the connections to other machines. A later use connects again."""
        with self._hosts_lock:
            remote, self._remote = self._remote, None
            self._hosts.clear()
        if remote is not None:
            remote.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def host(self, server: str) -> Host:
        return self.host_of(self.store.server(server))

    def http(self, server: Server) -> HttpService:
        """The http service of a server; of a group, without members that are left out (``absent``).

        Raises ServiceError when it has none.
        """
        service = self.catalog.service_of(server, "http")
        if not isinstance(service, HttpService):
            raise ServiceError(
                f"@{server.name} offers no web service",
                hint="Choose a web server that does, or enable the service on this server",
            )
        return service.without(self.absent)

    def db(self, server: Server) -> DbMysql:
        """The db service of a server. Raises ServiceError when it has none."""
        service = self.catalog.service_of(server, "db")
        if not isinstance(service, DbMysql):
            raise ServiceError(
                f"@{server.name} offers no database service",
                hint="Choose a database server that does, or enable the service on this server",
            )
        return service

    def database_admin(self, server: str) -> DbMysql:
        return self.db(self.store.server(server))

    def reload_lock(self, server: str) -> Path:
        return self.state / "locks" / f"web-{server}"

    def run(self, *steps: Step) -> None:
        """Run steps, on record in the journal. Only inside :meth:`journaled`."""
        if self.journal is None:
            raise RuntimeError("steps run only inside Session.journaled()")
        run_steps(steps, self.journal, self)

    @contextmanager
    def journaled(self, command: str, context: str, *, task: int | None = None, run: str = "") -> Iterator[None]:
        """A command: all its steps, or none. Whatever leaves the block as an exception undoes what was begun."""
        with open_journal(self.state / "journal", command=command, context=context, task=task, run=run) as journal:
            self.journal, self.committed = journal, False
            try:
                yield
                if not journal.committed:
                    journal.commit()
            except BaseException:
                if not journal.committed:
                    with deferring_signals():
                        self._undo(journal)
                raise
            finally:
                if journal.committed:
                    with deferring_signals():
                        clean_up(journal.begun, self)
                self.journal = None

    def commit(self) -> None:
        """The results of the command have been accepted: whatever happens now, nothing is undone."""
        assert self.journal is not None  # noqa: S101 (only inside journaled)
        try:
            self.journal.commit()
        except HostError:
            # Should we be killed before the journal is gone, recovery learns from the front end that they were.
            self.journal.committed = True
        self.committed = True

    def _undo(self, journal: Journal) -> None:
        self._undone = bool(journal.begun) and undo_all(journal, self)

    def report(self, error: ProvisionError) -> None:
        """Log why a command failed, and that nothing is left of it."""
        self.log.error(error)
        if self._undone:
            self.log.info("What had been begun was undone")
            self._undone = False


def new_session(
    drush_dir: Path, plugins: Plugins, *, sinks: Iterable[Sink] = (), options: Mapping[str, PhpValue] | None = None
) -> Session:
    """A session on the contexts in ``drush_dir``; ``options`` win over those of its ``drushrc.php``."""
    catalog = Catalog.from_plugins(plugins)
    known = read_drushrc(drush_dir / "drushrc.php", needed=False)
    return Session(
        store=ContextStore(drush_dir, catalog),
        plugins=plugins,
        catalog=catalog,
        log=TaskLog(sinks),
        options=known | dict((options or {}).items()),
    )
