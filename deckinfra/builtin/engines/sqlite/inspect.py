"""What can be known of a SQLite database by looking at it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deckinfra.core.manifest import Facts
from deckinfra.ports import VERSION_TABLE

from .connection import needs_application

CHUNK: Final = 256 * 1024
"""Bytes of the file in one chunk: a whole number of pages, whatever their size (512 bytes to 64 KiB)."""


def read_chunks(path: Path) -> Iterator[bytes]:
    """Give the content of a file that nobody has open, in chunks."""
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            yield data


def digest(path: Path) -> str:
    """Give the SHA-256 of a file that nobody has open, as ``sha256sum`` prints it."""
    sha = hashlib.sha256()
    for data in read_chunks(path):
        sha.update(data)
    return sha.hexdigest()


def file_facts(checksum: str) -> Facts:
    """Give the facts of the database file as a whole."""
    return Facts("file", "main", checksum=checksum)


def tables(connection: sqlite3.Connection) -> list[str]:
    """Give the names of the ordinary tables, SQLite's own left out and virtual ones too."""
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        " AND sql NOT LIKE 'CREATE VIRTUAL %' ORDER BY name"
    )
    return [name for (name,) in rows]


def table_facts(connection: sqlite3.Connection) -> list[Facts]:
    """Count the rows of every table, and the rows that break a foreign key.

    None stands for what cannot be counted: a key that refers to no usable one, or a table that only
    the application can read.
    """
    found = [Facts("table", name, rows=_count(connection, name)) for name in tables(connection)]
    broken = None
    with _as_far_as_possible():
        broken = sum(1 for _ in connection.execute("PRAGMA foreign_key_check"))
    return [*found, Facts("broken references", "main", rows=broken)]


def revisions(connection: sqlite3.Connection) -> tuple[str, ...]:
    """Give the schema revisions that the version table holds; none where there is no such table."""
    if VERSION_TABLE not in tables(connection):
        return ()
    rows = connection.execute(f"SELECT version_num FROM {VERSION_TABLE} ORDER BY version_num")  # noqa: S608
    return tuple(str(revision) for (revision,) in rows)


def inconsistency(connection: sqlite3.Connection, *, thorough: bool) -> str | None:
    """Give the first thing that SQLite finds wrong with the file, or None.

    ``thorough`` also compares every index with its table, which takes several times as long. Where that
    needs a function or collation that only the application has, less is looked at: nothing else would do.
    """
    # Rows that break a CHECK are the application's business: such a file restores as well as any other.
    connection.execute("PRAGMA ignore_check_constraints = ON")
    for pragma in ("integrity_check(1)", "quick_check(1)") if thorough else ("quick_check(1)",):
        with _as_far_as_possible():
            return _answer(connection, pragma)
    for table in tables(connection):
        with _as_far_as_possible():
            problem = _answer(connection, f"quick_check({_quoted(table)})")
            if problem is not None:
                return problem
    return None


def _answer(connection: sqlite3.Connection, pragma: str) -> str | None:
    (answer,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    return None if answer == "ok" else str(answer).removeprefix("*** in database main ***\n")


def _count(connection: sqlite3.Connection, table: str) -> int | None:
    rows: int | None = None
    with _as_far_as_possible():
        (rows,) = connection.execute(f"SELECT count(*) FROM {_quoted(table)}").fetchone()  # noqa: S608
    return rows


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@contextmanager
def _as_far_as_possible() -> Iterator[None]:
    """Go on where SQLite lacks a function or collation that the application brings itself."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if not needs_application(error):
            raise
