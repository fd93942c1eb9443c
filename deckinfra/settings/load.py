"""From raw values to validated settings: everything that is wrong, at once, or values to rely on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from deckinfra.core.names import is_name, unknown_name
from deckinfra.core.secret import Secret, redact
from deckinfra.core.settings import Problem, Settings, SettingsGroup, Stage, Value, unusable
from deckinfra.core.urls import url_password, without_url_passwords
from deckinfra.settings.committed import Repository, secrets_in
from deckinfra.settings.schema import Variable, text_of, title, variables
from deckinfra.settings.sources import Raw, Sources, read_sources
from deckinfra.settings.validate import validate

DEFAULT: Final = "default"
"""The source of what nobody set."""

_KIND: Final = "DECKINFRA_KIND"
_STAGE: Final = "DECKINFRA_STAGE"
_PRODUCTION: Final = frozenset({"prd", "live"})


@dataclass(frozen=True)
class Evaluation:
    """The settings of one environment, as far as they are usable, and what is wrong with them."""

    environment: str
    stage: Stage
    variables: tuple[Variable, ...]
    sources: Sources
    groups: Mapping[type[SettingsGroup], SettingsGroup]
    problems: tuple[Problem, ...]

    def values(self) -> Iterator[Value]:
        """Give the effective value of each variable; of a group that is not usable, the value as it was given."""
        for variable in self.variables:
            group, raw = self.groups.get(variable.group), self.sources.values.get(variable.name)
            given = raw.text if raw else variable.default
            text = given if group is None else text_of(getattr(group, variable.field))
            yield Value(variable.name, text, self._source(variable, text), _is_secret(variable, text))

    def _source(self, variable: Variable, text: str | None) -> str:
        raw = self.sources.values.get(variable.name)
        if raw is not None:
            return raw.source
        if text == variable.default:
            return DEFAULT
        # A group's own validator took it from another of its variables.
        others = (other for other in self.variables if other.group is variable.group)
        names = [other.name for other in others if other.name in self.sources.values]
        return f"made from {', '.join(names)}"


def environment_names(root: Path, kinds: Collection[str]) -> tuple[str, ...]:
    """Give the environments that there are: those with an env file, the registered kinds, and production."""
    files = (path.name.removeprefix(".env.") for path in root.glob(".env.*"))
    return tuple(sorted({"production", *kinds, *(name for name in files if is_name(name) and name != "example")}))


def environment_kind(
    root: Path,
    name: str,
    groups: Sequence[type[SettingsGroup]],
    environ: Mapping[str, str],
    kinds: Collection[str],
) -> str:
    """Give the kind of the environment ``name``: what its settings say, else its own name, else ``local``.

    Whether there is such a kind is for the registry to say. Raises :class:`UnknownNameError` for an
    environment that has neither an env file nor a kind of its name.
    """
    known = environment_names(root, kinds)
    if name not in known:
        raise unknown_name(
            "environment", name, known, hint="An environment is made by writing its env file, .env.NAME."
        )
    chosen = [variable for variable in variables(groups) if variable.name == _KIND]
    raw = read_sources(root, name, chosen, environ).values.get(_KIND)
    if raw is not None:
        return raw.text
    return name if name in kinds else "local"


def load_settings(
    root: Path,
    name: str,
    groups: Sequence[type[SettingsGroup]],
    environ: Mapping[str, str],
    needed: Collection[type[SettingsGroup]] | None = None,
) -> Settings:
    """Give the settings of the environment ``name``; a :class:`ConfigurationError` names all that is wrong.

    With ``needed``, only what is wrong with those groups, or cannot be told to belong to any, stops the
    run: a wrong CORS origin must not stand between a person and a restore. Another group's problems are raised
    when it is asked for.
    """
    found = evaluate(root, name, groups, environ)
    owners = {variable.name: variable.group for variable in found.variables} | {title(group): group for group in groups}
    spared: dict[type[SettingsGroup], list[Problem]] = {}
    for problem in found.problems:
        group = owners.get(problem.name)
        if group is None or needed is None or group in needed:
            raise unusable(name, found.problems)
        spared.setdefault(group, []).append(problem)
    return Settings(found.stage, found.groups, found.values(), name, spared)


def evaluate(root: Path, name: str, groups: Sequence[type[SettingsGroup]], environ: Mapping[str, str]) -> Evaluation:
    """Read and validate the settings of the environment ``name``, and keep whatever is wrong as problems."""
    known = variables(groups)
    sources = read_sources(root, name, known, environ)
    given = sources.values
    stage = _stage(name, given.get(_STAGE))
    valid: dict[type[SettingsGroup], SettingsGroup] = {}
    problems = list(sources.problems)
    for group in groups:
        owned = [variable for variable in known if variable.group is group]
        found = validate(group, owned, given, name)
        if isinstance(found, SettingsGroup):
            valid[group] = found
            found = list(found.problems(stage))
        problems += [problem for problem in found if problem.name not in sources.unread]
    leaked = list(secrets_in(sources.env_file, known, guess=False))
    if leaked and sources.env_file.name in Repository(root, environ).env_files:
        problems += leaked
    hidden = [Secret(text) for text in secret_texts(known, given).values()]
    return Evaluation(name, stage, known, sources, valid, tuple(_shown(problem, given, hidden) for problem in problems))


def secret_texts(known: Sequence[Variable], given: Mapping[str, Raw]) -> Mapping[str, str]:
    """Give every secret that was set, passwords in URLs included, by the variable that holds it."""
    texts = {}
    for variable in known:
        raw = given.get(variable.name)
        text = raw and (raw.text if variable.secret else url_password(raw.text))
        if text:
            texts[variable.name] = text
    return texts


def _stage(name: str, raw: Raw | None) -> Stage:
    """Give the stage that is set, else the one that the environment's name implies."""
    if raw is not None and raw.text in set(Stage):
        return Stage(raw.text)
    if name in _PRODUCTION or name.startswith("prod"):
        return Stage.PRODUCTION
    return Stage.TEST if name == Stage.TEST else Stage.DEVELOPMENT


def _shown(problem: Problem, given: Mapping[str, Raw], hidden: Sequence[Secret]) -> Problem:
    """Give the problem with its variable's source, and without any secret that a message took along."""
    raw = given.get(problem.name)
    return replace(
        problem,
        message=without_url_passwords(redact(problem.message, hidden)),
        source=problem.source or (raw.source if raw else ""),
    )


def _is_secret(variable: Variable, text: str | None) -> bool:
    return variable.secret or bool(text and url_password(text))
