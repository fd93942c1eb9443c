"""What is in a SQLite database, found by other means than deckinfra's."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any


def logical_content(path: Path) -> dict[str, Any]:
    """Give the schema, and every row of every ordinary table with the types of its values, in no order."""
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        schema = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
        found: dict[str, Any] = {"schema": schema}
        for kind, name, _, sql in schema:
            if kind == "table" and not str(sql).startswith("CREATE VIRTUAL"):
                found[f"table {name}"] = sorted(map(repr, _rows(connection, name)))
        return found


def _rows(connection: sqlite3.Connection, table: str) -> list[tuple[Any, ...]]:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_xinfo({quoted(table)})")]
    wanted = ", ".join(f"{quoted(name)}, typeof({quoted(name)})" for name in columns)
    return connection.execute(f"SELECT {wanted} FROM {quoted(table)}").fetchall()


def quoted(name: str) -> str:
    """Quote a name for use in a statement."""
    return '"' + name.replace('"', '""') + '"'
