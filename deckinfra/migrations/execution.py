"""One run of planned steps through the project's ``env.py``, and what to say when a step fails."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DeckinfraError, LockedError, MigrationError
from deckinfra.migrations.environment import CONNECTION, VERIFY
from deckinfra.migrations.faults import database_error, is_busy, is_outside, reason
from deckinfra.migrations.revisions import Revisions, identity

if TYPE_CHECKING:
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from sqlalchemy import Connection

_ROLLED_BACK: Final = "Nothing of it was kept: the database is at {at}. Mend the revision, then run it again."
# https://dev.mysql.com/doc/refman/9.7/en/implicit-commit.html
_HALF_DONE: Final = (
    "The server keeps each schema change at once, so a part of it may be in place, while the database counts "
    "as being at {at}. Compare its tables with the revision and mend them, or restore a backup; then run it again."
)


class Execution:
    """Applies ``steps`` on ``connection``, each in a transaction where the database has transactions for them."""

    def __init__(
        self, revisions: Revisions, connection: Connection, url: DatabaseURL, steps: Sequence[RevisionStep]
    ) -> None:
        self._revisions = revisions
        self._connection = connection
        self._url = url
        self._steps = steps
        self._running: RevisionStep | None = None
        self._at: tuple[str, ...] = ()
        self._reached: tuple[str, ...] = ()
        self._orphans: Counter[tuple[str, str]] = Counter()

    def run(self) -> None:
        """Apply all of them; a :class:`MigrationError` names the one that failed.

        :class:`DatabaseError` or :class:`LockedError` if the fault was not in the revision but around the database.
        """
        try:
            run_environment(self._revisions, self._connection, self._each, self._verify)
        except DeckinfraError:
            raise
        except Exception as error:
            raise self._failure(error) from error

    def _each(self, heads: Sequence[str], context: MigrationContext) -> Iterator[RevisionStep]:
        # Alembic takes a step, runs it and commits it, and only then asks for the next.
        self._reached = tuple(heads)
        for step in self._steps:
            self._at, self._running = self._reached, step
            self._orphans = self._find_orphans()
            yield step
        self._running = None

    def _verify(self, *, heads: set[str], **_: Any) -> None:
        """Look at what a step did, inside its transaction. Foreign keys were off, so nothing has checked them."""
        self._reached = tuple(sorted(heads))
        assert self._running is not None
        orphans = self._find_orphans() - self._orphans
        if orphans:
            found = ", ".join(f"{count} of {child} to {parent}" for (child, parent), count in sorted(orphans.items()))
            raise MigrationError(
                f"revision {identity(self._running)} leaves rows that refer to rows which are not there: {found}",
                hint=_ROLLED_BACK.format(at=self._where()),
            )

    def _find_orphans(self) -> Counter[tuple[str, str]]:
        if self._url.dialect != "sqlite":
            return Counter()
        rows = self._connection.exec_driver_sql("PRAGMA foreign_key_check")
        return Counter((row[0], row[2]) for row in rows)

    def _failure(self, error: Exception) -> DeckinfraError:
        from sqlalchemy.exc import SQLAlchemyError

        if self._running is None:
            if isinstance(error, SQLAlchemyError):
                return database_error(error, self._url)
            return MigrationError(
                f"{self._revisions.folder / 'env.py'} failed: {reason(error, self._url)}",
                hint="No revision was run. That file calls run() of deckinfra.migrations.environment.",
            )
        if self._url.dialect == "sqlite" and is_outside(error):
            return database_error(error, self._url)
        hint = (_ROLLED_BACK if self._url.dialect == "sqlite" else _HALF_DONE).format(at=self._where())
        what = f"revision {identity(self._running)} failed on {self._url}: {reason(error, self._url)}"
        return LockedError(what, hint=hint) if is_busy(error) else MigrationError(what, hint=hint)

    def _where(self) -> str:
        return f"revision {', '.join(self._at)}" if self._at else "no revision"


def run_environment(
    revisions: Revisions,
    connection: Connection,
    plan: Callable[[Any, MigrationContext], Any],
    verify: Callable[..., None],
    **options: Any,
) -> Config:
    """Load the project's ``env.py``, which runs what ``plan`` gives, and give Alembic's configuration of that run.

    ``options`` go to Alembic's context. There is no ``alembic.ini``: nothing sets up logging, and nothing is printed.
    """
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext

    config = Config(attributes={CONNECTION: connection, VERIFY: verify})
    assert revisions.directory is not None
    with EnvironmentContext(config, revisions.directory, fn=plan, **options):
        revisions.directory.run_env()
    return config
