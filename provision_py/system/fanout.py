"""The same work on several hosts at once, with a result per host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from provision_py.errors import ProvisionError

Item = TypeVar("Item")
Value = TypeVar("Value")

#: Hosts that are worked on at the same time.
WIDTH = 16


@dataclass(frozen=True)
class Failure(Generic[Item]):
    """An item whose work failed, and why."""

    item: Item
    error: ProvisionError


def each(
    items: Iterable[Item], work: Callable[[Item], Value]
) -> tuple[list[tuple[Item, Value]], list[Failure[Item]]]:
    """Do ``work`` for every item, side by side; results and failures, both in the order of the items.

    Every item is worked on, whatever becomes of the others. Exceptions other than ours are raised.
    """
    todo = list(items)
    if len(todo) <= 1:
        outcomes = [_attempt(item, work) for item in todo]
    else:
        # Most servers are one host, or none but this one: they do without.
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(max_workers=WIDTH, thread_name_prefix="host") as pool:
            outcomes = list(pool.map(lambda item: _attempt(item, work), todo))
    results = [(item, outcome[0]) for item, outcome in zip(todo, outcomes, strict=True) if isinstance(outcome, tuple)]
    return results, [outcome for outcome in outcomes if isinstance(outcome, Failure)]


def _attempt(item: Item, work: Callable[[Item], Value]) -> tuple[Value] | Failure[Item]:
    try:
        return (work(item),)
    except ProvisionError as error:
        return Failure(item, error)


def combined(failures: Sequence[Failure[Item]], name: Callable[[Item], str], where: str) -> ProvisionError:
    """What to raise for failures: a single one as it is, several as one of the first one's type, code and hint that
    names each item. ``where``: what they all belong to.
    """
    first = failures[0].error
    if len(failures) == 1:
        return first
    told = "; ".join(f"{name(failure.item)}: {failure.error.what}" for failure in failures)
    return type(first)(told, where=where, hint=first.hint, code=first.code)
