"""Names and addresses that differ in an accent or an emoji are not the same."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from deckinfra.errors import MigrationError

revision = "0003"
down_revision = "0002"

# What 0001 gave all tables takes é for e, and every emoji for every other.
BEFORE = "utf8mb4_unicode_ci"
# Upper and lower case are the same, and nothing else. MySQL's own; MariaDB knows it from 11.4.5 on.
AFTER = "utf8mb4_0900_as_ci"
# Each text that is unique, its length, and the column within whose values it is.
TEXTS = {("users", "username"): (50, ""), ("users", "email"): (254, ""), ("decks", "name"): (100, "user_id, ")}


def upgrade() -> None:
    collate(AFTER)


def downgrade() -> None:
    collate(BEFORE)


def collate(collation: str) -> None:
    """Compare each text so. SQLite's collation tells them apart already."""
    if op.get_context().dialect.name == "sqlite":
        return
    refuse_doubles(collation)
    for (table, column), (length, _) in TEXTS.items():
        kind = sa.String(length, collation=collation)
        op.alter_column(table, column, type_=kind, existing_type=sa.String(length), existing_nullable=False)


def refuse_doubles(collation: str) -> None:
    """Look before anything is changed: each of the changes is kept at once. Written as SQL, there are no rows yet."""
    if op.get_context().as_sql:
        return
    found = []
    for (table, column), (_, within) in TEXTS.items():
        same = sa.text(
            f"SELECT GROUP_CONCAT({column} ORDER BY id SEPARATOR ' = ') FROM {table} "  # noqa: S608 - of constants
            f"GROUP BY {within}{column} COLLATE {collation} HAVING COUNT(*) > 1 ORDER BY MIN(id) LIMIT 5"
        )
        found += [f"{table}.{column}: {names}" for names in op.get_bind().scalars(same)]
    if found:
        raise MigrationError(
            f"revision {revision} cannot compare text by {collation}, which takes some that is unique for the same: "
            + "; ".join(found),
            hint="Nothing was changed. Rename all but one of each, then run it again.",
        )
