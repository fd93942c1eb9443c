"""What only the stack can say of its settings: which services there are, and which passwords it has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from deckinfra.core.names import closest
from deckinfra.core.settings import Problem
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import ConfigurationError, DeckinfraError, RefusedError, StackError
from deckinfra.services.taking_down import DATABASE_SECRETS, refuse_unfit_secrets

if TYPE_CHECKING:
    from deckinfra.app import App


def told_by_stack(project: App, problems: Sequence[Problem]) -> list[Problem]:
    """Give ``problems`` with what the environment's stack adds, where it has one and that can be asked.

    A database's password that the stack still has comes with the way to read it there; where the stack cannot be
    asked, with why. A ``DATABASE_URL`` whose host is almost the name of a service, and none, is a problem.
    """
    try:
        if project.environment.stack() is None:
            return list(problems)
        problems = _with_ways(project, problems)
        return [*problems, *_misspelt_host(project)]
    except DeckinfraError:
        # Whoever needs the stack is told why it cannot be had.
        return list(problems)


def _with_ways(project: App, problems: Sequence[Problem]) -> list[Problem]:
    values = project.settings.values
    missing = {
        problem.name for problem in problems if problem.name in DATABASE_SECRETS and not values[problem.name].text
    }
    try:
        if missing:
            refuse_unfit_secrets(project, missing)
    except RefusedError as error:
        way = error.hint.removeprefix("Nothing was changed. ")
    except (StackError, ConfigurationError) as error:
        way = (
            f"'invoke env.init -e {project.environment_name}' makes it where there is no database yet, and whether "
            f"there is one could not be seen: {error.message}. {error.hint}"
        ).rstrip()
    else:
        return list(problems)
    return [replace(each, hint=way) if each.name in missing else each for each in problems]


def _misspelt_host(project: App) -> Iterator[Problem]:
    stack, value = project.environment.stack(), project.settings.values["DATABASE_URL"]
    host = DatabaseURL.parse(value.text or "").host
    # Names without a dot are those of services; whatever else they lead to is not written into an env file by a slip.
    if stack is None or stack.database or not host or "." in host:
        return
    meant = closest(host, [service.name for service in stack.services()])
    if meant is not None:
        yield Problem(
            "DATABASE_URL",
            f"names the host '{host}', which is no service of the stack",
            f"Did you mean {meant}? A database elsewhere is named by its address, as in database.example.org.",
            value.source,
        )
