"""What every lab host has: accounts, names, sshd, sudo, and MariaDB where it is to run."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from provision_py.sandbox import programs
from provision_py.sandbox.lab.disk import AEGIR_HOME, Disk, account
from provision_py.sandbox.lab.hostspec import NETWORK, HostSpec, address_of, hosts_file
from provision_py.sandbox.lab.webserver import SUDO_COMMANDS
from provision_py.sandbox.mariadb import ADMIN_USER, SETTINGS
from provision_py.system.host import Secret

AEGIR_ID = 8000

DATABASE_SOCKET = "/run/mysqld/mysqld.sock"

SSHD_CONFIG = """\
HostKey /etc/ssh/ssh_host_ed25519_key
PidFile /run/sshd.pid
LogLevel VERBOSE
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
AcceptEnv LANG LC_*
Subsystem sftp internal-sftp
"""

SUDOERS = f"""\
Defaults env_reset
Defaults secure_path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
Defaults !use_pty
root ALL=(ALL:ALL) ALL
aegir ALL=(root) NOPASSWD: {", ".join(SUDO_COMMANDS)}
"""

NSSWITCH = "passwd: files\ngroup: files\nshadow: files\nhosts: files\nservices: files\nprotocols: files\n"


@dataclass(frozen=True)
class KeyPair:
    """An ssh key, both halves in OpenSSH's format."""

    private: str
    public: str


def make_key(folder: Path, name: str) -> KeyPair:
    """A new key; ``folder`` is for its two files as long as they are needed."""
    file = folder / name
    argv = [programs.find(programs.SSH_KEYGEN), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(file)]
    subprocess.run(argv, check=True, capture_output=True, stdin=subprocess.DEVNULL)
    public = file.with_suffix(".pub")
    pair = KeyPair(file.read_text(), public.read_text())
    file.unlink()
    public.unlink()
    return pair


def write_accounts(disk: Disk, host: HostSpec) -> None:
    """The machine's accounts, without an Aegir of its own; with ours on a host that is prepared."""
    entries = {name: _lines(f"/etc/{name}") for name in ("passwd", "group", "shadow")}
    if host.prepared:
        entries["passwd"].append(f"aegir:x:{AEGIR_ID}:{AEGIR_ID}:Aegir:{AEGIR_HOME}:/bin/bash")
        entries["group"] = [_with_aegir(line) for line in entries["group"]] + [f"aegir:x:{AEGIR_ID}:"]
        # A star, not an exclamation mark: no password fits, and yet sshd lets keys in.
        entries["shadow"].append("aegir:*:19000:0:99999:7:::")
    entries["shadow"] = [_unlocked_root(line) for line in entries["shadow"]]
    for name, lines in entries.items():
        there = Path(f"/etc/{name}").stat()
        mode, owner = there.st_mode & 0o7777, (there.st_uid, there.st_gid)
        disk.write(f"/etc/{name}", "\n".join([*lines, ""]), mode, owner)


def _lines(path: str) -> list[str]:
    return [line for line in Path(path).read_text().splitlines() if line and not line.startswith("aegir:")]


def _with_aegir(line: str) -> str:
    name, _, rest = line.partition(":")
    return f"{name}:{rest}{'' if rest.endswith(':') else ','}aegir" if name == "www-data" else line


def _unlocked_root(line: str) -> str:
    return "root:*:19000:0:99999:7:::" if line.startswith("root:") else line


def write_names(disk: Disk, host: HostSpec, hosts: tuple[HostSpec, ...]) -> None:
    disk.write("/etc/hosts", hosts_file(hosts))
    disk.write("/etc/hostname", f"{host.name}\n")
    disk.write("/etc/nsswitch.conf", NSSWITCH)


def write_ssh(disk: Disk, host: HostSpec, host_key: KeyPair, authorized: dict[str, str]) -> None:
    """sshd with its key; ``authorized``: public key by account (``root``, ``aegir``)."""
    disk.make_empty("/etc/ssh")
    disk.write("/etc/ssh/sshd_config", SSHD_CONFIG)
    disk.write("/etc/ssh/ssh_host_ed25519_key", host_key.private, 0o600)
    disk.write("/etc/ssh/ssh_host_ed25519_key.pub", host_key.public)
    disk.make("/run/sshd")
    for user, public in authorized.items():
        if user == "root" or host.prepared:
            _write_dot_ssh(disk, user, {"authorized_keys": public})


