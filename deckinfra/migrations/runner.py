"""Runs a project's revisions and seeds on one database."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deckinfra.core.migration import MigrateResult, MigrationStatus, RevisionEntry
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DatabaseError, DeckinfraError, MigrationError
from deckinfra.migrations.connection import LOOK, MIGRATE, PLANT, connect, exists
from deckinfra.migrations.execution import Execution
from deckinfra.migrations.faults import is_outside, reason
from deckinfra.migrations.revisions import Revisions, identity
from deckinfra.ports import VERSION_TABLE, Seed

if TYPE_CHECKING:
    from alembic.runtime.migration import RevisionStep
    from sqlalchemy import Connection

LOCK_WAIT: Final = 30.0
"""Seconds to wait for somebody else's lock on a table or a file."""

_Plan = Callable[[Sequence[str]], "list[RevisionStep]"]


class Migrator:
    """The revisions in ``folder``, and the database at ``url`` (of SQLite: the file's absolute path).

    It takes no lock: the caller keeps other runs out with :meth:`Engine.lock`. One process runs one
    migration at a time, since Alembic keeps what it runs in globals. Every method raises :class:`MigrationError` for
    revisions that cannot be read, :class:`DatabaseError` for a database that refuses, and
    :class:`LockedError` when others held it for longer than ``lock_wait`` seconds.
    """

    def __init__(self, folder: Path, url: DatabaseURL, *, lock_wait: float = LOCK_WAIT) -> None:
        self.folder = folder
        self.url = url
        self.lock_wait = lock_wait

    def status(self) -> MigrationStatus:
        """Compare the database with the revisions. A SQLite file that is not there is not made."""
        revisions, current = Revisions(self.folder), self.current()
        applied = revisions.applied(current)
        pending = tuple(revision for revision in revisions.all if revision not in applied)
        if revisions.unknown(current):
            state = "ahead"
        elif not pending:
            state = "up to date"
        else:
            state = "behind" if current else "not migrated"
        return MigrationStatus(state, current, revisions.heads, pending)

    def history(self) -> tuple[RevisionEntry, ...]:
        """Give every revision, oldest first, each with whether the database has it."""
        revisions = Revisions(self.folder)
        applied = revisions.applied(self.current())
        return tuple(
            RevisionEntry(name, tuple(script._all_down_revisions), " ".join(script.doc.split()), name in applied)
            for name, script in revisions.all.items()
        )

    def current(self) -> tuple[str, ...]:
        """Give the revisions that the database is at; none where there is no database yet."""
        if not exists(self.url):
            return ()
        with connect(self.url, LOOK, wait=self.lock_wait) as connection:
            return _current(connection)

    def pending(self, target: str = "head") -> tuple[str, ...]:
        """Give the revisions that :meth:`upgrade` would apply, in order; raises what that would of ``target``."""
        return tuple(map(identity, Revisions(self.folder).plan_up(target, self.current())))

    def revertible(self, target: str = "-1") -> tuple[str, ...]:
        """Give the revisions that :meth:`downgrade` would take back, in order; raises what that would of ``target``."""
        return tuple(map(identity, Revisions(self.folder).plan_down(target, self.current())))

    def upgrade(self, target: str = "head") -> MigrateResult:
        """Apply revisions up to ``target``: ``head``, ``+N``, a revision or how its id begins.

        Raises :class:`UnknownNameError` if no revision begins so, :class:`UsageError` for a target that lies back, and
        :class:`MigrationError` naming the revision that failed; those before it stay applied.
        """
        revisions = Revisions(self.folder)
        return self._run("up", revisions, lambda current: revisions.plan_up(target, current))

    def downgrade(self, target: str = "-1") -> MigrateResult:
        """Take revisions back to ``target``: ``base``, ``-N``, a revision or how its id begins.

        Raises as :meth:`upgrade` does. Of a database that is at no revision there is nothing to take back.
        """
        revisions = Revisions(self.folder)
        return self._run("down", revisions, lambda current: revisions.plan_down(target, current))

    def new_revision(self, message: str, *, autogenerate: bool = False) -> Path:
        """Write a new revision after the newest one, and give its file.

        It is empty; with ``autogenerate`` it makes the database what the models are that ``env.py`` hands over,
        for which the database must be up to date. Read what it wrote before you apply it.
        """
        from deckinfra.migrations.generate import write_revision

        revisions = Revisions(self.folder)
        if not autogenerate:
            return write_revision(revisions, message, None)
        if revisions.heads != self.current():
            raise MigrationError(
                f"the database {self.url} is not up to date, so models cannot be compared with it",
                hint="No file was written. Run `invoke db.migrate` first.",
            )
        with connect(self.url, MIGRATE, wait=self.lock_wait) as connection:
            return write_revision(revisions, message, connection)

    def seed(self, seeds: Sequence[Seed]) -> dict[str, int]:
        """Plant each seed in a transaction of its own; gives how many rows each added. Tables must be there."""
        added: dict[str, int] = {}
        for seed in seeds:
            if not exists(self.url):
                raise DatabaseError(f"there is no database {self.url} yet", hint="Run `invoke db.migrate` first.")
            with connect(self.url, PLANT, wait=self.lock_wait) as connection, connection.begin():
                added[seed.name] = self._plant(seed, connection)
        return added

    def _plant(self, seed: Seed, connection: Connection) -> int:
        try:
            return seed.plant(connection)
        except DeckinfraError:
            raise
        except Exception as error:
            if is_outside(error):
                raise  # connect() has the words for it
            raise DatabaseError(
                f"the seed '{seed.name}' failed: {reason(error, self.url)}",
                hint="Nothing of it was kept. Are all revisions applied? See `invoke db.status`.",
            ) from error

    def _run(self, direction: str, revisions: Revisions, plan: _Plan) -> MigrateResult:
        started = time.monotonic()
        before = after = self.current()
        steps = plan(before)
        if steps:
            with connect(self.url, MIGRATE, wait=self.lock_wait) as connection:
                Execution(revisions, connection, self.url, steps).run()
                after = _current(connection)
        return MigrateResult(direction, before, after, tuple(map(identity, steps)), time.monotonic() - started)


def _current(connection: Connection) -> tuple[str, ...]:
    from alembic.runtime.migration import MigrationContext

    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    return tuple(sorted(context.get_current_heads()))
