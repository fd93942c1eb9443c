"""The rows of queries as the text that ``LOAD DATA`` reads, off the wire in bulk: no value becomes an object."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from deckinfra.mysql import Session
from deckinfra.mysql.faults import translated

from . import codec, long
from .wire import WHOLE, Payload, Wire

LEAST: Final = 1024 * 1024
"""Bytes that a chunk has at least, but for the last one of a query, and one before a row that is long."""

SPAN: Final = 1024 * 1024
"""Bytes that a chunk has beyond that, on average."""

MOST: Final = 8 * 1024 * 1024
"""Bytes that a chunk has at most. A row that may need more than that is in chunks of its own."""

_END: Final = 5
_MORE_RESULTS: Final = 8
_LEAST_ERROR: Final = 3
_WARNINGS: Final = 20


@dataclass(frozen=True)
class Lines:
    """A chunk: lines of text, and how many rows end in it.

    ``rows`` is 0 only for a piece of a long row that goes on in the next chunk.
    """

    data: bytes
    rows: int


class RowReader:
    """Reads rows through a session of its own, which from then on gives every value as it is stored, in any charset.

    ``warnings`` are those that the server gave to queries read to their end, the first twenty different ones, each
    with its number: what was sent is perhaps not what is stored.
    """

    def __init__(
        self, session: Session, encode: codec.Encode, *, least: int = LEAST, span: int = SPAN, most: int = MOST
    ) -> None:
        # Of the three that `SET NAMES` sets, only this one: statements, and the names in them, stay in UTF-8.
        session.execute("SET SESSION character_set_results = binary")
        self.warnings: list[str] = []
        self._session = session
        self._encode = encode
        self._least, self._span = least, span
        self._target = bytearray(most)
        self._wire = Wire(session)

    def read(self, query: str) -> Iterator[Lines]:
        """Run ``query``, and give its rows in chunks of whole lines, which are the same for the same rows.

        Left before the end, and after every error but one of the server's own, the connection is closed. Raises what
        :mod:`deckinfra.mysql.faults` makes of the driver's errors, and :class:`DatabaseError` for what is no answer
        to this query.
        """
        connection: Any = self._session.connection
        result = self._session.stream(query)
        in_step = False
        try:
            with translated(self._session.url):
                columns = result.field_count
                # The driver is to read nothing of it, not even when it lets go of the result.
                result.unbuffered_active, result.connection, connection._result = False, None, None
                if not columns:
                    raise self._wire.odd()
                self._wire.reset(connection._next_seq_id)
                why = yield from self._chunks(columns)
                last = self._last(why)
                in_step = True
                if why == codec.FAILED:
                    _fail(last)
            self._warn(int.from_bytes(last[1:3], "little"))
        finally:
            if not in_step and connection.open:
                connection._force_close()

    def _chunks(self, columns: int) -> Generator[Lines, None, int]:
        """Give all that comes before the packet that ends the rows, and return what that one is."""
        wire, at, rows = self._wire, 0, 0
        while True:
            why, wire.start, at, read = self._encode(
                *(wire.buffer, wire.start, wire.end, wire.number & 0xFF, columns),
                *(self._target, at, self._least, self._span),
            )
            wire.number += read
            rows += read
            if why == codec.MORE:
                wire.take()
                continue
            if why == codec.MALFORMED:
                raise wire.odd()
            if why == codec.FAILED:
                return why
            if at:
                yield Lines(bytes(memoryview(self._target)[:at]), rows)
                at = rows = 0
            if why == codec.END:
                return why
            if why == codec.LONG:
                yield from self._long(columns)

    def _long(self, columns: int) -> Iterator[Lines]:
        held = b""
        # Three of them are in memory at a time, beside the target.
        for piece in long.pieces(self._wire, columns, len(self._target) // 4):
            if held:
                yield Lines(held, 0)
            held = piece
        yield Lines(held, 1)

    def _last(self, why: int) -> bytes:
        """Read the packet that ends the rows."""
        wire = self._wire
        if why == codec.FAILED:
            # MariaDB begins to count anew in the error with which it shuts down.
            wire.number = wire.buffer[wire.start + 3]
        payload, last = Payload(wire), b""
        while not payload.is_over():
            last += payload.some(WHOLE)
        if why == codec.FAILED and len(last) < _LEAST_ERROR:
            raise wire.odd()
        if why == codec.END and not self._is_end(last):
            raise wire.odd()
        return last

    def _is_end(self, last: bytes) -> bool:
        """Tell whether a packet is an end after which there is nothing until the next query."""
        has_more = int.from_bytes(last[3:5], "little") & _MORE_RESULTS
        return len(last) == _END and not has_more and self._wire.start == self._wire.end

    def _warn(self, count: int) -> None:
        """Keep what the server warned of, unless these are many already."""
        if not count or len(self.warnings) >= _WARNINGS:
            return
        for level, number, text in self._session.query("SHOW WARNINGS"):
            warning = f"{number} {_text(text)}"
            if _text(level) != "Note" and warning not in self.warnings and len(self.warnings) < _WARNINGS:
                self.warnings.append(warning)


def _fail(packet: bytes) -> NoReturn:
    """Raise what the driver makes of the server's error."""
    from pymysql.err import raise_mysql_exception

    raise_mysql_exception(packet)
    raise AssertionError


def _text(value: str | bytes) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
