"""Running a script in a SQLite file that is not live: what SQLite's ``.dump`` writes, and nothing that leads elsewhere.

SQLite itself asks, of each thing that a statement would do, whether it may: other files, settings that last, and what
would write into its own tables of what there is, are refused.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Final

from deckinfra.errors import DamagedError, DatabaseError, RefusedError

from .connection import is_of_the_disk, translated

SCRIPT_ENDS: Final = ("COMMIT;", "-- Dump completed")
"""How the last line begins of what SQLite's shell writes to its end, and of our own."""

_MAY: Final = frozenset(
    {
        *(sqlite3.SQLITE_CREATE_TABLE, sqlite3.SQLITE_CREATE_INDEX, sqlite3.SQLITE_CREATE_VIEW),
        *(sqlite3.SQLITE_CREATE_TRIGGER, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_READ, sqlite3.SQLITE_TRANSACTION),
        *(sqlite3.SQLITE_ANALYZE, sqlite3.SQLITE_REINDEX, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_SELECT),
        *(sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_ALTER_TABLE),
    }
)
_PRAGMAS: Final = frozenset({"foreign_keys", "user_version", "application_id", "encoding", "auto_vacuum"})
_FUNCTIONS: Final = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
_EMPTIED: Final = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})
_DENIED: Final = "not authorized to use function"
_SAFE: Final = "The live database was not touched."


def run_script(path: Path, script: Iterator[bytes], *, like: Mapping[str, str]) -> None:
    """Run all of a script in the empty file ``path``, which is made ``like`` another one in some of its settings.

    :class:`RefusedError` and :class:`DatabaseError` name the line; :class:`DamagedError` says that it ends too early.
    """
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for name, value in like.items():
            connection.execute(f"PRAGMA {name} = '{value}'")
        connection.set_authorizer(_authorize)
        for line, statement in _statements(script):
            try:
                connection.execute(statement)
            except sqlite3.Error as error:
                raise _failed(error, path, line) from error
        if connection.in_transaction:
            raise _ended("there is no COMMIT at its end")


def _authorize(action: int, first: str | None, second: str | None, database: str | None, _inner: str | None) -> int:
    """Say whether a statement may do something; see https://www.sqlite.org/c3ref/set_authorizer.html."""
    del database
    if action == sqlite3.SQLITE_PRAGMA:
        may = (first or "").lower() in _PRAGMAS
    elif action == sqlite3.SQLITE_FUNCTION:
        may = (second or "").lower() not in _FUNCTIONS
    elif action == sqlite3.SQLITE_DELETE:
        may = first in _EMPTIED
    else:
        may = action in _MAY
    return sqlite3.SQLITE_OK if may else sqlite3.SQLITE_DENY


def _statements(script: Iterator[bytes]) -> Iterator[tuple[int, str]]:
    """Give each statement with the number of the line in which it begins: it ends with a line."""
    held, begun, number = list[bytes](), 0, 0
    for line in _lines(script):
        number += 1
        if not held:
            if not line.strip() or line.lstrip().startswith(b"--"):
                continue
            begun = number
        held.append(line)
        if not line.rstrip().endswith(b";"):
            continue
        try:
            text = b"".join(held).decode()
        except UnicodeDecodeError:
            raise RefusedError(
                f"the statement in line {begun:,} is no UTF-8", hint=f"{_SAFE} SQLite's dumps are written in UTF-8."
            ) from None
        if sqlite3.complete_statement(text):
            yield begun, text
            held = []
    if held:
        raise _ended(f"the statement that begins in line {begun:,} has no end")


def _lines(script: Iterator[bytes]) -> Iterator[bytes]:
    held = list[bytes]()
    for piece in script:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            yield b"".join((*held, line, b"\n"))
            held = []
        if rest:
            held.append(rest)
    if held:
        yield b"".join(held)


def _ended(why: str) -> DamagedError:
    return DamagedError(
        f"the script ends too early: {why}", hint=f"{_SAFE} Was the file cut off? Look at its end, and get a whole one."
    )


def _failed(error: sqlite3.Error, path: Path, line: int) -> DatabaseError | RefusedError:
    if error.sqlite_errorcode == sqlite3.SQLITE_AUTH or _DENIED in str(error):
        return RefusedError(
            f"line {line:,} is not run: it leads out of the database, or sets what lasts ({error})",
            hint=f"{_SAFE} What is imported is tables, rows, indexes, views and triggers, as SQLite's .dump and "
            "db.export write them.",
        )
    if is_of_the_disk(error):
        found = translated(error, path)
        assert isinstance(found, DatabaseError)
        return found
    return DatabaseError(f"line {line:,}: {error}", hint=f"{_SAFE} Look at that line: SQLite does not take it.")
