"""A database that is in no stack of the project, or may be there already: its passwords are not to be made up."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from deckinfra.errors import ConfigurationError, StackError
from deckinfra.services.taking_down import DATABASE_SECRETS, refuse_unfit_secrets

if TYPE_CHECKING:
    from deckinfra.app import App


def left_to_people(project: App, names: Collection[str]) -> Collection[str]:
    """Give those of the secrets ``names`` that open a database elsewhere, and say where to put them.

    One that is made up opens nothing. So they are left, too, where the stack cannot be asked what there is.
    :class:`RefusedError` where the database is in the stack, and has the old ones.
    """
    missing = sorted(DATABASE_SECRETS.intersection(names))
    if not missing:
        return ()
    name = project.environment_name
    left = f"{' and '.join(missing)} of '{name}' {'is' if len(missing) == 1 else 'are'} not made up"
    try:
        refuse_unfit_secrets(project, names)
        stack = project.environment.stack()
        if stack is not None and stack.database:
            return ()
    except (StackError, ConfigurationError) as error:
        project.reporter.warn(
            f"{left}: whether there is a database already, which goes by its own, could not be seen: {error.message}"
        )
        return missing
    files = " and ".join(f".secrets/{name}/{secret}" for secret in missing)
    project.reporter.warn(
        f"{left}: the database "
        f"{project.settings.values['DATABASE_URL'].text} is in no stack of this project, and goes by its own. Write "
        f"what it goes by into {files}, readable by you only"
    )
    return missing
