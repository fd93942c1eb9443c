"""A database that is in no stack of the project: its passwords are somebody else's to give."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from deckinfra.errors import ConfigurationError, StackError
from deckinfra.services.taking_down import DATABASE_SECRETS, refuse_unfit_secrets

if TYPE_CHECKING:
    from deckinfra.app import App


def left_to_people(project: App, names: Collection[str]) -> Collection[str]:
    """Give those of the secrets ``names`` that open a database elsewhere, and say where to put them.

    One that is made up opens nothing. Where the stack cannot be asked whether the database is in it, there are none.
    :class:`RefusedError` where the database is in the stack, and has the old ones.
    """
    refuse_unfit_secrets(project, names)
    missing = sorted(DATABASE_SECRETS.intersection(names))
    if not missing:
        return ()
    try:
        stack = project.environment.stack()
        if stack is not None and stack.database:
            return ()
    except (StackError, ConfigurationError):
        return ()
    name = project.environment_name
    files = " and ".join(f".secrets/{name}/{secret}" for secret in missing)
    project.reporter.warn(
        f"{' and '.join(missing)} of '{name}' {'is' if len(missing) == 1 else 'are'} not made up: the database "
        f"{project.settings.values['DATABASE_URL'].text} is in no stack of this project, and goes by its own. Write "
        f"what it goes by into {files}, readable by you only"
    )
    return missing
