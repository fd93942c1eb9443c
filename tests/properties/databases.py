"""Generated SQLite databases: schemas of every kind, with whatever values SQLite can hold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.support.sqlite import quoted

Value = None | int | float | str | bytes

# SQLite's own names begin with sqlite_; it compares names without regard to the case of ASCII letters.
_ODD = (
    "select",
    "a b",
    "it's",
    'say "x"',
    "täbel",
    "表",
    "1st",
    "a;b",
    "a--b",
    "%s",
    "[x]",
    "a.b",
    " ",
    "\n",
    "é\u0301",
)
names = st.one_of(
    st.sampled_from(_ODD),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8),
).filter(lambda name: not name.lower().startswith("sqlite"))

values: st.SearchStrategy[Value] = st.one_of(
    st.none(),
    st.sampled_from(["", "NULL", "0", "-0.0", "1e400", "x'00'", "a\nb", "tab\t", "'", '"', "\U0001f0cf", b"", b"\0"]),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.binary(max_size=200),
    st.sampled_from([b"\x00\xff" * 3000, "ü" * 3000]),
)


@dataclass(frozen=True)
class Column:
    """One column: its name, its declared type, and what stands after that."""

    name: str
    kind: str
    rule: str


@dataclass(frozen=True)
class Table:
    """One table, with the number of ordinary columns that its key has (0: none), and rows for the ordinary ones."""

    name: str
    columns: tuple[Column, ...]
    key: int
    without_rowid: bool
    generated: str
    indexed: tuple[int, ...]
    rows: tuple[tuple[Value, ...], ...]

    def statements(self) -> Iterator[str]:
        """Give what creates it, its indexes, a view and a trigger."""
        parts = [f"{quoted(column.name)} {column.kind} {column.rule}".strip() for column in self.columns]
        if self.generated:
            first = quoted(self.columns[0].name)
            parts.append(f"{quoted(self._extra('generated'))} AS (coalesce(length({first}), -1)) {self.generated}")
        if self.key:
            parts.append(f"PRIMARY KEY ({', '.join(quoted(column.name) for column in self.columns[: self.key])})")
        end = " WITHOUT ROWID" if self.without_rowid and self.key else ""
        yield f"CREATE TABLE {quoted(self.name)} ({', '.join(parts)}){end}"
        for number in self.indexed:
            column = quoted(self.columns[number % len(self.columns)].name)
            where = f" WHERE {column} IS NOT NULL" if number % 2 else ""
            yield f"CREATE INDEX {quoted(f'index {number} of {self.name}')} ON {quoted(self.name)} ({column}){where}"
        yield f"CREATE VIEW {quoted(f'view of {self.name}')} AS SELECT * FROM {quoted(self.name)}"
        yield (
            f"CREATE TRIGGER {quoted(f'trigger of {self.name}')} AFTER DELETE ON {quoted(self.name)}"
            f" BEGIN INSERT INTO deleted VALUES ('{self.name.replace(chr(39), chr(39) * 2)}'); END"
        )

    def _extra(self, name: str) -> str:
        while any(column.name.lower() == name for column in self.columns):
            name += "+"
        return name


@st.composite
def _tables(draw: st.DrawFn, name: str) -> Table:
    columns = draw(
        st.lists(
            st.builds(
                Column,
                names,
                st.sampled_from(["", "INTEGER", "TEXT", "BLOB", "REAL", "NUMERIC", "VARCHAR(10)", "DATETIME"]),
                st.sampled_from(["", "", "DEFAULT 'x'", "COLLATE NOCASE"]),
            ),
            min_size=1,
            max_size=5,
            unique_by=lambda column: _folded(column.name),
        )
    )
    row = st.tuples(*(values for _ in columns))
    return Table(
        name=name,
        columns=tuple(columns),
        key=draw(st.integers(0, min(2, len(columns)))),
        without_rowid=draw(st.booleans()),
        generated=draw(st.sampled_from(["", "VIRTUAL", "STORED"])),
        indexed=tuple(draw(st.sets(st.integers(0, 5), max_size=2))),
        rows=tuple(draw(st.lists(row, max_size=12))),
    )


@dataclass(frozen=True)
class Database:
    """A whole database: how its file is made, and what is in it."""

    page_size: int
    mode: str
    auto_vacuum: str
    encoding: str
    version: int
    tables: tuple[Table, ...]

    def make(self, path: Path) -> None:
        """Write it to a file that is not there yet."""
        with _changed(path) as execute:
            execute(f"PRAGMA page_size = {self.page_size}")
            execute(f"PRAGMA encoding = '{self.encoding}'")
            execute(f"PRAGMA auto_vacuum = {self.auto_vacuum}")
            execute(f"PRAGMA journal_mode = {self.mode}")
            execute(f"PRAGMA user_version = {self.version}")
            execute("BEGIN")
            execute("CREATE TABLE deleted (name)")
            for table in self.tables:
                for statement in table.statements():
                    execute(statement)
                _insert(execute, table, table.rows)
            execute("COMMIT")


@st.composite
def databases(draw: st.DrawFn) -> Database:
    """Give any database."""
    used = draw(
        st.lists(names, max_size=3, unique_by=_folded).filter(lambda found: "deleted" not in map(_folded, found))
    )
    return Database(
        page_size=draw(st.sampled_from([512, 1024, 4096, 65536])),
        mode=draw(st.sampled_from(["delete", "wal", "truncate", "persist"])),
        auto_vacuum=draw(st.sampled_from(["NONE", "FULL", "INCREMENTAL"])),
        encoding=draw(st.sampled_from(["UTF-8", "UTF-16le", "UTF-16be"])),
        version=draw(st.integers(-(2**31), 2**31 - 1)),
        tables=tuple(draw(_tables(name)) for name in used),
    )


@dataclass(frozen=True)
class Change:
    """What happens to a database between two backups."""

    kind: str
    table: int
    value: Value

    def apply(self, database: Database, path: Path) -> None:
        """Do it."""
        with _changed(path) as execute:
            if self.kind == "vacuum":
                execute("VACUUM")
            elif self.kind == "new table":
                execute("CREATE TABLE IF NOT EXISTS \"new 'table'\" (value)")
                execute("INSERT INTO \"new 'table'\" VALUES (?)", (self.value,))
            elif database.tables:
                self._change(execute, database.tables[self.table % len(database.tables)])

    def _change(self, execute: Callable[..., Any], table: Table) -> None:
        name, column = quoted(table.name), quoted(table.columns[-1].name)
        if self.kind == "delete":
            execute(f"DELETE FROM {name}")
        elif self.kind == "update":
            with suppress(sqlite3.IntegrityError):
                execute(f"UPDATE OR IGNORE {name} SET {column} = ?", (self.value,))
        elif self.kind == "insert":
            _insert(execute, table, [(self.value,) * len(table.columns)] * 3)
        else:
            execute(f"DROP VIEW IF EXISTS {quoted(f'view of {table.name}')}")


changes = st.lists(
    st.builds(
        Change,
        st.sampled_from(["delete", "update", "insert", "drop", "vacuum", "new table"]),
        st.integers(0, 2),
        values,
    ),
    max_size=4,
)


def _insert(execute: Callable[..., Any], table: Table, rows: Any) -> None:
    columns = ", ".join(quoted(column.name) for column in table.columns)
    marks = ", ".join("?" for _ in table.columns)
    for row in rows:
        with suppress(sqlite3.IntegrityError):  # a key of integers takes nothing else
            execute(f"INSERT OR IGNORE INTO {quoted(table.name)} ({columns}) VALUES ({marks})", row)


@contextmanager
def _changed(path: Path) -> Iterator[Callable[..., Any]]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection.execute


def _folded(name: str) -> str:
    """Spell a name as SQLite compares it."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in name)
