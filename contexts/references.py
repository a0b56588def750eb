"""References between contexts, as the ``@name`` texts of the alias files, and the trail that finds cycles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from provision_py.contexts.model import Server
from provision_py.contexts.names import context_name
from provision_py.errors import ContextError
from provision_py.php.values import PhpValue

MASTER = "server_master"
MASTER_REFERENCE = "@server_master"


@dataclass(frozen=True)
class Key:
    """Where a value stands: the key of a context's alias file, for errors."""

    context: str
    key: str
    file: str

    def where(self) -> str:
        return f"@{self.context}, key {self.key}, file {self.file}"


def referenced_name(value: PhpValue, at: Key) -> str:
    """The name (without ``@``) that a reference names. Raises ContextError when it names none."""
    if not isinstance(value, str) or not value:
        raise ContextError(
            "A reference to another context is missing" if value in (None, "") else "This is no context's name",
            where=at.where(),
            hint=f"Set it with provision-save @{at.context} --{at.key}=@name",
        )
    try:
        return context_name(value)
    except ContextError as error:
        raise ContextError(error.what, where=at.where(), hint=error.hint, code=error.code) from error


def reference_text(name: str) -> str:
    """``@name`` for ``name`` or ``@name``."""
    return "@" + name.removeprefix("@")


@dataclass
class Trail:
    """One load: the contexts that are being loaded, outermost first: finding one of them again means a cycle; and
    the servers that are loaded already.
    """

    names: list[str] = field(default_factory=list)
    servers: dict[str, Server] = field(default_factory=dict)

    @contextmanager
    def entered(self, name: str, at: Key | None) -> Iterator[None]:
        """Raises ContextError (PROVISION_CONTEXT_CYCLE) when ``name`` is being loaded already."""
        if name in self.names:
            circle = " > ".join(f"@{step}" for step in [*self.names[self.names.index(name) :], name])
            raise ContextError(
                f"Contexts refer to each other in a circle: {circle}",
                where=at.where() if at else "",
                hint="Let one of them refer to another context",
                code="PROVISION_CONTEXT_CYCLE",
            )
        self.names.append(name)
        try:
            yield
        finally:
            self.names.pop()
