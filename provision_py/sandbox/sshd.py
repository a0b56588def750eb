"""A private sshd: its own host key, its own list of keys that may log in, and a client's folder that knows it.

Started by root it lets every account in; started by anyone else, that account only.
"""

from __future__ import annotations

import os
import re
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path

from provision_py.errors import HostError
from provision_py.sandbox import programs
from provision_py.sandbox.base import Sandbox, start_on_free_port
from provision_py.sandbox.programs import Program
from provision_py.system import process

SSHD = Program(("sshd",), "openssh-server")
SSH_KEYGEN = Program(("ssh-keygen",), "openssh-client")
#: Compiled into Debian's sshd, which does not start as root without it; the system's own service makes it too.
_PRIVILEGE_FOLDER = Path("/run/sshd")
_PATIENCE = 10.0


@dataclass
class Sshd:
    """A running sshd on the loopback network. ``address`` is 127.0.0.1 or another address of that network."""

    sandbox: Sandbox
    name: str
    address: str
    port: int
    settings: tuple[str, ...] = ()
    launcher: tuple[str, ...] = ()
    program: str = field(default="", repr=False)

    @property
    def folder(self) -> Path:
        return self.sandbox.path / self.name

    @property
    def host_key(self) -> Path:
        return self.folder / "host_key"

    @property
    def authorized_keys(self) -> Path:
        return self.folder / "authorized_keys"

    @property
    def log(self) -> Path:
        return self.sandbox.log(self.name)

    def known_hosts_line(self) -> str:
        """What a client must know of it."""
        kind, key = self.host_key.with_suffix(".pub").read_text().split()[:2]
        return f"[{self.address}]:{self.port} {kind} {key}\n"

    def authorize(self, public_key: Path) -> None:
        """Let the holder of a key log in."""
        with self.authorized_keys.open("a") as keys:
            keys.write(public_key.read_text())

    def connections(self) -> int:
        """How many connections have been made to it that came as far as a login."""
        return len(re.findall(r"^Accepted publickey", self.log.read_text(errors="replace"), re.MULTILINE))

    def is_running(self) -> bool:
        return self.name in self.sandbox.running()

    def stop(self) -> None:
        """Stop listening; connections that exist stay."""
        self.sandbox.stop(self.name)

    def start(self) -> None:
        """Start it (again) on its port. Raises HostError when somebody else has the port."""
        self.sandbox.launch(
            self.name, [*self.launcher, self.program, "-D", "-e", "-f", str(self.folder / "sshd_config")]
        )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            if not self.is_running():
                break
            if self._answers():
                return
            time.sleep(0.02)
        raise HostError("sshd did not start", where=str(self.log), hint=self.log.read_text(errors="replace")[-500:])

    def _answers(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=1.0) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            return False


def make_key(path: Path, kind: str = "ed25519", *, passphrase: str = "") -> Path:
    """A new pair of keys, the public one in ``path`` with ``.pub``. Raises MissingProgramError."""
    bits = ["-b", "2048"] if kind == "rsa" else []
    comment = ["-C", "sandbox"]
    process.run([programs.find(SSH_KEYGEN), "-q", "-t", kind, *bits, "-N", passphrase, *comment, "-f", str(path)])
    return path


def make_client(home: Path, *servers: Sshd) -> Path:
    """An ``.ssh`` folder in ``home`` with a key that the servers let in and the keys that they show. Returns it."""
    folder = home / ".ssh"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = folder / "id_ed25519"
    if not key.exists():
        make_key(key)
    with (folder / "known_hosts").open("a") as known:
        for server in servers:
            server.authorize(key.with_suffix(".pub"))
            known.write(server.known_hosts_line())
    return folder


def start_sshd(
    sandbox: Sandbox,
    name: str = "sshd",
    *,
    address: str = "127.0.0.1",
    prefer: int | None = None,
    key_kind: str = "ed25519",
    settings: tuple[str, ...] = (),
    launcher: tuple[str, ...] = (),
) -> Sshd:
    """Start sshd; ``settings`` are lines of its configuration that win over ours. ``launcher`` is a program, by its
    absolute path and with arguments, that starts it in its own place.

    Raises MissingProgramError, HostError.
    """
    program = programs.find(SSHD)
    folder = sandbox.folder(name, mode=0o700)
    make_key(folder / "host_key", key_kind)
    (folder / "authorized_keys").touch(mode=0o600)
    if os.geteuid() == 0:
        _PRIVILEGE_FOLDER.mkdir(mode=0o755, exist_ok=True)

    def start(port: int) -> Sshd | None:
        server = Sshd(sandbox, name, address, port, settings, launcher, program)
        (folder / "sshd_config").write_text(_configuration(server))
        try:
            server.start()
        except HostError:
            if "Address already in use" in server.log.read_text(errors="replace"):
                sandbox.stop(name)
                return None
            raise
        return server

    return start_on_free_port(start, prefer=prefer)


def _configuration(server: Sshd) -> str:
    lines = [
        "# Private sshd of a sandbox",
        *server.settings,
        f"ListenAddress {server.address}:{server.port}",
        f'HostKey "{server.host_key}"',
        f'AuthorizedKeysFile "{server.authorized_keys}"',
        "PidFile none",
        "AuthenticationMethods publickey",
        "PermitRootLogin prohibit-password",
        "StrictModes no",
        "UsePAM no",
        "UseDNS no",
        "PrintMotd no",
        # What the caller's own ~/.bashrc does, and how long it takes, does not matter: bash reads it at level 1 only.
        "SetEnv SHLVL=2",
        "LogLevel VERBOSE",
        "MaxStartups 100",
    ]
    return "\n".join([*lines, ""])
