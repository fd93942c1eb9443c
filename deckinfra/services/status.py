"""Status: an environment at a glance, whatever state it is in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

from deckinfra.errors import DeckinfraError
from deckinfra.ports import Service
from deckinfra.services.backed_up import own_backups, unreliable
from deckinfra.services.results import DatabaseStatus, MigrationStatus, StatusResult

if TYPE_CHECKING:
    from deckinfra.app import App

_Found = TypeVar("_Found")


def status(project: App, now: datetime | None = None) -> StatusResult:
    """Look at the services, the database, its schema and its backups.

    What cannot be looked at is among the problems, and the rest is looked at all the same. Raises only
    what keeps everything from being looked at: :class:`ConfigurationError`. ``now`` (aware) defaults to the clock.
    """
    environment = project.environment
    problems: list[str] = []

    def look(what: str, find: Callable[[], _Found]) -> _Found | None:
        try:
            return find()
        except DeckinfraError as error:
            problems.append(f"{what}: {error.message}")
            return None

    wrong = look("settings", project.check_settings) or ()
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        problems.append(
            f"settings: {wrong[0].name} {wrong[0].message}{more}; 'invoke env.check -e {environment.name}' says more"
        )
    services = look("services", lambda: _services(project)) or ()
    broken = look("deployment", project.stack_memory.broken_off)
    if broken is not None:
        problems.append(f"deployment: {broken.told(environment.name)}")
    problems += [f"service {service.name}: {service.described}" for service in services if not service.ready]
    database = look("database", lambda: _database(project))
    migrations: MigrationStatus | None = None
    if database is not None:
        migrations = look("schema", project.migration_status)
        if migrations is not None and migrations.state != "up to date":
            problems.append(f"schema: {migrations.state}")
    backups = look("backups", lambda: own_backups(project))
    unfit = None if backups is None else unreliable(backups, project.settings.stage, now or datetime.now(UTC))
    if unfit is not None:
        problems.append(f"backups: {unfit[0]}")
    proofs = [entry.proof for entry in backups or () if entry.proof is not None and entry.proof.proves]
    return StatusResult(
        environment.name,
        environment.kind,
        project.settings.stage.value,
        services,
        database,
        migrations,
        backups[0].manifest if backups else None,
        max(proofs, key=lambda proof: proof.time, default=None),
        tuple(problems),
    )


def _services(project: App) -> tuple[Service, ...]:
    stack = project.environment.stack()
    return () if stack is None else tuple(stack.services())


def _database(project: App) -> DatabaseStatus:
    state = project.engine.state()
    if not state.exists:
        raise DeckinfraError("there is none yet")
    return DatabaseStatus(
        project.environment.database_label(), state.version, state.size, len(state.tables), project.engine.activity()
    )
