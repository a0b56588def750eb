"""What people put on the hub for a web server on another machine: files in ``pre.d`` and ``post.d`` of its
configuration, and settings in ``includes``. The server's verify brings them, in the rollout of its configuration.

The original makes these folders on the other machine what they are on the hub (http/public.php, verify_server_cmd;
platform/verify.provision.inc), so that it deletes what somebody has put there by hand. Here that stays. So that what
goes on the hub goes there too, ``<state>/brought/<server>.json`` has the checksums of what was brought.
"""

from __future__ import annotations

import grp
import hashlib
import json
import os
import stat as statlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provision_py.commands.session import Session
from provision_py.commands.webrollout import OwnFiles
from provision_py.contexts.model import Server
from provision_py.errors import HostError
from provision_py.services.http_nginx import OLD_INCLUDES, SHARED_INCLUDE
from provision_py.steps.files import EnsureDirectories
from provision_py.system.configfile import ConfigFile, Directory, Link
from provision_py.system.host import Host, Look
from provision_py.system.rsync import VCS

FOLDER = "brought"

#: Folder below a server's configuration, on that server, for what the hub's files took the place of. It is not below
#: ``pre.d`` and ``post.d``: Apache loads folders there with all they hold, hidden files too.
FORMER = ".former"

#: Properties of a web server that name folders for people's own configuration.
OWN_FOLDERS = ("http_pred_path", "http_postd_path")


@dataclass(frozen=True)
class Plan:
    """What a server gets, ``links`` that are kept there since files take their place, the checksums by path of all
    that is ``brought`` then, and what people should know."""

    files: tuple[ConfigFile, ...] = ()
    links: tuple[Link, ...] = ()
    brought: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def bring(session: Session, member: Server) -> OwnFiles:
    """Make the folders that people have made; what a rollout is to write on a server on another machine, and then
    here.

    Raises HostError for files that cannot be read or replaced.
    """
    master = session.master
    folders = [str(member.properties[key]) for key in OWN_FOLDERS if member.properties.get(key)]
    refused = [] if session.http(member).takes_folders else _loaded_folders(folders)
    generated = [f"{master.include_path}/{name}" for name in (SHARED_INCLUDE, *OLD_INCLUDES)]
    groups = (str(master.properties.get("web_group") or ""), str(member.properties.get("web_group") or ""))
    directories, wanted = gather([*folders, master.include_path], [*generated, *refused], groups)
    record = session.state / FOLDER / f"{member.name}.json"
    known = _read(record)
    look = _look(session.host_of(member), [*(file.path for file in wanted), *known], member.script_user)
    planned = plan(wanted, known, look, member, ours=[f"{master.include_path}/global.inc"])
    not_loaded = [f"{path} is not brought: it is a folder, and this web server loads files only" for path in refused]
    for warning in (*not_loaded, *planned.warnings):
        session.log.warning(f"@{member.name}: {warning}", code="PROVISION_MEMBER_FILE")
    if planned.links:
        directories.append(Directory(_former(member), 0o700))
    doing = "Make the folders of the hub's own files"
    session.run(EnsureDirectories(member.name, directories, planned.links, description=doing))
    text = json.dumps(planned.brought, indent=1, sort_keys=True) if planned.brought else None
    return planned.files, ConfigFile(str(record), text, mode=0o600)


def _look(host: Host, paths: Sequence[str], user: str) -> Look:
    """What is at paths, without the content of files that ``user`` may not be allowed to read."""
    states = host.stat_all(paths)
    readable = [path for path, state in states.items() if state and (state.owner == user or state.mode & 0o004)]
    return Look(states, host.look(readable).contents)


def gather(
    folders: Sequence[str], left_out: Collection[str], groups: tuple[str, str] = ("", "")
) -> tuple[list[Directory], list[ConfigFile]]:
    """Folders below these, and files in all of them, as they should be elsewhere; not what is ``left_out``, nor links
    that lead nowhere. Other links give what they lead to, which may be missing on another machine. ``groups``:
    that of the web server here, and its name there; no other has a meaning there. Raises HostError.
    """
    directories: list[Directory] = []
    files: list[ConfigFile] = []
    for path in (path for folder in folders for path in _below(folder, left_out)):
        try:
            state = os.stat(path)
            group = groups[1] if groups[1] and _is_group(state.st_gid, groups[0]) else None
            if statlib.S_ISDIR(state.st_mode):
                directories.append(Directory(path, statlib.S_IMODE(state.st_mode), group))
            elif statlib.S_ISREG(state.st_mode):
                content = Path(path).read_bytes().decode("utf-8", "surrogateescape")
                files.append(ConfigFile(path, content, statlib.S_IMODE(state.st_mode), group, sensitive=True))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _unreadable(path, error) from error
    return directories, files


