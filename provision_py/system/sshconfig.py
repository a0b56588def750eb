"""Where a machine is and how to log in there, as OpenSSH itself would: ``ssh -G`` is asked.

So ``~/.ssh/config`` with all that it may hold (Match, Include, tokens) and the ``ssh-options`` of a drushrc mean
the same for our own connections and for the ``ssh`` that rsync starts.
"""

from __future__ import annotations

import os
import pwd
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from provision_py.errors import HostError, ProcessError
from provision_py.system import process

#: Seconds until a machine that does not answer counts as unreachable, unless ssh's configuration says otherwise.
CONNECT_TIMEOUT = 10.0
#: Seconds between signs of life, and how many may stay unanswered.
ALIVE_INTERVAL = 10
ALIVE_COUNT = 3


@dataclass(frozen=True)
class SshSettings:
    """What holds for all machines: whose ``.ssh`` folder, and the options of the drushrc.

    ``home`` None is the home folder of the account, which OpenSSH uses whatever ``$HOME`` says; another folder
    takes its place for the configuration, the known hosts and the keys.
    """

    options: tuple[str, ...] = ()
    home: str | None = None

    @classmethod
    def of_session(cls, ssh_options: str = "", environment: Mapping[str, str] | None = None) -> SshSettings:
        """From the drushrc option ``ssh-options`` and ``$HOME``. Raises HostError when the option is malformed."""
        try:
            options = tuple(shlex.split(ssh_options))
        except ValueError as error:
            raise _bad_options(str(error), ssh_options) from error
        home = (os.environ if environment is None else environment).get("HOME", "")
        own = _account().pw_dir
        other = home if home.startswith("/") and os.path.realpath(home) != os.path.realpath(own) else None
        return cls(options, other)

    @property
    def folder(self) -> str:
        """The ``.ssh`` folder."""
        return f"{self.home or _account().pw_dir}/.ssh"

    def arguments(self) -> list[str]:
        """The options for OpenSSH's programs. The first value of an option counts for them, the last ``-F``."""
        if self.home is None:
            return list(self.options)
        candidates = (f"{self.folder}/config", "/etc/ssh/ssh_config")
        config = next((file for file in candidates if os.path.exists(file)), "none")
        return ["-F", config, *self.options]

    def for_jump(self) -> SshSettings:
        """What holds for a jump host too: as with OpenSSH's own, another configuration file, and nothing more."""
        kept: list[str] = []
        for index, option in enumerate(self.options):
            if option.startswith("-F"):
                kept += self.options[index : index + 2] if option == "-F" else [option]
        return replace(self, options=tuple(kept))

    def rebase(self, path: str) -> str:
        """A path that OpenSSH took from the account's home, in ``home`` instead."""
        own = _account().pw_dir
        if path.startswith("~/"):
            return f"{self.home or own}{path[1:]}"
        if self.home is not None and path.startswith(f"{own}/.ssh/"):
            return f"{self.home}{path[len(own) :]}"
        return path


@dataclass(frozen=True)
class SshTarget:
    """One machine: ``name`` as it was asked for, ``address`` and ``port`` where it listens.

    ``identity_files`` and ``known_hosts`` are absolute paths that may not exist. ``proxy_jump`` are the machines on
    the way, each ``[user@]host[:port]``. ``agent`` is the socket of an ssh-agent. ``connect_timeout`` is in seconds.
    """

    name: str
    address: str
    port: int
    user: str
    identity_files: tuple[str, ...] = ()
    known_hosts: tuple[str, ...] = ()
    host_key_alias: str | None = None
    proxy_jump: tuple[str, ...] = ()
    proxy_command: str | None = None
    identities_only: bool = False
    agent: str | None = None
    connect_timeout: float = CONNECT_TIMEOUT
    settings: SshSettings = field(default_factory=SshSettings)

    @property
    def label(self) -> str:
        """For logs and errors: ``aegir@web1.example.test``, with the port where it is not ssh's own."""
        return f"{self.user}@{self.address}" + (f":{self.port}" if self.port != 22 else "")

    @property
    def key_name(self) -> str:
        """The name under which known_hosts lists the machine."""
        name = (self.host_key_alias or self.address).lower()
        return name if self.port == 22 or self.host_key_alias else f"[{name}]:{self.port}"

    def openssh_options(self) -> list[str]:
        """Options for ``ssh`` that reach this machine as we do: no prompts, known keys only, no commands but ours."""
        options = {
            "BatchMode": "yes",
            "StrictHostKeyChecking": "yes",
            "UpdateHostKeys": "no",
            "ConnectTimeout": f"{self.connect_timeout:.0f}",
            "ServerAliveInterval": str(ALIVE_INTERVAL),
            "ServerAliveCountMax": str(ALIVE_COUNT),
            "ClearAllForwardings": "yes",
            "ForwardAgent": "no",
            "ForwardX11": "no",
            "RemoteCommand": "none",
            "PermitLocalCommand": "no",
            "LogLevel": "ERROR",
            "Port": str(self.port),
            "UserKnownHostsFile": " ".join(f'"{file}"' for file in self.known_hosts) or "none",
        }
        given = [f"{key}={value}" for key, value in options.items()]
        if self.settings.home is not None:
            given += [f'IdentityFile="{file}"' for file in self.identity_files if os.path.exists(file)]
        return [*(part for option in given for part in ("-o", option)), *self.settings.arguments()]


