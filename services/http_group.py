"""Groups of web servers: they render nothing, they only say which members get what (backend.md 5.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from provision_py.contexts.model import Server
from provision_py.contexts.properties import Property
from provision_py.errors import ContextError
from provision_py.php.values import as_strings
from provision_py.services.base import HttpService
from provision_py.services.http_properties import TOLERATE_DOWN
from provision_py.system.addresses import is_local

#: Types of http services that are groups themselves.
GROUP_TYPES = frozenset({"cluster", "pack"})

MEMBER = "PROVISION_GROUP_MEMBER"


class HttpGroup(HttpService):
    """Each member is configured, tested and reloaded by its own http service, which the caller asks."""

    #: Names of members that are left out, because they are out of reach.
    absent: frozenset[str] = frozenset()

    @classmethod
    def server_properties(cls) -> Sequence[Property]:
        return (TOLERATE_DOWN,)

    def without(self, absent: frozenset[str]) -> HttpGroup:
        group = type(self)(self.server)
        group.absent = absent
        return group

    def present(self, members: Iterable[Server]) -> tuple[Server, ...]:
        """Those that are not left out, each once."""
        return tuple({server.name: server for server in members if server.name not in self.absent}.values())

    def members_of(self, key: str) -> tuple[Server, ...]:
        """The members that a property of the group names, in its order, each once.

        Raises ContextError for a member that is not there, offers no http service, or is a group itself.
        """
        names = (name.strip().removeprefix("@") for name in as_strings(self.server.properties.get(key)))
        return tuple(self._member(name, key) for name in dict.fromkeys(names) if name)

    def _member(self, name: str, key: str) -> Server:
        where = f"@{self.server.name}, key {key}"
        member = self.server.members.get(name)
        if member is None:
            raise ContextError(
                f"The member @{name} does not exist", where=where, hint="Choose the members of the group anew"
            )
        kind = member.service_types.get("http")
        if kind is None:
            raise ContextError(
                f"The member @{name} offers no http service",
                where=where,
                hint="Enable one on that server, or take it out of the group",
                code=MEMBER,
            )
        if kind in GROUP_TYPES:
            raise ContextError(
                f"The member @{name} is a group itself ({kind})",
                where=where,
                hint="Name that group's own members instead",
                code=MEMBER,
            )
        return member

    def member_names(self) -> tuple[str, ...]:
        """The names of all members as they stand in the group's properties, doubles too."""
        keys = [prop.name for prop in self.server_properties() if prop.kind == "members"]
        texts = (text for key in keys for text in as_strings(self.server.properties.get(key)))
        return tuple(name for name in (text.strip().removeprefix("@") for text in texts) if name)

    def named_twice(self) -> tuple[str, ...]:
        """Members that are named more than once. They count once, in a pack as masters."""
        return tuple(name for name, count in Counter(self.member_names()).items() if count > 1)

    def check_machines(self, machines: Mapping[str, str] | None = None) -> None:
        """Raises ContextError when two members are one other machine: what is brought to one would be in the way of
        what is brought to the other. Nothing is brought to this machine: it may have two web servers, on two ports.

        ``machines`` tells by the names of members what identifies their machines, as far as known. Without it the
        names of the machines do, which are no proof: one machine may have several.
        """
        known: dict[str, Server] = {}
        for member in self.config_servers():
            here = member.is_master or is_local(member.remote_host)
            named = None if here else member.remote_host.lower().rstrip(".")
            machine = named if machines is None else machines.get(member.name)
            if machine is None:
                continue
            other = known.setdefault(machine, member)
            if other is not member and not (here and (other.is_master or is_local(other.remote_host))):
                names = " and ".join(dict.fromkeys((other.remote_host, member.remote_host)))
                raise ContextError(
                    f"The members @{other.name} and @{member.name} are the same machine ({names})",
                    where=f"@{self.server.name}",
                    hint="Take one of them out of the group, or correct its remote_host",
                    code=MEMBER,
                )

    def _some(self, members: tuple[Server, ...], keys: str) -> tuple[Server, ...]:
        if members:
            return members
        raise ContextError(
            "The group has no members", where=f"@{self.server.name}, key {keys}", hint="Choose its web servers"
        )
