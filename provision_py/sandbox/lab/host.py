"""One running host of a lab: programs and Python functions on it, its files, requests from it."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from provision_py.errors import HostError
from provision_py.sandbox.lab import call
from provision_py.sandbox.lab.disk import AEGIR_HOME
from provision_py.sandbox.lab.hostspec import HostSpec
from provision_py.sandbox.lab.namespaces import Holder, in_network
from provision_py.sandbox.lab.webserver import restart_command
from provision_py.sandbox.webserver import Response, fetch

T = TypeVar("T")

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
ALL = ("net", "mnt", "uts", "ipc", "pid")


class LabHost:
    """A host. ``user`` is everywhere an account of the host, ``root`` unless said otherwise."""

    def __init__(self, spec: HostSpec, address: str, holder: Holder) -> None:
        self.spec = spec
        self.name = spec.name
        self.address = address
        self.holder = holder

    def __repr__(self) -> str:
        return f"LabHost({self.name!r}, {self.address!r})"

    @property
    def full_name(self) -> str:
        return self.spec.full_name

    @property
    def pid(self) -> int:
        """The host's first process, as the machine sees it."""
        return self.holder.pid

    @property
    def restart_command(self) -> str:
        """What goes into the ``http_restart_cmd`` of a server on this host."""
        return restart_command(self.spec)

    # Programs

    def enter(self, argv: Sequence[str], *, user: str = "root", cwd: str = "/", tied: bool = True) -> list[str]:
        """The argument list that runs ``argv`` on this host.

        With ``tied`` the program dies with the process that waits for it. The environment is the caller's: give
        :meth:`environment` along.
        """
        ids = ["--init-groups", f"--reuid={user}", f"--regid={user}"] if user != "root" else []
        return [
            *self.holder.enter(*ALL),
            *("/usr/bin/setpriv", *(["--pdeathsig=KILL"] if tied else []), *ids, "--"),
            *("/usr/bin/env", f"--chdir={cwd}"),
            *argv,
        ]

    def environment(self, user: str = "root", env: Mapping[str, str] | None = None) -> dict[str, str]:
        """What a login of ``user`` would have, and ``env``."""
        home = {"root": "/root", "aegir": AEGIR_HOME}.get(user, "/")
        shell = {"SHELL": "/bin/bash", "LANG": "C.UTF-8", "PATH": PATH, "PYTHONDONTWRITEBYTECODE": "1"}
        return {"HOME": home, "USER": user, "LOGNAME": user, **shell, **(env or {})}

    def popen(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> subprocess.Popen[Any]:
        """Start a program; ``options`` are those of Popen."""
        return subprocess.Popen(
            self.enter(argv, user=user, cwd=cwd), env=self.environment(user, env), cwd="/", **options
        )

    def run(
        self,
        argv: Sequence[str],
        *,
        user: str = "root",
        cwd: str = "/",
        env: Mapping[str, str] | None = None,
        input: str = "",
        check: bool = True,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a program to its end; ``timeout`` in seconds. Raises HostError when it fails, unless not to ``check``.

        Daemons that it leaves go on until the host ends.
        """
        try:
            done = subprocess.run(
                self.enter(argv, user=user, cwd=cwd),
                env=self.environment(user, env),
                cwd="/",
                input=input,
                capture_output=True,
                text=True,
                errors="backslashreplace",
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HostError(f"{argv[0]} takes more than {timeout:.0f} s", where=self.name) from error
        if check and done.returncode != 0:
            said = (done.stderr or done.stdout).strip()
            raise HostError(f"{argv[0]} ends with status {done.returncode}: {said}", where=self.name)
        return done

    def sh(self, script: str, *arguments: str, user: str = "root", check: bool = True) -> str:
        """Run a shell script with ``$1`` …; what it printed. Raises HostError."""
        return self.run(["/bin/sh", "-euc", script, "sh", *arguments], user=user, check=check).stdout

    def call(
        self, function: Callable[..., T], /, *arguments: object, user: str = "aegir", timeout: float = 120.0
    ) -> T:
        """Call a function of a module in a new Python on this host; its result.

        Function, arguments and result have to be picklable. What it raises is raised here, with its traceback in a
        note. Raises HostError when the process dies.
        """
        job = pickle.dumps((sys.path, function.__module__, function.__qualname__, arguments))
        argv = [sys.executable, str(Path(call.__file__))]
        try:
            done = subprocess.run(
                self.enter(argv, user=user),
                env=self.environment(user),
                cwd="/",
                input=job,
                capture_output=True,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HostError(f"{function.__qualname__} takes more than {timeout:.0f} s", where=self.name) from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip()
            raise HostError(f"{function.__qualname__} ends with status {done.returncode}: {said}", where=self.name)
        result, failure, trace = pickle.loads(done.stdout)  # noqa: S301 -- of our own process
        if failure is not None:
            failure.add_note(f"On {self.name}:\n{trace}")
            raise failure
        return result  # type: ignore[no-any-return] # of the function that was sent

    # Files

    def path(self, path: str) -> Path:
        """A file of the host as the caller reaches it. Absolute symlinks lead astray: they are the host's."""
        return Path(f"/proc/{self.pid}/root") / path.lstrip("/")

    def read(self, path: str) -> str:
        return self.run(["/bin/cat", path]).stdout

    def write(self, path: str, text: str, *, mode: int = 0o644, user: str = "root") -> None:
        """Write a file as that account, in place of what is there; its folder has to exist."""
        self.run(["/bin/sh", "-euc", 'cat >"$1"; chmod "$2" "$1"', "sh", path, f"{mode:o}"], user=user, input=text)

    def exists(self, path: str) -> bool:
        return self.run(["/usr/bin/test", "-e", path], check=False).returncode == 0

    # Network

    def inside_network(self, work: Callable[[], T]) -> T:
        """Call ``work`` in this process, with the host's network for the connections that it opens."""
        return in_network(self.holder.namespace("net"), work)

    def fetch(self, address: str, path: str = "/", *, host: str, port: int = 80, **options: Any) -> Response:
        """A web server's answer to a request from this host; ``options`` as for webserver.fetch. Raises OSError."""
        return self.inside_network(lambda: fetch(port, path, host=host, address=address, **options))

    def ssh_logins(self) -> int:
        """How many ssh connections the host has let in since it started."""
        return self.read("/var/log/sshd.log").count("Accepted publickey for ")

    def ssh_sessions(self) -> int:
        """How many programs were started over those connections."""
        return self.read("/var/log/sshd.log").count("Starting session: command")

    # Servers

    def start_web(self) -> None:
        self.run(["/etc/lab/web", "start"])

    def stop_web(self) -> None:
        self.run(["/etc/lab/web", "stop"])

    def restart_web(self) -> None:
        """Restart PHP and the web server, as after a change of PHP's configuration."""
        for name, verb in (("web", "stop"), ("php", "stop"), ("php", "start"), ("web", "start")):
            self.run([f"/etc/lab/{name}", verb])

    def start_sshd(self) -> None:
        self.run(["/usr/sbin/sshd", "-E", "/var/log/sshd.log"])

    def stop_sshd(self) -> None:
        """Stop listening; connections stay."""
        self.sh('pid=$(cat /run/sshd.pid); kill "$pid"; while kill -0 "$pid" 2>/dev/null; do sleep 0.02; done')

    def drop_ssh(self) -> None:
        """Kill every connection, in the middle of whatever it is doing."""
        self.sh(DROP_SSH)


#: Kills all of sshd but the listener; its children's names are sshd, or sshd-session from OpenSSH 9.8 on.
DROP_SSH = """
listener=$(cat /run/sshd.pid 2>/dev/null || echo 0)
for process in /proc/[0-9]*; do
  read -r name <"$process/comm" 2>/dev/null || continue
  case $name in
  sshd*) [ "${process#/proc/}" = "$listener" ] || kill -9 "${process#/proc/}" 2>/dev/null || : ;;
  esac
done
"""
