"""A second look at the tables, which does not come from the dump: what misleads the tool must not mislead this, too.

Two transactions of ours see the tables: one that begins before the tool does, and one that begins when the tool's own
point in time is held still. The tables in the dump must be those that the server lists, and each must have as many rows
in it as in the first of the two. Where others write meanwhile, the tool may have seen more or fewer. So the rows need
only be as many as in either, or between, give or take what the server inserted and deleted, in all of its tables, from
before the first transaction to after the start of the second: a moment. Where nothing was written, they must be equal.

Tables without transactions are counted at once, both times, since the tool's lock ends with the tool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from deckinfra.errors import DatabaseError
from deckinfra.mysql import Server, Session
from deckinfra.mysql.names import qualified

from .tools import LIMIT

_WRITTEN: Final = {
    "mysql": ("Innodb_rows_inserted", "Innodb_rows_deleted"),
    "mariadb": ("Handler_write", "Handler_delete"),
}


class Moment:
    """A transaction of ours that sees one point in time, and what the server had written then in all."""

    def __init__(self, session: Session, schema: str, written: tuple[int, int]) -> None:
        self.session = session
        self.written = written
        self._schema = schema
        self._counted: dict[str, int] = {}

    def look(self, expressions: Sequence[str], table: str) -> tuple[int, ...]:
        """Give sums over all rows of a table. It is not held locked afterwards."""
        self.session.execute("SAVEPOINT looking")
        statement = f"SELECT {', '.join(expressions)} FROM {qualified(self._schema, table)}"  # noqa: S608
        rows = self.session.query(statement)
        self.session.execute("ROLLBACK TO SAVEPOINT looking")
        return tuple(int(value) for value in rows[0])

    def count(self, table: str) -> int:
        """Give how many rows a table has."""
        if table not in self._counted:
            (self._counted[table],) = self.look(["COUNT(*)"], table)
        return self._counted[table]


@contextmanager
def moment(server: Server, schema: str, unsteady: Sequence[str], *, earlier: bool) -> Iterator[Moment]:
    """Hold a point in time while the context is open; ``unsteady`` tables, which can't be held, are counted now.

    What was written until then is read before it, or after it where it is not the ``earlier`` of two.
    """
    with server.connect(limit=LIMIT) as session:
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        before = _written(session, server.vendor)
        session.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        held = Moment(session, schema, before if earlier else _written(session, server.vendor))
        for name in unsteady:
            held.count(name)
        yield held


def refuse_difference(tables: Sequence[str], dumped: Mapping[str, int], first: Moment, second: Moment) -> None:
    """Raise :class:`DatabaseError` unless the dump has all ``tables``, and as many rows of each as there were.

    ``dumped`` are the rows of each table in the dump whose rows are its own.
    """
    inserted, deleted = (late - early for early, late in zip(first.written, second.written, strict=True))
    for name in tables:
        rows = dumped.get(name)
        if rows is None:
            raise _incomplete(f"it lacks table '{name}'")
        if rows == first.count(name):
            continue
        counts = first.count(name), second.count(name)
        if not min(counts) - deleted <= rows <= max(counts) + inserted:
            least, most = min(counts), max(counts)
            there = f"{least:,}" if least == most else f"{least:,} to {most:,}"
            raise _incomplete(f"it has {rows:,} rows of table '{name}', and there were {there}")
    for name in dumped.keys() - set(tables):
        raise _incomplete(f"it has a table '{name}' that the server does not list")


def _written(session: Session, vendor: str) -> tuple[int, int]:
    inserted, deleted = _WRITTEN[vendor]
    rows = session.query(f"SHOW GLOBAL STATUS WHERE Variable_name IN ('{inserted}', '{deleted}')")
    found = {name: int(value) for name, value in rows}
    return found.get(inserted, 0), found.get(deleted, 0)


def _incomplete(what: str) -> DatabaseError:
    return DatabaseError(
        f"the dump is not what is in the database: {what}",
        hint="No backup was made. If tables were filled or emptied as it began, run it again; else look for settings "
        "of the server that keep rows from a connection, as init_connect may.",
    )
