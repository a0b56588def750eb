"""Runs a parsed command line: finds the command, opens a session, prints what comes out."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from provision_py.cli import formats, render
from provision_py.cli.arguments import FORMATS, CommandLine, parse
from provision_py.cli.main import FAILED, OK, USAGE
from provision_py.commands.identity import check_user
from provision_py.commands.registry import AS_ARGUMENT, IGNORED, NEEDED, Command, Registry, similar
from provision_py.errors import ProvisionError, UsageError
from provision_py.php.values import PhpArray, PhpValue
from provision_py.tasklog import FAILING, LogEntry, MemorySink, Sink

if TYPE_CHECKING:
    from provision_py.commands.session import Session
    from provision_py.contexts.model import Context
    from provision_py.services.plugins import Plugins

INTERRUPTED = 130
DRUSH_DIR_VARIABLE = "PROVISION_PY_DRUSH_DIR"
#: How long a command waits for another one on the same context, in seconds.
LOCK_TIMEOUT = 3600.0


def execute(words: Sequence[str]) -> int:
    """Run a command line and print what comes of it. Gives the exit status."""
    _open_missing_streams()
    _tolerate_any_text()
    wants_json = "--format=json" in words
    try:
        line = parse(words)
        if line.command == "help" or line.switches & {"help", "version"} or not words:
            return _inform(line)
        if line.command is None:
            raise UsageError("No command was given", where=" ".join(words), hint=f"Usage: {render.USAGE}")
        return _run(line)
    except ProvisionError as error:
        _print_error(error, wants_json)
        return _status_of(error)
    except KeyboardInterrupt:
        sys.stderr.write("Stopped\n")
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; nothing can be told to him.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except Exception as error:
        _print_defect(error, "--debug" in words or "-d" in words, wants_json)
        return FAILED


def _inform(line: CommandLine) -> int:
    """Version and help."""
    if "version" in line.switches:
        from provision_py import __version__

        sys.stdout.write(f"provision-py {__version__}\n")
        return OK
    topic = line.command if line.command != "help" else next(iter(line.arguments), None)
    registry = Registry(plugins=_plugins)
    text = render.command_help(registry.find(topic)) if topic else render.overview(registry.all())
    sys.stdout.write(text)
    return OK


def _plugins() -> Plugins:
    from provision_py.services.plugins import Plugins

    return Plugins.load()


def _run(line: CommandLine) -> int:
    assert line.command is not None  # noqa: S101 (the caller asks)
    command = Registry(plugins=_plugins).find(line.command)
    arguments = _arguments(command, line)
    _check_options(command, line)
    _check_format(command, line.format)
    if command.context == NEEDED and line.context is None:
        raise UsageError(
            f"{command.name} needs a context",
            hint=f"provision-py @name {command.name}, with a {' or '.join(command.context_types)}",
        )
    memory = MemorySink()
    sinks: list[Sink] = [memory]
    if line.format != "json":
        sinks.append(render.TerminalSink(sys.stderr, line.verbosity))
    try:
        result = _call(command, line, arguments, sinks)
    except ProvisionError as error:
        if line.format == "json":
            _print_error(error, True, memory.entries)
        elif not any(entry.error == error.code and entry.type in FAILING for entry in memory.entries):
            _print_error(error, False)
        return _status_of(error)
    return _print_result(result, line.format, memory.entries)


def _call(command: Command, line: CommandLine, arguments: Sequence[str], sinks: Sequence[Sink]) -> object:
    from provision_py.commands.session import new_session

    options: dict[str, PhpValue] = dict(line.options)
    if "yes" in line.switches and command.option("yes"):
        options["yes"] = True
    switches: dict[str, PhpValue] = {"debug": True} if "debug" in line.switches else {}
    with new_session(drush_dir(line), _plugins(), sinks=sinks, options=options | switches) as session:
        return _call_in(session, command, line, arguments, options)


def _call_in(
    session: Session,
    command: Command,
    line: CommandLine,
    arguments: Sequence[str],
    options: dict[str, PhpValue],
) -> object:
    if command.checks_user:
        from provision_py.contexts.store import current_user

        check_user(current_user(), _script_user(session, options))
    context = _context(session, command, line)
    try:
        with _guarded(session, command, context):
            return command.load()(session, context, arguments, options)
    except ProvisionError as error:
        if command.journaled:
            session.report(error)
        raise


def _status_of(error: ProvisionError) -> int:
    return USAGE if isinstance(error, UsageError) else FAILED


def drush_dir(line: CommandLine) -> Path:
    """The folder of the alias files: option, environment, home folder."""
    given = line.drush_dir or os.environ.get(DRUSH_DIR_VARIABLE)
    return Path(given).absolute() if given else Path(os.environ.get("HOME") or Path.home()) / ".drush"


def _arguments(command: Command, line: CommandLine) -> list[str]:
    arguments = list(line.arguments)
    if command.context == AS_ARGUMENT and line.context is not None and not arguments:
        arguments = [f"@{line.context}"]
    needed = sum(argument.required for argument in command.arguments)
    most = None if any(argument.many for argument in command.arguments) else len(command.arguments)
    if len(arguments) < needed:
        raise UsageError(
            f"{command.name} needs {command.arguments[len(arguments)].name}",
            hint=f"provision-py help {command.name} explains it",
        )
    if most is not None and len(arguments) > most:
        raise UsageError(
            f"{command.name} does not know what to do with {arguments[most]}",
            hint=f"provision-py help {command.name} explains it",
        )
    return arguments


def _check_options(command: Command, line: CommandLine) -> None:
    if command.any_option:
        return
    for name in line.options:
        option = command.option(name)
        if option is None:
            near = similar(name, [known.name for known in command.options])
            raise UsageError(
                f"{command.name} has no option --{name}",
                hint=f"Did you mean --{' or --'.join(near)}?"
                if near
                else f"provision-py help {command.name} lists them",
            )
        if option.value and line.options[name] is True:
            raise UsageError(f"--{name} needs a value", hint=f"Write --{name}={option.value}")


def _check_format(command: Command, name: str | None) -> None:
    if name is not None and name not in FORMATS + command.formats:
        raise UsageError(
            f"{command.name} has no format {name}",
            where=f"--format={name}",
            hint=f"Formats are {', '.join(FORMATS + command.formats)}",
        )


def _script_user(session: Session, options: dict[str, PhpValue]) -> str | None:
    """The user that everything belongs to; of a first master, the one that is being stored."""
    if session.store.exists("server_master"):
        return session.master.script_user
    asked = options.get("script_user")
    return asked if isinstance(asked, str) and asked else None


def _context(session: Session, command: Command, line: CommandLine) -> Context | None:
    if line.context is None or command.context in (AS_ARGUMENT, IGNORED):
        return None
    context = session.store.load(line.context)
    kind = type(context).__name__.lower()
    if kind not in command.context_types:
        raise UsageError(
            f"{command.name} does not work on a {kind}",
            where=f"@{context.name}",
            hint=f"Name a {' or '.join(command.context_types)}",
        )
    return context


@contextmanager
def _guarded(session: Session, command: Command, context: Context | None) -> Iterator[None]:
    """Signals, and the locks and the journal of a command that changes what its context stands for."""
    if not command.stoppable:
        yield
        return
    from provision_py.dispatch import contextlocks, recovery
    from provision_py.system.stopping import Stopped, stopping_on_signals

    with ExitStack() as stack:
        try:
            stack.enter_context(stopping_on_signals())
            if command.journaled and context is not None:
                recovery.recover_commands(session, None)
                locks = contextlocks.locks_for(context)
                stack.enter_context(contextlocks.hold(session.state / "locks", locks, timeout=LOCK_TIMEOUT))
                recovery.recover_context(session, None, context)
                stack.enter_context(session.journaled(command.name, context.name))
            yield
        except Stopped as stopped:
            raise KeyboardInterrupt from stopped


def _print_result(result: object, format_name: str | None, entries: Sequence[LogEntry]) -> int:
    from provision_py.commands.results import Shown

    if isinstance(result, Shown):
        _print_shown(result, format_name or "table")
        return result.status
    failed = any(entry.type in FAILING for entry in entries)
    status = result if isinstance(result, int) else FAILED if failed else OK
    data = None if isinstance(result, int) else formats.as_data(result)
    if format_name == "json":
        answer: PhpArray = {"ok": status == OK, "result": data, "log": formats.as_data(entries)}
        sys.stdout.write(formats.render(answer, "json"))
    elif format_name and data:
        sys.stdout.write(formats.render(data, format_name))
    elif isinstance(data, dict) and data.get("login_link"):
        sys.stdout.write(f"{data['login_link']}\n")
    return status


def _print_shown(shown: object, format_name: str) -> None:
    from provision_py.commands.results import Shown

    assert isinstance(shown, Shown)  # noqa: S101 (the caller asks)
    own = {"php": shown.as_php, "table": shown.as_table, **shown.others}.get(format_name)
    sys.stdout.write(own() if own else formats.render(shown.data, format_name))


def _print_error(error: ProvisionError, as_json: bool, entries: Sequence[LogEntry] = ()) -> None:
    if as_json:
        details: PhpArray = {"code": error.code, "what": error.what, "where": error.where, "hint": error.hint}
        answer: PhpArray = {"ok": False, "error": details, "log": formats.as_data(entries)}
        sys.stdout.write(formats.render(answer, "json"))
    sys.stderr.write(render.error_text(error))


def _print_defect(error: Exception, debug: bool, as_json: bool) -> None:
    if debug:
        sys.stderr.write("".join(traceback.format_exception(error)))
    failure = ProvisionError(
        f"Unexpected {type(error).__name__}: {error}",
        hint="This is a defect of provision-py; run it again with --debug and report what it prints",
        code="PROVISION_DEFECT",
    )
    _print_error(failure, as_json)


def _open_missing_streams() -> None:
    """Whoever starts us may have closed standard streams; what we open next must not take their place."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _tolerate_any_text() -> None:
    """Names that are not UTF-8 are printed with escapes instead of ending the program."""
    for stream in (sys.stdout, sys.stderr):
        _reconfigure(stream)


def _reconfigure(stream: TextIO) -> None:
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")
