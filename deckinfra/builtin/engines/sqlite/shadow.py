"""A restored SQLite file beside the live one, not in use yet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from deckinfra.core.manifest import Facts
from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import DamagedError, DatabaseError
from deckinfra.ports import SnapshotReader

from .connection import opened
from .inspect import digest, file_facts, inconsistency, table_facts
from .workspace import Workspace


class SqliteShadow:
    """Implements :class:`deckinfra.ports.Shadow` over the file ``path``."""

    def __init__(self, workspace: Workspace, path: Path) -> None:
        self._workspace = workspace
        self.path = path
        self.url = DatabaseURL("sqlite", database=str(path))

    def load(self, source: SnapshotReader) -> None:
        """Write the file that ``source`` holds."""
        files = [part for part in source.parts if part.facts.kind == "file"]
        self._workspace.need(sum(part.size for part in files))
        try:
            with self.path.open("wb") as file:
                for part in files:
                    for data in source.read(part):
                        file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise self._workspace.failed(error) from error

    def facts(self) -> Sequence[Facts]:
        """Have SQLite check every page and index of the file, then look at it as the snapshot was looked at."""
        try:
            with opened(self.path, immutable=True) as connection:
                problem = inconsistency(connection, thorough=True)
                found = table_facts(connection) if problem is None else []
        except DatabaseError as error:
            problem = error.message
        if problem is not None:
            raise DamagedError(
                f"the restored database is not consistent: {problem}",
                hint="The live database was not touched. Try an older snapshot: 'invoke db.backups' lists them.",
            )
        return [file_facts(digest(self.path)), *found]
