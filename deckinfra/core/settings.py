"""What a settings group is: typed fields, each with a description, declared once.

A group's field ``database_url`` is set by the variable ``DATABASE_URL``. From the groups come
validation, ``.env.example``, ``docs/configuration.md`` and the list of what must not be shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from deckinfra.core.secret import Secret
from deckinfra.errors import ConfigurationError

_Group = TypeVar("_Group", bound="SettingsGroup")


class Stage(StrEnum):
    """What an environment is for. Production is guarded; development gets example data."""

    DEVELOPMENT = "development"
    TEST = "test"
    PRODUCTION = "production"


class SettingsGroup(BaseModel):
    """Base of a group of settings. A plugin registers its own by the hook ``deckinfra_settings``.

    The docstring's first line is the group's title in the documentation. A field of type ``Secret``,
    or ``Secret | None``, is a secret: it is never written to an env file and never shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def problems(self, stage: Stage) -> Iterable[Problem]:
        """Give what is wrong with these values together, or in this stage. Each field is valid by itself."""
        return ()


def setting(
    default: Any = ...,
    *,
    description: str,
    example: str | None = None,
    generate: Callable[[], str] | None = None,
    **constraints: Any,
) -> Any:
    """Declare one setting of a :class:`SettingsGroup`.

    Without ``default`` it must be set. ``description`` is one or two plain sentences; ``example`` is
    what ``.env.example`` shows where the default does not explain itself; ``generate`` makes a value
    for a secret that nobody set. ``constraints`` go to pydantic's ``Field``.
    """
    extra: dict[str, Any] = {"example": example, "generate": generate}
    return Field(default, description=description, json_schema_extra=extra, **constraints)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the configuration: which variable, what about it, how to mend it."""

    name: str
    message: str
    hint: str = ""
    source: str = ""


@dataclass(frozen=True)
class Value:
    """One effective value as text, and where it came from, such as ``.env.local line 4`` or ``default``.

    ``text`` is None where there is no value at all; ``secret`` tells whether it may be shown.
    """

    name: str
    text: str | None
    source: str
    secret: bool


def unusable(environment: str, problems: Sequence[Problem]) -> ConfigurationError:
    """Make the error for settings that cannot be worked with: it names every problem, and how to mend a single one."""
    several = f"'invoke env.check -e {environment}' says how to mend each."
    count = f"{len(problems)} problems: " if len(problems) > 1 else ""
    listed = "; ".join(f"{problem.name} {problem.message}" for problem in problems)
    return ConfigurationError(
        f"the settings of '{environment}' are not usable: {count}{listed}",
        hint=f"Nothing was done. {(problems[0].hint if len(problems) == 1 else '') or several}",
    )


class Settings:
    """The validated settings of one environment: a value of each usable group, and where every value came from.

    ``problems`` are those of the groups that are not usable.
    """

    def __init__(
        self,
        stage: Stage,
        groups: Mapping[type[SettingsGroup], SettingsGroup],
        values: Iterable[Value],
        environment: str = "",
        problems: Mapping[type[SettingsGroup], Sequence[Problem]] | None = None,
    ) -> None:
        self._environment = environment
        self._problems = problems or {}
        self.stage = stage
        self._groups = dict(groups)
        self.values: Mapping[str, Value] = {value.name: value for value in values}

    def group(self, kind: type[_Group]) -> _Group:
        """Give the values of one group; a :class:`ConfigurationError` says why they are not usable.

        A group that no plugin registered is a KeyError: a programming error.
        """
        if self._problems.get(kind):
            raise unusable(self._environment, self._problems[kind])
        found = self._groups[kind]
        assert isinstance(found, kind)
        return found

    def with_group(self, group: SettingsGroup) -> Settings:
        """Give the same settings with other values of one group. :attr:`values` stays what was configured."""
        kind = type(group)
        problems = {each: found for each, found in self._problems.items() if each is not kind}
        groups = {**self._groups, kind: group}
        return Settings(self.stage, groups, self.values.values(), self._environment, problems)

    def secrets(self) -> tuple[Secret, ...]:
        """Give every secret that has a value, for :func:`deckinfra.core.secret.redact`."""
        return tuple(Secret(value.text) for value in self.values.values() if value.secret and value.text)
