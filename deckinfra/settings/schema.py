"""The settings groups seen as variables: what each is called, holds and defaults to, as text and back."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from deckinfra.core.secret import Secret
from deckinfra.core.settings import SettingsGroup

_PAIR: Final = re.compile(r"(?:^|\s)([a-z][a-z0-9_-]*)=")


@dataclass(frozen=True)
class Variable:
    """One setting of one group, as a person meets it.

    ``kind`` describes the type in words; ``default`` is text, or None where there is none: then the
    variable must be set if ``required``, and may be absent otherwise. ``generate`` makes a secret.
    """

    name: str
    field: str
    group: type[SettingsGroup]
    kind: str
    shape: Literal["text", "list", "pairs"]
    secret: bool
    required: bool
    default: str | None
    description: str
    example: str | None
    generate: Callable[[], str] | None

    def parse(self, text: str) -> Any:
        """Split the text of a list or of pairs for pydantic to judge; :class:`ValueError` if they are no pairs."""
        if self.shape == "list":
            return [entry.strip() for entry in text.split(",") if entry.strip()]
        if self.shape == "pairs":
            return _pairs(text)
        return text


def variables(groups: Iterable[type[SettingsGroup]]) -> tuple[Variable, ...]:
    """Give the variables of ``groups`` in the order of their declaration."""
    return tuple(_variable(group, name, info) for group in groups for name, info in group.model_fields.items())


def title(group: type[SettingsGroup]) -> str:
    """Give a group's title: its docstring's first line, without the full stop."""
    return (group.__doc__ or group.__name__).strip().splitlines()[0].rstrip(".")


def text_of(value: Any) -> str | None:
    """Write a value the way a variable holds it; None is no value. A secret is revealed: mind where it goes."""
    if value is None:
        return None
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Mapping):
        return " ".join(f"{name}={text_of(entry)}" for name, entry in value.items())
    if isinstance(value, Set):
        return ",".join(sorted(str(text_of(entry)) for entry in value))
    if isinstance(value, list | tuple):
        return ",".join(str(text_of(entry)) for entry in value)
    return str(value)


def _variable(group: type[SettingsGroup], name: str, info: FieldInfo) -> Variable:
    extra: Mapping[str, Any] = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    options = [option for option in _options(info.annotation) if option is not type(None)]
    required = info.is_required()
    generate = extra.get("generate")
    example = extra.get("example")
    return Variable(
        name=name.upper(),
        field=name,
        group=group,
        kind=" or ".join(_describe(option) for option in options) + _range(info),
        shape=next((shape for shape in map(_shape, options) if shape != "text"), "text"),
        secret=Secret in options,
        required=required,
        default=None if required else text_of(info.get_default(call_default_factory=True)),
        description=info.description or "",
        example=example if isinstance(example, str) else None,
        generate=generate if callable(generate) else None,
    )


def _options(annotation: Any) -> list[Any]:
    """Give the members of a union, each without its ``Annotated``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _options(get_args(annotation)[0])
    if origin in {Union, types.UnionType}:
        return [option for member in get_args(annotation) for option in _options(member)]
    return [annotation]


def _shape(annotation: Any) -> Literal["text", "list", "pairs"]:
    kind = get_origin(annotation) or annotation
    if not isinstance(kind, type) or issubclass(kind, str | bytes):
        return "text"
    if issubclass(kind, Mapping):
        return "pairs"
    return "list" if issubclass(kind, Sequence | Set) else "text"


def _range(info: FieldInfo) -> str:
    least = next((rule.ge for rule in info.metadata if isinstance(rule, Ge)), None)
    most = next((rule.le for rule in info.metadata if isinstance(rule, Le)), None)
    if least is None and most is None:
        return ""
    if most is None:
        return f", {least} or more"
    return f", {most} or less" if least is None else f", {least} to {most}"


_WORDS: Mapping[Any, str] = {str: "text", int: "whole number", float: "number", bool: "true or false", Secret: "secret"}


def _describe(annotation: Any) -> str:
    shape = _shape(annotation)
    if shape == "list":
        return "list, separated by commas"
    if shape == "pairs":
        return "NAME=VALUE pairs, separated by spaces"
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f"`{value}`" for value in get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "one of " + ", ".join(f"`{member.value}`" for member in annotation)
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _pairs(text: str) -> dict[str, str]:
    """Read ``NAME=VALUE NAME=VALUE``. A value reaches to the next ``NAME=``, so that it may hold spaces."""
    starts = list(_PAIR.finditer(text))
    if not starts or text[: starts[0].start()].strip():
        raise ValueError("it should be NAME=VALUE pairs, separated by spaces")
    names = [start[1] for start in starts]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it has the name '{twice}' twice")
    ends = [start.start() for start in starts[1:]] + [len(text)]
    return {start[1]: text[start.end() : end].strip() for start, end in zip(starts, ends, strict=True)}
