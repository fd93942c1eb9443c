"""A set of object ids that may be larger than memory: on disk, in a temporary database of SQLite's."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from deckinfra.errors import StoreError


class IdSet:
    """A set of hexadecimal ids. It uses a few MB of memory, however many there are."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE ids (id BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, identity: str) -> bool:
        """Add an id; tells whether it is new."""
        done = self._connection.execute("INSERT OR IGNORE INTO ids VALUES (?)", (bytes.fromhex(identity),))
        return done.rowcount == 1

    def __contains__(self, identity: str) -> bool:
        found = self._connection.execute("SELECT 1 FROM ids WHERE id = ?", (bytes.fromhex(identity),))
        return found.fetchone() is not None

    def __len__(self) -> int:
        count: int = self._connection.execute("SELECT count(*) FROM ids").fetchone()[0]
        return count


@contextmanager
def id_set() -> Iterator[IdSet]:
    """Give an empty set that is gone when the context ends. The empty file name is SQLite's word for temporary.

    :class:`StoreError` when there is no room for it.
    """
    try:
        with closing(sqlite3.connect("", isolation_level=None)) as connection:
            yield IdSet(connection)
    except sqlite3.Error as error:
        raise StoreError(
            f"a temporary list of the stored objects could not be kept: {error}",
            hint="What is stored is as it was. Make room in the folder for temporary files, or set SQLITE_TMPDIR.",
        ) from error
