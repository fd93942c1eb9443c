"""What a server tells of a schema and its tables."""

from __future__ import annotations

from dataclasses import dataclass

from deckinfra.errors import RefusedError

from .server import Session


@dataclass(frozen=True)
class Default:
    """The charset and collation that a schema gives to tables that name none."""

    charset: str
    collation: str


def default_of(session: Session, schema: str) -> Default | None:
    """Give a schema's charset and collation, or None if there is no such schema."""
    rows = session.query(
        "SELECT DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA "
        "WHERE SCHEMA_NAME = %s",
        schema,
    )
    return Default(*rows[0]) if rows else None


def tables(session: Session, schema: str) -> tuple[str, ...]:
    """Give the names of what a schema holds in tables: MariaDB's sequences too, and no views."""
    rows = session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s "
        "AND TABLE_TYPE NOT IN ('VIEW', 'SYSTEM VIEW') ORDER BY TABLE_NAME",
        schema,
    )
    return tuple(row[0] for row in rows)


def size(session: Session, schema: str) -> int:
    """Give how many bytes a schema's tables and indexes take, as far as the server knows."""
    rows = session.query(
        "SELECT COALESCE(SUM(DATA_LENGTH + INDEX_LENGTH), 0) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
        schema,
    )
    return int(rows[0][0])


def foreign_keys(session: Session, schema: str) -> dict[str, set[str]]:
    """Give the names of the foreign keys of each table that has any."""
    found: dict[str, set[str]] = {}
    for table, name in session.query(
        "SELECT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS "
        "WHERE CONSTRAINT_SCHEMA = %s",
        schema,
    ):
        found.setdefault(table, set()).add(name)
    return found


def refuse_crossing(session: Session, schema: str) -> None:
    """Raise :class:`RefusedError` if a foreign key leads into ``schema`` from another one, or out of it."""
    rows = session.query(
        "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME "
        "FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA IS NOT NULL "
        "AND TABLE_SCHEMA <> REFERENCED_TABLE_SCHEMA AND (TABLE_SCHEMA = %s OR REFERENCED_TABLE_SCHEMA = %s) LIMIT 1",
        schema,
        schema,
    )
    for from_schema, table, name, to_schema, parent in rows:
        raise RefusedError(
            f"foreign key '{name}' leads from {from_schema}.{table} to {to_schema}.{parent}, across two schemas",
            hint="Nothing was changed. Restoring one of the two would tear them apart; drop the foreign key first.",
        )
