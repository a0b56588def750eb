"""What a machine needs before it can be a web server of the hosting system, and the scripts that see to it.

Pure. The rules are those of the original's Debian packages (aegir3-cluster-slave): an account with a login shell in
the web server's group, the hub's key, sudo for the reload, the web server's include, PHP, rsync, a database client.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from provision_py.contexts.model import Server
from provision_py.errors import ServiceError, UsageError
from provision_py.services import templating, web_quoting
from provision_py.services.base import HttpService
from provision_py.services.http_common import PublicHttp
from provision_py.services.http_ssl import SslHttp

SHELL = "/bin/bash"

#: Debian's metapackage of the client, and the names that clients have.
_CLIENT = "default-mysql-client"

_KEY = re.compile(
    r"(?:ssh-[a-z0-9-]+|ecdsa-[a-z0-9-]+|sk-[a-z0-9-]+@openssh\.com) [A-Za-z0-9+/]+=*(?: [^\x00-\x1f\x7f]*)?"
)
_SUDOERS_SPECIAL = re.compile(r"([,:=\\*?\[\]!# ])")


@dataclass(frozen=True)
class Need:
    """A Debian package, and what shows that it, or something in its place, is there.

    ``programs``: one of these can be called. ``files``: one of these patterns matches. ``php``: PHP has this module.
    """

    package: str
    programs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    php: str = ""


_COMMON = (
    Need("sudo", programs=("sudo",)),
    Need("rsync", programs=("rsync",)),
    Need("php-cli", programs=("php",)),
    Need("php-mysql", php="pdo_mysql"),
    Need("php-xml", php="dom"),
    Need("php-gd", php="gd"),
    Need("php-mbstring", php="mbstring"),
    Need("php-curl", php="curl"),
    Need(_CLIENT, programs=("mysql", "mariadb")),
)
_WEB = {
    "apache": (
        Need("apache2", programs=("apache2", "httpd")),
        Need("libapache2-mod-php", files=("/usr/lib/apache2/modules/libphp*.so", "/usr/sbin/php-fpm*")),
    ),
    "nginx": (Need("nginx", programs=("nginx",)), Need("php-fpm", files=("/usr/sbin/php-fpm*",))),
}


@dataclass(frozen=True)
class Include:
    """How the web server's own configuration takes ours in: a file of one line in one of its folders.

    ``folder`` is the folder that is read, ``available`` the one that Debian links from (empty: none).
    """

    target: str
    folder: str
    available: str
    line: str


@dataclass(frozen=True)
class Preparation:
    """What should be true on a machine. ``uid`` and ``gid`` are the hub's, for a new account where they are free, and
    so is ``web_gid``, of the group of that name; None where they do not matter or the hub has none.

    ``sudo`` holds the commands that the account may run as root, each exactly so. ``is_hub``: it is the machine we
    run on, which needs no key.
    """

    server: str
    host: str
    user: str
    root: str
    web_group: str
    needs: tuple[Need, ...]
    modules: tuple[str, ...]
    include: Include
    sudo: tuple[tuple[str, ...], ...]
    keys: tuple[str, ...]
    uid: int | None = None
    gid: int | None = None
    web_gid: int | None = None
    is_hub: bool = False

    @property
    def sudoers_file(self) -> str:
        """sudo passes over names with a dot."""
        return f"/etc/sudoers.d/{self.user}-provision-py"

    @property
    def sudoers(self) -> str:
        """One rule for each command."""
        rules = [f"{sudoers_word(self.user)} ALL=(root) NOPASSWD: {sudoers_command(argv)}" for argv in self.sudo]
        return "\n".join(rules)


def preparation(
    server: Server,
    http: HttpService,
    keys: Sequence[str] = (),
    *,
    uid: int | None = None,
    gid: int | None = None,
    is_hub: bool = False,
) -> Preparation:
    """What the machine of a web server needs. ``keys`` are public keys of the hub's user.

    Raises UsageError for a group, ServiceError for values that cannot stand in a script or a sudo rule.
    """
    if not isinstance(http, PublicHttp):
        raise UsageError(
            f"@{server.name} is no machine of its own",
            where=f"http_service_type {server.service_types.get('http')}",
            hint=f"Prepare its members: {', '.join(f'@{name}' for name in server.members) or 'there are none'}",
        )
    ssl = ("ssl",) if isinstance(http, SslHttp) else ()
    return Preparation(
        server=server.name,
        host=web_quoting.host_or_address(server.remote_host),
        user=web_quoting.account(server.script_user),
        root=web_quoting.config_path(server.aegir_root),
        web_group=web_quoting.account(str(server.properties.get("web_group") or "www-data")),
        needs=_COMMON + _WEB[http.application],
        modules=("rewrite", "headers", *ssl) if http.application == "apache" else (),
        include=_include(server.aegir_root, http.application),
        sudo=sudo_commands(http),
        keys=tuple(public_key(key) for key in keys),
        uid=uid,
        gid=gid,
        is_hub=is_hub,
    )


def prepare_script(wanted: Preparation) -> str:
    """A POSIX shell script that makes it so, as root. It changes what is missing and nothing else."""
    return templating.render("shell/prepare.sh.j2", wanted=wanted, shell=SHELL)


def facts_script(wanted: Preparation) -> str:
    """A POSIX shell script that tells what is there; :func:`provision_py.services.serverfacts.parse` reads it."""
    return templating.render("shell/facts.sh.j2", wanted=wanted)


def sudo_commands(http: HttpService) -> tuple[tuple[str, ...], ...]:
    """The commands of a web service that need sudo, without it. Raises ServiceError for one without a full path."""
    found = []
    for argv in (http.reload_command(), http.test_command()):
        if argv is None or argv[0].rpartition("/")[2] != "sudo":
            continue
        command = tuple(_without_options(argv[1:]))
        if not command or not command[0].startswith("/"):
            raise ServiceError(
                f"sudo is to run {command[0] if command else 'nothing'}, and its rules need a full path",
                where=f"@{http.server.name}, key http_restart_cmd",
                hint="Write the command with its full path, such as sudo /usr/sbin/apache2ctl graceful",
            )
        found.append(command)
    return tuple(dict.fromkeys(found))


def _without_options(words: Sequence[str]) -> Sequence[str]:
    """What sudo is to run: the words after its own options."""
    index = 0
    while index < len(words) and words[index].startswith("-"):
        index += 2 if words[index] in ("-u", "-g", "-h", "-p") else 1
    return words[index:]


def sudoers_word(text: str) -> str:
    """A text as one word of a sudo rule, taken as it is.

    Raises ServiceError for control characters and for double quotes, which sudo's rules cannot hold there.
    """
    if re.search(r'[\x00-\x1f\x7f"]', text):
        raise ServiceError("Control characters and double quotes cannot stand in a sudo rule", where=repr(text))
    return _SUDOERS_SPECIAL.sub(r"\\\1", text)


def sudoers_command(argv: Sequence[str]) -> str:
    """A command with exactly these arguments; without any, none are allowed (where sudo would allow all)."""
    return " ".join(sudoers_word(word) for word in argv) if len(argv) > 1 else f'{sudoers_word(argv[0])} ""'


def public_key(line: str) -> str:
    """One public key in OpenSSH's format. Raises UsageError for anything else, a private key above all."""
    key = line.strip()
    if not _KEY.fullmatch(key):
        raise UsageError(
            "That is no public key",
            where=f"{key[:20]}…",
            hint="Name a file such as ~/.ssh/id_ed25519.pub, which holds one line",
        )
    return key


def _include(root: str, application: str) -> Include:
    path = web_quoting.config_path(f"{root}/config/{application}.conf")
    if application == "apache":
        line = f"IncludeOptional {web_quoting.apache_word(path)}"
        return Include(path, "/etc/apache2/conf-enabled", "/etc/apache2/conf-available", line)
    # nginx passes over a missing file only where the name is a pattern.
    pattern = f"{path.removesuffix('.conf')}[.]conf"
    return Include(path, "/etc/nginx/conf.d", "", f"include {web_quoting.nginx_word(pattern)};")
