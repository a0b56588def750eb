"""Which commands there are: plain data, so that naming one imports nothing of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from provision_py.errors import UsageError

if TYPE_CHECKING:
    from provision_py.services.plugins import Plugins

ANY_CONTEXT = ("server", "platform", "site")

#: How a command treats the ``@context`` before its name: loads and needs it, loads it when given, takes it as its
#: first argument, or does nothing with it (``@hostmaster`` in front of the front end's commands, as in crontabs).
NEEDED, OPTIONAL, AS_ARGUMENT, IGNORED = "needed", "optional", "argument", "ignored"


@dataclass(frozen=True)
class Argument:
    """A positional argument, for help and for counting. ``many`` takes all that follow."""

    name: str
    help: str
    required: bool = False
    many: bool = False


@dataclass(frozen=True)
class Option:
    """An option. ``value`` is what help calls its value; empty for one that is on or off."""

    name: str
    help: str
    value: str = ""


@dataclass(frozen=True)
class Command:
    """A command. ``run`` is ``package.module:function``, imported when the command is called.

    The function is called as ``run(session, context, arguments, options)`` and gives an exit status, an Outcome, or a
    :class:`provision_py.commands.results.Shown`. ``context_types`` are the contexts that it works on. ``journaled``
    commands run under the locks of their context, in a journal that undoes them when they fail. ``stoppable`` ones
    end their work in an orderly way on a signal. ``any_option`` lets options through that are not listed. ``formats``
    are formats of its own beside the general ones.
    """

    name: str
    run: str
    help: str
    aliases: tuple[str, ...] = ()
    context: str = OPTIONAL
    context_types: tuple[str, ...] = ANY_CONTEXT
    arguments: tuple[Argument, ...] = ()
    options: tuple[Option, ...] = ()
    any_option: bool = False
    journaled: bool = False
    stoppable: bool = False
    checks_user: bool = True
    formats: tuple[str, ...] = ()

    def load(self) -> Callable[..., Any]:
        """The function. Raises UsageError (PROVISION_UNKNOWN_COMMAND) when there is none."""
        module, _, function = self.run.partition(":")
        try:
            found = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise UsageError(
                f"The command {self.name} cannot be loaded: {error}",
                where=self.run,
                hint="Install provision-py, or the package that brings the command, again",
                code="PROVISION_UNKNOWN_COMMAND",
            ) from error
        if not callable(found):
            raise UsageError(f"The command {self.name} is nothing that can be called", where=self.run)
        return found  # type: ignore[no-any-return] # any function

    def option(self, name: str) -> Option | None:
        return next((option for option in self.options if option.name == name), None)


_SAVE_OPTIONS = (
    Option("context_type", "What a new context is: server, platform or site", "TYPE"),
    Option("delete", "Remove the context's alias file, and only that"),
    Option("from-json", "Read options from a JSON file, or from standard input for -", "FILE"),
    Option("remote_host", "server: its host name; localhost when not given", "HOST"),
    Option("script_user", "server: the user that the backend runs as", "USER"),
    Option("aegir_root", "server_master: the folder of everything; the home folder when not given", "PATH"),
    Option("master_url", "server: address of the front end", "URL"),
    Option("admin_email", "server: who is responsible", "ADDRESS"),
    Option("ip_addresses", "server: its addresses", "LIST"),
    Option("http_service_type", "server: apache, apache_ssl, nginx, nginx_ssl, cluster, pack, or NONE", "TYPE"),
    Option("http_port", "server with http: its port", "PORT"),
    Option("http_restart_cmd", "server with http: the command that reloads it", "COMMAND"),
    Option("web_group", "server_master with http: the group that the web server runs as", "GROUP"),
    Option("http_ssl_port", "server with an ssl type: its port for https", "PORT"),
    Option("cluster_web_servers", "server of the type cluster: its members", "LIST"),
    Option("master_web_servers", "server of the type pack: members with the code", "LIST"),
    Option("slave_web_servers", "server of the type pack: members that share the masters' code", "LIST"),
    Option("tolerate_down", "server of the type cluster or pack, or a member: tasks go on while it is down", "BOOL"),
    Option("db_service_type", "server: mysql, or NONE", "TYPE"),
    Option("db_port", "server with db: its port", "PORT"),
    Option("master_db", "server with db: mysql://user:password@host of its administrator, URL-encoded", "URL"),
    Option("db_grant_all_hosts", "server with db: sites may connect from everywhere", "BOOL"),
    Option("db_grant_hosts", "server with db: hosts that sites connect from, instead of asking the server", "LIST"),
    Option("web_server", "platform: the server that serves it; @server_master when not given", "@NAME"),
    Option("root", "platform: the folder of the code base", "PATH"),
    Option("makefile", "platform: the makefile to build it from", "PATH"),
    Option("make_working_copy", "platform: keep version control folders when building", "BOOL"),
    Option("platform", "site: the platform that it runs on", "@NAME"),
    Option("db_server", "site: the server of its database; @server_master when not given", "@NAME"),
    Option("uri", "site: its host name", "HOST"),
    Option("language", "site: its language; en when not given", "CODE"),
    Option("client_name", "site: the client that it belongs to", "NAME"),
    Option("aliases", "site: other host names", "LIST"),
    Option("redirection", "site: the host name that all others are redirected to", "HOST"),
    Option("profile", "site: its install profile; standard when not given", "NAME"),
    Option("install_method", "site: profile, or manual for an empty database", "NAME"),
    Option("site_enabled", "site: --no-site_enabled disables it", "BOOL"),
    Option("drush_aliases", "site: further alias files for it", "LIST"),
    Option("ssl_enabled", "site on an ssl server: 1 for https too, 2 for https alone, null for none", "NUMBER"),
    Option("ssl_key", "site on an ssl server: the name of its certificate, without which there is no https", "NAME"),
)

_LB_CONFIG_OPTIONS = (
    Option("for", "The balancer's program: haproxy or nginx", "PROGRAM"),
    Option("tls", "What the balancer does with https: terminate, pass or none", "HOW"),
    Option("uploads", "Where uploaded files lie: on one member (member, or its @name), or on all (shared)", "WHERE"),
    Option("drain", "Members that take no new visitors", "LIST"),
    Option("backup", "Members that serve when no other can", "LIST"),
    Option("check", "What is asked of a site to see whether a member is well; /user/login when not given", "PATH"),
    Option("certificates", "The balancer's folder of certificates; /etc/ssl/aegir when not given", "PATH"),
    Option("port", "The balancer's port for http; 80 when not given", "NUMBER"),
    Option("https-port", "The balancer's port for https; 443 when not given", "NUMBER"),
    Option("file", "Print this file alone, where there are several", "NAME"),
)

_PREPARE_OPTIONS = (
    Option("print", "Print the script that prepares the server, and do nothing"),
    Option("run", "Run the script on the server, and say what was missing"),
    Option("check", "Name what is missing, and change nothing"),
    Option("as", "Log in as this user, which is root or may use sudo for everything", "USER"),
    Option("key", "Let this public key in instead of those of the hub's user", "FILE"),
)

_RECOVER_OPTIONS = (
    Option("list", "Tell what is owed, and why it could not be undone, and do nothing"),
    Option(
        "without", "Undo all but what was done on these servers, which are gone for good: give that up", "@SERVER"
    ),
    Option("give-up", "Undo nothing of this one command, by its number in the list", "NUMBER"),
    Option("yes", "Give up without being asked"),
)

_TOLERATE_DOWN = Option("tolerate-down", "Go on without members of a cluster or pack that are down")

_PARALLEL = Option("parallel", "Run so many side by side", "NUMBER")

COMMANDS: tuple[Command, ...] = (
    Command(
        "provision-save",
        "provision_py.commands.save:run",
        "Store a context; what is not given stays as it is, the word null sets an option back to its default",
        context=AS_ARGUMENT,
        arguments=(Argument("@name", "The context to store", required=True),),
        options=_SAVE_OPTIONS,
        any_option=True,
    ),
    Command(
        "provision-verify",
        "provision_py.commands.verify:run",
        "Make a server, platform or site what its context says",
        aliases=("v", "pv", "verify"),
        context=NEEDED,
        options=(
            Option("working-copy", "Keep version control folders when building a platform"),
            _TOLERATE_DOWN,
        ),
        journaled=True,
        stoppable=True,
    ),
    Command(
        "provision-install",
        "provision_py.commands.install:run",
        "Install a site",
        context=NEEDED,
        context_types=("site",),
        options=(
            Option("client_email", "The address of the first user", "ADDRESS"),
            Option("profile", "The install profile; that of the context when not given", "NAME"),
            _TOLERATE_DOWN,
        ),
        journaled=True,
        stoppable=True,
    ),
    Command(
        "check",
        "provision_py.commands.check:run",
        "Ask every web server of a site for it, and compare what they have",
        context=NEEDED,
        context_types=("site",),
    ),
    Command(
        "site:alias",
        "provision_py.commands.show:run",
        "Print contexts as they are on disk; their names when none is given",
        aliases=("sa", "site-alias"),
        context=AS_ARGUMENT,
        arguments=(Argument("@name", "A context", many=True),),
        options=(Option("with-secrets", "Show passwords"),),
        checks_user=False,
    ),
    Command(
        "lb-config",
        "provision_py.commands.lb_config:run",
        "Print a load balancer's configuration for a cluster, a pack or a web server",
        context=NEEDED,
        context_types=("server",),
        options=_LB_CONFIG_OPTIONS,
        checks_user=False,
    ),
    Command(
        "nfs-setup",
        "provision_py.commands.nfs_setup:run",
        "Print what shares the platforms of a pack's masters with its slaves",
        context=NEEDED,
        context_types=("server",),
        options=(Option("print", "Print it (nothing else is done in any case)"),),
        checks_user=False,
    ),
    Command(
        "prepare",
        "provision_py.commands.prepare:run",
        "Make a Debian machine ready to be a server: account, keys, sudo rules, packages, web server",
        context=NEEDED,
        context_types=("server",),
        options=_PREPARE_OPTIONS,
        stoppable=True,
    ),
    Command(
        "topology",
        "provision_py.commands.topology:run",
        "Draw servers, groups, platforms, sites and the state of their last check",
        context=AS_ARGUMENT,
        arguments=(Argument("@server", "Only what has to do with these servers", many=True),),
        checks_user=False,
        formats=("text", "svg", "mermaid"),
    ),
    Command(
        "recover",
        "provision_py.cli.recover:run",
        "Undo what interrupted commands have left, or give up what cannot be undone",
        context=AS_ARGUMENT,
        arguments=(Argument("@name", "Only commands on this context, which may have been removed"),),
        options=_RECOVER_OPTIONS,
        stoppable=True,
    ),
    Command(
        "hosting-task",
        "provision_py.cli.hosting:hosting_task",
        "Run a task of the front end's queue, or queue and run a new one",
        context=IGNORED,
        arguments=(
            Argument("NID | @context TYPE", "The task's node id, or an object and the type of task", required=True),
            Argument("name=value", "Arguments of the new task", many=True),
        ),
        options=(Option("force", "Run the task though it is not queued"), _TOLERATE_DOWN),
        stoppable=True,
    ),
    Command(
        "hosting-tasks",
        "provision_py.cli.hosting:hosting_tasks",
        "Run queued tasks",
        context=IGNORED,
        options=(Option("items", "Run at most so many", "NUMBER"), _PARALLEL, _TOLERATE_DOWN),
        stoppable=True,
    ),
    Command(
        "hosting-dispatch",
        "provision_py.cli.hosting:hosting_dispatch",
        "Run what the front end's queue has due; for cron, once a minute",
        context=IGNORED,
        options=(
            _PARALLEL,
            Option("force", "Run the queue though it is switched off or not due"),
            Option("lock-wait", "Wait so many seconds for another dispatcher", "SECONDS"),
            _TOLERATE_DOWN,
        ),
        stoppable=True,
    ),
)


class Registry:
    """Commands by name and alias. ``plugins`` is asked only for names that are not ours."""

    def __init__(self, commands: Iterable[Command] = COMMANDS, plugins: Callable[[], Plugins] | None = None) -> None:
        self._commands = tuple(commands)
        self._plugins = plugins

    def all(self) -> Sequence[Command]:
        """Ours, then those of packages. Raises ServiceError when a package brings something else."""
        return (*self._commands, *self._foreign())

    def find(self, name: str) -> Command:
        """Raises UsageError (PROVISION_UNKNOWN_COMMAND) with similar names."""
        for commands in (self._commands, self._foreign):
            for command in commands() if callable(commands) else commands:
                if name == command.name or name in command.aliases:
                    return command
        near = similar(name, [name for command in self.all() for name in (command.name, *command.aliases)])
        raise UsageError(
            f"There is no command {name}",
            hint=f"Did you mean {' or '.join(near)}?" if near else "provision-py help lists all commands",
            code="PROVISION_UNKNOWN_COMMAND",
        )

    def _foreign(self) -> tuple[Command, ...]:
        if self._plugins is None:
            return ()
        found = self._plugins().commands()
        for command in found:
            if not isinstance(command, Command):
                raise UsageError(
                    f"A package brings a command of the wrong kind: {command!r}",
                    hint="provision_commands() should give provision_py.commands.registry.Command values",
                    code="PROVISION_PLUGIN",
                )
        return tuple(command for command in found if isinstance(command, Command))


def similar(name: str, known: Sequence[str]) -> list[str]:
    """Up to three known names that may have been meant."""
    import difflib

    return difflib.get_close_matches(name, known, n=3, cutoff=0.6)
