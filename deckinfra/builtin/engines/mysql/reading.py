"""Reading ranges in parallel, and giving their chunks in order.

Each connection is read by a thread of its own, which takes the next range when it is done with one. Between them and
whoever takes the chunks is little room, so that memory is bounded: a thread waits when it is ahead of the others by
some ranges, or has chunks that nobody took yet. The socket, the codec, and the checksum all let go of the interpreter.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

from deckinfra.core.manifest import Facts
from deckinfra.mysql import Session

from .codec import Encode
from .ranges import Range
from .rows import Lines, RowReader

TABLE: Final = "rows"
"""The kind of the part with all rows of a table."""

RANGE: Final = "range"
"""The kind of a part with some rows of a table: its name is the table's, a space, and where its range begins."""

_AHEAD: Final = 2
"""How many ranges per connection may be begun that nobody has taken a chunk of."""

_WAITING: Final = 2
"""How many chunks of one range wait to be taken."""

_MODULUS: Final = 2**256
_JOIN_LIMIT: Final = 60.0


def key_of(part: Range) -> tuple[str, str]:
    """Give the kind and the name of the part of a snapshot that a range is."""
    if part.is_whole:
        return TABLE, part.shape.name
    return RANGE, f"{part.shape.name} {'' if part.low is None else part.low}"


class Checksum:
    """A checksum of rows: SHA-256 of their text where they have an order; else the sum of the SHA-256 of each.

    A sum, since rows that are there twice would not count in an XOR.
    """

    def __init__(self, *, ordered: bool) -> None:
        self._ordered = ordered
        self._hash = hashlib.sha256()
        self._sum = 0

    def add(self, lines: Lines) -> None:
        """Take the next lines, or the next piece of a long one."""
        if self._ordered or not lines.rows:
            self._hash.update(lines.data)
            return
        for line in _lines(lines.data):
            self._hash.update(line)
            self._sum += int.from_bytes(self._hash.digest())
            self._hash = hashlib.sha256()

    def hexdigest(self) -> str:
        """Give it, when all lines were taken."""
        return self._hash.hexdigest() if self._ordered else f"{self._sum % _MODULUS:064x}"


class ParallelReader:
    """Reads ``ranges`` through ``sessions``, which are its own from then on."""

    def __init__(self, sessions: Sequence[Session], encode: Encode, schema: str, ranges: Sequence[Range]) -> None:
        self._sessions = sessions
        self._encode = encode
        self._schema = schema
        self._ranges = ranges
        self._changed = threading.Condition()
        self._next = 0
        self._taking = 0
        self._ended = False
        self._failed: BaseException | None = None
        self._chunks: list[deque[bytes]] = [deque() for _ in ranges]
        self._facts: list[Facts | None] = [None] * len(ranges)
        self.warnings: list[str] = []

    @property
    def facts(self) -> list[Facts]:
        """The facts of all ranges that were read to their end."""
        return [fact for fact in self._facts if fact is not None]

    def chunks(self) -> Iterator[tuple[Range, bytes]]:
        """Give all chunks, in order; raises what reading raised."""
        threads = [threading.Thread(target=self._work, args=(each,), daemon=True) for each in self._sessions]
        for thread in threads:
            thread.start()
        try:
            for number, part in enumerate(self._ranges):
                while (data := self._take(number)) is not None:
                    yield part, data
        finally:
            self._end()
            for thread in threads:
                thread.join(_JOIN_LIMIT)

    def _take(self, number: int) -> bytes | None:
        """Give the next chunk of a range, or None at its end."""
        with self._changed:
            self._taking = number
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._failed is not None or self._chunks[number] or self._facts[number] is not None
            )
            if self._failed is not None:
                raise self._failed
            if not self._chunks[number]:
                return None
            data = self._chunks[number].popleft()
            self._changed.notify_all()
            return data

    def _end(self) -> None:
        """Have the threads end: those that wait for us, and those that wait for the server."""
        with self._changed:
            is_over = all(fact is not None for fact in self._facts)
            self._ended = True
            self._changed.notify_all()
        if not is_over:
            for session in self._sessions:
                connection: Any = session.connection
                with suppress(OSError, AttributeError):
                    connection._sock.shutdown(socket.SHUT_RDWR)

    def _work(self, session: Session) -> None:
        try:
            reader = RowReader(session, self._encode)
            while (number := self._begin()) is not None:
                part = self._ranges[number]
                checksum, rows = Checksum(ordered=bool(part.shape.key)), 0
                for lines in reader.read(part.query(self._schema)):
                    checksum.add(lines)
                    rows += lines.rows
                    if not self._give(number, lines.data):
                        return
                self._finish(number, Facts(*key_of(part), rows, checksum.hexdigest()))
            with self._changed:
                self.warnings += reader.warnings
        except BaseException as error:  # it is raised where the chunks are taken
            with self._changed:
                self._failed = self._failed or error
                self._changed.notify_all()

    def _begin(self) -> int | None:
        """Give the number of the next range, when there is room for it; None if there is nothing more to do."""
        with self._changed:
            most = _AHEAD * len(self._sessions)
            self._changed.wait_for(
                lambda: self._is_over() or self._next == len(self._ranges) or self._next < self._taking + most
            )
            if self._is_over() or self._next == len(self._ranges):
                return None
            self._next += 1
            return self._next - 1

    def _give(self, number: int, data: bytes) -> bool:
        """Hand a chunk over, when there is room for it; False if nobody wants any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over() or len(self._chunks[number]) < _WAITING)
            if self._is_over():
                return False
            self._chunks[number].append(data)
            self._changed.notify_all()
            return True

    def _finish(self, number: int, fact: Facts) -> None:
        with self._changed:
            self._facts[number] = fact
            self._changed.notify_all()

    def _is_over(self) -> bool:
        return self._ended or self._failed is not None


def _lines(data: bytes) -> list[bytes]:
    """Cut at the ends of lines only: a carriage return stands for itself."""
    return [line + b"\n" for line in data.split(b"\n")[:-1]]
