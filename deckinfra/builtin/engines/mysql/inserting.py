"""Rows as ``INSERT`` statements, for servers that take none by ``LOAD DATA LOCAL``: as MySQL is, unless told otherwise.

The text that was read for ``LOAD DATA`` has the escapes of a string in SQL, but for the quote. So a value becomes one
by quoting; it is a binary one, whose bytes a server takes as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from deckinfra.errors import RefusedError
from deckinfra.mysql import Session
from deckinfra.mysql.faults import translated
from deckinfra.mysql.names import qualified

from .shape import Shape

_AT_ONCE: Final = 512 * 1024
"""About how many bytes of rows one statement has, where the server takes twice as many."""

_COMMITTED: Final = 64 * 1024 * 1024
"""About how many bytes are in one transaction."""

_MIB: Final = 1024 * 1024
_NULL: Final = b"\\N"


def insert(session: Session, shape: Shape, schema: str, vendor: str, chunks: Iterable[bytes]) -> None:
    """Put the rows of ``chunks`` into a table. A server's warnings are not looked at: the rows are, afterwards.

    :class:`RefusedError` for a row that is longer than what the server takes in one statement.
    """
    allowed = int(session.query("SELECT @@SESSION.max_allowed_packet")[0][0])
    session.execute("BEGIN")
    pending = 0
    for statement in insertions(shape, qualified(schema, shape.name), vendor, chunks, min(_AT_ONCE, allowed // 2)):
        if pending >= _COMMITTED:
            session.execute("COMMIT")
            session.execute("BEGIN")
            pending = 0
        _run(session, statement, allowed)
        pending += len(statement)
    session.execute("COMMIT")


def insertions(
    shape: Shape, place: str, vendor: str, chunks: Iterable[bytes], at_once: int = _AT_ONCE
) -> Iterator[bytes]:
    """Give the statements that put rows into the table whose quoted name is ``place``, each of about so many bytes."""
    head, row = shape.insertion(place, vendor)
    start, template = head.encode(), row.encode()
    rows, size = list[bytes](), 0
    for line in lines(chunks):
        values = template % (tuple(map(_quoted, line.split(b"\t"))) if shape.columns else ())
        if rows and size + len(values) > at_once:
            yield start + b",".join(rows)
            rows, size = [], 0
        rows.append(values)
        size += len(values)
    if rows:
        yield start + b",".join(rows)


def _run(session: Session, statement: bytes, allowed: int) -> None:
    if len(statement) >= allowed:
        needed = -(-(len(statement) + _MIB // 16) // _MIB) * _MIB
        raise RefusedError(
            f"a row takes a statement of {len(statement):,} bytes, and the server of {session.url} takes up to "
            f"{allowed:,} (max_allowed_packet)",
            hint=f"The live database was not touched. There, run SET GLOBAL max_allowed_packet = {needed}, or SET "
            "GLOBAL local_infile = 1, with which rows go in pieces. Then run it again.",
        )
    with translated(session.url), session.connection.cursor() as cursor:
        cursor.execute(statement)


def _quoted(value: bytes) -> bytes:
    if value == _NULL:
        return b"NULL"
    return b"_binary'" + value.replace(b"'", b"''") + b"'"


def lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Give each line, without its end; a line may go on in the next chunk."""
    held: list[bytes] = []
    for data in chunks:
        *lines, rest = data.split(b"\n")
        for line in lines:
            held.append(line)
            yield b"".join(held)
            held.clear()
        if rest:
            held.append(rest)
