"""What a start of the stack, or a setup, would migrate: data that is there is not migrated without a backup before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from deckinfra.errors import RefusedError
from deckinfra.services.going_back import start_database

if TYPE_CHECKING:
    from deckinfra.app import App
    from deckinfra.ports import Stack, Volume


def holds_data(volume: Volume, stack: Stack) -> bool:
    """Whether it is the database's: a volume that its service may write to."""
    return any(mount.service == stack.database and mount.writable for mount in volume.mounts)


def revisions_at_stake(project: App) -> Sequence[str] | None:
    """Give the revisions that a migration would apply to a database with data; None where there is no data yet.

    A database's service that has been there before is started for that, as it was, where it does not run. Raises what
    that raises, and :class:`MigrationError` where the database has a revision that this code lacks.
    """
    stack = project.environment.stack()
    if stack is not None and stack.database:
        project.stack.check()
        (service,) = (each for each in stack.services() if each.name == stack.database)
        if service.state == "absent" and not any(holds_data(volume, stack) for volume in stack.volumes()):
            return None
        start_database(project)
    try:
        return project.migrator.pending() if project.engine.state().tables else None
    finally:
        # What is started next may be reached in another place.
        project.forget_settings()


def refuse_to_migrate(project: App) -> None:
    """Raise :class:`RefusedError` where the stack, built and started, would migrate data without a backup before."""
    pending, name = revisions_at_stake(project), project.environment_name
    if pending:
        raise RefusedError(
            f"the database of '{name}' has data, and a start of what would be built migrates it without a backup "
            f"before; to apply: {', '.join(pending)}",
            hint=f"Nothing was built, and the data is as it was. 'invoke deploy -e {name}' takes a backup first, and "
            "brings back what runs now where the new version does not start.",
        )
