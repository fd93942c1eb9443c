"""What a project's ``migrations/env.py`` calls: it runs what the :class:`Migrator` planned, on its connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from deckinfra.errors import UsageError
from deckinfra.ports import VERSION_TABLE

if TYPE_CHECKING:
    from sqlalchemy import MetaData

CONNECTION: Final = "connection"
METADATA: Final = "metadata"
VERIFY: Final = "verify"


def run(metadata: MetaData | None = None) -> None:
    """Run the planned revisions. ``metadata`` holds the application's models, for ``db.revision --autogenerate``.

    Each revision is one transaction where the database can roll back schema changes. Called by Alembic
    when it loads ``env.py``; :class:`UsageError` if that was not for a :class:`Migrator`.
    """
    from alembic import context

    attributes = context.config.attributes
    if CONNECTION not in attributes:
        raise UsageError("migrations are not run by the alembic command here", hint="Run `invoke db.migrate`.")
    connection = attributes[CONNECTION]
    attributes[METADATA] = metadata
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        transaction_per_migration=True,
        # Alembic takes SQLite for a database without it, which is true only of Python's default transactions.
        transactional_ddl=connection.dialect.name == "sqlite",
        # Revisions that autogenerate writes must run on SQLite too, which alters little in place.
        render_as_batch=True,
        on_version_apply=attributes[VERIFY],
    )
    with context.begin_transaction():
        context.run_migrations()
