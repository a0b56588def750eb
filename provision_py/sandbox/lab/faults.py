"""Faults of a lab's hosts and network, each as a context manager that heals what it broke.

A fault may be raised from a thread while a command runs on the hub, or tied to the moment when a program starts on
a host, see :meth:`Faults.held` and :meth:`Faults.ssh_dropped_after`. Healing never needs the host's cooperation
beyond the processes of the lab itself, so it works whatever the code under test has left.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath

from provision_py.errors import HostError
from provision_py.sandbox.lab.host import DROP_SSH, LabHost
from provision_py.sandbox.lab.webserver import php_version

#: Room that a full disk keeps, in bytes: one page, which is what tmpfs counts in.
PAGE = 4096

ATTEMPTS = 5

#: What sshd looks at before it lets the Aegir account in.
_GIVE_HOME = "chown aegir: /var/aegir; [ ! -d /var/aegir/.ssh ] || chown -R aegir: /var/aegir/.ssh"

#: Where the originals of wrapped programs go on a host.
ORIGINALS = "/run/lab-originals"


@dataclass(frozen=True)
class Held:
    """A program that stands still on a host as soon as it is started there."""

    host: LabHost
    folder: str

    def wait(self, patience: float = 60.0) -> None:
        """Wait until the program has been started; ``patience`` in seconds. Raises HostError."""
        deadline = time.monotonic() + patience
        while not self.host.path(f"{self.folder}/held").exists():
            if time.monotonic() > deadline:
                raise HostError(f"Nothing was started within {patience:.0f} s", where=self.host.name)
            time.sleep(0.01)

    def release(self) -> None:
        """Let it go on."""
        self.host.path(f"{self.folder}/go").touch()


class Faults:
    """What can go wrong with a lab. ``set_cable`` takes a host and ``up`` or ``down``; ``size`` is that of a disk."""

    def __init__(self, set_cable: Callable[[LabHost, str], None], size: str) -> None:
        self._set_cable = set_cable
        self._size = size

    # Network

    @contextmanager
    def down(self, host: LabHost) -> Iterator[None]:
        """The host is off the network: its open connections hang, new ones fail after about a second."""
        self._set_cable(host, "down")
        try:
            yield
        finally:
            self._set_cable(host, "up")

    @contextmanager
    def mute(self, host: LabHost, towards: LabHost) -> Iterator[None]:
        """Nothing that ``host`` says reaches ``towards``: connections between them wait until somebody gives up."""
        with self._route(host, "blackhole", towards):
            yield

    @contextmanager
    def unreachable(self, target: LabHost, *, from_: LabHost) -> Iterator[None]:
        """One host has no way to another one, e.g. a member to the database; connecting fails at once."""
        with self._route(from_, "unreachable", target):
            yield

    @contextmanager
    def _route(self, host: LabHost, kind: str, target: LabHost) -> Iterator[None]:
        host.run(["ip", "route", "add", kind, f"{target.address}/32"])
        try:
            yield
        finally:
            host.run(["ip", "route", "delete", kind, f"{target.address}/32"])

    # ssh

    @contextmanager
    def sshd_stopped(self, host: LabHost) -> Iterator[None]:
        """Nobody listens for ssh, and all connections are gone."""
        host.stop_sshd()
        host.drop_ssh()
        try:
            yield
        finally:
            host.start_sshd()

    @contextmanager
    def ssh_dropped_after(self, host: LabHost, size: int, program: str = "/usr/bin/rsync") -> Iterator[None]:
        """All ssh connections of the host break once ``program``, run there, has been sent ``size`` bytes.

        A run of the program that is sent less is left alone.
        """
        # Unbuffered, or the first words of a conversation would wait for the next ones.
        body = f"""exec 3<&0