def resolve(name: str, user: str, settings: SshSettings, *, port: int | None = None) -> SshTarget:
    """How OpenSSH would reach ``name`` as ``user`` (empty: as its configuration says).

    Raises HostError (PROVISION_SSH_CONFIG) when the configuration or the options are malformed.
    """
    return parse(name, ask(name, user, settings, port=port), settings)


def ask(name: str, user: str, settings: SshSettings, *, port: int | None = None) -> str:
    """What ``ssh -G`` prints; see :func:`resolve`."""
    if not name or name.startswith("-") or re.search(r"[\s\x00-\x1f]", name):
        raise HostError(f"{name!r} is not a host name", code="PROVISION_SSH_CONFIG", hint="Correct remote_host")
    given = [*(["-l", user] if user else []), *(["-p", str(port)] if port else []), *settings.arguments()]
    try:
        return process.run(["ssh", "-G", "-T", *given, "--", name], timeout=30.0).stdout
    except ProcessError as error:
        if error.returncode is None:
            raise HostError(
                "OpenSSH's client could not be started",
                where=error.where,
                hint="Install it: apt-get install openssh-client",
                code="PROVISION_SSH_CONFIG",
            ) from error
        raise _bad_options(error.output, " ".join(settings.options) or f"{settings.folder}/config") from error


def parse(name: str, output: str, settings: SshSettings) -> SshTarget:
    """A target from what ``ssh -G`` prints: an option and its value a line, names in lower case."""
    found: dict[str, list[str]] = {}
    for line in output.splitlines():
        option, _, value = line.partition(" ")
        found.setdefault(option.lower(), []).append(value)

    def one(option: str) -> str | None:
        value = found.get(option, [""])[0]
        return None if value.lower() in ("", "none") else value

    address, user, port = one("hostname") or name, one("user") or "", int(one("port") or 22)
    tokens = {
        "%": "%", "h": address, "n": name, "p": str(port), "r": user, "u": _account().pw_name,
        "d": settings.home or _account().pw_dir, "i": str(os.geteuid()), "k": one("hostkeyalias") or name,
        "L": os.uname().nodename.partition(".")[0], "l": os.uname().nodename,
    }  # fmt: skip

    def files(values: Sequence[str]) -> tuple[str, ...]:
        return tuple(settings.rebase(expand(value, tokens)) for value in values if value.lower() not in ("", "none"))

    command = one("proxycommand")
    hosts = " ".join([*found.get("userknownhostsfile", []), *found.get("globalknownhostsfile", [])])
    return SshTarget(
        name=name,
        address=address,
        port=port,
        user=user,
        identity_files=files(found.get("identityfile", [])),
        known_hosts=files(shlex.split(hosts)),
        host_key_alias=one("hostkeyalias"),
        proxy_jump=tuple((one("proxyjump") or "").split(",")) if one("proxyjump") else (),
        proxy_command=expand(command, tokens) if command else None,
        identities_only=one("identitiesonly") == "yes",
        agent=_agent(found.get("identityagent", ["SSH_AUTH_SOCK"])[0], tokens, settings),
        connect_timeout=float(one("connecttimeout") or CONNECT_TIMEOUT),
        settings=settings,
    )


def expand(text: str, tokens: Mapping[str, str]) -> str:
    """Replace OpenSSH's ``%`` tokens; unknown ones stay as they are."""
    return re.sub(r"%(.)", lambda found: tokens.get(found[1], found[0]), text)


def split_jump(jump: str) -> tuple[str, str, int | None]:
    """User (may be empty), host and port of a ``ProxyJump``: ``[user@]host[:port]`` or ``ssh://…``."""
    user, _, host = jump.strip().removeprefix("ssh://").rstrip("/").rpartition("@")
    found = re.fullmatch(r"(?:\[([^\]]+)\]|([^:]+))(?::(\d+))?", host)
    if found is None:  # a bare IPv6 address
        return user, host, None
    return user, found[1] or found[2], int(found[3]) if found[3] else None


def _agent(value: str, tokens: Mapping[str, str], settings: SshSettings) -> str | None:
    if value.lower() == "none":
        return None
    if value == "SSH_AUTH_SOCK" or not value:
        return os.environ.get("SSH_AUTH_SOCK") or None
    if value.startswith("$"):
        return os.environ.get(value[1:].strip("{}")) or None
    return settings.rebase(expand(value, tokens))


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError as error:
        raise HostError(
            f"The user number {os.geteuid()} has no account, and ssh works for accounts only",
            code="PROVISION_SSH_CONFIG",
            hint="Run as the aegir user",
        ) from error


def _bad_options(why: str, where: str) -> HostError:
    return HostError(
        f"ssh's options are not understood: {why}",
        where=where,
        hint="Correct ~/.ssh/config, or the option ssh-options in ~/.drush/drushrc.php",
        code="PROVISION_SSH_CONFIG",
    )
