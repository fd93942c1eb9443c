"""What is in the rows that no dump as text brings back: looked for in the rows themselves, table by table.

Text that would come back as other text is refused. What is the same to the eye and not to the bit, or comes in another
order each time, is warned of: of such a table a restore can only compare the number of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import RefusedError
from deckinfra.mysql import Session
from deckinfra.mysql.names import quoted

from .witness import Moment

LOSSLESS: Final = frozenset(
    (
        *("utf8", "utf8mb3", "utf8mb4", "latin1", "latin2", "latin5", "latin7", "cp850", "cp852", "cp866"),
        *("koi8r", "koi8u", "macce", "macroman", "keybcs2"),
    )
)
"""Charsets of which every byte comes back by way of UTF-8, in which dumps are written. A test tries all."""

_REFUSED: Final = "refused"
_ZERO: Final = "zeros with a minus sign come back as plain zeros"
_NUMBERS: Final = "numbers with a decimal point within JSON may come back as the nearest DOUBLE"
_ORDER: Final = "rows whose unique key is NULL come in no certain order"


@dataclass(frozen=True)
class _Question:
    """A condition on rows of a table, and what is lost where it holds."""

    table: str
    column: str
    condition: str
    loss: str


def losses(held: Moment, schema: str, vendor: str) -> dict[str, list[str]]:
    """Look through the rows of ``schema``, and give sentences on the tables of which only rows can be counted.

    :class:`RefusedError` names the columns whose text a dump would change.
    """
    questions: dict[str, list[_Question]] = {}
    for question in (*_of_columns(held.session, schema, vendor), *_of_keys(held.session, schema)):
        questions.setdefault(question.table, []).append(question)
    refused: list[str] = []
    found: dict[str, list[str]] = {}
    for table, asked in questions.items():
        counts = held.look([f"COALESCE(SUM({question.condition}), 0)" for question in asked], table)
        for question, rows in zip(asked, counts, strict=True):
            place = f"{table}.{question.column}"
            if rows and question.loss == _REFUSED:
                refused.append(f"{place} ({rows:,} rows)")
            elif rows and (question.loss != _ORDER or rows > 1):
                found.setdefault(table, []).append(
                    f"of {place} {question.loss}: a restore compares how many rows {table} has, and not what is in them"
                )
    if refused:
        raise RefusedError(
            f"there is text that no dump brings back, since its charset has it and UTF-8 has not: {', '.join(refused)}",
            hint="No backup was made. Mend the text, or change the column: ALTER TABLE ... MODIFY ... CHARACTER SET "
            "utf8mb4, or VARBINARY for what is no text.",
        )
    return found


def _of_columns(session: Session, schema: str, vendor: str) -> Iterator[_Question]:
    rows = session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE), COALESCE(CHARACTER_SET_NAME, '') "
        "FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME) "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
        "AND EXTRA NOT LIKE '%%GENERATED%%' ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    )
    for table, column, kind, charset in rows:
        name = quoted(column)
        if charset and charset not in LOSSLESS:
            back = f"CONVERT(CONVERT({name} USING utf8mb4) USING {charset})"
            yield _Question(table, column, f"NOT (CAST({back} AS BINARY) <=> CAST({name} AS BINARY))", _REFUSED)
        elif kind in {"float", "double"}:
            yield _Question(table, column, f"{name} = 0 AND CAST({name} AS CHAR) LIKE '-%'", _ZERO)
        elif kind == "json" and vendor == "mysql":
            text = f"CAST({name} AS CHAR)"
            yield _Question(table, column, f"NOT (CAST(CAST({text} AS JSON) AS CHAR) <=> {text})", _NUMBERS)


def _of_keys(session: Session, schema: str) -> Iterator[_Question]:
    """Ask tables with no primary key, nor another by which the tool could put all rows in order."""
    rows = session.query(
        "SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME, NULLABLE = 'YES' FROM information_schema.STATISTICS "
        "WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0 ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX",
        schema,
    )
    keys: dict[str, dict[str, list[tuple[str | None, int]]]] = {}
    for table, key, column, nullable in rows:
        keys.setdefault(table, {}).setdefault(key, []).append((column, nullable))
    for table, found in keys.items():
        if all(any(nullable for _, nullable in parts) for parts in found.values()):
            columns = {column for parts in found.values() for column, nullable in parts if nullable and column}
            for column in sorted(columns):
                yield _Question(table, column, f"{quoted(column)} IS NULL", _ORDER)
