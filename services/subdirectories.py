"""Sites below a folder of another host (``host/folder``): their files, and which of them have become needless.

The original never removes such files (backend.md 7.3 and its list of bugs), so there may be old ones of its as well.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from provision_py.contexts.model import Site
from provision_py.services import web_quoting
from provision_py.system.configfile import ConfigFile
from provision_py.system.host import Completed, Host, Program

#: The head of our files for a site below a folder.
_HEAD = re.compile(r"^# Site (\S+) below ([^\s/]+)/(\S+), ", re.MULTILINE)

#: Where the original's files say which folder they are for, and whose database the site has.
_ORIGINAL_FOLDER = re.compile(r"^\s*(?:Alias\s+/|fastcgi_param\s+SITE_SUBDIR\s+)([^\s;]+?)[\s;]", re.MULTILINE)
_ORIGINAL_DATABASE = re.compile(r"^\s*(?:SetEnv|fastcgi_param)\s+db_name\s+([^\s;]+)\s*;?\s*$", re.MULTILINE)

#: The head of our vhost for a host that has no site of its own, and all lines that the original's has.
_OUR_VHOST = "which shows sites below its folders and has none of its own."
_ORIGINAL_VHOST = re.compile(
    r"<VirtualHost \S+>|ServerName \S+|Include \S+|</VirtualHost>"
    r"|server \{|(?:limit_conn|listen|server_name|include)\s[^;{}]*;(?:\s*#.*)?|\}"
)


@dataclass(frozen=True)
class Subdirectory:
    """A site that also answers below a folder of another host: ``host/path``."""

    host: str
    path: str

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"

    @property
    def file_name(self) -> str:
        return f"{self.path.replace('/', '_')}.conf"


def subdirectories(site: Site) -> tuple[Subdirectory, ...]:
    """The aliases of a site that name a folder below a host. Raises ServiceError for malformed ones, and for two that
    would be one file."""
    found: dict[tuple[str, str], Subdirectory] = {}
    for alias in site.aliases:
        host, slash, path = alias.partition("/")
        if slash and path.strip("/"):
            one = Subdirectory(web_quoting.host_name(host), web_quoting.subdirectory(path))
            other = found.setdefault((one.host, one.file_name), one)
            if other != one:
                hint = f"It is kept in the same file as {other}; remove one of the two aliases"
                raise web_quoting.refuse("This folder of an address", alias, hint)
    return tuple(found.values())


def shown(host: Host, paths: Mapping[str, Subdirectory], owner: str, database: str) -> list[Subdirectory]:
    """Those whose files, at ``paths`` on a server, are there and are the owner's."""
    contents = host.look(list(paths)).contents if paths else {}
    return [paths[path] for path, content in contents.items() if belongs_to(_text(content), path, owner, database)]


def former_files(
    host: Host,
    folder: str,
    vhost_path: Callable[[str], str],
    owner: str,
    database: str,
    wanted: Collection[str],
    found: Completed | None = None,
) -> list[ConfigFile]:
    """What is to be done about files of ``owner`` in ``folder`` (a server's ``subdir.d``) that are not ``wanted``.

    ``found`` is how the program of :func:`search` has ended there, if it was run already.

    A host that has nothing else there loses its folder, too: Apache does not start when a vhost of the original
    includes an empty one. ``database`` is the one by which the original's files are known to be the owner's.
    """
    paths = [path for path in _mentioning(host, folder, owner, database, found) if path not in wanted]
    contents = host.look(paths).contents if paths else {}
    gone = [path for path, content in contents.items() if belongs_to(_text(content), path, owner, database)]
    files: list[ConfigFile] = []
    for name in dict.fromkeys(path.split("/")[-2] for path in gone):
        here = f"{folder}/{name}"
        mine = [path for path in gone if path.startswith(f"{here}/")]
        left = {f"{here}/{entry}" for entry in host.listdir(here)}.difference(mine).union(_below(here, wanted))
        vhost = vhost_path(name)
        text = _text(host.look([vhost]).contents.get(vhost, b""))
        files += removals(mine, left, here, {vhost: text}, owner)
    return files