def write_client_keys(disk: Disk, keys: dict[str, KeyPair], known_hosts: str) -> None:
    """The keys of a host from which others are managed, and the keys of those others."""
    for user, key in keys.items():
        _write_dot_ssh(disk, user, {"id_ed25519": key.private, "id_ed25519.pub": key.public})
        _write_dot_ssh(disk, user, {"known_hosts": known_hosts})


def _write_dot_ssh(disk: Disk, user: str, files: dict[str, str]) -> None:
    home, owner = (AEGIR_HOME, (AEGIR_ID, AEGIR_ID)) if user == "aegir" else ("/root", (0, 0))
    disk.make(f"{home}/.ssh", 0o700, owner)
    for name, text in files.items():
        disk.write(f"{home}/.ssh/{name}", text, 0o644 if name.endswith(".pub") else 0o600, owner)


def known_hosts_lines(hosts: tuple[HostSpec, ...], keys: dict[str, KeyPair]) -> str:
    lines = []
    for index, host in enumerate(hosts):
        kind, key = keys[host.name].public.split()[:2]
        lines.append(f"{host.name},{host.full_name},{address_of(index)} {kind} {key}")
    return "\n".join([*lines, ""])


def write_sudo(disk: Disk, host: HostSpec) -> None:
    disk.make_empty("/etc/sudoers.d", 0o750)
    rules = [line for line in SUDOERS.splitlines() if host.prepared or not line.startswith("aegir")]
    disk.write("/etc/sudoers", "\n".join([*rules, ""]), 0o440)


def write_folders(disk: Disk, host: HostSpec) -> None:
    """Folders in which nothing of the machine's own may show, and Aegir's home."""
    empty = ("/var/log", 0o755), ("/var/tmp", 0o1777), ("/var/spool/cron/crontabs", 0o1730)  # noqa: S108 (the host's)
    for folder, mode in empty:
        disk.make_empty(folder, mode)
    made = ("/run/lock", 0o1777), ("/run/mysqld", 0o755), ("/tmp", 0o1777), ("/root", 0o711)  # noqa: S108 (the host's)
    for folder, mode in made:
        disk.make(folder, mode)
    if host.prepared:
        disk.make(AEGIR_HOME, 0o755, (AEGIR_ID, AEGIR_ID))
    else:
        disk.make(AEGIR_HOME)


def write_nfs(disk: Disk, disks: Path) -> None:
    """A ``mount -t nfs`` that binds what the named host exports to this one."""
    script = Path(__file__).with_name("mount_nfs.sh").read_text()
    disk.write("/usr/sbin/mount.nfs", script, 0o755)
    disk.write("/etc/lab/disks", f"{disks}\n")
    disk.write("/etc/fstab", "# Nothing is mounted at the start of this host.\n")
    disk.write("/etc/exports", "# See exports(5).\n")


def write_database(disk: Disk, password: Secret) -> None:
    """MariaDB for the whole network of the lab, with an account that may do everything."""
    owner = account("mysql")
    disk.make_empty("/etc/mysql")
    disk.make_empty("/var/lib/mysql", 0o700, owner)
    disk.make("/run/mysqld", 0o755, owner)
    values: dict[str, object] = {
        **SETTINGS,
        "user": "mysql",
        "datadir": "/var/lib/mysql",
        "socket": DATABASE_SOCKET,
        "pid_file": "/run/mysqld/mysqld.pid",
        "port": 3306,
        "bind_address": "0.0.0.0",  # noqa: S104 -- the network of the lab has no way out
        "skip_name_resolve": "0",
        "init_file": "/etc/mysql/accounts.sql",
    }
    lines = ["[client-server]", f"socket = {DATABASE_SOCKET}", "[mariadbd]"]
    lines += [f"{key} = {value}" for key, value in values.items()]
    disk.write("/etc/mysql/my.cnf", "\n".join([*lines, ""]))
    sql = ["DELETE FROM mysql.global_priv WHERE User IN ('', 'root');", "FLUSH PRIVILEGES;"]
    for place in ("localhost", "127.0.0.1", f"{NETWORK}.%"):
        who = f"'{ADMIN_USER}'@'{place}'"
        # The password is made of URL-safe characters, so it needs no escapes.
        sql.append(f"CREATE OR REPLACE USER {who} IDENTIFIED BY '{password.reveal()}';")
        sql.append(f"GRANT ALL PRIVILEGES ON *.* TO {who} WITH GRANT OPTION;")
    disk.write("/etc/mysql/accounts.sql", "\n".join([*sql, ""]), 0o600, owner)
