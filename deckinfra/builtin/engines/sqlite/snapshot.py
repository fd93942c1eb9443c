"""A point in time of a SQLite database: a copy by the online backup API, read once and dropped."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from deckinfra.core.manifest import Facts
from deckinfra.errors import DatabaseError
from deckinfra.ports import Chunk

from .connection import copy, is_of_the_disk, opened, translated
from .inspect import file_facts, inconsistency, read_chunks, revisions, table_facts
from .workspace import Workspace


class SqliteSnapshot:
    """Implements :class:`deckinfra.ports.Snapshot` over the copy in ``path``."""

    def __init__(self, path: Path, details: Mapping[str, Any], found: Sequence[Facts], heads: tuple[str, ...]) -> None:
        self._path = path
        self._sha = hashlib.sha256()
        self._found = found
        self.size = path.stat().st_size
        self.details = details
        self.revisions = heads

    def chunks(self) -> Iterator[Chunk]:
        """Give the file in fixed runs of pages: a page that did not change stays in the same chunk."""
        for data in read_chunks(self._path):
            self._sha.update(data)
            yield Chunk("file", "main", data)

    def facts(self) -> Sequence[Facts]:
        """Give the file's SHA-256, the rows of each table, and how many rows break a foreign key."""
        return [file_facts(self._sha.hexdigest()), *self._found]


@contextmanager
def taken(workspace: Workspace) -> Iterator[SqliteSnapshot]:
    """Take a snapshot of the live database, which goes on being written to, and drop it in the end.

    A database that SQLite finds damaged is a :class:`DatabaseError`: a backup of it would not restore.
    """
    live = workspace.live
    if not workspace.has_live():
        raise DatabaseError(
            f"there is no database at {live}",
            hint="Is DATABASE_URL right? 'invoke db.migrate' makes a new one; 'invoke db.restore' brings one back.",
        )
    patience = workspace.patience
    with opened(live, patience=patience) as source, workspace.scratch("snapshot") as path:
        (pages,) = source.execute("PRAGMA page_count").fetchone()
        (page_size,) = source.execute("PRAGMA page_size").fetchone()
        workspace.need(pages * page_size)
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as target:
                target.execute("PRAGMA synchronous = OFF")
                copy(source, target, what=live, patience=patience)
        except sqlite3.Error as error:
            raise translated(error, path if is_of_the_disk(error) else live, patience=patience) from error
        with opened(path, immutable=True, called=live) as still:
            problem = inconsistency(still, thorough=True)
            if problem is not None:
                raise DatabaseError(
                    f"the database {live} is damaged: {problem}",
                    hint="It was not backed up. If an index is all that is wrong, SQLite's REINDEX mends it; "
                    "else copy the file aside and restore the last good snapshot.",
                )
            found, heads = table_facts(still), revisions(still)
        yield SqliteSnapshot(path, {"sqlite": sqlite3.sqlite_version, "page_size": page_size}, found, heads)