def belongs_to(text: str, path: str, owner: str, database: str) -> bool:
    """Whether a file is what we, or the original, wrote for a folder of this site, at this very place."""
    host, name = path.split("/")[-2:]
    head = _HEAD.search(text)
    if head:
        return (head[1], head[2], Subdirectory(host, head[3]).file_name) == (owner, host, name)
    folders = {Subdirectory(host, found).file_name for found in _ORIGINAL_FOLDER.findall(text)}
    return name in folders and set(_ORIGINAL_DATABASE.findall(text)) == {database}


def removals(
    mine: Iterable[str], left: Collection[str], folder: str, vhosts: Mapping[str, str], owner: str
) -> list[ConfigFile]:
    """How the files of a site that are ``mine`` go from a host's folder where others are ``left``. ``vhosts``: the
    path of the host's vhost, and its text."""
    ((vhost, text),) = vhosts.items()
    description = f"{owner}, no longer below {folder.rpartition('/')[2]}"
    if any(path.endswith(".conf") for path in left):
        return [ConfigFile(path, None, description=description) for path in mine]
    if not left and is_for_folders_only(text):
        # The folder is looked at when everything else is done: another site may have come to it meanwhile.
        files = [ConfigFile(path, None, description=description, with_folder=True) for path in mine]
        return [*files, ConfigFile(vhost, None, description=description, unless_there=folder)]
    if re.search(rf'^\s*Include\s+"?{re.escape(folder)}/', text, re.MULTILINE):
        return [_placeholder(path, folder, owner) for path in mine]
    return [ConfigFile(path, None, description=description, with_folder=True) for path in mine]


def is_for_folders_only(vhost: str) -> bool:
    """Whether a vhost has no site of its own: it is there for the sites below its folders."""
    if _OUR_VHOST in vhost.partition("\n")[0]:
        return True
    lines = [line.strip() for line in vhost.splitlines()]
    return any("/subdir.d/" in line for line in lines) and all(
        _ORIGINAL_VHOST.fullmatch(line) for line in lines if line
    )


def _placeholder(path: str, folder: str, owner: str) -> ConfigFile:
    """Apache does not start when a wildcard of ``Include`` finds nothing, and that is what the original writes."""
    host, name = folder.rpartition("/")[2], path.rpartition("/")[2].removesuffix(".conf")
    head = f"# Site {owner} below {host}/{name}, no longer."
    text = f"{head}\n# The vhost of {host} needs a file here until {host} is verified.\n"
    return ConfigFile(path, text, description=f"{owner}, no longer below {host}")


def search(folder: str, owner: str, database: str) -> Program:
    """Finds files in ``folder`` that may be the owner's."""
    argv = ["grep", "-rlsF", *(part for word in _words(owner, database) for part in ("-e", word)), "--", folder]
    return Program(argv)


def _mentioning(host: Host, folder: str, owner: str, database: str, found: Completed | None) -> list[str]:
    """Files of hosts' folders that may be the owner's."""
    if host.is_local:
        return _mentioning_here(folder, [word.encode() for word in _words(owner, database)])
    if found is None:
        found = host.run(search(folder, owner, database).argv, check=False)
    paths = found.stdout.splitlines()
    return sorted(path for path in paths if re.fullmatch(rf"{re.escape(folder)}/[^/]+/[^/]+\.conf", path))


def _mentioning_here(folder: str, words: Sequence[bytes]) -> list[str]:
    found = []
    for path in Path(folder).glob("*/*.conf"):
        with contextlib.suppress(OSError):
            content = path.read_bytes()
            if any(word in content for word in words):
                found.append(str(path))
    return sorted(found)


def _words(owner: str, database: str) -> tuple[str, str]:
    """Each file of the owner holds one of these."""
    return f"# Site {owner} below ", f" {database}"


def _below(folder: str, paths: Collection[str]) -> set[str]:
    return {path for path in paths if path.startswith(f"{folder}/")}


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
