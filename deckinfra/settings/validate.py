"""One group's raw values, judged: a valid group, or a problem for each variable that is missing or malformed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from deckinfra.core.settings import Problem, SettingsGroup
from deckinfra.core.urls import has_secret_option
from deckinfra.settings.envfile import env_file_name
from deckinfra.settings.schema import Variable, title
from deckinfra.settings.sources import Raw, file_variable

_LONGEST_SHOWN: Final = 60


def validate(
    group: type[SettingsGroup], owned: Sequence[Variable], given: Mapping[str, Raw], environment: str
) -> SettingsGroup | list[Problem]:
    """Give the group made of what was ``given`` for its ``owned`` variables, or everything that is wrong with it.

    A problem never holds the value of a secret variable.
    """
    values: dict[str, Any] = {}
    problems: dict[str, Problem] = {}
    for variable in owned:
        if variable.name in given:
            try:
                values[variable.field] = variable.parse(given[variable.name].text)
            except ValueError as error:
                problems[variable.name] = _malformed(variable, given[variable.name].text, str(error), "")
    try:
        model = group.model_validate(values)
    except ValidationError as invalid:
        fields = {variable.field: variable for variable in owned}
        for detail in invalid.errors(include_url=False, include_input=False):
            owner = fields[str(detail["loc"][0])] if detail["loc"] else None
            problem = _problem(owner, detail, given, environment, title(group))
            problems.setdefault(problem.name, problem)
        return list(problems.values())
    return list(problems.values()) or model


def _problem(
    variable: Variable | None, error: ErrorDetails, given: Mapping[str, Raw], environment: str, group: str
) -> Problem:
    context = error.get("ctx", {})
    reason = str(context.get("error", error["msg"]))
    reason = f"it {reason.removeprefix('Input ')}" if reason.startswith("Input ") else reason
    if variable is None:
        return Problem(group, f"do not fit together: {reason}")
    if variable.name in given:
        return _malformed(variable, given[variable.name].text, reason, str(context.get("hint", "")))
    return missing(variable, environment)


def missing(variable: Variable, environment: str) -> Problem:
    """Say that nobody set ``variable``, and how to."""
    if variable.generate is not None:
        hint = f"Run 'invoke env.init -e {environment}', which makes one."
    elif variable.secret:
        hint = f"Write it to .secrets/{environment}/{variable.name}, or name a file in {file_variable(variable.name)}."
    else:
        hint = f"Set it in {env_file_name(environment)}, as in {variable.name}={variable.example or 'VALUE'}."
    return Problem(variable.name, "is not set", hint)


def _malformed(variable: Variable, text: str, reason: str, hint: str) -> Problem:
    if variable.secret and text in reason:
        reason = "it is not valid"
    # What stands before an @ may be a password, and who knows where one among a URL's options ends?
    if reason.startswith("it ") and not variable.secret and "@" not in text and not has_secret_option(text):
        cut = text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
        return Problem(variable.name, f"is {cut!r}: {reason}", hint)
    return Problem(variable.name, f"is malformed: {reason}", hint)
