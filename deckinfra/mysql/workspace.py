"""The schema beside a database that holds what is known of the other schemas beside it.

::

    deck__deckinfra
        holder      who has the lock: one row while somebody has it
        schemas     the scratch and kept schemas that are ours, what for, and the lock that who makes one holds
        journal     a swap that is under way: one row
        kept        a document for each state that a restore replaced
        swap_begun  a table without rows; the RENAME TABLE of a swap renames it to swap_done with the others
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from deckinfra.core.documents import decode, encode
from deckinfra.errors import DatabaseError

from .faults import NO_SUCH_DATABASE, NO_SUCH_TABLE, code_of
from .names import qualified, quoted, workspace_of
from .server import Server, Session

BEGUN: Final = "swap_begun"
DONE: Final = "swap_done"

_TABLES: Final = {
    "holder": "one TINYINT PRIMARY KEY, connection BIGINT UNSIGNED NOT NULL, owner TEXT NOT NULL",
    "schemas": "name VARCHAR(64) PRIMARY KEY, kind VARCHAR(16) NOT NULL, guard VARCHAR(64) NOT NULL, "
    "purpose TEXT NOT NULL",
    "journal": "one TINYINT PRIMARY KEY, document LONGTEXT NOT NULL",
    "kept": "id VARCHAR(32) PRIMARY KEY, document LONGTEXT NOT NULL",
}


class Workspace:
    """The schema of ours beside ``database``."""

    def __init__(self, server: Server, database: str) -> None:
        self.server = server
        self.database = database
        self.schema = workspace_of(database)

    def make(self, session: Session) -> None:
        """Make sure that it is there; :class:`DatabaseError` if the account may not make it."""
        session.execute(
            f"CREATE DATABASE IF NOT EXISTS {quoted(self.schema)} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        )
        for name, columns in _TABLES.items():
            session.execute(f"CREATE TABLE IF NOT EXISTS {self.table(name)} ({columns}) ENGINE = InnoDB")

    @contextmanager
    def made(self) -> Iterator[Session]:
        """Open a connection, with the workspace there."""
        with self.server.connect() as session:
            if not self.is_there(session):
                self.make(session)
            yield session

    def is_there(self, session: Session) -> bool:
        """Whether all of it is there."""
        rows = session.query("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s", self.schema)
        return _TABLES.keys() <= {row[0] for row in rows}

    def table(self, name: str) -> str:
        """Give the quoted name of a table in it."""
        return qualified(self.schema, name)

    # Schemas of ours -----------------------------------------------------------------------------

    def record(self, session: Session, schema: str, kind: str, *, guard: str = "", purpose: str = "") -> None:
        """Write down that ``schema`` is ours: before it is made, so that none is ever left unrecorded."""
        self.execute(session, "REPLACE INTO {schemas} VALUES (%s, %s, %s, %s)", schema, kind, guard, purpose)

    def recorded(self, session: Session, kind: str) -> list[tuple[str, str, str]]:
        """Give the schemas of a kind that are ours: name, lock of whoever made it, and what for."""
        rows = self.rows(session, "SELECT name, guard, purpose FROM {schemas} WHERE kind = %s ORDER BY name", kind)
        return [(name, guard, purpose) for name, guard, purpose in rows]

    def remove(self, session: Session, schema: str) -> None:
        """Drop a schema of ours with all that is in it."""
        session.execute(f"DROP DATABASE IF EXISTS {quoted(schema)}")
        self.execute(session, "DELETE FROM {schemas} WHERE name = %s", schema)

    # Documents -----------------------------------------------------------------------------------

    def write_journal(self, session: Session, document: Mapping[str, Any]) -> None:
        """Write down what is about to be done."""
        self.execute(session, "REPLACE INTO {journal} VALUES (1, %s)", encode(document).decode())

    def journal(self, session: Session) -> dict[str, Any] | None:
        """Give what was under way, if anything was."""
        rows = self.rows(session, "SELECT document FROM {journal}")
        return decode(rows[0][0].encode(), "the journal of a restore") if rows else None

    def end(
        self, session: Session, identity: str = "", document: Mapping[str, Any] | None = None, *, gone: str = ""
    ) -> None:
        """Take the journal away; in the same step, list the kept state ``identity`` and no longer the one ``gone``."""
        session.execute("BEGIN")
        if document is not None:
            self.execute(session, "REPLACE INTO {kept} VALUES (%s, %s)", identity, encode(document).decode())
        self.execute(session, "DELETE FROM {kept} WHERE id = %s", gone)
        self.execute(session, "DELETE FROM {journal}")
        session.execute("COMMIT")

    def rows(self, session: Session, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Read from tables in here, as ``{kept}``; where there is no workspace, there are no rows."""
        try:
            return session.query(self._sql(statement), *parameters)
        except DatabaseError as error:
            if code_of(error) in {NO_SUCH_DATABASE, NO_SUCH_TABLE}:
                return []
            raise

    def execute(self, session: Session, statement: str, *parameters: object) -> None:
        """Change rows of a table in here, as ``{kept}``."""
        session.execute(self._sql(statement), *parameters)

    def _sql(self, statement: str) -> str:
        return statement.format_map({name: self.table(name) for name in _TABLES})

    # The marker ----------------------------------------------------------------------------------

    def mark(self, session: Session) -> None:
        """Make the table that the next swap renames."""
        session.execute(f"DROP TABLE IF EXISTS {self.table(DONE)}")
        session.execute(f"CREATE TABLE IF NOT EXISTS {self.table(BEGUN)} (n INT PRIMARY KEY) ENGINE = InnoDB")

    def is_done(self, session: Session) -> bool:
        """Whether the tables of the swap that the journal tells of were renamed."""
        return bool(
            session.query(
                "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s", self.schema, DONE
            )
        )