pipe=$(mktemp -u)
mkfifo "$pipe"
{{ stdbuf -o0 head -c {int(size)}; : >"$pipe.all"; }} <&3 >"$pipe" 2>&- &
status=0
"$original" "$@" <"$pipe" || status=$?
rm "$pipe"
rm "$pipe.all" 2>&- || exit "$status"
{DROP_SSH}
exit 1"""
        with self.wrapped(host, program, body):
            yield

    @contextmanager
    def other_host_key(self, host: LabHost) -> Iterator[None]:
        """The host shows a key that nobody knows, as after a new installation, or when somebody else answers."""
        host.stop_sshd()
        host.drop_ssh()
        host.sh(
            "cd /etc/ssh; mkdir -m 700 lab-former; mv ssh_host_* lab-former;"
            ' ssh-keygen -q -t ed25519 -N "" -f ssh_host_ed25519_key'
        )
        host.start_sshd()
        try:
            yield
        finally:
            host.stop_sshd()
            host.drop_ssh()
            host.sh("cd /etc/ssh; rm -f ssh_host_*; mv lab-former/* .; rmdir lab-former")
            host.start_sshd()

    # Disk and mounts

    @contextmanager
    def disk_full(self, host: LabHost, *, free: int = 0) -> Iterator[None]:
        """Nothing more can be written on the host, or ``free`` bytes (in whole pages) at most."""
        for attempt in range(ATTEMPTS):
            used = int(host.run(["df", "--block-size=1", "--output=used", "/var/aegir"]).stdout.split()[1])
            try:
                self._resize(host, str(used + free // PAGE * PAGE))
                break
            except HostError:
                # A server may have written something in between.
                if attempt == ATTEMPTS - 1:
                    raise
        try:
            yield
        finally:
            self._resize(host, self._size)

    def _resize(self, host: LabHost, size: str) -> None:
        host.run(["mount", "-o", f"remount,size={size}", host.name, "/var/aegir"])

    @contextmanager
    def unmounted(self, host: LabHost, folder: str = "/var/aegir/platforms") -> Iterator[None]:
        """What was mounted there is not, and the folder below it shows."""
        source = host.run(["findmnt", "--noheadings", "--output=SOURCE", "--mountpoint", folder]).stdout.strip()
        anchor = f"/mnt/lab-{PurePosixPath(folder).name}"
        # A second mount keeps it, whichever way it was made.
        host.sh('mkdir -p "$2"; mount --bind "$1" "$2"; umount -l "$1"', folder, anchor)
        try:
            yield
        finally:
            host.sh('mount --bind "$2" "$1"; umount -l "$2"; rmdir "$2"', folder, anchor)
            now = host.run(["findmnt", "--noheadings", "--output=SOURCE", "--mountpoint", folder]).stdout.strip()
            if now != source:
                raise HostError(f"{folder} is {now} instead of {source}", where=host.name)

    @contextmanager
    def read_only(self, host: LabHost, folder: str = "/var/aegir/platforms") -> Iterator[None]:
        """What is mounted there can be read and not written, on this host alone."""
        host.run(["mount", "-o", "remount,bind,ro", folder])
        try:
            yield
        finally:
            host.run(["mount", "-o", "remount,bind,rw", folder])

    # Servers

    @contextmanager
    def web_stopped(self, host: LabHost) -> Iterator[None]:
        host.stop_web()
        try:
            yield
        finally:
            host.start_web()

    @contextmanager
    def config_broken(self, host: LabHost, folder: str | None = None) -> Iterator[None]:
        """The host's own configuration test fails, whoever's change is tested; what runs goes on.

        The file that breaks it lies in the server's own configuration, or in ``folder`` (say, Aegir's ``pre.d``).
        """
        if folder is None:
            folder = "/etc/apache2/conf-enabled" if host.spec.web == "apache" else "/etc/nginx/conf.d"
        file = f"{folder}/zz-lab-broken.conf"
        host.write(file, "NoSuchDirective on;\n")
        try:
            yield
        finally:
            host.run(["rm", "-f", file])

    @contextmanager
    def php_broken(self, host: LabHost) -> Iterator[None]:
        """Every request for PHP ends with a fatal error."""
        kind = "fpm" if host.spec.uses_fpm else "apache2"
        file = f"/etc/php/{php_version()}/{kind}/conf.d/99-lab-broken.ini"
        host.write(file, "auto_prepend_file = /nonexistent/lab.php\n")
        host.restart_web()
        try:
            yield
        finally:
            host.run(["rm", "-f", file])
            host.restart_web()

    # Programs and accounts

    @contextmanager
    def clock_apart(self, host: LabHost, seconds: int) -> Iterator[None]:
        """``date`` of the host, and code that PHP gets there as an argument, are so many seconds ahead, or behind if
        negative; other programs know nothing of it."""
        # An option of the caller's own comes later and wins; of formats, only the last argument counts.
        date = f'exec "$original" --date="{int(seconds)} seconds" "$@"'
        moved = f"(&{int(seconds):+d})"
        script = f"s/microtime(true)/{moved}/g; s/\\btime()/{moved}/g"
        php = f"""for word do shift
