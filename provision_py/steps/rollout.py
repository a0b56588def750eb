"""Changing web servers: write on all, test on all, load on all, or everything back on all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from provision_py.errors import ProcessError, ProvisionError, ServiceError
from provision_py.steps.files import look_at, remember_all, restore, shown_names, write_files
from provision_py.steps.step import Note, Record, World, undoes
from provision_py.system import fanout
from provision_py.system.configfile import ConfigFile
from provision_py.system.host import Host, Look
from provision_py.system.locks import FileLock

Value = TypeVar("Value")

TEST_TIMEOUT = 60.0
RELOAD_TIMEOUT = 120.0
LOCK_TIMEOUT = 300.0


@dataclass(frozen=True)
class Member:
    """One web server's part of a rollout.

    ``test`` None: the server cannot test its configuration. ``reload`` None: it needs no reload.
    """

    server: str
    files: Sequence[ConfigFile]
    test: Sequence[str] | None
    reload: Sequence[str] | None


@dataclass(frozen=True)
class Rollout:
    """Change the configuration of one or more web servers, as one.

    Holds a lock per server from the first look to the last reload, so that what is remembered is what is replaced and
    a test never sees half of somebody else's change. What one member rejects is put back on every member, before the
    locks are given back.
    """

    members: Sequence[Member]
    description: str = "Write the web server's configuration"
    kind: str = "rollout"
    #: Names of the servers whose files were not yet what they should be; known once the step has acted.
    changed: set[str] = field(default_factory=set, compare=False)

    #: What was found on each member, while nobody else may change it.
    _found: dict[int, Look] = field(default_factory=dict, init=False, repr=False, compare=False)

    def hold(self, world: World) -> AbstractContextManager[None]:
        return _locked(world, [(member.server, bool(member.test or member.reload)) for member in self.members])

    def prepare(self, world: World, vault: Path) -> Record:
        found, failures = fanout.each(self.members, lambda member: self._look(world, member, vault))
        _raise_for(
            failures,
            lambda error: "cannot be prepared, so nothing was changed anywhere",
            lambda member: member.server,
        )
        return {"members": [record for _, record in found]}

    def apply(self, world: World, record: Record, note: Note) -> None:
        try:
            written = self._phase(world, self._write_and_test, _why_not_taken)
        except ServiceError:
            # What cannot be put back now, undoing the step tells and tries again.
            _put_back(world, record["members"])
            raise
        self.changed.update(member.server for member, paths in written if paths)
        note({"reloaded": True})
        self._phase(world, _reload, lambda error: "could not be reloaded")

    def _look(self, world: World, member: Member, vault: Path) -> Record:
        host = world.host(member.server)
        found = self._found[id(member)] = look_at(host, member.files)
        return {
            "server": member.server,
            "former": remember_all(host, member.files, vault, found),
            "test": list(member.test) if member.test else None,
            "reload": list(member.reload) if member.reload else None,
        }

    def _write_and_test(self, world: World, member: Member) -> list[str]:
        host = world.host(member.server)
        changed = write_files(host, member.files, self._found[id(member)])
        if changed:
            world.log.info(f"{self.description}: {shown_names(changed)}", host=host.name)
        if member.test is not None:
            check_configuration(host, member.test)
        return changed

    def _phase(
        self, world: World, work: Callable[[World, Member], Value], failing: Callable[[ProvisionError], str]
    ) -> list[tuple[Member, Value]]:
        found, failures = fanout.each(self.members, lambda member: work(world, member))
        _raise_for(failures, failing, lambda member: world.host(member.server).name)
        return found


def _why_not_taken(error: ProvisionError) -> str:
    return "rejects its configuration" if isinstance(error, ServiceError) else "did not take its files"


@undoes("rollout")
def undo_rollout(world: World, record: Mapping[str, Any]) -> None:
    members = record["members"]
    with _locked(world, [(member["server"], bool(member["test"] or member["reload"])) for member in members]):
        restored, missing = _put_back(world, members)
        if record.get("reloaded"):
            # Also when others are out of reach: who has its former files should serve by them.
            loading = [member for member in restored if member["reload"]]
            _, failures = fanout.each(loading, lambda member: _load_again(world, member))
            for failure in failures:
                # Its files are as they were, and the rest has still to be undone.
                told = f"@{failure.item['server']} did not load its former configuration: {failure.error}"
                world.log.warning(told, code=failure.error.code)
        _raise_for(missing, lambda error: "did not take its former files back", lambda member: str(member["server"]))


def _put_back(
    world: World, members: Sequence[Mapping[str, Any]]
) -> tuple[list[Mapping[str, Any]], list[fanout.Failure[Mapping[str, Any]]]]:
    """The members that have their former files again, and those that have not."""

    def put_back(member: Mapping[str, Any]) -> None:
        host = world.host(member["server"])
        for former in reversed(member["former"]):
            restore(host, former, world.log)

    done, failures = fanout.each(members, put_back)
    return [member for member, _ in done], failures


def _reload(world: World, member: Member) -> None:
    if member.reload is not None:
        host = world.host(member.server)
        reload_server(host, member.reload)
        world.log.success("The web server has taken its configuration", host=host.name)


def _load_again(world: World, member: Mapping[str, Any]) -> None:
    host = world.host(member["server"])
    if member["test"]:
        check_configuration(host, member["test"])
    reload_server(host, member["reload"])


def check_configuration(host: Host, test: Sequence[str]) -> None:
    """Let a web server test its whole configuration. Raises ServiceError with its own words."""
    try:
        host.run(test, timeout=TEST_TIMEOUT)
    except ProcessError as error:
        raise ServiceError(
            f"The web server rejects its configuration: {error.output or error.what}",
            where=error.where,
            hint="The former files are back in place; correct what the web server names and run the task again",
            code="PROVISION_CONFIG_TEST_FAILED",
        ) from error


def reload_server(host: Host, reload: Sequence[str]) -> None:
    """Let a web server read its configuration again. Raises ServiceError with its own words."""
    try:
        host.run(reload, timeout=RELOAD_TIMEOUT)
    except ProcessError as error:
        raise ServiceError(
            f"The web server could not be reloaded: {error.output or error.what}",
            where=error.where,
            hint="Check that it runs and that the aegir user may reload it (sudoers)",
            code="PROVISION_WEB_RELOAD_FAILED",
        ) from error


def _raise_for(
    failures: Sequence[fanout.Failure[Any]], failing: Callable[[ProvisionError], str], name: Callable[[Any], str]
) -> None:
    """One member's failure as it is; those of several together, each with its member."""
    if not failures:
        return
    first = failures[0].error
    if len(failures) == 1:
        if isinstance(first, ServiceError):
            raise first
        raise ServiceError(
            f"{name(failures[0].item)} {failing(first)}: {first.what}",
            where=first.where,
            hint=first.hint,
            code=first.code,
        ) from first
    lines = "; ".join(
        f"{name(failure.item)} {failing(failure.error)}: {_told(failure.error)}" for failure in failures
    )
    raise ServiceError(f"{len(failures)} web servers failed. {lines}", hint=first.hint, code=first.code) from first


def _told(error: ProvisionError) -> str:
    return f"{error.what} ({error.where})" if error.where else error.what


@contextmanager
def _locked(world: World, parts: Sequence[tuple[str, bool]]) -> Iterator[None]:
    """The locks of all servers, in the order of their names, so that two rollouts never wait for each other. A part
    is a server, and whether it loads what it gets.

    One that only gets files is left out: copies on the hub belong to a server that is among them, and rollouts of
    others need not wait. The hub may have a part of each kind.
    """
    loading = {server for server, loads in parts if loads} or {server for server, _ in parts}
    with ExitStack() as stack:
        for server in sorted(loading):
            stack.enter_context(FileLock(world.reload_lock(server), timeout=LOCK_TIMEOUT))
        yield
