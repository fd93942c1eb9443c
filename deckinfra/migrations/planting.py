"""What the seeds plant, found by planting it: in a new SQLite database that the revisions made.

So the rows are what ``db.seed`` would add, whatever code a seed runs; only that code has to run on SQLite.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from deckinfra.core.urls import DatabaseURL
from deckinfra.errors import MigrationError
from deckinfra.migrations.connection import LOOK, connect
from deckinfra.migrations.runner import LOCK_WAIT, Migrator
from deckinfra.ports import VERSION_TABLE, Seed

if TYPE_CHECKING:
    from sqlalchemy import Connection


class Default:
    """Stands for a value that a database gives by itself: the time."""


DEFAULT: Final = Default()

Cell = int | float | str | bytes | Default | None


@dataclass(frozen=True)
class Planted:
    """The rows that seeds added to one table, in the order of its key."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True)
class _Table:
    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    timed: tuple[bool, ...]


def planted(folder: Path, seeds: Sequence[Seed]) -> tuple[Planted, ...]:
    """Give what ``seeds`` add to a database that the revisions in ``folder`` made; parents before their children.

    A time that the database put in by default is :data:`DEFAULT`, so that the same seeds give the same rows.
    Raises :class:`MigrationError` if the revisions do not run on SQLite, and what :meth:`Migrator.seed` does.
    """
    if not seeds:
        return ()
    with TemporaryDirectory(prefix="deckinfra-") as scratch:
        url = DatabaseURL("sqlite", database=str(Path(scratch) / "scratch.db"))
        migrator = Migrator(folder, url)
        try:
            migrator.upgrade()
        except MigrationError as error:
            raise MigrationError(
                f"the seeds cannot be planted, since the revisions do not run on SQLite: {error.message}",
                hint="No file was written. Let the revisions run on SQLite as well, or take the seeds out.",
            ) from error
        with connect(url, LOOK, wait=LOCK_WAIT) as connection:
            tables = tuple(_tables(connection))
            before = {table.name: Counter(_rows(connection, table)) for table in tables}
            start = _now(connection)
        migrator.seed(seeds)
        with connect(url, LOOK, wait=LOCK_WAIT) as connection:
            end = _now(connection)
            added = {table: _added(_rows(connection, table), before[table.name]) for table in tables}
    return tuple(_planted(table, rows, start, end) for table, rows in added.items() if rows)


def _tables(connection: Connection) -> Iterator[_Table]:
    """Give the tables, those before that others refer to."""
    found = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    names = [name for (name,) in found if name != VERSION_TABLE and not name.startswith("sqlite_")]
    parents = {name: _parents(connection, name) for name in names}
    for name in _in_order(parents):
        columns = connection.exec_driver_sql(
            "SELECT name, pk, dflt_value FROM pragma_table_info(?) ORDER BY cid", (name,)
        ).all()
        yield _Table(
            name,
            tuple(column for column, _, _ in columns),
            tuple(column for column, place, _ in sorted(columns, key=lambda row: row[1]) if place),
            tuple("CURRENT_" in (default or "").upper() for _, _, default in columns),
        )


def _in_order(parents: Mapping[str, Sequence[str]]) -> Sequence[str]:
    try:
        return tuple(TopologicalSorter(parents).static_order())
    except CycleError as error:
        raise MigrationError(
            f"tables refer to each other in a circle, so none can be filled first: {', '.join(error.args[1])}",
            hint="No file was written. Take the seeds out, or one of the foreign keys.",
        ) from error


def _parents(connection: Connection, name: str) -> list[str]:
    found = connection.exec_driver_sql('SELECT DISTINCT "table" FROM pragma_foreign_key_list(?) ORDER BY 1', (name,))
    return [parent for (parent,) in found if parent != name]


def _rows(connection: Connection, table: _Table) -> list[tuple[Any, ...]]:
    columns = ", ".join(map(_name, table.columns))
    order = ", ".join(map(_name, table.key or table.columns))
    found = connection.exec_driver_sql(f"SELECT {columns} FROM {_name(table.name)} ORDER BY {order}")  # noqa: S608 - quoted
    return [tuple(row) for row in found]


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _now(connection: Connection) -> str:
    return str(connection.exec_driver_sql("SELECT CURRENT_TIMESTAMP").scalar())


def _added(rows: list[tuple[Any, ...]], before: Counter[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    waiting = before.copy()
    added = []
    for row in rows:
        if waiting[row]:
            waiting[row] -= 1
        else:
            added.append(row)
    return added


def _planted(table: _Table, rows: list[tuple[Any, ...]], start: str, end: str) -> Planted:
    cells = [
        tuple(
            DEFAULT if timed and _between(start, cell, end) else cell
            for cell, timed in zip(row, table.timed, strict=True)
        )
        for row in rows
    ]
    given = [index for index in range(len(table.columns)) if any(row[index] is not DEFAULT for row in cells)]
    return Planted(
        table.name,
        tuple(table.columns[index] for index in given),
        tuple(tuple(row[index] for index in given) for row in cells),
    )


def _between(start: str, cell: Any, end: str) -> bool:
    """Whether a value is a date, or a date and a time, of while the seeds were planted: then nobody gave it."""
    return isinstance(cell, str) and len(cell) >= 10 and start[: len(cell)] <= cell[:19] <= end[: len(cell)]