word=$(printf %s. "$word" | sed {shlex.quote(script)})
set -- "$@" "${{word%.}}"
done
exec "$original" "$@\""""
        with self.wrapped(host, "/usr/bin/date", date), self.wrapped(host, "/usr/bin/php", php):
            yield

    @contextmanager
    def other_ids(
        self, host: LabHost, number: int = 8001, *, user: bool = True, group: bool = True
    ) -> Iterator[None]:
        """The Aegir account has a user and group number of its own on this host, or one of both; its files keep the
        former ones, but for the home folder and its keys, without which sshd does not let it in.
        """
        former = {file: host.read(file) for file in ("/etc/passwd", "/etc/group")}
        own = "s/^(aegir:x:)([0-9]+):([0-9]+):/\\1" + (f"{number}" if user else "\\2") + ":"
        own += (f"{number}" if group else "\\3") + ":/"
        try:
            host.sh('sed -i -E "$1" /etc/passwd', own)
            if group:
                host.sh('sed -i -E "s/^(aegir:x:)[0-9]+:/\\1$1:/" /etc/group', str(number))
            host.sh(_GIVE_HOME)
            yield
        finally:
            for file, text in former.items():
                host.write(file, text)
            host.sh(_GIVE_HOME)

    @contextmanager
    def wrapped(self, host: LabHost, program: str, body: str) -> Iterator[None]:
        """A shell script in the place of a program, by whichever name it is called; ``$original`` runs that program.

        ``program``: its absolute path on the host.
        """
        name = PurePosixPath(program).name
        original, wrapper = f"{ORIGINALS}/{name}", f"{ORIGINALS}/wrap-{name}"
        host.sh('mkdir -p "$1"; cp -p "$2" "$3"', ORIGINALS, program, original)
        host.write(wrapper, f"#!/bin/sh\noriginal={shlex.quote(original)}\n{body}\n", mode=0o755)
        real = host.run(["readlink", "-f", program]).stdout.strip()
        host.run(["mount", "--bind", wrapper, real])
        try:
            yield
        finally:
            # Lazily: the script may be running.
            host.run(["umount", "-l", real])

    @contextmanager
    def held(self, host: LabHost, program: str, argument: str = "") -> Iterator[Held]:
        """``program`` stands still when it is started on the host (with ``argument`` among its arguments).

        It is let go at the latest when the context ends.
        """
        folder = f"{ORIGINALS}/held-{PurePosixPath(program).name}"
        host.run(["mkdir", "-p", folder])
        host.run(["rm", "-f", f"{folder}/held", f"{folder}/go"])
        matches = f'case " $* " in *" {argument} "*) ;; *) exec "$original" "$@" ;; esac' if argument else ""
        body = f"""{matches}
: >{folder}/held
while [ ! -e {folder}/go ]; do sleep 0.02; done
exec "$original" "$@"
"""
        host.run(["chmod", "777", folder])
        held = Held(host, folder)
        with self.wrapped(host, program, body):
            try:
                yield held
            finally:
                held.release()
