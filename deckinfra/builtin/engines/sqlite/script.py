"""A SQLite file as text that SQLite's own shell loads, like its ``.dump``, and exact where that is not.

A text with a NUL byte in it, or one that is no UTF-8, is written as its bytes.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from deckinfra.errors import RefusedError

from .connection import opened

_KEPT: Final = ("user_version", "application_id", "encoding", "auto_vacuum")
_AT_ONCE: Final = 256 * 1024
_NEXT: Final = ",\n"


class _Text(bytes):
    """A text as SQLite has it, so that it is told from a BLOB."""


def script_of(path: Path) -> Iterator[bytes]:
    """Give the text of a file that nobody writes to; :class:`RefusedError` where it has a virtual table."""
    with opened(path, immutable=True) as connection:
        connection.text_factory = _Text
        yield b"PRAGMA foreign_keys = OFF;\n"
        for name in _KEPT:
            (value,) = connection.execute(f"PRAGMA {name}").fetchone()
            yield f"PRAGMA {name} = {_literal(value)};\n".encode()
        yield b"BEGIN TRANSACTION;\n"
        yield from _tables(connection)
        yield from _after(connection)
        yield b"COMMIT;\n"


def _tables(connection: sqlite3.Connection) -> Iterator[bytes]:
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
    for raw, statement in rows:
        name = raw.decode()
        if statement.upper().startswith(b"CREATE VIRTUAL"):
            raise RefusedError(
                f"the table '{name}' is a virtual one, which no plain SQL can bring back",
                hint="Nothing was written. A snapshot restores it: 'invoke db.restore'.",
            )
        if name == "sqlite_sequence":
            continue
        # SQLite's own tables, as those of ANALYZE, are made by what fills them.
        yield b"ANALYZE sqlite_master;\n" if name.startswith("sqlite_") else statement + b";\n"
        yield from _rows(connection, name)
    if any(raw == b"sqlite_sequence" for raw, _ in rows):
        yield b'DELETE FROM "sqlite_sequence";\n'
        yield from _rows(connection, "sqlite_sequence")


def _rows(connection: sqlite3.Connection, name: str) -> Iterator[bytes]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({_quoted(name)})") if row[6] == 0]
    names = ", ".join(_quoted(column.decode()) for column in columns)
    if not names:
        return
    rows, size = list[str](), 0
    for row in connection.execute(f"SELECT {names} FROM {_quoted(name)}"):  # noqa: S608
        text = f"({', '.join(map(_literal, row))})"
        if rows and size + len(text) > _AT_ONCE:
            yield _insertion(name, names, rows)
            rows, size = [], 0
        rows.append(text)
        size += len(text)
    if rows:
        yield _insertion(name, names, rows)


def _insertion(name: str, columns: str, rows: Sequence[str]) -> bytes:
    return f"INSERT INTO {_quoted(name)} ({columns}) VALUES\n{_NEXT.join(rows)};\n".encode()


def _after(connection: sqlite3.Connection) -> Iterator[bytes]:
    """Give what stands on tables; triggers last, so that no row sets one off."""
    for (statement,) in connection.execute(
        "SELECT sql FROM sqlite_master WHERE type <> 'table' AND sql IS NOT NULL ORDER BY type = 'trigger', rowid"
    ):
        yield statement + b";\n"


def _literal(value: object) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else f"{'-' if value < 0 else ''}9e999"
    if isinstance(value, _Text):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = "\0"
        if "\0" in text:
            return f"CAST(X'{value.hex()}' AS TEXT)"
        return "'" + text.replace("'", "''") + "'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return str(value)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
