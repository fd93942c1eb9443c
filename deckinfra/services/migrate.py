"""Migrate: the revisions that are missing, or the way back, one run at a time for each database."""

from __future__ import annotations

from collections.abc import Callable

from deckinfra.migrations import Migrator
from deckinfra.ports import Engine, Reporter
from deckinfra.services.locking import locked
from deckinfra.services.results import MigrateResult


def migrate(
    engine: Engine,
    migrator: Migrator,
    target: str,
    direction: str,
    reporter: Reporter,
    *,
    timeout: float,
    before: Callable[[], None],
    backup: Callable[[], object] | None = None,
) -> MigrateResult:
    """Bring the database to ``target``, ``up`` or ``down``, under the database's lock.

    ``before`` is called when there is something to apply or take back; its error stops the run. So does that of
    ``backup``, which is called under the lock when there is something to apply to data. Whoever waits for the lock
    finds what the other one did, and then has less to do or nothing.
    """
    if migrator.pending(target) if direction == "up" else migrator.revertible(target):
        before()
    with locked(engine, "db.migrate", reporter, timeout=timeout):
        if backup is not None and engine.state().tables and migrator.pending(target):
            backup()
        return migrator.upgrade(target) if direction == "up" else migrator.downgrade(target)