def plan(
    wanted: Sequence[ConfigFile], known: Mapping[str, str], look: Look, server: Server, ours: Collection[str] = ()
) -> Plan:
    """What to do on a server that has this, and got ``known`` the last time. ``ours`` are paths that are the
    backend's, whoever owns what is there.

    Raises HostError where another file of somebody else is in the way: it could be replaced, but not put back.
    """
    files: list[ConfigFile] = []
    links: list[Link] = []
    brought: dict[str, str] = {}
    warnings: list[str] = []
    for file in wanted:
        state = look.states[file.path]
        if state is not None and state.owner != server.script_user:
            if _is_same(file, look):
                if file.path in known:  # It was brought before somebody took it over.
                    brought[file.path] = known[file.path]
                continue
            if file.path not in ours or (state.target is None and file.path not in look.contents):
                raise _foreign(file.path, state.owner, server)
        if state is not None and state.target is not None:
            links.append(_kept_link(server, file.path, state.target))
            warnings.append(_replaced(file.path, f"a link to {state.target}", links[-1]))
        elif file.path in look.contents and not _is_same(file, look) and not _is_as_brought(file.path, known, look):
            files.append(_kept(server, file.path, look.contents[file.path]))
            warnings.append(_replaced(file.path, "another file than on the hub", files[-1]))
        files.append(file)
        brought[file.path] = _sum_of(file)
    gone, staying = _gone(known, brought, look, server)
    return Plan((*files, *gone), tuple(links), brought, (*warnings, *staying))


def _gone(
    known: Mapping[str, str], brought: Collection[str], look: Look, server: Server
) -> tuple[list[ConfigFile], list[str]]:
    """Of what was brought and is gone on the hub: what is to go there too, and what is to be said of the rest."""
    files: list[ConfigFile] = []
    warnings: list[str] = []
    for path in (path for path in known if path not in brought):
        state = look.states[path]
        if state is not None and state.owner == server.script_user and _is_as_brought(path, known, look):
            files.append(ConfigFile(path, None))
        elif state is not None:
            warnings.append(f"{path} is gone on the hub, but stays there, because it was changed there")
    return files, warnings


def _is_same(file: ConfigFile, look: Look) -> bool:
    return file.path in look.contents and _sum(look.contents[file.path]) == _sum_of(file)


def _is_as_brought(path: str, known: Mapping[str, str], look: Look) -> bool:
    return path in look.contents and _sum(look.contents[path]) == known.get(path)


def _foreign(path: str, owner: str, server: Server) -> HostError:
    return HostError(
        f"{path} is another file than on the hub and belongs to {owner}, so it is not replaced",
        where=f"@{server.name}",
        hint=f"Give it another name there, or give it to {server.script_user}",
        code="PROVISION_MEMBER_FILE",
    )


def _below(folder: str, left_out: Collection[str], above: tuple[str, ...] = ()) -> Iterator[str]:
    """What is in a folder and those below it, folders first; a link to a folder above is passed over."""
    real = os.path.realpath(folder)
    if real in above:
        return
    for path in _inside(folder):
        if path in left_out:
            continue
        if os.path.realpath(path) not in (*above, real):
            yield path
        if os.path.isdir(path):
            yield from _below(path, left_out, (*above, real))


def _inside(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name not in VCS]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise _unreadable(folder, error) from error


def _loaded_folders(folders: Sequence[str]) -> list[str]:
    """Folders in these that a web server's wildcard matches."""
    found = [path for folder in folders for path in _inside(folder)]
    return [path for path in found if os.path.isdir(path) and not os.path.basename(path).startswith(".")]


def _unreadable(path: str, error: OSError) -> HostError:
    return HostError(
        f"{path}, which is to be brought to web servers, cannot be read: {error.strerror}",
        where=path,
        hint="Let the aegir user read it, or take it away",
    )


def _is_group(number: int, name: str) -> bool:
    try:
        return grp.getgrgid(number).gr_name == name
    except KeyError:
        return False


def _former(server: Server) -> str:
    return f"{server.config_path}/{FORMER}"


def _kept(server: Server, path: str, content: bytes) -> ConfigFile:
    text = content.decode("utf-8", "surrogateescape")
    return ConfigFile(_kept_name(server, path, content), text, mode=0o600, sensitive=True)


def _kept_link(server: Server, path: str, target: str) -> Link:
    """It leads to the same from there."""
    return Link(_kept_name(server, path, os.fsencode(target)), os.path.join(os.path.dirname(path), target))


def _kept_name(server: Server, path: str, content: bytes) -> str:
    return f"{_former(server)}/{os.path.basename(path)}.{_sum(content)[:8]}"


def _replaced(path: str, what: str, kept: ConfigFile | Link) -> str:
    return f"{path} was {what}; what it was is kept there as {kept.path}"


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _sum_of(file: ConfigFile) -> str:
    return _sum((file.content or "").encode("utf-8", "surrogateescape"))


def _read(record: Path) -> Mapping[str, str]:
    """A record that is lost or damaged costs no more than that what goes on the hub stays elsewhere."""
    try:
        found = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(path): str(text) for path, text in found.items()} if isinstance(found, dict) else {}
