"""What is in the rows that no dump as text brings back: looked for in the rows themselves, table by table.

Text that would come back as other text is refused. What is the same to the eye and not to the bit is warned of. Of a
table that has such, or whose rows come in another order each time, the checksum is one that does not look at that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deckinfra.errors import RefusedError
from deckinfra.mysql import Session
from deckinfra.mysql.names import quoted

from .tally import NUMBERS
from .witness import Moment

LOSSLESS: Final = frozenset(
    (
        *("utf8", "utf8mb3", "utf8mb4", "latin1", "latin2", "latin5", "latin7", "cp850", "cp852", "cp866"),
        *("koi8r", "koi8u", "macce", "macroman", "keybcs2"),
    )
)
"""Charsets of which every byte comes back by way of UTF-8, in which dumps are written. A test tries all."""

_REFUSED: Final = "refused"
_ZEROS: Final = "zeros"
_ORDER: Final = "order"
_TYPES: Final = "types"
_SAID: Final = {
    _ZEROS: "zeros with a minus sign come back as plain zeros",
    NUMBERS: "numbers with a decimal point within JSON may come back as the nearest DOUBLE",
    _TYPES: "dates, times and binary values within JSON come back as text",
}


@dataclass(frozen=True)
class _Question:
    """A condition on rows of a table, and what is lost where it holds."""

    table: str
    column: str
    condition: str
    loss: str


@dataclass(frozen=True)
class Losses:
    """What was found: sentences for people, and for each table with any what its checksum must not look at."""

    warnings: tuple[str, ...]
    by_rows: Mapping[str, Sequence[str]]


def losses(held: Moment, schema: str, vendor: str) -> Losses:
    """Look through the rows of ``schema``; :class:`RefusedError` names the columns whose text a dump would change."""
    questions: dict[str, list[_Question]] = {}
    for question in _of_columns(held.session, schema, vendor):
        questions.setdefault(question.table, []).append(question)
    refused: list[str] = []
    warnings: list[str] = []
    found = {table: {_ORDER} for table in _unordered(held.session, schema)}
    for table, asked in questions.items():
        counts = held.look([f"COALESCE(SUM({question.condition}), 0)" for question in asked], table)
        for question, rows in zip(asked, counts, strict=True):
            place = f"{table}.{question.column}"
            if rows and question.loss == _REFUSED:
                refused.append(f"{place} ({rows:,} rows)")
            elif rows:
                if question.loss != _TYPES:  # which the tool prints in the same way before and after
                    loss = f"{NUMBERS}{question.column}" if question.loss == NUMBERS else question.loss
                    found.setdefault(table, set()).add(loss)
                warnings.append(f"of {place} {_SAID[question.loss]}")
    if refused:
        raise RefusedError(
            f"there is text that no dump brings back, since its charset has it and UTF-8 has not: {', '.join(refused)}",
            hint="No backup was made. Mend the text, or change the column: ALTER TABLE ... MODIFY ... CHARACTER SET "
            "utf8mb4, or VARBINARY for what is no text.",
        )
    return Losses(tuple(warnings), {table: sorted(what) for table, what in found.items()})


def _of_columns(session: Session, schema: str, vendor: str) -> Iterator[_Question]:
    rows = session.query(
        "SELECT TABLE_NAME, COLUMN_NAME, LOWER(DATA_TYPE), COALESCE(CHARACTER_SET_NAME, '') "
        "FROM information_schema.COLUMNS JOIN information_schema.TABLES USING (TABLE_SCHEMA, TABLE_NAME) "
        "WHERE TABLE_SCHEMA = %s AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') "
        "AND COALESCE(GENERATION_EXPRESSION, '') = '' ORDER BY TABLE_NAME, ORDINAL_POSITION",
        schema,
    )
    for table, column, kind, charset in rows:
        name = quoted(column)
        if charset and charset not in LOSSLESS:
            back = f"CONVERT(CONVERT({name} USING utf8mb4) USING {charset})"
            yield _Question(table, column, f"NOT (CAST({back} AS BINARY) <=> CAST({name} AS BINARY))", _REFUSED)
        elif kind in {"float", "double"}:
            yield _Question(table, column, f"{name} = 0 AND CAST({name} AS CHAR) LIKE '-%'", _ZEROS)
        elif kind == "json" and vendor == "mysql":
            text = f"CAST({name} AS CHAR)"
            back = f"CAST({text} AS JSON)"
            yield _Question(table, column, f"NOT (CAST({back} AS CHAR) <=> {text})", NUMBERS)
            # What was no string and comes back as one: JSON_SEARCH finds strings only, and the places show no number.
            strings, after = (f"JSON_SEARCH({value}, 'all', '%')" for value in (name, back))
            yield _Question(table, column, f"NOT ({back} <=> {name}) AND NOT ({strings} <=> {after})", _TYPES)


def _unordered(session: Session, schema: str) -> Iterator[str]:
    """Give the tables with unique keys, of which none lets the tool put all rows in order: each may be NULL."""
    rows = session.query(
        "SELECT TABLE_NAME, INDEX_NAME, MAX(NULLABLE = 'YES') FROM information_schema.STATISTICS "
        "WHERE TABLE_SCHEMA = %s AND NON_UNIQUE = 0 GROUP BY TABLE_NAME, INDEX_NAME",
        schema,
    )
    sure = {table for table, _, nullable in rows if not nullable}
    yield from sorted({table for table, _, _ in rows} - sure)
