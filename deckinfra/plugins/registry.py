"""What plugins register: how each kind of thing is read from a hook's result, checked, and looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from deckinfra.core.names import is_name, unknown_name

_T = TypeVar("_T")


class Registry(Mapping[str, _T]):
    """What plugins registered of one kind: name → factory, read-only."""

    def __init__(self, noun: str, entries: Mapping[str, _T], advice: str = "") -> None:
        self._noun = noun
        self._entries = dict(entries)
        self._advice = advice

    def find(self, name: str) -> _T:
        """Give what is registered as ``name``.

        Otherwise :class:`UnknownNameError` says what there is, and which plugins failed to load, since
        one of those may be what is missing.
        """
        if name not in self._entries:
            raise unknown_name(self._noun, name, self._entries, hint=self._advice)
        return self._entries[name]

    def __getitem__(self, name: str) -> _T:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"Registry({self._noun!r}, {sorted(self._entries)})"


@dataclass(frozen=True)
class Kind:
    """One kind of thing: the hook that registers it, what it is called, and how it is read.

    ``items`` turns what the hook returned into the things, and raises :class:`TypeError` or
    :class:`ValueError` if it is something else. ``names`` gives the names that one thing claims.
    """

    hook: str
    noun: str
    items: Callable[[Any], Sequence[Any]]
    names: Callable[[Any], Sequence[str]]

    def read(self, result: Any) -> Sequence[Any]:
        """Give the things in a hook's result, once it is certain that none claims a name twice."""
        items = self.items(result)
        seen: set[str] = set()
        for item in items:
            for name in self.names(item):
                if name in seen:
                    raise ValueError(f"{self.hook} registers {self.noun} '{name}' twice")
                seen.add(name)
        return items


def _factories(hook: str) -> Callable[[Any], Sequence[tuple[str, Any]]]:
    def items(result: Any) -> Sequence[tuple[str, Any]]:
        if not isinstance(result, Mapping):
            raise TypeError(f"{hook} gives {_kind(result)}, not a mapping of names to factories")
        for name, factory in result.items():
            if not isinstance(name, str) or not is_name(name):
                raise ValueError(f"{hook} registers {name!r}, which is not a name: lower-case letters, digits, - and _")
            if not callable(factory):
                raise TypeError(f"{hook} registers {_kind(factory)} as '{name}', not a factory")
        return tuple(result.items())

    return items


def _first(entry: tuple[str, Any]) -> Sequence[str]:
    return (entry[0],)


def _groups(result: Any) -> Sequence[Any]:
    from deckinfra.core.settings import SettingsGroup

    hook = "deckinfra_settings"
    for group in _sequence(hook, result):
        if not isinstance(group, type) or not issubclass(group, SettingsGroup):
            raise TypeError(f"{hook} gives {_kind(group)}, not a subclass of SettingsGroup")
    return tuple(result)


def _variables(group: Any) -> Sequence[str]:
    return [field.upper() for field in group.model_fields]


def _collections(result: Any) -> Sequence[Any]:
    # By its shape, since only the tasks import Invoke.
    hook = "deckinfra_tasks"
    for collection in _sequence(hook, result):
        name = getattr(collection, "name", None)
        if not callable(getattr(collection, "add_task", None)):
            raise TypeError(f"{hook} gives {_kind(collection)}, not an Invoke collection")
        if not isinstance(name, str) or not is_name(name):
            raise ValueError(f"{hook} gives a collection named {name!r}: lower-case letters, digits, - and _")
    return tuple(result)


def _collection_name(collection: Any) -> Sequence[str]:
    # Invoke shows a_b as a-b.
    return (collection.name.replace("_", "-"),)


def _named(hook: str, class_name: str) -> Callable[[Any], Sequence[Any]]:
    def items(result: Any) -> Sequence[Any]:
        from deckinfra import ports

        for item in _sequence(hook, result):
            if not isinstance(item, getattr(ports, class_name)):
                raise TypeError(f"{hook} gives {_kind(item)}, not a {class_name}")
        return tuple(result)

    return items


def _own_name(item: Any) -> Sequence[str]:
    return (item.name,)


def _sequence(hook: str, result: Any) -> Sequence[Any]:
    if not isinstance(result, Sequence) or isinstance(result, str | bytes):
        raise TypeError(f"{hook} gives {_kind(result)}, not a list")
    return result


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _of_factories(hook: str, noun: str) -> Kind:
    return Kind(hook, noun, _factories(hook), _first)


ENVIRONMENTS: Final = _of_factories("deckinfra_environments", "kind of environment")
ENGINES: Final = _of_factories("deckinfra_engines", "database engine")
STORES: Final = _of_factories("deckinfra_stores", "store scheme")
SETTINGS: Final = Kind("deckinfra_settings", "setting", _groups, _variables)
TASKS: Final = Kind("deckinfra_tasks", "collection of tasks", _collections, _collection_name)
CHECKS: Final = Kind("deckinfra_checks", "check", _named("deckinfra_checks", "Check"), _own_name)
SEEDS: Final = Kind("deckinfra_seeds", "seed", _named("deckinfra_seeds", "Seed"), _own_name)
SMOKE_QUERIES: Final = Kind(
    "deckinfra_smoke_queries", "smoke query", _named("deckinfra_smoke_queries", "SmokeQuery"), _own_name
)

KINDS: Final = (ENVIRONMENTS, ENGINES, STORES, SETTINGS, TASKS, CHECKS, SEEDS, SMOKE_QUERIES)
"""Every kind of thing that a plugin can register."""
