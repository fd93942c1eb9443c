"""What a server tells of a schema and its tables."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import RefusedError

from .definitions import ROUTINES
from .names import qualified, quoted
from .server import Session

_TABLE_TYPES: Final = ("BASE TABLE", "SYSTEM VERSIONED", "SEQUENCE", "VIEW", "TEMPORARY")
"""Kinds of what stands among the tables, that are dumped or taken down; temporary ones are only their session's."""

# Not the same in what was restored, and yet the same: a counter for numbers to come, which others move at any time;
# and a column's charset beside its collation, which MySQL prints from the second time on, though it says nothing new.
_COUNTER: Final = re.compile(
    rb"^(\) (?:/\*!\d+ TABLESPACE (?:`(?:[^`]|``)*`|\w+) .*?\*/ )?ENGINE=\w+) AUTO_INCREMENT=\d+", re.MULTILINE
)
_CHARSET: Final = re.compile(rb" CHARACTER SET \w+(?= COLLATE \w)")


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


def rows_elsewhere(session: Session, schema: str) -> tuple[str, ...]:
    """Give the tables whose rows are in other tables, or on other servers: nobody backs them up here."""
    found = session.query(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s "
        "AND ENGINE IN ('MRG_MYISAM', 'MRG_ISAM', 'FEDERATED', 'OQGRAPH') ORDER BY TABLE_NAME",
        schema,
    )
    return tuple(name for (name,) in found)


def without_counter(definition: bytes) -> bytes:
    """Give a statement that makes a table without the number that its next row would have."""
    return _COUNTER.sub(rb"\1", definition)


def comparable(definition: bytes) -> bytes:
    """Give a statement that makes a table without what may differ in a table that is just like it."""
    return _CHARSET.sub(b"", without_counter(definition))


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


def crossing_foreign_keys(session: Session, schema: str) -> tuple[str, ...]:
    """Give the foreign keys that lead into ``schema`` from another one, or out of it, as far as the account sees them.

    Each is half a sentence that names the key and both tables. A schema that has any cannot be restored by a swap.
    """
    rows = session.query(
        "SELECT DISTINCT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME "
        "FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA IS NOT NULL "
        "AND TABLE_SCHEMA <> REFERENCED_TABLE_SCHEMA AND (TABLE_SCHEMA = %s OR REFERENCED_TABLE_SCHEMA = %s) "
        "ORDER BY 1, 2, 3",
        schema,
        schema,
    )
    return tuple(
        f"foreign key '{name}' leads from {from_schema}.{table} to {to_schema}.{parent}"
        for from_schema, table, name, to_schema, parent in rows
    )


def dangling_foreign_keys(session: Session, schema: str) -> tuple[tuple[str, str, str], ...]:
    """Give the foreign keys of ``schema`` that lead to a table of it that is not there: table, key, and where to.

    As they are left by who drops a table while the server's ``foreign_key_checks`` are off. When their table moves into
    another schema, they lead into the old one still.
    """
    rows = session.query(
        "SELECT DISTINCT TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME FROM information_schema.KEY_COLUMN_USAGE "
        "WHERE TABLE_SCHEMA = %s AND REFERENCED_TABLE_SCHEMA = TABLE_SCHEMA ORDER BY 1, 2",
        schema,
    )
    there = set(tables(session, schema)) if rows else set()
    return tuple((table, name, parent) for table, name, parent in rows if parent not in there)


def misprinted_foreign_keys(session: Session, schema: str) -> tuple[str, ...]:
    """Give the foreign keys that MariaDB prints so that nobody can read them back; each is named with its table.

    It writes a backtick in the name of a foreign key, or of a column on either side of it, as if it ended the name.
    """
    rows = session.query(
        "SELECT DISTINCT TABLE_NAME, CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE "
        "WHERE TABLE_SCHEMA = %s AND REFERENCED_TABLE_NAME IS NOT NULL AND VERSION() LIKE '%%MariaDB%%' "
        "AND CONCAT(CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_COLUMN_NAME) LIKE '%%`%%' ORDER BY 1, 2",
        schema,
    )
    return tuple(f"foreign key '{name}' of table '{table}'" for table, name in rows)


def refuse_crossing(session: Session, schema: str) -> None:
    """Raise :class:`RefusedError` if a foreign key leads into ``schema`` from another one, or out of it."""
    for key in crossing_foreign_keys(session, schema):
        raise RefusedError(
            f"{key}, across two schemas",
            hint="Nothing was changed. Restoring one of the two would tear them apart; drop the foreign key first.",
        )


def drop_dangling(session: Session, schema: str) -> tuple[str, ...]:
    """Drop the foreign keys of a ``schema`` that nobody uses which lead nowhere; gives each with where it led."""
    found = dangling_foreign_keys(session, schema)
    for table, name, _ in found:
        session.execute(f"ALTER TABLE {qualified(schema, table)} DROP FOREIGN KEY {quoted(name)}")
    return tuple(f"foreign key '{name}' of {table}" for table, name, _ in found)


def refuse_dangling(session: Session, schema: str, leaving: Collection[str]) -> None:
    """Raise :class:`RefusedError` if a foreign key of live tables that leave ``schema`` leads to none that is there."""
    for table, name, parent in dangling_foreign_keys(session, schema):
        if table in leaving:
            raise RefusedError(
                f"foreign key '{name}' leads from table {table} to {parent}, which is not there: kept with the tables "
                f"that are replaced, it would lead to the new {parent}, and hold its rows",
                hint=f"Nothing was changed. Run ALTER TABLE {quoted(table)} DROP FOREIGN KEY {quoted(name)}, then this "
                "again: the tables that come bring their own.",
            )


def unsupported_objects(session: Session, schema: str) -> tuple[str, ...]:
    """Give what ``schema`` holds that is none of the kinds which are taken down and made again: kind and name.

    Such as MySQL's libraries of code: a backup is without them. Kinds that newer servers may bring count too, where
    they stand among the tables or the routines.
    """
    rows = session.query(
        "SELECT TABLE_TYPE, TABLE_NAME FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE NOT IN %s UNION ALL "
        "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES "
        "WHERE ROUTINE_SCHEMA = %s AND ROUTINE_TYPE NOT IN %s ORDER BY 1, 2",
        schema,
        _TABLE_TYPES,
        schema,
        tuple(kind.upper() for kind in ROUTINES),
    )
    here = (
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' AND TABLE_NAME = 'LIBRARIES'"
    )
    if session.query(here):
        rows += session.query(
            "SELECT 'LIBRARY', LIBRARY_NAME FROM information_schema.LIBRARIES WHERE LIBRARY_SCHEMA = %s ORDER BY 2",
            schema,
        )
    return tuple(f"{kind.lower()} '{name}'" for kind, name in rows)
