"""What a command gives back besides an exit status or an Outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provision_py.php.values import PhpValue


@dataclass(frozen=True)
class Shown:
    """Data that a command was asked to print. ``as_php`` and ``as_table`` write it in these formats, where the
    general form would be less useful, ``others`` in further formats; ``status`` is the exit status.
    """

    data: PhpValue
    as_php: Callable[[], str] | None = None
    as_table: Callable[[], str] | None = None
    status: int = 0
    others: Mapping[str, Callable[[], str]] = field(default_factory=dict)
