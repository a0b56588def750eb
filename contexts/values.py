"""How the value of a property is chosen, and how loose PHP values become typed ones.

Rules of choice: backend.md 2.2 (Provision/Context.php, setProperty): option, else alias file, else default; the text
``null`` means the default; arrays may be written as comma lists.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from provision_py.contexts.properties import Draft, Property
from provision_py.contexts.references import Key, reference_text
from provision_py.errors import ContextError
from provision_py.php.values import PhpArray, PhpValue, php_list, says_yes

#: What the front end sends to set a property back to its default.
RESET = "null"


def is_given(value: PhpValue) -> bool:
    """Whether an option counts.

    As in the original, a text that PHP takes for false ('' and '0') and NULL leave the stored value alone, because
    the front end sends them for "nothing to say". ``False``, ``0`` and an empty array, sent by nobody by accident, do
    count here.
    """
    return value is not None and not (isinstance(value, str) and value in ("", "0"))


@dataclass
class Chooser:
    """Chooses properties one after the other; ``chosen`` collects them in the order of the alias file."""

    record: Mapping[int | str, PhpValue]
    options: Mapping[str, PhpValue]
    chosen: dict[str, PhpValue] = field(default_factory=dict)

    def value(self, name: str, default: Callable[[], PhpValue]) -> PhpValue:
        """The value of a property by precedence, not yet put into ``chosen``."""
        value = self.record.get(name)
        if name in self.options and is_given(self.options[name]):
            value = self.options[name]
        if value is None or value == RESET:
            return default()
        return value

    def scalar(self, name: str, default: PhpValue = None) -> PhpValue:
        self.chosen[name] = self.value(name, lambda: default)
        return self.chosen[name]

    def scalar_or(self, name: str, default: Callable[[], PhpValue]) -> PhpValue:
        self.chosen[name] = self.value(name, default)
        return self.chosen[name]

    def array(self, name: str, default: Callable[[], PhpValue] = dict) -> PhpValue:
        """An array as it is; a text is split at its commas. Blanks around an item and empty items are dropped."""
        value = self.value(name, default)
        if value is not None and not isinstance(value, dict):
            value = php_list(part.strip() for part in to_text_of(value).split(",") if part.strip())
        self.chosen[name] = value
        return value

    def members(self, name: str, default: Callable[[], PhpValue] = dict) -> PhpValue:
        """An array of references; each begins with ``@`` afterwards."""
        value = self.array(name, default)
        if isinstance(value, dict):
            value = {key: reference_text(item) if isinstance(item, str) else item for key, item in value.items()}
            self.chosen[name] = value
        return value

    def reference(self, name: str, default: str | None) -> PhpValue:
        value = self.value(name, lambda: default)
        self.chosen[name] = reference_text(value) if isinstance(value, str) and value else value
        return self.chosen[name]

    def put(self, name: str, value: PhpValue) -> None:
        """A derived value: whatever the file or an option says."""
        self.chosen[name] = value


def choose_property(prop: Property, choose: Chooser, draft: Draft) -> None:
    """Choose a property that a service type declares."""
    if prop.derived:
        choose.put(prop.name, prop.default(draft))
        return
    pick: dict[str, Callable[[str, Callable[[], PhpValue]], PhpValue]] = {
        "scalar": choose.scalar_or,
        "list": choose.array,
        "members": choose.members,
    }
    value = pick[prop.kind](prop.name, lambda: prop.default(draft))
    if prop.optional and value == prop.default(draft):
        del choose.chosen[prop.name]


def to_text_of(value: PhpValue) -> str:
    """A scalar as PHP would turn it into a string."""
    if value is True:
        return "1"
    if value is None or value is False or isinstance(value, dict):
        return ""
    return str(value)


def to_text(value: PhpValue, at: Key) -> str:
    """A scalar as text; NULL is ''. Raises ContextError for an array."""
    if isinstance(value, dict):
        raise _wrong("a text", value, at)
    return to_text_of(value)


def to_text_or_none(value: PhpValue, at: Key) -> str | None:
    """A scalar as text; None for NULL, false and ''."""
    return to_text(value, at) or None


def to_bool(value: PhpValue, at: Key) -> bool:
    """A scalar as :func:`says_yes` takes it. Raises ContextError for an array."""
    if isinstance(value, dict):
        raise _wrong("true or false", value, at)
    return says_yes(value)


def to_texts(value: PhpValue, at: Key) -> tuple[str, ...]:
    """The texts of an array, or of a comma list, without doubles. Raises ContextError for arrays of arrays."""
    if value is None or value is False or value == "":
        return ()
    items = list(value.values()) if isinstance(value, dict) else list(to_text_of(value).split(","))
    texts = [to_text(item, Key(at.context, f"{at.key}[{index}]", at.file)) for index, item in enumerate(items)]
    return tuple(dict.fromkeys(text for text in texts if text))


def unique(value: PhpValue) -> PhpValue:
    """An array without doubles; the first of equals keeps its key (Provision/Config/Drushrc/Alias.php)."""
    if not isinstance(value, dict):
        return value
    kept: PhpArray = {}
    seen: set[str] = set()
    for key, item in value.items():
        text = to_text_of(item)
        if isinstance(item, dict) or text not in seen:
            kept[key] = item
            seen.add(text)
    return kept


def _wrong(wanted: str, value: PhpValue, at: Key) -> ContextError:
    kind = "an array" if isinstance(value, dict) else f"a {type(value).__name__}"
    return ContextError(
        f"This should be {wanted} and is {kind}",
        where=at.where(),
        hint=f"Correct it with provision-save @{at.context} --{at.key}=…",
        code="PROVISION_INVALID_CONTEXT",
    )
