"""What a server sends, taken off a connection in bulk into one buffer, from which packets are read."""

from __future__ import annotations

from typing import Any, Final

from deckinfra.errors import DatabaseError
from deckinfra.mysql import Session

WHOLE: Final = 0xFFFFFF
"""The length of a packet that goes on in the next one."""

_TAKEN: Final = 256 * 1024
_HEADER: Final = 4


class Wire:
    """The bytes of one answer after the other. ``buffer[start:end]`` is what was taken and not read yet.

    ``number`` is what the next packet's number must be, modulo 256. Raises the driver's errors for a connection that
    is gone, and :class:`DatabaseError` for packets that do not follow one another.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.buffer = bytearray(_TAKEN)
        self.start = self.end = 0
        self.number = 0
        self._may_be_buffered = True

    def reset(self, number: int) -> None:
        """Begin with an answer of which nothing was taken."""
        self.start = self.end = 0
        self.number = number
        self._may_be_buffered = True

    def take(self) -> None:
        """Take more, behind what was not read yet; wait for it as long as the connection's limit is."""
        from pymysql.constants.CR import CR_SERVER_LOST
        from pymysql.err import OperationalError

        if self.start:
            left = self.end - self.start
            self.buffer[:left] = self.buffer[self.start : self.end]
            self.start, self.end = 0, left
        if self.end == len(self.buffer):
            self.buffer.extend(bytes(self.end))
        why = ""
        try:
            got = self._drain() if self._may_be_buffered else self._receive()
        except OSError as error:
            got, why = 0, f" ({error})"
        if not got:
            raise OperationalError(CR_SERVER_LOST, f"Lost connection to the server in the middle of its answer{why}")
        self.end += got

    def _drain(self) -> int:
        """Take what the driver has read beyond what it needed; else what comes next.

        Its buffer is smaller than ours, so it is empty then, and what comes later need not go through it. Not by
        ``readinto1``, which waits for more than what is there.
        """
        self._may_be_buffered = False
        connection: Any = self._session.connection
        found: bytes = connection._rfile.read1(len(self.buffer) - self.end)
        self.buffer[self.end : self.end + len(found)] = found
        return len(found)

    def _receive(self) -> int:
        connection: Any = self._session.connection
        with memoryview(self.buffer) as view, view[self.end :] as room:
            return int(connection._sock.recv_into(room))

    def header(self) -> int:
        """Read the head of a packet, and give the length of what follows."""
        while self.end - self.start < _HEADER:
            self.take()
        size = int.from_bytes(self.buffer[self.start : self.start + 3], "little")
        if self.buffer[self.start + 3] != self.number & 0xFF:
            raise self.odd()
        self.start += _HEADER
        self.number += 1
        return size

    def some(self, most: int) -> bytes:
        """Read from one byte to ``most`` of what follows, as many as are there."""
        if self.start == self.end:
            self.take()
        begin, self.start = self.start, min(self.end, self.start + most)
        return bytes(self.buffer[begin : self.start])

    def odd(self) -> DatabaseError:
        """Give the error for what is no answer to the query that was asked."""
        return DatabaseError(
            f"the server of {self._session.url} sent what is no row of this query",
            hint="Nothing was changed. Is there a proxy in between? Look at its log and the server's.",
        )


class Payload:
    """What one packet holds, or several that go on in one another."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._left = 0
        self._is_last = False

    def some(self, most: int) -> bytes:
        """Read from one byte to ``most``; there must be one."""
        if self.is_over():
            raise self._wire.odd()
        found = self._wire.some(min(most, self._left))
        self._left -= len(found)
        return found

    def exactly(self, size: int) -> bytes:
        """Read ``size`` bytes; so many there must be."""
        found = b""
        while len(found) < size:
            found += self.some(size - len(found))
        return found

    def is_over(self) -> bool:
        """Tell whether all of it was read."""
        while not self._left and not self._is_last:
            self._left = self._wire.header()
            self._is_last = self._left < WHOLE
        return not self._left
